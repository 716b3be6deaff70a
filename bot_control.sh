#!/usr/bin/env bash
# Sets the bot up on first use, starts and stops the daemon, and shows what it does.
#
# Law of this file: it never asks a question, it runs on bash 3.2 (macOS), and it believes the lock on logs/bot.pid, not
# the number in it. Whatever needs more than a few lines of shell is done by the program itself.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -u

READY_SECONDS=${QQQBOT_READY_SECONDS:-120}
ACCOUNT_SECONDS=${QQQBOT_ACCOUNT_SECONDS:-20}
STOP_SECONDS=10

usage() {
    cat <<'END'
usage: ./bot_control.sh COMMAND

  start            start the bot in the background; prints its first status
  stop [--force]   stop it (within 10 s); --force kills it when it does not
  restart          stop, then start; a bad config.json is found before anything is stopped
  status [--json]  is it alive, what does it own, what will it do next
                   exit code: 0 healthy, 1 dead or silent, 3 stopped, 4 halted, 5 failing (can decide nothing)
  trades [--limit N]   the executed orders
  logs [--lines N]     the newest lines of the log
  tail             follow the log
  performance      what the bot earned so far
  why [DATE] [TIME]    why it traded, or did not
  web [--port N]   the dashboard, for a browser on this machine; Ctrl-C ends it
  live             the same at a glance in this terminal; q ends it

  halt [REASON]    stop trading at once, keep watching; open orders are left to finish
  resume           trade again
  adopt            stopped by shares that do not agree with the book: the account is right, record it
  leave            stopped by shares that do not agree with the book: they are mine, do not touch them

  notify-test      send a test to each notification channel and call the dead man's address
  install-service  run it as a systemd user service: starts with the machine, comes back by itself

  run              run in the foreground (systemd, Docker)
  once             make one check and show what it decides
  demo             a simulated market in fast motion; needs no network and no account
  drill [SCENE]    what you would see when things go wrong, played in a sandbox: dead gateway, full disk, kill -9 and more
  backtest         what the rule would have earned
  test             install what the tests need and run them
  update           install newer releases of the libraries than the lock file's, within the ranges of requirements.txt
  help             this text

environment:
  QQQBOT_CONFIG    the configuration (config.json beside this script)
  QQQBOT_LOGS      the folder of logs and books (logs/ beside this script)
  QQQBOT_VENV      the folder of the Python environment (.venv beside this script); drill and test have one of their own,
                   of the same name with -dev
  PYTHON           the Python 3.11+ to make that environment with
  QQQBOT_NOTIFY_URLS, QQQBOT_PING_URL   secrets, where they are not in files: see the README, "Notifications"
END
}

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
export QQQBOT_LOGS=$LOGS
[ -z "${QQQBOT_CONFIG:-}" ] || QQQBOT_CONFIG=$(absolute "$QQQBOT_CONFIG")
[ -z "${QQQBOT_VENV:-}" ] || QQQBOT_VENV=$VENV
[ -z "${QQQBOT_NOTIFY_URLS_FILE:-}" ] || QQQBOT_NOTIFY_URLS_FILE=$(absolute "$QQQBOT_NOTIFY_URLS_FILE")
[ -z "${QQQBOT_PING_URL_FILE:-}" ] || QQQBOT_PING_URL_FILE=$(absolute "$QQQBOT_PING_URL_FILE")
PY=$VENV/bin/python
RUNTIME_PY=$PY
DAEMON=$HERE/qqq_trading_bot.py
MONITOR=$HERE/monitor.py
OUTPUT=$LOGS/nohup.log
SERVICE=qqqbot.service
UNIT=${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user/$SERVICE

# A module of the package, from any working directory, whatever lies in it.
run_module() { PYTHONPATH="$HERE${PYTHONPATH:+:$PYTHONPATH}" "$PY" -P -m "$@"; }

# ---- set-up

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

# Prints a Python that can make the environment. A name on PATH proves nothing (pyenv leaves shims): each is run.
find_python() {
    local candidate answer old='' bare=''
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3 "$PY" "$RUNTIME_PY"; do
        answer=$("$candidate" -c "$PROBE" 2>/dev/null) || answer=''
        case $answer in
            good*) printf '%s\n' "$candidate"; return 0 ;;
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

# What has to be installed, as one text; a copy of it in the environment says that it is.
wanted() {
    cat "$HERE/requirements.txt" || return 1
    [ "$1" = requirements.txt ] || cat "$HERE/$1"
    [ ! -e "$(lock_of "$1")" ] || cat "$(lock_of "$1")"
}
# The exact releases and the hashes of their files; pip refuses any other file.
lock_of() { printf '%s\n' "$HERE/${1%.txt}.lock"; }
is_installed() { [ -x "$PY" ] && [ "$(wanted "$1")" = "$(cat "$VENV/.installed-$1" 2>/dev/null)" ]; }

# Two first starts at once: the second waits here until the first has installed. The kernel drops the lock with the last
# process that has it, pip included, so none is ever left behind.
LOCKED='
import contextlib, fcntl, os, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
os.set_inheritable(folder, True)
with contextlib.suppress(OSError):  # a file system without locks: then nobody waits
    fcntl.flock(folder, fcntl.LOCK_EX)
os.execv(sys.argv[2], sys.argv[2:])
'

# Beside the daemon's environment, so that no test changes what trades.
set_up_tests() {
    VENV=$VENV-dev
    PY=$VENV/bin/python
    set_up requirements-dev.txt
}

set_up() {
    local requirements=${1:-requirements.txt}
    is_installed "$requirements" || install "$requirements"
}

install() {
    local python
    python=$(find_python) || exit 1
    mkdir -p "$VENV" || die "Cannot make $VENV. Make its folder writable, or name another one with QQQBOT_VENV."
    QQQBOT_VENV=$VENV "$python" -c "$LOCKED" "$VENV" "$BASH" "$SELF" _install "$python" "$@" || exit 1
}

# Runs under the lock. `.unfinished` is pip's output, and stays when it was interrupted.
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
    if ! PIP_USER=0 "$PY" -m pip install --no-input --disable-pip-version-check "$@" \
        >"$log" 2>&1 </dev/null; then
        explain_pip "$log"
        return 1
    fi
    if ! { wanted "$requirements" >"$VENV/.stamp" && mv -f "$VENV/.stamp" "$VENV/.installed-$requirements"; }; then
        die "Cannot write in $VENV: the disk is full, or it is not writable."
    fi
    rm -f "$log"
}

# Interrupted while packages were being written: pip would take what is half there for installed.
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
        warn "A package is not the one that the lock file names; nothing was installed. Get the lock file anew (git pull), or"
        warn "find out who changed the package: a proxy, a mirror, or somebody who should not."
    elif grep -qE 'connection broken|from versions: none|ConnectionError|Could not fetch URL|timed out' "$1"; then
        warn "The package index does not answer: check the network (behind a proxy, set HTTPS_PROXY), then try again."
    fi
}

# ---- the daemon

# Sets $pid to the daemon that holds the lock; fails when none does, and ends the script when that cannot be told. Needs
# no environment, so that `stop` never installs anything.
holder() {
    local python=$PY code=0
    pid=''
    [ -e "$LOGS/bot.pid" ] || [ -L "$LOGS/bot.pid" ] || return 1
    [ -x "$python" ] || python=$(find_python) || exit 1
    pid=$(PYTHONPATH=$HERE "$python" -P -m qqqbot.runtime.lock "$LOGS") || code=$?
    case $code in 0) return 0 ;; 3) return 1 ;; *) exit 1 ;; esac
}

# `status.json` is of process $1 and its state is $2.
is_state() {
    # The process first: the file may be replaced in between, and a former daemon's state is not this one's.
    grep -qE "\"pid\": *$1([^0-9]|\$)" "$LOGS/status.json" 2>/dev/null &&
        grep -qE "\"state\": *\"($2)\"" "$LOGS/status.json"
}

# Process $1, where one is known, has had more time for its first check since $2 than it should need. "waiting" is for an
# account that does not answer, which may last until its owner has logged in.
is_overdue() {
    local patience=$READY_SECONDS
    [ -z "$1" ] || ! is_state "$1" waiting || patience=$ACCOUNT_SECONDS
    [ $((SECONDS - $2)) -ge "$patience" ]
}

# The first check of process $1 is behind it: 0 as soon as it is, 1 as soon as `$2 $1` fails, 2 when neither happens in time.
wait_until_ready() {
    local began=$SECONDS
    until is_state "$1" running; do
        "$2" "$1" || return 1
        ! is_overdue "$1" "$began" || return 2
        sleep 0.1
    done
}

is_alive() { kill -0 "$1" 2>/dev/null || ps -p "$1" >/dev/null 2>&1; }

holds_lock() {
    local pid
    holder && [ "$pid" = "$1" ]
}

# A folder that cannot be written is found here, with its reason, not in a daemon that has nowhere to say so.
check_logs() {
    local probe=$LOGS/.write-test problem
    umask 077  # account data; for the daemon's output too
    if ! problem=$({ mkdir -p "$LOGS" && printf '%4096s' '' >"$probe" && rm -f "$probe"; } 2>&1); then
        rm -f "$probe" 2>/dev/null
        warn "The bot cannot write in $LOGS: ${problem##*: }."
        die "Free some space or make the folder writable; QQQBOT_LOGS names another one."
    fi
}

check_config() {
    local problems code=0
    problems=$("$PY" "$DAEMON" --check-config 2>&1) || code=$?
    if [ $code -ne 0 ]; then
        warn "$problems"
        exit $code
    fi
}

# A session of its own, so that closing the terminal does not end it, and none of the caller's files, so that nobody waits
# for it. Sets $child, and $seen to the size of the output so far.
launch() {
    seen=$(wc -c 2>/dev/null <"$OUTPUT") || seen=0
    if [ "$seen" -gt 1000000 ]; then
        mv -f "$OUTPUT" "$OUTPUT.1"
        seen=0
    fi
    "$PY" -I -S -c 'import os, sys
os.setsid()
os.closerange(3, 256)
os.chdir(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])' "$HERE" "$PY" "$DAEMON" </dev/null >>"$OUTPUT" 2>&1 &
    child=$!
}

# Waits for one that is starting, and for one that is stopping.
already_running() {
    holder && { is_state "$pid" waiting || wait_until_ready "$pid" holds_lock || [ $? -eq 2 ]; } &&
        say "already running (pid $pid)"
}

start() {
    local pid
    set_up
    ! already_running || return 0
    check_start
    check_logs
    if is_service; then start_service; else start_alone; fi
}

# Everything that a start would refuse; nothing has been stopped yet.
check_start() {
    check_config
    ! is_service || unit_has QQQBOT_CONFIG "${QQQBOT_CONFIG:-$HERE/config.json}" "$HERE/config.json" ||
        die "The service was installed with another configuration than ${QQQBOT_CONFIG:-$HERE/config.json}: set QQQBOT_CONFIG as" \
            "in $UNIT, or run ./bot_control.sh install-service again."
}

start_alone() {
    local pid seen child code=0
    launch
    wait_until_ready "$child" is_alive || code=$?
    if [ $code -eq 1 ]; then
        wait "$child" || code=$?
        # The other of two starts at once won the lock.
        ! already_running || return 0
        warn "did not start; the last lines of $OUTPUT:"
        tail -c "+$((seen + 1))" "$OUTPUT" | tail -n 20 >&2
        [ $code -ne 0 ] || code=1
        return $code
    fi
    if [ $code -eq 2 ]; then
        still_trying "running (pid $child)"
        return 1
    fi
    started "$child"
}

still_trying() {
    warn "$1, but its first check is not behind it yet; it goes on trying. Its status:"
    "$PY" "$MONITOR" --status >&2 || true
}

started() {
    say "started (pid $1)"
    "$PY" "$MONITOR" --status || true  # a halted bot has started all the same
}

# ---- the daemon as a service of systemd, which would undo what is done beside it

# A login by su, and cron, do not name the folder where the user's systemd listens.
systemd() { XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/run/user/$(id -u)} systemctl --user "$@"; }

# One word of the unit, as qqqbot.runtime.service_unit writes it.
unit_word() { printf '"%s"\n' "$(printf '%s\n' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g')"; }

# The unit gives variable $1 the value $2, or none where that is the default, $3.
unit_has() {
    if grep -q "^Environment=\"$1=" "$UNIT"; then
        grep -qxF "Environment=$(unit_word "$1=$2")" "$UNIT"
    else
        [ "$2" = "$3" ]
    fi
}

# Whether systemd keeps the daemon of this script and these logs: its unit is there and enabled, or runs.
is_service() {
    local answer
    [ -f "$UNIT" ] && command -v systemctl >/dev/null && grep -qxF "ExecStart=$(unit_word "$SELF") run" "$UNIT" &&
        unit_has QQQBOT_LOGS "$LOGS" "$HERE/logs" || return 1
    ! answer=$(systemd is-enabled "$SERVICE" 2>/dev/null) || return 0
    ! service_runs || return 0
    [ -n "$answer" ] || [ -n "${warned:-}" ] ||
        warn "$SERVICE is installed, but systemd's user manager does not answer here, so this is done without it: log in as" \
            "that user (not with su or sudo) to have it done by systemd."
    warned=yes
    return 1
}

# "activating" is also the time between a crash and the next try, when nobody holds the lock.
service_runs() {
    case $(systemd is-active "$SERVICE" 2>/dev/null) in active | activating | deactivating | reloading) return 0 ;; esac
    return 1
}

# The process that systemd regards as the daemon; 0 for none.
service_pid() {
    local answer
    answer=$(systemd show -p MainPID "$SERVICE" 2>/dev/null) || answer=''
    printf '%s\n' "${answer#MainPID=}"
}

start_service() {
    local pid job code=0
    systemd start "$SERVICE" &
    job=$!
    wait_for_service "$job" || code=$?
    if [ $code -eq 0 ]; then
        started "$pid"
        return 0
    fi
    kill "$job" 2>/dev/null  # it only waited; the start itself goes on
    if holder; then
        still_trying "running under systemd (pid $pid)"
    else
        warn "does not run yet; systemd may try again, until ./bot_control.sh stop. Its newest lines:"
        journalctl --user -u "$SERVICE" -n 20 --no-pager -o cat >&2 2>/dev/null || warn "journalctl --user -u $SERVICE"
    fi
    return 1
}

# Sets $pid. 0 as soon as the first check is behind it, 1 as soon as systemd's job $1 fails, 2 when neither happens in time.
wait_for_service() {
    local job=$1 began=$SECONDS
    until holder && is_state "$pid" running; do
        if [ -n "$job" ] && ! is_alive "$job"; then
            wait "$job" || return 1
            job=''
        fi
        ! is_overdue "$pid" "$began" || return 2
        sleep 0.1
    done
}

# ---- stopping

# The lock's pid may count in another world: a container that shares this folder.
is_our_daemon() {
    local command
    # -ww: a narrow COLUMNS, or macOS, would cut the line before the program's name.
    command=$(ps -ww -p "$1" -o args= 2>/dev/null || tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) || return 0
    case $command in *qqq_trading_bot*) return 0 ;; *) return 1 ;; esac
}

# 0 as soon as process $1 no longer holds the lock, 1 when it still does after STOP_SECONDS.
wait_until_gone() {
    local deadline=$((SECONDS + STOP_SECONDS))
    while holds_lock "$1"; do
        [ $SECONDS -lt $deadline ] || return 1
        sleep 0.1
    done
}

stop() {
    local pid force=${1:-} service='' main=0
    if is_service; then
        service=yes
        stop_service || warn "systemd was asked to stop $SERVICE and refused; it may start the daemon again."
    fi
    if ! holder; then
        if [ "$service" = ran ]; then say "stopped"; else say "not running"; fi
        return 0
    fi
    is_our_daemon "$pid" || die "The lock is held by process $pid, which is another program here: the daemon runs in a" \
        "container or on another machine. Stop it there."
    if [ "$pid" != "$main" ] && ! kill -TERM "$pid" 2>/dev/null && is_alive "$pid"; then
        die "Process $pid belongs to another user; stop it as that user, or with sudo."
    fi
    if wait_until_gone "$pid"; then
        say "stopped"
    elif [ -z "$force" ]; then
        warn "not stopped yet after $STOP_SECONDS s (pid $pid); it may be finishing an order: see ./bot_control.sh status."
        [ "$pid" != "$main" ] || warn "systemd kills it when it has not stopped 30 s after it was asked."
        warn "Kill it with ./bot_control.sh stop --force; orders on their way are looked for at the next start."
        return 1
    else
        [ -z "$service" ] || systemd kill -s KILL "$SERVICE" 2>/dev/null
        kill -KILL "$pid" 2>/dev/null
        wait_until_gone "$pid" || die "Process $pid cannot be killed; it hangs in the operating system."
        say "killed (pid $pid); orders on their way are looked for at the next start"
    fi
}

# Also between a crash and the next try. Sets $main to the process that systemd ends, and $service to "ran" where one was.
# Not waited for where a daemon holds the lock: systemd's patience is longer than a stop's.
stop_service() {
    ! service_runs || service=ran
    if (holder) 2>/dev/null; then
        main=$(service_pid)
        systemd stop "$SERVICE" --no-block
    else
        systemd stop "$SERVICE"
    fi
}

restart() {
    set_up
    check_start
    stop "$@" || return $?
    start
}

# adopt and leave write to the book, which has one writer.
with_daemon_stopped() {
    local pid was_running='' code=0
    set_up
    if holder || { is_service && service_runs; }; then
        was_running=yes
        check_start
        stop || return $?
    fi
    "$PY" "$DAEMON" "$@" || code=$?
    if [ -n "$was_running" ]; then
        start || return $?
    fi
    return $code
}

# Needs neither Python nor free space for its text: the file counts, not what is in it.
halt() {
    umask 077
    if [ ! -e "$LOGS/HALT" ] && ! { mkdir -p "$LOGS" && : >"$LOGS/HALT"; }; then
        die "NOT halted: cannot make $LOGS/HALT. Use ./bot_control.sh stop."
    fi
    if [ -s "$LOGS/HALT" ]; then
        say "already halted: $(cat "$LOGS/HALT")"
    else
        printf '%s\n' "${*:-halted by its owner}" 2>/dev/null >"$LOGS/HALT" || warn "The reason could not be written."
        say "halted: no new orders until ./bot_control.sh resume"
    fi
    say "An order that is open at the broker is not touched: it can still be filled. What the bot holds stays held."
}

resume() {
    if [ ! -e "$LOGS/HALT" ]; then
        say "not halted"
        return 0
    fi
    rm -f "$LOGS/HALT" || die "STILL halted: cannot remove $LOGS/HALT."
    say "resumed: the next check may trade"
}

# With the stand-ins of the tests; of the environment's QQQBOT_ variables none reaches the sandbox.
drill() {
    [ -d "$HERE/drill" ] || die "The drill needs the folder drill/, which is not here: run it in a whole checkout."
    set_up_tests
    cd "$HERE" || exit 1
    exec "$PY" -m drill "$@"
}

run_tests() {
    local workers
    set_up_tests
    workers=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    cd "$HERE" || exit 1
    # One more than there are cores: many tests wait for processes and sockets.
    exec "$PY" -m pytest -n "$((workers + 1))" "$@"
}

update() {
    local pid
    install requirements.txt --upgrade --upgrade-strategy eager
    say "The libraries are up to date."
    ! holder || say "The running daemon keeps the old ones until ./bot_control.sh restart."
}

# A unit that names this folder, for the user's own systemd; no root is needed but for running without a login.
install_service() {
    local problem
    set_up
    command -v systemctl >/dev/null || die "systemd is not here. macOS: ./bot_control.sh start from a login item; Docker: deploy/."
    check_config
    run_module qqqbot.runtime.service_unit >/dev/null || exit 2
    if ! problem=$({ mkdir -p "$(dirname "$UNIT")" && run_module qqqbot.runtime.service_unit >"$UNIT.new" &&
        mv -f "$UNIT.new" "$UNIT" && systemd daemon-reload && systemd enable "$SERVICE"; } 2>&1); then
        rm -f "$UNIT.new"
        warn "The service could not be installed in $UNIT: ${problem:-unknown}"
        die "systemd's user manager must run for this user: log in as that user (not with su or sudo), then try again."
    fi
    stop || return $?
    systemd restart "$SERVICE" || die "It does not start: journalctl --user -u qqqbot -n 20"
    say "installed in $UNIT and started; it comes back by itself after a crash"
    say "see it: systemctl --user status qqqbot   stop it: ./bot_control.sh stop   remove it: systemctl --user disable --now qqqbot"
    loginctl enable-linger >/dev/null 2>&1 || warn "To run while you are not logged in: sudo loginctl enable-linger $(id -un)"
}

bad_usage() {
    warn "$@"
    usage >&2
    exit 2
}

no_arguments() { [ $# -le 1 ] || bad_usage "$1 takes no arguments, was given: ${*:2}"; }

main() {
    [ $# -gt 0 ] || bad_usage "a command is missing"
    local command=$1
    shift
    case $command in
        stop | restart) [ "$*" = --force ] || no_arguments "$command" "$@" ;;
        start | resume | adopt | leave | update | notify-test | install-service) no_arguments "$command" "$@" ;;
    esac
    case $command in
        start) start ;;
        stop) stop "$@" ;;
        restart) restart "$@" ;;
        halt) halt "$@" ;;
        resume) resume ;;
        adopt | leave) with_daemon_stopped "--$command" ;;
        status | trades | logs | tail | performance | why | web | live) set_up && exec "$PY" "$MONITOR" "--$command" "$@" ;;
        notify-test) set_up && run_module qqqbot.notifications.send_test ;;
        install-service) install_service ;;
        run) set_up && exec "$PY" "$DAEMON" "$@" ;;
        once) set_up && exec "$PY" "$DAEMON" --once "$@" ;;
        demo) set_up && run_module qqqbot.demo "$@" ;;
        drill) drill "$@" ;;
        backtest) set_up && run_module qqqbot.backtest "$@" ;;
        test) run_tests "$@" ;;
        update) update ;;
        help | --help | -h) usage ;;
        _install) install_locked "$@" ;;
        *) bad_usage "unknown command: $command" ;;
    esac
}

main "$@"
