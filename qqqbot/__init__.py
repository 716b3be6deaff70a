"""qqqbot: rotates one account between TQQQ, QQQ and cash on QQQ's moving averages."""

__version__ = "1.0.0"
