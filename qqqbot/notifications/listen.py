"""Reads one channel's replies once, in its own process: python -m qqqbot.notifications.listen SECONDS.

stdin:  {"url": "...", "code": "123456", "place": 0}
stdout: {"problem": null, "answers": ["veto"], "place": 0}

What the channel holds is foreign text. Only the words that a reply may consist of leave this process, and only if they
came with the code of the announcement. The channel is read whole or not at all.

ntfy returns what it keeps of a topic (https://docs.ntfy.sh/subscribe/api/), our announcement included. If that is
missing, ntfy may have kept nothing, and the absence of replies proves nothing. Telegram returns updates in order until
a higher place confirms them (https://core.telegram.org/bots/api#getupdates). An update with an answer is left
unconfirmed: a process that dies before it has recorded the answer then reads it again.
"""

import re
import sys
import unicodedata
from typing import Any
from urllib.parse import quote

from qqqbot.model.values import Answer
from qqqbot.regular_file import object_in
from qqqbot.runtime.child_process import answer

NTFY, TELEGRAM = "https://ntfy.sh", "https://api.telegram.org"
TIMEOUT_SECONDS = 10.0
# ntfy.sh keeps 250 messages of 4 KiB a day; a page of Telegram has 100 messages of that length.
MOST_BYTES = 4 * 1024 * 1024
PAGE, MOST_PAGES = 100, 20
KINDS = ("message", "edited_message", "channel_post", "edited_channel_post")
"""kinds of updates: a mistyped answer that its author corrects counts too"""
_REPLY = re.compile(rf"/?({'|'.join(Answer)})(?:@\w+)?[ :]*(\d{{3}}) ?(\d{{3}})", re.IGNORECASE)
# The announcement shows the reply in quotation marks, and it is copied from there.
_AROUND = " .!\"'`“”„‘’‚«»"
_WORDS = {
    401: "refuses the address's login",
    403: "refuses the address's login",
    404: "does not know the address",
    409: "is read by another program too, or has a webhook: give this bot an address of its own",
    429: "asks for a pause",
}


class Unreadable(Exception):
    """The replies could not be read; the text says why, in our own words."""


def listen(job: dict[str, Any], telegram: str = TELEGRAM) -> dict[str, Any]:
    """Read the channel of `job` once. `telegram` is the address of Telegram's interface."""
    # These imports take half a second: only here, in a short-lived process.
    from apprise import Apprise
    from apprise.plugins.ntfy import NotifyNtfy
    from apprise.plugins.telegram import NotifyTelegram

    channel, answers, place = Apprise.instantiate(job["url"]), set[Answer](), job["place"]
    try:
        match channel:
            case NotifyNtfy():
                answers = _ntfy(channel, job["code"])
            case NotifyTelegram():
                answers, place = _telegram(channel, telegram, job["code"], place)
            case _:
                raise Unreadable("is not an address whose replies can be read")
    except Unreadable as why:
        return {"problem": str(why), "answers": [], "place": job["place"]}
    return {"problem": None, "answers": sorted(answers), "place": place}


def understood(text: object, code: str) -> Answer | None:
    """The answer if `text` is nothing but an answer and the code; otherwise None.

    Phones write digits of other scripts and full-width letters, and copy marks that nobody sees.
    """
    found = _REPLY.fullmatch(_plain(text).strip(_AROUND)) if isinstance(text, str) else None
    return Answer(found[1].lower()) if found and int(found[2] + found[3]) == int(code) else None


def _plain(text: str) -> str:
    seen = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen).split())


def _ntfy(channel: Any, code: str) -> set[Answer]:
    private = f"http{'s' if channel.secure else ''}://{channel.host}" + (f":{channel.port}" if channel.port else "")
    base = NTFY if channel.mode == "cloud" or channel.host == "ntfy.sh" else private
    headers = {"Authorization": f"Bearer {channel.token}"} if channel.auth == "token" and channel.token else {}
    login = (channel.user, channel.password or "") if channel.user and not headers else None
    url = f"{base}/{','.join(quote(topic, safe='') for topic in channel.topics)}/json"
    # `since` is a length of time by the server's clock: given an id it has forgotten, the server returns everything.
    body = _asked("GET", url, channel, params={"poll": "1", "since": "12h"}, headers=headers, auth=login)
    rows = [_object(line) for line in body.splitlines() if line.strip()]
    texts = [row.get("message") for row in rows if row.get("event") == "message"]
    if not any(isinstance(text, str) and code in text for text in texts):
        raise Unreadable("does not show the announcement: it keeps no messages, or has another topic")
    return {found for text in texts if (found := understood(text, code))}


def _telegram(channel: Any, base: str, code: str, place: int) -> tuple[set[Answer], int]:
    chats = {str(target[0]).lower().lstrip("@") for target in channel.targets}
    if not chats:
        raise Unreadable("names no chat: write tgram://bottoken/chat-id")
    answers: set[Answer] = set()
    for _ in range(MOST_PAGES):
        asked = {"offset": place, "limit": PAGE, "timeout": 0, "allowed_updates": KINDS}
        body = _asked("POST", f"{base}/bot{channel.bot_token}/getUpdates", channel, json=asked)
        updates = _object(body).get("result")
        if not isinstance(updates, list) or not all(_is_update(update) for update in updates):
            raise Unreadable("answered with something other than updates")
        for update in updates:
            found = {understood(text, code) for text in _texts(update, chats)} - {None}
            answers |= {one for one in found if one}
            if not answers:
                place = update["update_id"] + 1
        if answers or len(updates) < PAGE:
            return answers, place
    raise Unreadable("has more messages than can be read at once")


def _is_update(value: object) -> bool:
    return isinstance(value, dict) and type(value.get("update_id")) is int


def _texts(update: dict[str, Any], chats: set[str]) -> list[object]:
    """The texts of `update` that were written in one of `chats`."""
    messages = [update[kind] for kind in KINDS if isinstance(update.get(kind), dict)]
    ours = [m for m in messages if isinstance(m.get("chat"), dict) and _names(m["chat"]) & chats]
    return [message.get("text") for message in ours]


def _names(chat: dict[str, Any]) -> set[str]:
    return {str(chat.get("id")), str(chat.get("username")).lower()}


def _object(text: bytes) -> dict[str, Any]:
    if (found := object_in(text)) is None:
        raise Unreadable("answered with something that is not a message")
    return found


def _asked(method: str, url: str, channel: Any, **rest: Any) -> bytes:
    """The whole body of a good answer. Raises Unreadable in our own words: a library's text may quote the address."""
    import requests

    try:
        with requests.request(
            method, url, timeout=TIMEOUT_SECONDS, verify=channel.verify_certificate, stream=True, **rest
        ) as found:
            if found.status_code != 200:
                status = found.status_code
                raise Unreadable(f"{_WORDS.get(status, 'cannot be read')} (HTTP status {status})")
            body = b""
            for piece in found.iter_content(65536):
                body += piece
                if len(body) > MOST_BYTES:
                    raise Unreadable(f"holds more than {MOST_BYTES:,} bytes")
            return body
    except (requests.RequestException, ValueError) as error:
        kind = "no answer in time" if isinstance(error, requests.Timeout) else "cannot be reached"
        raise Unreadable(kind) from None


if __name__ == "__main__":
    sys.exit(answer(listen))
