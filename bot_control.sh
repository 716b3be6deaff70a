#!/usr/bin/env bash
# Finds a Python, makes the bot's environment when a command needs one, and hands over to qqqbot/runtime/control.py.
#
# Law of this file: it never asks a question, it runs on bash 3.2 (macOS), and `halt` needs nothing but this file.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -u

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "$@"; exit 1; }

# Where this script really is, through any chain of links (macOS has no readlink -f).
script_path() {
    local path=$1 link
    while [ -L "$path" ]; do
        link=$(readlink "$path")
        case $link in /*) path=$link ;; *) path=$(dirname "$path")/$link ;; esac
    done
    printf '%s/%s\n' "$(cd "$(dirname "$path")" && pwd -P)" "$(basename "$path")"
}

absolute() { case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s/%s\n' "$PWD" "$1" ;; esac; }

SELF=$(script_path "${BASH_SOURCE[0]}")
HERE=$(dirname "$SELF")
VENV=$(absolute "${QQQBOT_VENV:-$HERE/.venv}")
LOGS=$(absolute "${QQQBOT_LOGS:-$HERE/logs}")
PY=$VENV/bin/python
RUNTIME_PY=$PY

# ---- a Python

PROBE='
import sys
version = "%d.%d.%d" % sys.version_info[:3]
if sys.version_info < (3, 11):
    print("old " + version)
else:
    try:
        import ensurepip, venv
        print("good " + version)
    except ImportError:
        print("bare " + version)
'

# Prints a Python 3.11+ that can make the environment, or with `bare` any. A name on PATH proves nothing (pyenv leaves
# shims): each is run.
find_python() {
    local candidate answer old='' bare=''
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 "$PY" "$RUNTIME_PY"; do
        answer=$("$candidate" -c "$PROBE" 2>/dev/null) || answer=''
        case "$answer ${1:-}" in
            good* | bare*bare) printf '%s\n' "$candidate"; return 0 ;;
            bare*) bare=${bare:-$candidate, version ${answer#* }} ;;
            old*) old=${old:-$candidate, version ${answer#* }} ;;
        esac
        if [ "$candidate" = "${PYTHON:-}" ]; then
            [ -n "$answer" ] || warn "PYTHON=$PYTHON cannot be run."
            break
        fi
    done
    if [ -n "$bare" ]; then
        warn "Found $bare, but its venv module is missing, so no environment can be made with it."
        warn "Debian and Ubuntu: apt install python3-venv; or name another Python: PYTHON=/path/to/python3 $0 start"
    elif [ -n "$old" ]; then
        warn "Python 3.11 or later is needed; found only $old."
        warn "Install a newer one, or name it: PYTHON=/path/to/python3 $0 start"
    else
        warn "No Python was found; Python 3.11 or later is needed."
        warn "Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13;"
        warn "or name one: PYTHON=/path/to/python3 $0 start"
    fi
    return 1
}

# The package from any working directory, whatever lies in it.
HAND_OVER='
import os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
from qqqbot.runtime.control import from_script
sys.exit(from_script(sys.argv[1:]))
'
hand_over() { exec "$PY" -P -c "$HAND_OVER" "$SELF" "$@"; }

# ---- the environment

# The exact releases and the hashes of their files; pip refuses any other file.
lock_of() { printf '%s\n' "$HERE/${1%.txt}.lock"; }

# What has to be installed, as one text; a copy of it in the environment says that it is.
wanted() {
    cat "$HERE/requirements.txt" || return 1
    [ "$1" = requirements.txt ] || cat "$HERE/$1"
    [ ! -e "$(lock_of "$1")" ] || cat "$(lock_of "$1")"
}
is_installed() { [ -x "$PY" ] && [ "$(wanted "$1")" = "$(cat "$VENV/.installed-$1" 2>/dev/null)" ]; }
set_up() { is_installed "$1" || install "$1"; }

# If two first starts come at once, the second waits here until the first has installed. The kernel drops the lock with
# the last process that has it, pip included, so none is ever left behind.
LOCKED='
import contextlib, fcntl, os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
os.set_inheritable(folder, True)
with contextlib.suppress(OSError):  # a file system without locks: nobody waits
    fcntl.flock(folder, fcntl.LOCK_EX)
os.execv(sys.argv[2], sys.argv[2:])
'

install() {
    local python
    python=$(find_python) || exit 1
    mkdir -p "$VENV" || die "Cannot make $VENV. Make its folder writable, or name another one with QQQBOT_VENV."
    QQQBOT_VENV=$VENV "$python" -c "$LOCKED" "$VENV" "$BASH" "$SELF" _install "$python" "$@" || exit 1
}

# Runs under the lock. `.unfinished` is pip's output, and stays if pip was interrupted.
install_locked() {
    local python=$1 requirements=$2 log=$VENV/.unfinished
    shift 2
    # An update asks for newer releases than the lock's.
    if [ $# -eq 0 ] && [ -e "$(lock_of "$requirements")" ]; then
        set -- --require-hashes -r "$(lock_of "$requirements")"
    else
        set -- "$@" -r "$HERE/$requirements"
    fi
    [ "$1" = --upgrade ] || ! is_installed "$requirements" || return 0
    if torn || ! "$PY" -m pip --version >/dev/null 2>&1; then
        warn "Setting up in $VENV; this takes a minute."
        make_environment "$python" || return 1
    else
        warn "Installing what $requirements names; this takes a moment."
    fi
    if ! PIP_USER=0 "$PY" -m pip install --no-input --disable-pip-version-check "$@" >"$log" 2>&1 </dev/null; then
        explain_pip "$log"
        return 1
    fi
    if ! { wanted "$requirements" >"$VENV/.stamp" && mv -f "$VENV/.stamp" "$VENV/.installed-$requirements"; }; then
        die "Cannot write in $VENV: the disk is full, or it is not writable."
    fi
    rm -f "$log"
}

# Interrupted while packages were being written: pip would treat a package that is half there as installed.
torn() { [ -e "$VENV/.unfinished" ] && grep -q 'Installing collected packages' "$VENV/.unfinished"; }

make_environment() {
    local problem
    if problem=$("$1" -m venv --clear --without-pip "$VENV" 2>&1) &&
        "$PY" -m ensurepip --default-pip >"$VENV/.unfinished" 2>&1 </dev/null; then
        return 0
    fi
    warn "Cannot make the Python environment $VENV with $1:"
    warn "${problem:-$(tail -n 5 "$VENV/.unfinished")}"
    return 1
}

explain_pip() {
    warn "Installing failed; the last lines of pip:"
    tail -n 8 "$1" >&2
    if grep -q 'No space left on device' "$1"; then
        warn "The disk is full: free about 500 MB, then try again."
    elif grep -qE 'Permission denied|Read-only file system' "$1"; then
        warn "Make $VENV writable, or name another folder with QQQBOT_VENV."
    elif grep -q 'DO NOT MATCH THE HASHES' "$1"; then
        warn "A package is not the one that the lock file names; nothing was installed. Get the lock file again (git pull),"
        warn "or find out who changed the package: a proxy, a mirror, or somebody who should not have."
    elif grep -qE 'connection broken|from versions: none|ConnectionError|Could not fetch URL|timed out' "$1"; then
        warn "The package index does not answer: check the network (behind a proxy, set HTTPS_PROXY), then try again."
    fi
}

# ---- the commands

# The file is what counts: it is made before anything else can fail.
halt_without_python() {
    [ -e "$LOGS/HALT" ] || die "NOT halted: cannot make $LOGS/HALT. Use ./bot_control.sh stop."
    [ -s "$LOGS/HALT" ] || printf '%s\n' "${*:-halted by its owner}" "halted by the owner's command" >"$LOGS/HALT"
    say "halted: no new orders until ./bot_control.sh resume"
}

case ${1:-help} in
    _install) shift; install_locked "$@"; exit ;;
    halt) umask 077; { mkdir -p "$LOGS" && : >>"$LOGS/HALT"; } 2>/dev/null ;;
    test) VENV=$VENV-dev; PY=$VENV/bin/python; set_up requirements-dev.txt ;;
    update) [ $# -gt 1 ] || install requirements.txt --upgrade --upgrade-strategy eager ;;
    start | restart | adopt | leave | undo | trades | logs | tail | performance | drift | why | replay | web | live | notify-test | \
        install-service | init | run | once | demo | drill | backtest) set_up requirements.txt ;;
esac

if [ ! -x "$PY" ] && ! PY=$(find_python bare 2>/dev/null); then
    case ${1:-} in
        halt) shift; halt_without_python "$@"; exit ;;
        resume) rm -f "$LOGS/HALT" && say "resumed: the next check may trade"; exit ;;
        *) PY=$VENV/bin/python; find_python bare; exit 1 ;;
    esac
fi
hand_over "$@"
