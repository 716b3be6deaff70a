"""Files of an account are their owner's alone."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from qqqbot.runtime import permissions


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_files_are_closed_to_others(tmp_path: Path) -> None:
    permissions.from_now_on()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "trades.jsonl").touch()
    assert (mode(tmp_path / "logs"), mode(tmp_path / "logs" / "trades.jsonl")) == (0o700, 0o600)


def test_existing_files_are_closed_to_others_and_that_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name, before in (("trades.jsonl", 0o644), ("run.sh", 0o755), ("book.jsonl", 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(before)
    permissions.close_to_others(tmp_path)
    assert [mode(tmp_path / name) for name in ("trades.jsonl", "run.sh", "book.jsonl")] == [0o600, 0o700, 0o600]
    assert sorted(caplog.messages) == ["file=run.sh closed_to_others=true", "file=trades.jsonl closed_to_others=true"]


def test_folders_and_what_links_point_to_are_left_alone(tmp_path: Path) -> None:
    elsewhere, logs = tmp_path / "elsewhere", tmp_path / "logs"
    (logs / "demo").mkdir(parents=True)
    elsewhere.touch()
    (logs / "link").symlink_to(elsewhere)
    permissions.close_to_others(logs)
    assert (mode(elsewhere), mode(logs / "demo")) == (0o644, 0o755)
