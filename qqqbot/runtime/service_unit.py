"""python -m qqqbot.runtime.service_unit: prints deploy/qqqbot.service with this folder and its environment in it.

Exit code 2 where the daemon is given secrets by the environment, which the unit would not have.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "deploy" / "qqqbot.service"
# What the unit keeps of the caller's environment. Secrets do not belong into a unit, which everybody may read.
KEPT = ("QQQBOT_CONFIG", "QQQBOT_LOGS", "QQQBOT_VENV", "QQQBOT_NOTIFY_URLS_FILE", "QQQBOT_PING_URL_FILE")
# The daemon's secrets, and the file beside config.json that each may be in instead.
SECRETS = {"QQQBOT_NOTIFY_URLS": "notify_urls.txt", "QQQBOT_PING_URL": "ping_url.txt"}


def lost(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What the service would run without, each with what to do instead."""
    beside = Path(environment.get("QQQBOT_CONFIG") or folder / "config.json").parent
    return [
        f"{name} is set, and a service does not see it: a unit is no place for a secret. Put what it holds into "
        f"'{beside / file}', readable by you alone (touch it, then chmod 600), unset {name}, and install again."
        for name, file in SECRETS.items()
        if environment.get(name, "").strip()
    ]


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
    if secrets := lost(ROOT, os.environ):
        print("Nothing was installed.", *secrets, sep="\n", file=sys.stderr)
        sys.exit(2)
    sys.stdout.write(unit(TEMPLATE.read_text(encoding="utf-8"), ROOT, os.environ))
