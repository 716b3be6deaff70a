"""Makes one delivery in its own short-lived process: python -m qqqbot.notifications.deliver SECONDS.

stdin:  {"url": "...", "title": "...", "body": "..."} for a channel, through apprise
        {"url": "...", "timeout": 10} for an address that is only called, with a "body" if it takes one
stdout: {"problem": "refused it with HTTP status 400", "status": 400}; null and 0 if there is none

No library's text is passed on, since it may quote the address: problems are reported in our own words.
"""

import logging
import re
import sys
from logging.handlers import BufferingHandler
from typing import TYPE_CHECKING, Any

from qqqbot.runtime.child_process import answer

if TYPE_CHECKING:
    from apprise import Apprise

# apprise returns only true or false; only its log distinguishes failures.
_STATUS = re.compile(r"error=(\d{3})\b|\bHTTP (?:status|error)\D{0,3}(\d{3})\b")

# Temporary and Permanent Redirect: the message is sent once more, to another address. Any other redirect fetches a page
# instead (RFC 9110, 15.4): the message is lost, and the page's 200 looks as if it had been accepted.
REPEATING = frozenset({307, 308})


def deliver(job: dict[str, Any]) -> dict[str, Any]:
    problem, status = _call(**job) if "timeout" in job else _send(job)
    return {"problem": problem, "status": status}


def _send(job: dict[str, Any]) -> tuple[str | None, int]:
    problem, status = _tried(job, redirects=False)
    return _tried(job, redirects=True) if status in REPEATING else (problem, status)


def _tried(job: dict[str, Any], redirects: bool) -> tuple[str | None, int]:
    # These imports take half a second: only here, in a short-lived process.
    from apprise import Apprise, AppriseAsset, NotifyFormat

    words = BufferingHandler(sys.maxsize)  # keeps what apprise logs, in this process only
    logging.getLogger().addHandler(words)
    asset = AppriseAsset(app_id="qqqbot", app_desc="qqqbot", async_mode=False, http_redirects=redirects)
    channels = Apprise(asset=asset)
    if not channels.add(job["url"]):
        return "is not an address that apprise knows; see https://github.com/caronc/apprise/wiki", 0
    delivered = splitting(channels).notify(title=job["title"], body=job["body"], body_format=NotifyFormat.TEXT)
    return (None, 0) if delivered else reason([word.getMessage() for word in words.buffer])


def splitting(channels: "Apprise") -> "Apprise":
    """Make apprise split long messages. By default it sends them whole, and the service refuses them."""
    from apprise import NotifyBase, OverflowMode

    for one in channels:
        if isinstance(one, NotifyBase) and one.overflow_mode == OverflowMode.UPSTREAM:
            one.overflow_mode = OverflowMode.SPLIT
    return channels


def reason(heard: list[str]) -> tuple[str, int]:
    """What apprise logged, in our own words, and the HTTP status, 0 if there is none."""
    for line in heard:
        if (found := _STATUS.search(line)) and (status := next(filter(None, found.groups()))):
            moved = ": the address leads elsewhere, often to the same with https" if status.startswith("3") else ""
            return f"refused it with HTTP status {status}{moved}", int(status)
    unreachable = any("connection error occurred" in line.lower() for line in heard)
    return "cannot be reached" if unreachable else "did not accept it", 0


def _call(url: str, timeout: float, body: str | None = None) -> tuple[str | None, int]:
    import requests

    try:
        data, headers = (None, {}) if body is None else (body.encode(), {"Content-Type": "text/plain; charset=utf-8"})
        method = "GET" if body is None else "POST"
        # The body of the answer is not read: it might be endless.
        with requests.request(method, url, data=data, headers=headers, timeout=timeout, stream=True) as found:
            status = found.status_code
    except requests.Timeout:
        return "no answer in time", 0
    except requests.exceptions.SSLError:
        return "its certificate is not valid", 0
    except requests.ConnectionError:
        return "cannot be reached", 0
    except (requests.RequestException, ValueError):
        return "is not an address that can be called", 0
    return (None, 0) if 200 <= status < 300 else (f"answered with HTTP status {status}", status)


if __name__ == "__main__":
    sys.exit(answer(deliver))
