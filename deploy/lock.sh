#!/usr/bin/env bash
# Rebuilds the lock files: the newest releases within the ranges of the .txt files, each with
# the hashes of all its files, for Linux and macOS and every Python since 3.11. Run it, run the tests, commit all.
set -eu
cd "$(dirname "$0")/.."

tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
"${PYTHON:-python3}" -m venv "$tool"
"$tool/bin/pip" install -q --disable-pip-version-check 'uv>=0.9,<1'

lock() {
    local name=$1
    shift
    "$tool/bin/uv" pip compile "$name.txt" --output-file "$name.lock" --upgrade --quiet \
        --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command deploy/lock.sh "$@"
}

# The tools that build what has no wheel; what the owner runs, alone; then the tests' tools, within that. A tool that asks
# for older libraries than the owner's (deploy/overrides.txt) gets the owner's: the tests show whether it can do with them.
lock requirements-build
lock requirements
lock requirements-dev --constraints requirements.lock --overrides deploy/overrides.txt
# The other clients of IB that the broker is tested on, each in an environment of its own.
lock .ci/nautilus-ibapi
lock .ci/ibapi-stable
