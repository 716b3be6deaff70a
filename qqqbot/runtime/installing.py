"""What pip did, for bot_control.sh: why pip failed, and whether it put the packages where they belong."""

import os
from importlib.metadata import distributions
from pathlib import Path

from qqqbot.runtime.console import refused

LINES_SHOWN = 8
CAME_WITH_IT = ("pip", "setuptools")


def explain_pip(environment: str) -> int:
    """Say why pip failed, according to its output."""
    printed = (Path(environment) / ".unfinished").read_text(encoding="utf-8", errors="replace")
    causes = (
        (("No space left on device",), ("The disk is full: free about 500 MB, then try again.",)),
        (
            ("Permission denied", "Read-only file system"),
            (f"Make {environment} writable, or name another folder with QQQBOT_VENV.",),
        ),
        (
            ("DO NOT MATCH THE HASHES",),
            (
                "A package is not the one that the lock file names; nothing was installed. Get the lock file again "
                "(git pull),",
                "or find out who changed the package: a proxy, a mirror, or somebody who should not have.",
            ),
        ),
        (
            ("connection broken", "from versions: none", "ConnectionError", "Could not fetch URL", "timed out"),
            (
                "The package index does not answer: check the network (behind a proxy, set HTTPS_PROXY), then try "
                "again.",
                "Or it has no wheel for this machine: 64-bit Linux and macOS are provided for.",
            ),
        ),
    )
    advice = next((lines for signs, lines in causes if any(sign in printed for sign in signs)), ())
    return refused("Installing failed; the last lines of pip:", *printed.splitlines()[-LINES_SHOWN:], *advice)


def found_packages(environment: str) -> int:
    """Exit code 0 if this Python's environment has packages besides those that came with it."""
    if any(found.metadata["Name"].lower() not in CAME_WITH_IT for found in distributions()):
        return 0
    named = os.environ.get("PIP_CONFIG_FILE")
    return refused(
        f"pip put the packages somewhere else than into {environment}: its configuration has a target, prefix or root.",
        f"See pip config list and PIP_CONFIG_FILE{f', which is {named}' if named else ''}; take that out, then try "
        "again.",
    )
