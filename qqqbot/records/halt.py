"""The kill switch: the file HALT in the logs folder. While it is there nothing is traded; it survives every restart."""

import contextlib
import os
from pathlib import Path


class HaltSwitch:
    def __init__(self, path: Path) -> None:
        self._path = path

    def reason(self) -> str | None:
        """Why trading is halted: the file's first line; None if it is not."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self._path.name} cannot be read: {error}"
        return text.strip().partition("\n")[0] or "no reason given"

    def halt(self, reason: str) -> None:
        """Halt trading, keeping the reason of an earlier halt. Raises OSError."""
        with contextlib.suppress(FileExistsError), open(self._path, "x", encoding="utf-8") as file:
            file.write(reason + "\n")
            file.flush()
            os.fsync(file.fileno())
