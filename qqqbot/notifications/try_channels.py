"""python -m qqqbot.notifications.try_channels: sends a short and a long message to each channel, calls the dead man's
address, and prints how each went.

Exit codes: 0 all messages were delivered, 1 one was not, 2 nothing is configured, or the configuration cannot be used.
"""

import os
import sys
from pathlib import Path

from qqqbot.model.errors import ConfigError
from qqqbot.model.program import COMMAND
from qqqbot.notifications.channels import MOST_CHARACTERS, Channel, Message, Tried, addresses
from qqqbot.notifications.dead_man_switch import Ping
from qqqbot.records.channel_health import ChannelRecord
from qqqbot.runtime import place
from qqqbot.runtime.child_process import ChildFailed
from qqqbot.runtime.clock import SystemClock
from qqqbot.runtime.secret_files import NOTIFY, PING, SecretUrls, can_answer, take
from qqqbot.runtime.secret_files import channel as name

TEXT = f"Sent by {COMMAND} notify-test. If you read this, the channel works."
MESSAGE = Message("qqqbot: a test", TEXT)
LONG = Message("qqqbot: a long test", (TEXT + " This is as long as a message can get. " * 99)[:MOST_CHARACTERS])


def main() -> int:
    config = place.named(place.CONFIG, "config.json", os.environ)
    try:
        secrets = take(os.environ, config.parent)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if not secrets.notify and secrets.ping is None:
        print(_how(config.parent), file=sys.stderr)
        return 2
    failed, tried = False, _recorder(secrets)
    for number, url in enumerate(secrets.notify, 1):
        channel = Channel(url, name(number, url), tried=tried)
        refusal = channel.attempt(MESSAGE)
        print(f"{channel.name}: {refusal.why if refusal else 'delivered'}", flush=True)
        if refusal is None and (refusal := channel.attempt(LONG)) is not None:
            print(f"{channel.name}: a message of {MOST_CHARACTERS:,} characters: {refusal.why}", flush=True)
        failed |= refusal is not None
        if refusal is None and can_answer(url):
            print(f"{channel.name}: {_replies(channel)}", flush=True)
    if secrets.ping is not None:
        refusal = Ping(secrets.ping, tried=tried).attempt()
        failed |= refusal is not None
        print(f"dead man's address: {refusal.why if refusal else 'answered'}")
    return 1 if failed else 0


def _recorder(secrets: SecretUrls) -> Tried:
    """Record each try, so that status shows it too, if there are records."""
    logs = place.named(place.LOGS, "logs", os.environ)
    if not logs.is_dir():
        return lambda _name, _why: None
    return ChannelRecord(logs, SystemClock(), addresses(secrets)).tried


def _replies(channel: Channel) -> str:
    """Whether replies can be read: ntfy must show the message that was just sent."""
    try:
        problem = channel.replies("notify-test", 0)["problem"]
    except ChildFailed as failed:
        problem = str(failed)
    return f"replies cannot be read: it {problem}" if problem else "replies can be read"


def _how(folder: Path) -> str:
    file = folder / NOTIFY.file
    return (
        "No notification channel is configured. Put one address on each line of a file that only you can read:\n"
        f"  touch '{file}'; chmod 600 '{file}'; then write into it, e.g.: ntfy://ntfy.sh/a-topic-nobody-guesses\n"
        f"or set {NOTIFY.variable}. For the dead man's address: {PING.file} or {PING.variable}."
    )


if __name__ == "__main__":
    sys.exit(main())
