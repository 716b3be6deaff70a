"""The faults that the gateway can be made to show while it runs.

Standing faults are attributes of `Faults`. One-shot faults wait for a request: `Fault("placeOrder", "drop_after")`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from standins.ib_gateway.codec import Message, encode, frame

READ_SIZE = 4096  # what the client packages read at a time

NOT_ACTED = ("drop_before", "swallow", "half_open", "error", "restart_before")
ACTED_UNANSWERED = ("drop_after", "half_open_after", "restart_after", "lose_answer")
MANGLED = (
    "no_end",
    "garbage",
    "wrong_length",
    "too_few_fields",
    "bad_number",
    "pad",
    "split",
    "slow",
    "glued",
    "then_drop",
)
TIMED = ("late", "twice")
KINDS = (*NOT_ACTED, *ACTED_UNANSWERED, *MANGLED, *TIMED)

Mangler = Callable[[list[bytes]], list[bytes]]


@dataclass
class Fault:
    """What happens at the next `times` requests of this kind (an empty kind means any request).

    Not acted on: drop_before (connection closed), swallow (ignored, the connection lives), half_open (ignored, and
    nothing is read or written any more), error (answered with `code` and `text`), restart_before.
    Acted on, the answer lost: drop_after, half_open_after, restart_after, lose_answer.
    Acted on, the answer spoilt: no_end (without its last message), garbage, wrong_length, too_few_fields, bad_number,
    pad (to exactly `size` bytes in one send, then silence), split, slow, glued, then_drop (the answer, then the
    connection is closed).
    Acted on after `seconds` (late), or at once and again (twice).
    """

    request: str
    do: str
    times: int = 1
    client_id: int | None = None
    code: int = 321
    text: str = "Error validating request"
    size: int = READ_SIZE
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.do not in KINDS:
            raise ValueError(f"unknown fault {self.do!r}; the known ones are {', '.join(KINDS)}")


@dataclass
class Faults:
    refuse: bool = False
    """the port is closed"""
    mute: bool = False
    """connections are accepted and never answered"""
    transport: str = "plain"
    """plain (one send a message), glued (one send for all messages of a moment), split, slow"""
    split_at: int = 7
    slow_bytes: int = 16
    slow_interval: float = 0.001
    split_handshake: bool = False
    doubled: bool = False
    """every callback about orders is sent twice"""
    shuffled: int | None = None
    """a seed, with which the callbacks of one moment are sent in another order"""
    alter: Callable[[Message], Message] = lambda message: message
    """what each message becomes before it is encoded"""
    waiting: list[Fault] = field(default_factory=list)
    _shuffler: Random | None = None

    def disturb(self, messages: list[Message]) -> list[Message]:
        """The callbacks of one moment about an order, after these faults have changed them."""
        if self.doubled:
            messages = [message for message in messages for _ in range(2)]
        if self.shuffled is None:
            self._shuffler = None
            return messages
        self._shuffler = self._shuffler or Random(self.shuffled)
        return self._shuffler.sample(messages, len(messages))

    def take(self, request: str, client_id: int | None) -> Fault | None:
        for fault in self.waiting:
            if fault.request in ("", request) and fault.client_id in (None, client_id):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault
        return None


def filler(size: int, version: int) -> bytes:
    """A harmless frame of exactly `size` bytes: the notice that a data farm is connecting."""
    guess = size
    while guess > 0:
        text = "Market data farm is connecting:usfarm".ljust(max(guess, 0), ".")[:guess]
        made = encode(Message("error", {"id": -1, "errorCode": 2119, "errorMsg": text, "errorTime": 0}), version)
        if len(made) <= size:
            break
        guess -= len(made) - size
    if guess <= 0:
        raise ValueError(f"no frame of {size} bytes")
    if len(made) == size:
        return made
    # A length prefix has grown by a byte: two frames can have a total size that one frame cannot.
    half = size // 2
    return filler(half, version) + filler(size - half, version)


def padded(frames: list[bytes], size: int, version: int) -> list[bytes]:
    """The frames as one piece whose length is a multiple of `size`, the answer at its very end."""
    body = b"".join(frames)
    room = -len(body) % size
    if 0 < room < 100:
        room += size
    return [(filler(room, version) if room else b"") + body]


def mangler(fault: Fault, version: int) -> Mangler | None:
    """How this fault corrupts the frames of an answer."""
    return {
        "garbage": lambda frames: [b"\x00\x00\x00\x10" + bytes(range(0x80, 0x90)), b"\xff\xfe\x07garbage\x00", *frames],
        "wrong_length": lambda frames: [_wrong_length(frames[0]), *frames[1:]] if frames else [],
        "no_end": lambda frames: frames[:-1],
        "too_few_fields": lambda frames: [_too_few(item) for item in frames],
        "bad_number": lambda frames: [_bad_number(item) for item in frames],
        "pad": lambda frames: padded(frames, fault.size, version),
    }.get(fault.do)


def _wrong_length(data: bytes) -> bytes:
    return (int.from_bytes(data[:4]) + 3).to_bytes(4) + data[4:]


def _too_few(data: bytes) -> bytes:
    payload = data[4:]
    return frame(payload[: max(5, len(payload) // 2)].rsplit(b"\0", 1)[0] + b"\0")


def _bad_number(data: bytes) -> bytes:
    """Turn every number of a text message into letters, except the first, which says what message it is."""
    head, *fields = data[4:].split(b"\0")
    return frame(b"\0".join([head, *(b"x1" if field.isdigit() and field else field for field in fields)]))
