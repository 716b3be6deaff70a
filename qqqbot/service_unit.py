"""python -m qqqbot.service_unit: prints deploy/qqqbot.service with this folder and its environment written into it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "deploy" / "qqqbot.service"
# What the unit keeps of the caller's environment. Secrets do not belong into a unit, which everybody may read.
KEPT = ("QQQBOT_CONFIG", "QQQBOT_LOGS", "QQQBOT_VENV", "QQQBOT_NOTIFY_URLS_FILE", "QQQBOT_PING_URL_FILE")


def unit(template: str, folder: Path, environment: Mapping[str, str]) -> str:
    kept = [f"Environment={quoted(f'{name}={environment[name]}')}" for name in KEPT if environment.get(name)]
    return (
        template.replace("@SCRIPT@", quoted(str(folder / "bot_control.sh")))
        .replace("@FOLDER@", str(folder).replace("%", "%%"))
        .replace("@ENVIRONMENT@", "\n".join(kept))
    )


def quoted(text: str) -> str:
    """One word of a unit file: systemd.syntax(7), specifiers included."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.stdout.write(unit(TEMPLATE.read_text(encoding="utf-8"), ROOT, os.environ))
