"""install-service --page: the page as a service of its own, beside the bot's.

Its unit has Type=notify, so systemd regards the page as started when it listens. If something prevents that, this
module reports it and puts everything back as it was.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from qqqbot.model.program import COMMAND
from qqqbot.regular_file import descriptor
from qqqbot.runtime.console import refused, say
from qqqbot.runtime.place import Place
from qqqbot.runtime.processes import Processes
from qqqbot.runtime.secret_files import WEB_TOKEN, fresh
from qqqbot.runtime.service import Service
from qqqbot.runtime.systemd import lost_secrets, quoted

NAME = "qqqbot-page.service"


def install(place: Place, environment: Mapping[str, str], processes: Processes, options: Sequence[str]) -> int:
    """Install, start and verify it; `options` are those of `web`."""
    if not processes.has("systemctl"):
        return refused(f"systemd is not available. In a terminal: {COMMAND} web; Docker: the profile page of deploy/.")
    if lost := lost_secrets(place.config.parent, environment, WEB_TOKEN):
        return refused("Nothing was installed.", *lost, code=2)
    words = [quoted(word).replace("$", "$$") for word in options]
    service = Service(place, environment, processes, NAME, ("web", *words))
    ran, token = service.runs(), WEB_TOKEN.path(environment, place.config.parent)
    try:
        made = _make_token(token)
    except OSError as error:
        return refused(f"Nothing was installed: {token} cannot be written: {error.strerror}.")
    problem = service.install()
    if problem is None and (problem := service.restart()) is not None:
        service.show_newest_lines()
        service.stop(wait=True)
        service.roll_back()
        if ran:
            service.restart()
    if problem is not None:
        if made:
            token.unlink()
        return refused(f"The page was not installed; everything is as it was before. {problem}")
    say(f"installed in {service.unit} and started. {service.said()}")
    say(f"It asks once for the token in {token}; the user name does not matter.")
    say("see it: systemctl --user status qqqbot-page   remove it: systemctl --user disable --now qqqbot-page")
    service.linger()
    return 0


def _make_token(path: Path) -> bool:
    """Write a random token if there is none; returns whether it was written. Raises OSError."""
    try:
        made = descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return False
    with os.fdopen(made, "w", encoding="ascii") as file:
        file.write(fresh() + "\n")
    return True
