#!/usr/bin/env bash
# Finds a Python, makes the bot's environment when a command needs one, and hands over to qqqbot/runtime/control.py.
#
# Law of this file: it never asks a question, it runs on bash 3.2 (macOS), and `halt` needs nothing but this file.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -u
unset CDPATH PYTHONHOME PYTHONINSPECT # each of these leads cd, Python or pip astray
type dirname >/dev/null 2>&1 || export PATH="${PATH:+$PATH:}/usr/bin:/bin" # with a broken PATH every path would be wrong
export PIP_USER=0 PIP_TARGET='' PIP_PREFIX='' PIP_ROOT='' PIP_PYTHON=''

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

PROBE='
import sys
try:
    import ensurepip, venv
    kind = "good"
except ImportError:
    kind = "bare"
print("old" if sys.version_info < (3, 11) else kind, "%d.%d.%d" % sys.version_info[:3])
'

# Prints a Python 3.11+ that can make the environment; with `bare`, any. Each is tried: pyenv leaves shims that fail.
find_python() {
    local candidate answer old='' bare=''
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 "$PY" "$RUNTIME_PY"; do
        answer=$("$candidate" -c "$PROBE" 2>/dev/null) || answer=''
        case "$answer ${1:-}" in
            good* | bare*bare) printf '%s\n' "$candidate"; return 0 ;;
            bare*) bare=${bare:-$candidate, version ${answer#* }} ;;
            old*) old=${old:-$candidate, version ${answer#* }} ;;
        esac
        [ "$candidate" != "${PYTHON:-}" ] || { [ -n "$answer" ] || warn "PYTHON=$PYTHON cannot be run."; break; }
    done
    if [ -n "$bare" ]; then
        warn "Found $bare, but its venv module is missing. Debian and Ubuntu: apt install python3-venv"
    elif [ -n "$old" ]; then
        warn "Python 3.11 or later is needed; found only $old."
    elif type python3 >/dev/null 2>&1 && ! answer=$(python3 -c '' 2>&1); then
        warn "python3 is there, but does not run: ${answer%%$'\n'*}"
    else
        warn "No Python was found; Python 3.11 or later is needed."
        warn "Debian and Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.13"
    fi
    warn "Or name one: PYTHON=/path/to/python3 $0 start"
    return 1
}

# `ours MODULE FUNCTION ARGUMENT...`: a function of runtime/, from any working directory, whatever lies in it.
OURS='
import importlib, os, sys
sys.path.insert(0, os.path.dirname(sys.argv[1]))
module = importlib.import_module("qqqbot.runtime." + sys.argv[2])
sys.exit(getattr(module, sys.argv[3])(*sys.argv[4:]))
'
ours() { "$PY" -P -c "$OURS" "$SELF" "$@"; }

lock_of() { printf '%s\n' "$HERE/${1%.txt}.lock"; }

# What has to be installed, and for which Python, as one text; a copy in the environment means that it is installed.
wanted() {
    "$PY" -S -c 'import sys; print("# Python %d.%d" % sys.version_info[:2])' || return 1
    cat "$HERE/requirements.txt" || return 1
    [ "$1" = requirements.txt ] || cat "$HERE/$1"
    [ ! -e "$(lock_of "$1")" ] || cat "$(lock_of "$1")"
}
is_installed() { [ -x "$PY" ] && [ "$(wanted "$1")" = "$(cat "$VENV/.installed-$1" 2>/dev/null)" ]; }
set_up() { is_installed "$1" || install "$1"; }

# If two first starts come at once, the second waits here. The lock ends with the last process that has it.
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

# pip's output stays in `.unfinished` if it failed or was interrupted. It fetches nothing to build with: what has no wheel
# (ibapi) is built with the tools of requirements-build.lock.
with_pip() {
    printf '[%s]\ntarget =\nprefix =\nroot =\nuser = no\n' global install >"$VENV/pip.conf" # overrides the user's own
    "$PY" -m pip install --no-input --disable-pip-version-check --only-binary :all: "$@" >"$VENV/.unfinished" 2>&1 </dev/null
}

# Runs under the lock. The lock file is complete, so pip looks for no dependencies; `update` asks for newer releases.
# If ibapi was taken out of requirements.txt, another release of it was installed by hand, and stays.
install_locked() {
    local python=$1 requirements=$2 build=$HERE/requirements-build.lock without=''
    shift 2
    [ $# -gt 0 ] || ! is_installed "$requirements" || return 0
    if torn || ! "$PY" -m pip --version >/dev/null 2>&1; then
        warn "Setting up in $VENV; this takes a minute."
        make_environment "$python" || return 1
    else
        warn "Installing what $requirements names; this takes a moment."
    fi
    if [ $# -eq 0 ] && [ -e "$(lock_of "$requirements")" ]; then
        grep -q '^ibapi' "$HERE/requirements.txt" || without='/^ibapi==/,/[^\\]$/d'
        sed "$without" "$(lock_of "$requirements")" >"$VENV/.lock" || return 1
        set -- --no-deps --require-hashes -r "$VENV/.lock"
    else
        set -- "$@" -r "$HERE/$requirements"
    fi
    if { [ -e "$build" ] && ! with_pip --no-deps --require-hashes -r "$build"; } ||
        ! with_pip --no-binary ibapi --use-pep517 --no-build-isolation "$@"; then
        ours installing explain_pip "$VENV"
        return 1
    fi
    if grep -q '^[A-Za-z]' "$HERE/$requirements" && ! ours installing found_packages "$VENV"; then return 1; fi
    { wanted "$requirements" >"$VENV/.stamp" && mv -f "$VENV/.stamp" "$VENV/.installed-$requirements"; } ||
        die "Cannot write in $VENV: the disk is full, or it is not writable."
    rm -f "$VENV/.unfinished"
}

# Interrupted while packages were being written: pip would treat a package that is half there as installed.
torn() { [ -e "$VENV/.unfinished" ] && grep -q 'Installing collected packages' "$VENV/.unfinished"; }

make_environment() {
    local problem
    problem=$("$1" -m venv --clear --without-pip "$VENV" 2>&1) &&
        "$PY" -m ensurepip --default-pip >"$VENV/.unfinished" 2>&1 </dev/null && return 0
    warn "Cannot make the Python environment $VENV with $1:"
    warn "${problem:-$(tail -n 5 "$VENV/.unfinished")}"
    return 1
}

# Only the file counts: it is made before anything else can fail. One that exists is not opened: it may be a pipe.
make_halt() {
    umask 077
    mkdir -p "$LOGS" 2>/dev/null
    [ -e "$LOGS/HALT" ] ||
        printf '%s\n' "${*:-no reason given}" "halted by the owner's command" 2>/dev/null >>"$LOGS/HALT"
}

halt_without_python() {
    [ -e "$LOGS/HALT" ] || die "NOT halted: cannot make $LOGS/HALT. Use ./bot_control.sh stop."
    printf '%s\n' "$LOGS/HALT is written: no new orders until ./bot_control.sh resume"
    die "No Python runs here, so it is not known whether a daemon has read it."
}

# Files of root would lock the folder's owner out, and root would run what that user can change.
case ${1:-} in
    '' | stop | status | halt | resume | help | --help | -h | test) ;;
    *) if [ "$EUID" = 0 ] && { [ ! -O "$HERE" ] || { [ -e "$LOGS" ] && [ ! -O "$LOGS" ]; }; }; then
        die "$HERE and $LOGS belong to another user, who alone may run $1 there: not root, no sudo."
    fi ;;
esac
case ${1:-help} in
    _install) shift; install_locked "$@"; exit ;;
    halt) case ${2:-} in --help | -h) ;; *) make_halt "${@:2}" ;; esac ;;
    test) VENV=$VENV-dev; PY=$VENV/bin/python; set_up requirements-dev.txt ;;
    update) [ $# -gt 1 ] || install requirements.txt --upgrade --upgrade-strategy eager ;;
    start | restart | adopt | leave | undo | trades | logs | tail | performance | drift | why | replay | web | live | notify-test | \
        install-service | init | run | once | demo | drill | backtest) set_up requirements.txt ;;
esac

[ -e "$HERE/qqqbot/runtime/control.py" ] ||
    die "The program is not complete: $HERE/qqqbot is missing. Get the whole project again (git pull, git status)."
if [ ! -x "$PY" ] && ! PY=$(find_python bare 2>/dev/null); then
    case ${1:-} in
        halt) halt_without_python ;;
        resume) rm -f "$LOGS/HALT" && echo "resumed: the next check may trade"; exit ;;
        *) PY=$VENV/bin/python; find_python bare; exit 1 ;;
    esac
fi
exec "$PY" -P -c "$OURS" "$SELF" control from_script "$SELF" "$@"
