"""The program as pip installs it: a wheel of this checkout, in its own environment, used from another folder."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from drill.checkout import ROOT, eventually
from qqqbot.runtime.lock import holder

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, offline: what builds it is in the environment of the tests."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "qqqbot", source / "qqqbot", ignore=shutil.ignore_patterns("__pycache__"))
    for path in [*ROOT.glob("*.py"), *ROOT.glob("requirements*.txt"), *ROOT.glob("LICENSE")]:
        shutil.copy(path, source)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(source / "out"), str(source)]
    subprocess.run(command, check=True)
    (made,) = (source / "out").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty but for the wheel; it sees the libraries of the tests, so that none has to be downloaded."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = str(folder / "bin" / "python")
    packages = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options, str(wheel)], check=True)
    shared = [path for path in sys.path if Path(path).name == "site-packages"]
    (Path(packages) / "shared.pth").write_text("".join(f"{path}\n" for path in shared))
    return folder


@pytest.fixture
def qqqbot(environment: Path, tmp_path: Path) -> Run:
    """Run the console script in the owner's folder, `tmp_path`."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    # A proxy that does not exist: any network access would fail.
    kept |= {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_COLOR": "1"}

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["qqqbot", *arguments],
            executable=environment / "bin" / "qqqbot",
            cwd=tmp_path,
            env={**kept, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    return run


def test_the_wheel_holds_the_program_and_nothing_of_the_project_around_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *("qqqbot", "ib_broker.py", "monitor.py", "qqq_trading_bot.py", "test_ib_connection.py")
    }
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "qqqbot").rglob("*") if path.is_file()}
    assert {name for name in data if not name.endswith((".pyc", ".typed"))} <= set(names)
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("METADATA"))).decode()
    wanted = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] not in "#-"]
    assert metadata.count("\nRequires-Dist: ") == len(wanted)
    assert "\nLicense-Expression: MIT\n" in metadata


def test_the_demo_and_the_status_run_from_any_folder(qqqbot: Run, tmp_path: Path) -> None:
    shown = qqqbot("demo")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("SIMULATED PRICES")
    assert (tmp_path / "logs/demo/trades.jsonl").stat().st_size > 0
    status = qqqbot("status")
    assert status.returncode == 3, status.stderr
    assert "qqqbot start" in status.stdout
    assert not [text for text in (shown.stdout, status.stdout) if "bot_control" in text], "a command that is not here"
    there = qqqbot("status", "--json", QQQBOT_LOGS="logs/demo")
    assert json.loads(there.stdout)["simulated_prices"] is True


def test_a_missing_configuration_is_an_error_that_names_the_remedy(qqqbot: Run, tmp_path: Path) -> None:
    refused = qqqbot("start")
    assert refused.returncode == 2
    assert f"{tmp_path}/config.json: there is no such file" in refused.stderr
    assert "; qqqbot init writes one" in refused.stderr
    assert not (tmp_path / "logs").exists()
    assert qqqbot("init").returncode == 0
    assert qqqbot("init").returncode == 1, "it never replaces one"


def test_the_daemon_starts_and_stops_in_the_folder_in_which_it_is_called(qqqbot: Run, tmp_path: Path) -> None:
    assert qqqbot("init").returncode == 0
    started = qqqbot("start", QQQBOT_READY_SECONDS="30")
    try:
        assert started.stdout.startswith("started (pid "), started.stderr
        halted = qqqbot("halt", "a", "test")
        assert "HALT is written: no new orders until qqqbot resume\nThe daemon (pid " in halted.stdout, halted.stderr
        assert (tmp_path / "logs/HALT").read_text() == "a test\nhalted by the owner's command\n"
    finally:
        stopped = qqqbot("stop", "--force")
    assert stopped.stdout == "stopped\n", stopped.stderr
    eventually(lambda: holder(tmp_path / "logs/bot.pid") is None, "the lock is free")


@pytest.mark.parametrize("command", ["drill", "test", "update"])
def test_a_command_that_needs_a_checkout_says_so(qqqbot: Run, command: str) -> None:
    refused = qqqbot(command)
    assert refused.returncode == 1
    assert "checkout" in refused.stderr or "pip install --upgrade" in refused.stderr


def test_its_help_names_its_own_command(qqqbot: Run) -> None:
    text = qqqbot("help").stdout
    assert text.startswith("usage: qqqbot COMMAND\n")
    assert "QQQBOT_VENV" not in text
    assert "bot_control" not in text
    assert "`qqqbot init` writes a first config.json there" in text
