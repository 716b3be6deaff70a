#!/usr/bin/env bash
# Rebuilds requirements.lock and requirements-dev.lock: the newest releases within the ranges of the .txt files, each with
# the hashes of all its files, for Linux and macOS and every Python since 3.11. Run it, run the tests, commit both.
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

# The owner gets the releases that the tests run on.
lock requirements-dev
lock requirements --constraints requirements-dev.lock
