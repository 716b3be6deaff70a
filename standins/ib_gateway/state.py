"""The book in a file, so that a new gateway process can go on where a killed one stopped."""

import os
import pickle
from pathlib import Path

from standins.ib_gateway.book import Book


def load(path: Path) -> Book | None:
    if not path.exists():
        return None
    book = pickle.loads(path.read_bytes())
    if not isinstance(book, Book):
        raise TypeError(f"{path} holds no gateway's book")
    for order in book.orders:
        order.scheduled = False  # timers die with their process
    return book


def save(path: Path, book: Book) -> None:
    """Replace the file atomically, before any client learns of the change."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(pickle.dumps(book))
    os.replace(fresh, path)
