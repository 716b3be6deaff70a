"""install-service: the daemon becomes a service of the user's systemd; no root is needed unless nobody is logged in."""

import getpass
from collections.abc import Mapping

from qqqbot.runtime.console import refused, say, warn
from qqqbot.runtime.lifecycle import Lifecycle
from qqqbot.runtime.place import Place
from qqqbot.runtime.processes import Processes
from qqqbot.runtime.service import Service
from qqqbot.runtime.systemd import lost_secrets


def install_service(
    place: Place, environment: Mapping[str, str], lifecycle: Lifecycle, service: Service, processes: Processes
) -> int:
    """The exit code."""
    if not processes.has("systemctl"):
        return refused(f"systemd is not here. macOS: {place.program} start from a login item; Docker: deploy/.")
    if code := lifecycle.check_config():
        return code
    if lost := lost_secrets(place.config.parent, environment):
        return refused("Nothing was installed.", *lost, code=2)
    if problem := service.install():
        return refused(
            f"The service could not be installed in {service.unit}: {problem}",
            "systemd's user manager must run for this user: log in as that user (not with su or sudo), then try again.",
        )
    if code := lifecycle.stop():
        return code
    if not service.restart():
        return refused("The service does not start: journalctl --user -u qqqbot -n 20")
    say(f"installed in {service.unit} and started; systemd restarts it after a crash")
    say(
        f"see it: systemctl --user status qqqbot   stop it: {place.program} stop   "
        "remove it: systemctl --user disable --now qqqbot"
    )
    if processes.run(("loginctl", "enable-linger")).code != 0:
        warn(f"To run while you are not logged in: sudo loginctl enable-linger {getpass.getuser()}")
    return 0
