"""The symbols of the default rule."""

from qqqbot.model.family import DEFAULT_SYMBOLS

SYMBOLS = DEFAULT_SYMBOLS
QQQ, TQQQ = SYMBOLS
