"""The dashboard in a terminal, redrawn until q or Ctrl-C. The terminal is given back as it was, however it ends."""

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from rich.console import Console
from rich.live import Live

from qqqbot.display.terminal import drawn
from qqqbot.monitoring.screens import live as live_screen

# Looking at the files and drawing takes about 15 ms: at this pace a third of a per cent of a core.
EVERY_SECONDS = 5.0
QUIT = b"qQ\x03\x04"


def show(facts: Callable[[], dict[str, Any]], out: TextIO) -> None:
    """Redraw what `facts` tells, until q, Ctrl-C, a stop or the end of the terminal. Raises OSError."""
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    with (
        _stopped_by_signals(),
        contextlib.suppress(KeyboardInterrupt),
        _keys_at_once() as keys,
        Live(console=console, screen=True, auto_refresh=False) as live,
    ):
        while True:
            live.update(drawn(live_screen.live(facts(), console.size.height)), refresh=True)
            if _asked_to_quit(keys, EVERY_SECONDS):
                return


def _asked_to_quit(keys: int | None, seconds: float) -> bool:
    """Waits; True as soon as q is pressed or the terminal is gone. Another key redraws at once."""
    waiting = select.poll()  # select() knows no descriptor above 1023
    if keys is not None:
        waiting.register(keys, select.POLLIN)
    if not waiting.poll(int(seconds * 1000)) or keys is None:
        return False
    pressed = os.read(keys, 64)
    return not pressed or any(key in QUIT for key in pressed)


@contextlib.contextmanager
def _keys_at_once() -> Iterator[int | None]:
    """Keys come without Enter and are not echoed; None where the input is no terminal, and only Ctrl-C quits."""
    if not sys.stdin.isatty():
        yield None
        return
    keys = sys.stdin.fileno()
    before = termios.tcgetattr(keys)
    try:
        tty.setcbreak(keys)
        yield keys
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """TERM and HUP end it as Ctrl-C does, so that the terminal is given back."""

    def stop(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
