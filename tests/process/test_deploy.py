"""The service, the container and the lock file, each read by the tool that will use it, if that is installed."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from drill.checkout import ROOT
from standins.receiver import receiving
from tests.support.checkout import Checkout

DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
TOP: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
SERVICES: dict[str, Any] = TOP["services"]

SYSTEMCTL = """#!/bin/sh
echo "$@" >>"$CALLS"
if [ -n "$SYSTEMCTL_FAILS" ]; then echo "Failed to connect to bus" >&2; exit 1; fi
case "$*" in *" start "*) "$SCRIPT" run >/dev/null 2>&1 & esac
"""


@pytest.fixture
def machine(checkout: Checkout) -> Checkout:
    """The project on a machine with a systemctl that notes what it is asked for, and starts the daemon."""
    checkout.with_standin_daemon()
    tools = checkout.folder.parent / "tools"
    tools.mkdir()
    for name in ("systemctl", "loginctl"):
        (tools / name).write_text(SYSTEMCTL)
        (tools / name).chmod(0o755)
    checkout.environment |= {
        "PATH": f"{tools}:{checkout.environment['PATH']}",
        "CALLS": str(tools / "calls"),
        "SCRIPT": str(checkout.script),
        "XDG_CONFIG_HOME": str(checkout.folder.parent / "config"),
    }
    return checkout


def installed_unit(machine: Checkout) -> Path:
    return machine.folder.parent / "config/systemd/user/qqqbot.service"


def systemctl_calls(machine: Checkout) -> list[str]:
    """What it was asked to do; not what it was only asked."""
    lines = (machine.folder.parent / "tools/calls").read_text().splitlines()
    return [line for line in lines if not re.match("--user (is-enabled|is-active|show)", line)]


# The systemd unit


def test_the_service_is_installed_enabled_and_started(machine: Checkout) -> None:
    done = machine.run("install-service")
    assert done.returncode == 0, done.stderr
    assert systemctl_calls(machine) == [
        "--user daemon-reload",
        "--user enable qqqbot.service",
        "--user stop qqqbot.service",
        "--user start qqqbot.service",
        "enable-linger",
    ]
    lines = installed_unit(machine).read_text().splitlines()
    assert f'ExecStart=/usr/bin/env bash "{machine.script}" run' in lines
    assert f"WorkingDirectory={machine.folder}" in lines
    assert not any("@" in line for line in lines if not line.startswith(("#", "SystemCallFilter")))


def test_systemd_accepts_the_unit(machine: Checkout, tmp_path: Path) -> None:
    """systemd before 254 names the two keys of the back-off; that is all it may say."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    assert machine.run("install-service").returncode == 0
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(installed_unit(machine))],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "RestartSteps" not in line]
    assert [line for line in complaints if "RestartMaxDelaySec" not in line] == []
    assert done.returncode == 0


def test_systemd_accepts_the_pages_unit(machine: Checkout, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not here")
    done = machine.run("install-service", "--page", "--port", "9001")
    assert done.returncode == 0, done.stderr
    unit = installed_unit(machine).with_name("qqqbot-page.service")
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ["systemd-analyze", "--user", "verify", str(unit)]
    checked = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_refusal_by_systemd_is_reported_and_leaves_no_half_written_unit(machine: Checkout) -> None:
    done = machine.run("install-service", SYSTEMCTL_FAILS="yes")
    assert done.returncode == 1
    assert "Failed to connect to bus" in done.stderr
    assert "log in as that user" in done.stderr
    assert not installed_unit(machine).with_suffix(".service.new").exists()


def test_a_bad_configuration_installs_nothing(machine: Checkout) -> None:
    (machine.folder / "config.json").write_text("{}}")
    assert machine.run("install-service").returncode == 2
    assert not installed_unit(machine).exists()


@pytest.mark.parametrize(
    ("name", "file"), [("QQQBOT_NOTIFY_URLS", "notify_urls.txt"), ("QQQBOT_PING_URL", "ping_url.txt")]
)
def test_alarms_the_service_could_not_see_are_refused_before_anything_is_installed(
    machine: Checkout, name: str, file: str
) -> None:
    machine.environment[name] = "https://example.invalid/hunter2"
    refused = machine.run("install-service")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"Nothing was installed.\n{name} is set, but a service does not see it")
    assert f"'{machine.folder / file}', readable by you alone (touch it, then chmod 600)" in refused.stderr
    assert "hunter2" not in refused.stdout + refused.stderr
    assert not installed_unit(machine).exists()
    assert not (machine.folder.parent / "tools/calls").exists()


def test_relative_paths_of_secrets_are_the_callers_in_the_unit_too(machine: Checkout, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    relative = {"QQQBOT_VENV": "../trading bot/.venv"}
    for name, text in (("NOTIFY_URLS", "ntfy://ntfy.sh/a-topic"), ("PING_URL", "https://example.invalid/")):
        (elsewhere / name).write_text(text)
        (elsewhere / name).chmod(0o600)
        relative[f"QQQBOT_{name}_FILE"] = name
    done = machine.run("install-service", cwd=elsewhere, **relative)
    assert done.returncode == 0, done.stderr
    lines = installed_unit(machine).read_text().splitlines()
    for name, path in relative.items():
        assert f'Environment="{name}={elsewhere}/{path}"' in lines


def test_a_missing_secrets_file_installs_nothing(machine: Checkout, tmp_path: Path) -> None:
    refused = machine.run("install-service", cwd=tmp_path, QQQBOT_PING_URL_FILE="ping")
    assert refused.returncode == 2
    assert f"{tmp_path}/ping: there is no such file" in refused.stderr
    assert not installed_unit(machine).exists()


def test_the_daemon_tells_systemd_when_it_is_ready_and_when_it_stops(checkout: Checkout, tmp_path: Path) -> None:
    """Through the script, as the unit runs it: the process that systemd started is the one that speaks."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        daemon = checkout.begin("run", NOTIFY_SOCKET=str(tmp_path / "notify"))
        heard = ""
        while "READY=1" not in heard:
            heard = manager.recv(4096).decode()
        assert "WATCHDOG=1" in heard
        assert "STATUS=DRY RUN, running." in heard
        assert checkout.daemon() == daemon.pid
        daemon.send_signal(signal.SIGTERM)
        while "STOPPING=1" not in heard:
            heard = manager.recv(4096).decode()
        assert daemon.wait(20) == 0
        daemon.communicate()


# Containers


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    command = ["docker", "compose"]
    if not shutil.which("docker") or subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not here")
    copy = tmp_path / "deploy"
    shutil.copytree(DEPLOY, copy)
    arguments = ["-f", str(copy / "compose.yaml"), "--profile", "ib", "config", "--quiet"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_comes_back_logs_with_a_bound_and_lives_in_new_york(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["environment"]["TZ"] == "America/New_York"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "stop_grace_period"} <= service.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_only_the_page_publishes_a_port_to_this_machine_and_secrets_are_only_given_as_files(name: str) -> None:
    service = SERVICES[name]
    assert service.get("ports") == (["127.0.0.1:8787:8787"] if name == "page" else None)
    secret = re.compile("PASSWORD|TOKEN|URL")
    given = {key: value for key, value in service["environment"].items() if secret.search(key)}
    assert all(key.endswith("_FILE") and value.startswith("/run/secrets/") for key, value in given.items())


def test_the_bots_container_can_write_nothing_but_its_logs() -> None:
    bot = SERVICES["bot"]
    assert bot["read_only"] is True
    assert bot["cap_drop"] == ["ALL"]
    assert not bot["user"].startswith(("0", "root"))
    assert [volume for volume in bot["volumes"] if not volume.endswith(":ro")] == ["../logs:/logs"]


def test_the_pages_container_can_write_nowhere() -> None:
    page, bot = SERVICES["page"], SERVICES["bot"]
    assert all(page[key] == bot[key] for key in ("read_only", "cap_drop", "user", "image"))
    assert page["volumes"] == ["../logs:/logs:ro"]


def head_of_compose() -> list[str]:
    """What stands before the file's first key, without the comment signs."""
    return [line.lstrip("# ") for line in COMPOSE.read_text().partition("\nname:")[0].splitlines()]


def test_the_commands_at_the_head_make_every_folder_and_secret_that_is_mounted(tmp_path: Path) -> None:
    """A folder that Docker has to make is root's, and neither container could write in it."""
    commands = [line for line in head_of_compose() if line.startswith(("install -d", "for f in"))]
    subprocess.run(["sh", "-ec", "mkdir deploy\n" + "\n".join(commands)], cwd=tmp_path, check=True)
    secrets = [tmp_path / "deploy" / entry["file"] for entry in TOP["secrets"].values()]
    assert [oct(path.stat().st_mode & 0o777) for path in secrets] == ["0o600"] * len(TOP["secrets"])
    gateway = SERVICES["gateway"]["volumes"][0]
    folders = [tmp_path / "deploy" / gateway["source"], tmp_path / "logs"]
    assert [oct(path.stat().st_mode & 0o777) for path in folders] == ["0o700"] * 2


def test_the_gateway_writes_into_a_folder_of_the_host_that_docker_never_makes() -> None:
    gateway = SERVICES["gateway"]
    assert gateway["volumes"] == [
        {
            "type": "bind",
            "source": "./gateway",
            "target": gateway["environment"]["TWS_SETTINGS_PATH"],
            "bind": {"create_host_path": False},
        }
    ]
    assert "volumes" not in TOP
    assert "sudo chown 1000:1000 deploy/gateway deploy/secrets/ib_password.txt" in head_of_compose()


def test_the_owners_commands_at_the_head_are_those_of_the_manual() -> None:
    told = re.findall(r"docker compose -f deploy/compose\.yaml (?:exec|run --rm) bot (python .*)", COMPOSE.read_text())
    assert told == [
        "python -m qqqbot.notifications.try_channels",
        "python monitor.py --status",
        "python qqq_trading_bot.py --adopt",
    ]
    manual = (ROOT / "docs/operating.md").read_text()
    assert all(f"bot {command}" in manual for command in told)


@pytest.fixture
def container(checkout: Checkout, tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run a command as it runs in the container: in the folder of the program, with the image's and the file's
    environment; what is mounted there is in folders of the test's own."""
    places = {"/config": tmp_path / "config", "/logs": tmp_path / "logs", "/run/secrets": tmp_path / "secrets"}
    for folder in places.values():
        folder.mkdir()
    shutil.copy(ROOT / "config.json", places["/config"])
    for name in ("notify_urls", "ping_url"):
        (places["/run/secrets"] / name).touch(mode=0o600)
    given = dict(re.findall(r"(QQQBOT_[A-Z_]+)=(\S+)", DOCKERFILE)) | SERVICES["bot"]["environment"]
    for inside, outside in places.items():
        given = {name: re.sub(f"^{inside}(?=/|$)", str(outside), value) for name, value in given.items()}
    assert {name for name, value in given.items() if str(tmp_path) in value} == {
        *("QQQBOT_CONFIG", "QQQBOT_LOGS", "QQQBOT_NOTIFY_URLS_FILE", "QQQBOT_PING_URL_FILE")
    }

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=checkout.folder,
            env={**checkout.environment, **given},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_in_the_container_the_alarms_can_be_tested(
    container: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    nothing = container("-m", "qqqbot.notifications.try_channels")
    assert (nothing.returncode, "No notification channel is configured" in nothing.stderr) == (2, True)
    with receiving() as phone:
        (tmp_path / "secrets/notify_urls").write_text(phone.json_url())
        done = container("-m", "qqqbot.notifications.try_channels")
    assert (done.returncode, done.stdout) == (0, "channel 1 (json): delivered\n"), done.stderr
    assert len(phone.messages) == 2, "a short one and a long one"


@pytest.mark.parametrize("answer", ["--adopt", "--leave"])
def test_in_the_container_an_answer_reaches_the_book_that_is_mounted(
    container: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path, checkout: Checkout, answer: str
) -> None:
    done = container("qqq_trading_bot.py", answer)
    assert "Traceback" not in done.stderr
    assert (tmp_path / "logs/bot.pid").exists()
    assert not checkout.logs.exists()
    assert container("monitor.py", "--status").returncode in (1, 3)


def test_the_image_runs_without_privileges_and_the_monitor_is_its_health_check() -> None:
    instructions = [line.split(None, 1) for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
    after_user = instructions[instructions.index(["USER", "bot"]) :]
    assert {name for name, _ in after_user} <= {"USER", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "CMD"}
    assert '["python", "monitor.py", "--status"]' in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_the_image_uses_files_that_exist_and_are_not_ignored() -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, flags=re.MULTILINE)
    for name in " ".join(copied).split():
        assert (ROOT / name).exists(), name
        assert any(Path(name).match(pattern) for pattern in let_in), name


def test_secrets_are_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    names = [
        "notify_urls.txt",
        "ping_url.txt",
        "deploy/secrets/notify_urls.txt",
        "deploy/gateway/jts.ini",
        "deploy/.env",
        "logs/trades.jsonl",
    ]
    done = subprocess.run(["git", "check-ignore", *names], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == names


# The lock


def locked(name: str) -> dict[str, str]:
    """package -> its exact release, of one lock file; each must have at least one hash."""
    entries = re.split(r"\n(?=[a-z0-9])", "\n" + (ROOT / name).read_text())[1:]
    found = {}
    for entry in entries:
        head = re.match(r"([a-z0-9._-]+)==(\S+)", entry)
        assert head, entry
        assert "--hash=sha256:" in entry, head.group(1)
        found[normal(head.group(1))] = head.group(2)
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(
    "name",
    ["requirements", "requirements-build", "requirements-dev", ".ci/nautilus-ibapi", ".ci/ibapi-stable"],
)
def test_the_lock_has_every_requirement_within_its_range(name: str) -> None:
    lines = [line for line in (ROOT / f"{name}.txt").read_text().splitlines() if line and line[0] not in "#-"]
    releases = locked(f"{name}.lock")
    for wanted in map(Requirement, lines):
        assert wanted.specifier.contains(releases[normal(wanted.name)], prereleases=True), wanted


def test_the_tests_run_on_the_releases_that_are_locked_for_the_owner() -> None:
    owner, tests = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: release for name, release in owner.items() if tests.get(name) != release} == {}
