"""The last message of a daemon that could not start or go on. Each channel is tried once: nobody tries again later."""

from pathlib import Path

from qqqbot.display.masking import without_accounts
from qqqbot.model.reasons import AlertKind
from qqqbot.notifications.channels import Channels, Message, addresses
from qqqbot.notifications.dead_man_switch import Call, Ping
from qqqbot.notifications.policy import MOST_TEXT, Notice, clipped
from qqqbot.records.channel_health import ChannelRecord
from qqqbot.records.last_run import End
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.secret_files import SecretUrls

DEADLINE_SECONDS = 10.0


def last_words(logs: Path, secrets: SecretUrls, end: End, tell: bool) -> None:
    """Send `end` to the dead man's address and, if `tell`, to the channels: all at once, in the time of the slowest."""
    tried = ChannelRecord(logs, SystemClock(), addresses(secrets)).tried
    why = clipped(without_accounts(end.why), MOST_TEXT)
    notice = Notice(AlertKind.ENDED, f"{why} (exit code {end.code})")
    channels = Channels(secrets.notify if tell else (), DEADLINE_SECONDS, pauses=(), tried=tried).start()
    channels.put(Message(f"qqqbot: {notice.head}", notice.paragraph))
    if secrets.ping is not None:
        Ping(secrets.ping, deadline_seconds=DEADLINE_SECONDS, tried=tried).deliver(Call(end.code, why))
    channels.close(DEADLINE_SECONDS)
