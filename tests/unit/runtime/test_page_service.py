"""install-service --page: installed, verified, and taken back if it does not start."""

from pathlib import Path

import pytest

from qqqbot.runtime import page_service, place
from qqqbot.runtime.processes import Done
from tests.support.control import FakeProcesses

SAID = Done(0, "StatusText=Open http://127.0.0.1:8787/\n")


@pytest.fixture
def processes() -> FakeProcesses:
    return FakeProcesses(programs={"systemctl"}, answers={"show -p StatusText qqqbot-page.service": SAID})


def install(folder: Path, processes: FakeProcesses, *options: str, **variables: str) -> int:
    environment = {"XDG_CONFIG_HOME": str(folder / "config"), **variables}
    where = place.checkout(folder / "bot_control.sh", environment)
    return page_service.install(where, environment, processes, options)


def unit(folder: Path) -> Path:
    return folder / "config/systemd/user/qqqbot-page.service"


def did(processes: FakeProcesses) -> list[str]:
    asked = [call.removeprefix("systemctl --user ") for call in processes.asked if call.startswith("systemctl")]
    return [call for call in asked if not call.startswith(("is-", "show"))]


def test_it_is_started_and_its_address_and_token_are_told(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path, processes, "--port", "9000", "--bind", "a b") == 0
    assert did(processes) == ["daemon-reload", "enable qqqbot-page.service", "restart qqqbot-page.service"]
    assert f'ExecStart=/usr/bin/env bash "{tmp_path}/bot_control.sh" web "--port" "9000" "--bind" "a b"' in (
        unit(tmp_path).read_text().splitlines()
    )
    token = tmp_path / "web_token.txt"
    assert (token.stat().st_mode & 0o777, len(token.read_text().strip())) == (0o600, 32)
    out = capsys.readouterr().out
    assert "started. Open http://127.0.0.1:8787/\n" in out
    assert f"the token in {token}" in out
    assert token.read_text().strip() not in out, "a terminal is seen by others, and so is its history"


def test_a_token_that_is_there_is_kept(tmp_path: Path, processes: FakeProcesses) -> None:
    own = tmp_path / "own"
    own.write_text("mine")
    assert install(tmp_path, processes, QQQBOT_WEB_TOKEN_FILE=str(own)) == 0
    assert own.read_text() == "mine"
    assert f'Environment="QQQBOT_WEB_TOKEN_FILE={own}"' in unit(tmp_path).read_text()
    assert not (tmp_path / "web_token.txt").exists()


def test_one_that_does_not_start_is_taken_back_with_its_token(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.answers["restart qqqbot-page.service"] = Done(1, "", "Job for qqqbot-page.service failed.")
    processes.answers["is-active qqqbot-page.service"] = Done(3, "inactive\n")
    assert install(tmp_path, processes) == 1
    assert did(processes)[-3:] == ["stop qqqbot-page.service", "disable qqqbot-page.service", "daemon-reload"]
    assert not unit(tmp_path).exists()
    assert not (tmp_path / "web_token.txt").exists()
    told = capsys.readouterr().err
    assert told.startswith("journalctl --user -u qqqbot-page.service\n"), "its own words come first"
    assert told.endswith("everything is as it was before. Job for qqqbot-page.service failed.\n")


def test_the_page_that_ran_before_runs_again(tmp_path: Path, processes: FakeProcesses) -> None:
    assert install(tmp_path, processes) == 0
    before = unit(tmp_path).read_text()
    processes.answers["restart qqqbot-page.service"] = Done(1, "", "no")
    processes.answers["is-active qqqbot-page.service"] = Done(0, "active\n")
    assert install(tmp_path, processes, "--port", "1") == 1
    assert unit(tmp_path).read_text() == before
    assert did(processes)[-2:] == ["daemon-reload", "restart qqqbot-page.service"]
    assert (tmp_path / "web_token.txt").exists(), "it was there before"


def test_a_token_that_the_unit_would_not_see_installs_nothing(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(tmp_path, processes, QQQBOT_WEB_TOKEN="hunter2") == 2
    told = capsys.readouterr().err
    assert f"'{tmp_path / 'web_token.txt'}'" in told
    assert "hunter2" not in told
    assert did(processes) == []


def test_without_systemd_other_ways_are_named(
    tmp_path: Path, processes: FakeProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    processes.programs.clear()
    assert install(tmp_path, processes) == 1
    assert "./bot_control.sh web" in capsys.readouterr().err


def test_a_folder_that_takes_no_token_installs_nothing(tmp_path: Path, processes: FakeProcesses) -> None:
    assert install(tmp_path, processes, QQQBOT_WEB_TOKEN_FILE=str(tmp_path / "no/such/folder")) == 1
    assert did(processes) == []
