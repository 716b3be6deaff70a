"""The rungs of a connection check from the client's package to the three keys: found, meaning and fix. Pure.

A rung that FAILED means that the bot could not trade; a note is worth reading and keeps it from nothing. What the bot
itself believes is asked of the bot's own functions (`ib_account`, `ib_codes`), so that the check cannot be kinder.
"""

from collections.abc import Sequence
from datetime import timedelta

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.doctor.result import (
    ACCOUNT,
    CLIENT_ID,
    CLOCK,
    HANDSHAKE,
    KEYS,
    KIND,
    PACKAGE,
    PORT,
    ZONE,
    Rung,
    Silence,
    Verdict,
)
from qqqbot.adapters.ib.error_codes import code
from qqqbot.model.errors import AccountRefused
from qqqbot.model.values import Mode
from qqqbot.runtime.config import Config

# The first version whose prices are not refused with 10285; see ib_codes.
FRACTIONAL_SIZES = 163
SKEW_OK, SKEW_FAILED = timedelta(seconds=5), timedelta(seconds=60)
NEW_YORK_NAMES = ("America/New_York", "US/Eastern", "EST5EDT", "EST", "EDT", "Eastern Standard Time")
TRUSTED_IPS = "Configure, Settings, API, Settings: 'Trusted IPs' must hold this computer's address"


# Before the connection


def package(release: str, newest: int) -> Rung:
    """`release` as 'ibapi 9.81.1', `newest` is the newest server version that the client speaks."""
    found = f"{release}, speaks versions up to {newest}"
    if newest < FRACTIONAL_SIZES:
        return Rung(PACKAGE, Verdict.OK, found, "the old client: good for everything here but the broker's own prices")
    return Rung(PACKAGE, Verdict.OK, found)


def no_package(problem: str) -> Rung:
    fix = "./bot_control.sh update; for the official API see IB_SETUP.md, section 3"
    return Rung(PACKAGE, Verdict.FAILED, problem, "the bot cannot speak to a gateway without it", fix)


def reached(host: str, port: int) -> Rung:
    return Rung(PORT, Verdict.OK, f"{host} port {port} accepts the connection")


def unreachable(host: str, port: int, error: OSError, seconds: float) -> Rung:
    """A refusal, a silence and an unknown name are three different faults."""
    where = f"{host} port {port}"
    if isinstance(error, ConnectionRefusedError):
        return Rung(
            PORT,
            Verdict.FAILED,
            f"{where}: connection refused",
            "the computer is there and nothing listens on this port",
            "start TWS or IB Gateway and log in; check ib_port against Configure, Settings, API, 'Socket port', and in "
            "TWS that 'Enable ActiveX and Socket Clients' is ticked",
        )
    if isinstance(error, TimeoutError):
        return Rung(
            PORT,
            Verdict.FAILED,
            f"{where}: no answer to the first packet within {seconds:g} s",
            "a firewall swallows it, the computer is off, or ib_host is another one's address",
            "check ib_host; open the port in the firewall of the gateway's computer, and in a container publish it",
        )
    return Rung(PORT, Verdict.FAILED, f"{where}: {error.strerror or error}", fix="check ib_host and the network")


def not_greeted(ended: str, server_version: int | None, silence: Silence | None) -> Rung:
    """`ended` is the reason with which the connection ended; where it tells a fix, that follows its last colon."""
    found, colon, fix = ended.rpartition(": ")
    if not colon:
        found, fix = fix, "look at the gateway's window, and try again; restart it in doubt"
    meaning = "no session with a gateway came about"
    if silence is Silence.MUTE and server_version:
        found = f"server version {server_version}, and then neither accounts nor order numbers"
        meaning = "the gateway has answered, and its login is not finished"
        fix = "look at its window: finish the login, confirm the second factor, close every dialog"
    elif silence is Silence.MUTE:
        meaning = "a login or update dialog is open in the gateway, it does not trust this computer, or it has hung"
        fix = f"look at its window; {TRUSTED_IPS}; restart it in doubt"
    elif silence is Silence.CLOSED:
        meaning = "the gateway does not trust this computer, or it is just starting or ending"
        fix = f"{TRUSTED_IPS}; otherwise wait a minute and try again"
    return Rung(HANDSHAKE, Verdict.FAILED, found, meaning, fix)


def greeted(server_version: int) -> Rung:
    return Rung(HANDSHAKE, Verdict.OK, f"server version {server_version}")


def client_id(number: int, daemon: int | None) -> Rung:
    """`daemon` is the pid of a daemon that uses the configured id, None where none runs."""
    if daemon is None:
        return Rung(CLIENT_ID, Verdict.OK, f"{number} is free")
    meaning = "the daemon keeps its own client id; another one is used for looking"
    return Rung(CLIENT_ID, Verdict.OK, f"{number}, because the daemon runs (pid {daemon})", meaning)


def client_id_taken(number: int, ended: str) -> Rung:
    known = code(326)
    return Rung(CLIENT_ID, Verdict.FAILED, f"{number} is taken: {ended.partition(';')[0]}", known.sentence, known.fix)


# The session


def clock(skew: timedelta | None, trouble: str = "") -> Rung:
    """`skew` is this computer's clock minus the broker's, to half a second; None where no time was told."""
    if skew is None:
        return Rung(
            CLOCK,
            Verdict.FAILED,
            f"no answer to the question for the time ({trouble})",
            "the gateway has greeted and answers nothing: it has hung, or is just starting or ending",
            "look at its window for a dialog; wait a minute and try again, then restart it",
        )
    seconds = abs(skew).total_seconds()
    if abs(skew) <= SKEW_OK:
        return Rung(CLOCK, Verdict.OK, f"within {SKEW_OK.total_seconds():g} s of the broker's")
    found = f"this computer's clock is {seconds:.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} the broker's"
    meaning = "quotes look older or younger than they are, and the session opens and ends at the wrong moment"
    fix = "set the clock by the network: Linux: timedatectl set-ntp true; macOS: System Settings, Date & Time"
    return Rung(CLOCK, Verdict.FAILED if abs(skew) > SKEW_FAILED else Verdict.NOTE, found, meaning, fix)


def time_zone(greeting: str) -> Rung:
    """`greeting` is the gateway's time of connection: '20260611 15:30:24 Central European Standard Time'."""
    zone = " ".join(greeting.split()[2:])
    if zone in NEW_YORK_NAMES:
        return Rung(ZONE, Verdict.OK, f"the gateway's is {zone}")
    return Rung(
        ZONE,
        Verdict.NOTE,
        f"the gateway's is {zone or 'not told'}",
        "its restart time, and the day for which it remembers executions, are reckoned in it",
        "choose America/New_York in the gateway's login window (More options), or see that its restart falls outside "
        "09:00 to 17:00 New York",
    )


def account(managed: Sequence[str], wanted: str) -> tuple[Rung, str]:
    """The rung, and the account; empty where none can be chosen."""
    try:
        mode, chosen = ib_account.choose_account(managed, wanted, port=0, allow_live=True)
    except AccountRefused as refused:
        return _refused(ACCOUNT, refused, "the bot must know whose money it moves"), ""
    among = "the only one of this login" if len(managed) == 1 else f"one of {len(managed)} of this login"
    return Rung(ACCOUNT, Verdict.OK, f"{chosen}, a {mode} account, {among}"), chosen


def kind(chosen: str, port: int) -> Rung:
    """The account's id decides; a port that is usual for the other kind means that somebody is mistaken."""
    try:
        mode, _ = ib_account.choose_account((chosen,), "", port, allow_live=True)
    except AccountRefused as refused:
        return _refused(KIND, refused, "the bot does not start like this")
    return Rung(KIND, Verdict.OK, f"{mode}: {money(chosen)}", "the account's id says so, and the port agrees")


def money(chosen: str) -> str:
    mode, _ = ib_account.choose_account((chosen,), "", port=0, allow_live=True)
    return "no real money" if mode is Mode.PAPER else "REAL MONEY"


def keys(chosen: str, settings: Config) -> Rung:
    """dry_run is no failure: the connection is looked at before it is used."""
    said = f"dry_run {_json(settings.dry_run)}, use_interactive_brokers {_json(settings.use_interactive_brokers)}"
    said += f", allow_live {_json(settings.allow_live)}"
    if settings.dry_run:
        return Rung(
            KEYS,
            Verdict.NOTE,
            said,
            "the bot trades a simulated account for now, whatever is found here",
            "when everything here is well: set dry_run to false and use_interactive_brokers to true, for a live "
            "account allow_live too; then ./bot_control.sh restart",
        )
    try:
        ib_account.choose_account((chosen,), "", 0, settings.allow_live)
    except AccountRefused as refused:
        return _refused(KEYS, refused, "real money needs dry_run false, allow_live true and a live account's id")
    return Rung(KEYS, Verdict.OK, said)


def _refused(name: str, refused: AccountRefused, meaning: str) -> Rung:
    found, _, fix = str(refused).partition(": ")
    return Rung(name, Verdict.FAILED, found, meaning, fix)


def _json(value: bool) -> str:
    return "true" if value else "false"
