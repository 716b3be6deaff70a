"""The lock on logs/bot.pid: what the kernel says counts, what the file says does not."""

import errno
import os
from pathlib import Path

import pytest

from qqqbot.model.errors import AlreadyRunning, BotError, StartRefused
from qqqbot.runtime.lock import Lock, holder


def test_a_free_lock_has_no_holder(tmp_path: Path) -> None:
    assert holder(tmp_path / "bot.pid") is None


def test_the_holder_is_known_while_it_holds_the_lock_and_not_after(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        assert holder(path) == os.getpid()
    assert holder(path) is None
    assert path.exists()


@pytest.mark.parametrize("left_behind", [f"{os.getppid()}\n", "", "garbage\n", "99999999999999999999999", "\0" * 100])
def test_a_file_left_behind_locks_nothing_whatever_is_in_it(tmp_path: Path, left_behind: str) -> None:
    path = tmp_path / "bot.pid"
    path.write_text(left_behind)
    assert holder(path) is None
    with Lock(path):
        assert holder(path) == os.getpid()
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_second_holder_is_refused_with_the_holder_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        with pytest.raises(AlreadyRunning) as refused:
            Lock(path).acquire()
        assert holder(path) == os.getpid()
    for part in (f"pid {os.getpid()}", str(path), "./bot_control.sh stop"):
        assert part in str(refused.value)


def test_a_removed_file_is_noticed_by_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    lock = Lock(path)
    assert not lock.intact()
    lock.acquire()
    assert lock.intact()
    path.unlink()
    assert not lock.intact()
    path.write_text("somebody else's\n")
    assert not lock.intact()
    lock.release()


def test_a_file_that_cannot_be_looked_at_for_a_while_is_not_one_that_was_removed(tmp_path: Path) -> None:
    """The daemon ended if its disk did not answer in the moment of its question."""
    path = tmp_path / "bot.pid"
    with Lock(path) as lock:
        path.rename(tmp_path / "kept")
        path.symlink_to(path)  # what no user can look at, not even root
        assert not lock.secure()
        path.unlink()
        (tmp_path / "kept").rename(path)
        assert not lock.secure()


def test_a_lock_whose_file_was_removed_is_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path) as lock:
        assert not lock.secure()
        path.unlink()
        assert lock.secure()
        assert lock.intact()
        assert holder(path) == os.getpid()
    assert holder(path) is None


@pytest.mark.parametrize("successor", [False, True], ids=["no folder", "another folder"])
def test_a_lock_is_only_taken_in_the_folder_of_the_records(tmp_path: Path, successor: bool) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    with Lock(logs / "bot.pid") as lock:
        logs.rename(tmp_path / "old logs")
        if successor:
            logs.mkdir()
        with pytest.raises(BotError, match="was moved or removed while the daemon ran") as ended:
            lock.secure()
        assert not isinstance(ended.value, StartRefused), "it had started"
        assert not (logs / "bot.pid").exists()


def test_an_unreadable_lock_is_not_free(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    path.mkdir()
    with pytest.raises(StartRefused, match=r"bot\.pid: cannot be opened: Is a directory; .*remove what is there"):
        Lock(path).acquire()
    loop = tmp_path / "loop" / "bot.pid"
    loop.parent.mkdir()
    loop.symlink_to(loop)
    with pytest.raises(StartRefused, match="cannot be opened"):
        holder(loop)


def test_a_disk_without_locks_is_refused_by_the_daemon_and_by_its_commands(tmp_path: Path) -> None:
    def no_locks(file: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    path = tmp_path / "bot.pid"
    with pytest.raises(StartRefused, match=r"bot\.pid: cannot be locked: No locks available; .*QQQBOT_LOGS"):
        Lock(path, no_locks).acquire()
    with pytest.raises(StartRefused, match="cannot be locked"):
        holder(path, no_locks)


def test_a_locked_file_without_a_pid_names_no_holder(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    with Lock(path):
        path.write_text("12")  # as if its holder were cut off in the middle of writing
        with pytest.raises(StartRefused, match="it contains no pid"):
            holder(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"the folder .* does not exist"):
        Lock(tmp_path / "nowhere" / "bot.pid").acquire()
    assert holder(tmp_path / "nowhere" / "bot.pid") is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_and_leaves_the_lock_free(tmp_path: Path) -> None:
    path = tmp_path / "bot.pid"
    path.symlink_to("/dev/full")
    with pytest.raises(StartRefused, match="No space left on device"):
        Lock(path).acquire()
