"""Hands one message to one channel through apprise, and ends: python -m qqqbot.notifications.deliver_child SECONDS.

stdin:  {"url": "...", "title": "...", "body": "..."}
stdout: {"problem": "cannot be reached"}, null where it was delivered

apprise quotes addresses in what it logs, so nothing of that is passed on: a failure is told in words of our own.
"""

import logging
import re
import sys
from typing import Any

from qqqbot.runtime.child_process import answer

# Telling them apart by apprise's log: its answer is only true or false.
_REASONS = (
    (re.compile(r"error=(\d{3})\b|\bHTTP (?:status|error)\D{0,3}(\d{3})\b"), "refused it with HTTP status {}"),
    (re.compile(r"Connection error occurred", re.IGNORECASE), "cannot be reached"),
)


class Words(logging.Handler):
    """Keeps what is logged, for this process alone."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def deliver(job: dict[str, Any]) -> dict[str, Any]:
    # Half a second of imports: only here, in a process that ends.
    from apprise import Apprise, AppriseAsset, NotifyFormat

    asset = AppriseAsset(app_id="qqqbot", app_desc="qqqbot", async_mode=False)
    words = Words()
    logging.getLogger().addHandler(words)

    channels = Apprise(asset=asset)
    if not channels.add(job["url"]):
        return {"problem": "is not an address that apprise knows; see https://github.com/caronc/apprise/wiki"}
    delivered = channels.notify(title=job["title"], body=job["body"], body_format=NotifyFormat.TEXT)
    return {"problem": None if delivered else reason(words.heard)}


def reason(heard: list[str]) -> str:
    for pattern, sentence in _REASONS:
        for line in heard:
            if found := pattern.search(line):
                return sentence.format(*(group for group in found.groups() if group))
    return "did not take it"


if __name__ == "__main__":
    sys.exit(answer(deliver))
