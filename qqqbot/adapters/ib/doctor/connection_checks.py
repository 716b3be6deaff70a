"""The checks from the client's package to the three config keys: what was found, what it means, what to do. Pure.

FAILED means that the bot could not trade; a note is worth reading but prevents nothing. What the bot accepts is decided
by the bot's own functions (`adapters.ib.account`, `adapters.ib.error_codes`), so that the check cannot be more lenient.
"""

from collections.abc import Sequence
from datetime import timedelta

from qqqbot.adapters.ib import account as ib_account
from qqqbot.adapters.ib.doctor.result import Check, Result, failed, note, ok
from qqqbot.adapters.ib.error_codes import code
from qqqbot.adapters.ib.transport import CLOSED_EARLY, mute
from qqqbot.model.errors import AccountRefused
from qqqbot.model.program import COMMAND
from qqqbot.model.values import Mode
from qqqbot.runtime.config import Config

# The first version whose prices are not refused with 10285; see error_codes.
FRACTIONAL_SIZES = 163
SKEW_OK, SKEW_FAILED = timedelta(seconds=5), timedelta(seconds=60)
NEW_YORK_NAMES = ("America/New_York", "US/Eastern", "EST5EDT", "EST", "EDT", "Eastern Standard Time")
USUAL_PORTS = {4001: "IB Gateway, live", 4002: "IB Gateway, paper", 7496: "TWS, live", 7497: "TWS, paper"}
TRUSTED_IPS = "Configure, Settings, API, Settings: 'Trusted IPs' must contain this computer's address"


# Before the connection


def package(release: str, newest: int) -> Result:
    """`release` is like 'ibapi 9.81.1'; `newest` is the newest server version that the client supports."""
    old = "the old client: fine for everything here except the broker's own prices"
    return ok(Check.PACKAGE, f"{release}, speaks versions up to {newest}", old if newest < FRACTIONAL_SIZES else "")


def unreachable(host: str, port: int, error: OSError, seconds: float, open_ports: Sequence[int] = ()) -> Result:
    """A refusal, a silence and an unknown name are three different faults.

    `open_ports` are the usual ports of a gateway that accept a connection there.
    """
    where = f"{host} port {port}"
    if isinstance(error, ConnectionRefusedError):
        meaning, fix = "the computer is there, but nothing listens on this port", "start TWS or IB Gateway and log in; "
        if open_ports:
            others = " and ".join(f"{number} ({USUAL_PORTS[number]})" for number in open_ports)
            meaning = f"{meaning}; something listens on {others}"
            fix = f"if that is the gateway, set ib_port to it; otherwise {fix}"
        return failed(
            Check.PORT,
            f"{where}: connection refused",
            meaning,
            f"{fix}check ib_host, and ib_port against Configure, Settings, API, 'Socket port', and in TWS that 'Enable "
            "ActiveX and Socket Clients' is ticked",
        )
    if isinstance(error, TimeoutError):
        return failed(
            Check.PORT,
            f"{where}: no answer to the first packet within {seconds:g} s",
            "a firewall drops it, the computer is off, or ib_host is another computer's address",
            "check ib_host; open the port in the firewall of the gateway's computer, and in a container publish it",
        )
    return failed(Check.PORT, f"{where}: {error.strerror or error}", fix="check ib_host and the network")


def no_greeting(host: str, port: int, ended: str, server_version: int, seconds: float) -> Result:
    """`ended` is why the connection ended; if that contains a fix, it follows the last colon."""
    if ended == mute(host, port, seconds):
        return _mute(ended, server_version)
    if ended == CLOSED_EARLY:
        meaning = (
            "the gateway behind the port is not logged in or not up: a container's forwarder accepts all the same; or "
            "the gateway does not trust this computer"
        )
        fix = f"log in, confirm the second factor, wait a minute and try again; without a container, {TRUSTED_IPS}"
        return failed(Check.HANDSHAKE, ended.rpartition(": ")[0] or ended, meaning, fix)
    found, colon, fix = ended.rpartition(": ")
    if not colon:
        found, fix = fix, "look at the gateway's window, and try again; if in doubt, restart it"
    return failed(Check.HANDSHAKE, found, "no session was established", fix)


def _mute(ended: str, server_version: int) -> Result:
    if server_version:
        return failed(
            Check.HANDSHAKE,
            f"server version {server_version}, and then neither accounts nor order numbers",
            "the gateway has answered, but its login is not finished",
            "look at its window: finish the login, confirm the second factor, close every dialog",
        )
    meaning = "a login or update dialog is open in the gateway, it does not trust this computer, or it has hung"
    fix = f"look at its window; {TRUSTED_IPS}; if in doubt, restart it"
    return failed(Check.HANDSHAKE, ended.rpartition(": ")[0], meaning, fix)


def client_id(number: int, daemon: int | None) -> Result:
    """`daemon` is the pid of a daemon that uses the configured id, None if none is running."""
    if daemon is None:
        return ok(Check.CLIENT_ID, f"{number} is free")
    meaning = "the daemon keeps its own client id; this check uses another one"
    return ok(Check.CLIENT_ID, f"{number}, because the daemon is running (pid {daemon})", meaning)


def client_id_taken(number: int, ended: str) -> Result:
    known = code(326)
    return failed(Check.CLIENT_ID, f"{number} is taken: {ended.partition(';')[0]}", known.sentence, known.fix)


# The session


def no_time(trouble: str) -> Result:
    return failed(
        Check.CLOCK,
        f"no answer to the request for the time ({trouble})",
        "the gateway completed the handshake and answers nothing else: it hangs, or is starting or shutting down",
        "look at its window for a dialog; wait a minute and try again, then restart it",
    )


def clock(skew: timedelta) -> Result:
    """`skew` is this computer's clock minus the broker's, to half a second."""
    seconds = abs(skew).total_seconds()
    if abs(skew) <= SKEW_OK:
        return ok(Check.CLOCK, f"within {SKEW_OK.total_seconds():g} s of the broker's")
    found = f"this computer's clock is {seconds:.0f} s {'ahead of' if skew > timedelta(0) else 'behind'} the broker's"
    meaning = "quotes look older or newer than they are, and the session opens and ends at the wrong moment"
    fix = "set the clock by the network: Linux: timedatectl set-ntp true; macOS: System Settings, Date & Time"
    return (failed if abs(skew) > SKEW_FAILED else note)(Check.CLOCK, found, meaning, fix)


def time_zone(connected_at: str) -> Result:
    """`connected_at` is the gateway's time of connection: '20260611 15:30:24 Central European Standard Time'."""
    zone = " ".join(connected_at.split()[2:])
    if zone in NEW_YORK_NAMES:
        return ok(Check.ZONE, f"the gateway's is {zone}")
    return note(
        Check.ZONE,
        f"the gateway's is {zone or 'unknown'}",
        "its restart time, and the day for which it remembers executions, are in this time zone",
        "choose America/New_York in the gateway's login window (More options), or make sure that its restart falls "
        "outside 09:00 to 17:00 New York",
    )


def account(managed: Sequence[str], wanted: str) -> tuple[Result, str]:
    """The result, and the account; empty if none can be chosen."""
    try:
        mode, chosen = ib_account.choose_account(managed, wanted, port=0, allow_live=True)
    except AccountRefused as refused:
        return _refused(Check.ACCOUNT, refused, "the bot must know whose money it moves"), ""
    among = "the only one of this login" if len(managed) == 1 else f"one of {len(managed)} of this login"
    return ok(Check.ACCOUNT, f"{chosen}, a {mode} account, {among}"), chosen


def kind(chosen: str, port: int) -> Result:
    """The account's id decides; a port that is usual for the other kind means that one of the two is a mistake."""
    try:
        mode, _ = ib_account.choose_account((chosen,), "", port, allow_live=True)
    except AccountRefused as refused:
        return _refused(Check.KIND, refused, "the bot does not start like this")
    return ok(Check.KIND, f"{mode}: {money(chosen)}", "the account's id says so, and the port agrees")


def money(chosen: str) -> str:
    mode, _ = ib_account.choose_account((chosen,), "", port=0, allow_live=True)
    return "no real money" if mode is Mode.PAPER else "REAL MONEY"


def keys(chosen: str, settings: Config) -> Result:
    """dry_run is not a failure: the connection is checked before it is used."""
    names = ("dry_run", "use_interactive_brokers", "allow_live")
    found = ", ".join(f"{name} {'true' if getattr(settings, name) else 'false'}" for name in names)
    if settings.dry_run:
        return note(
            Check.KEYS,
            found,
            "the bot trades a simulated account for now, whatever is found here",
            "when everything here is in order: set dry_run to false and use_interactive_brokers to true, for a live "
            f"account allow_live too; then {COMMAND} restart",
        )
    try:
        ib_account.choose_account((chosen,), "", 0, settings.allow_live)
    except AccountRefused as refused:
        return _refused(Check.KEYS, refused, "real money needs dry_run false, allow_live true and a live account's id")
    return ok(Check.KEYS, found)


def _refused(name: Check, refused: AccountRefused, meaning: str) -> Result:
    found, _, fix = str(refused).partition(": ")
    return failed(name, found, meaning, fix)
