"""One child process: its input, its answer, its deadline, and that nothing of it is left behind."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from qqqbot.runtime import child_process
from qqqbot.runtime.child_process import ChildFailed, ChildJobs, ChildStopped, run_child
from standins.receiver import receiving


def child(script: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", script)


def never() -> bool:
    return False


def test_the_answer_of_a_child_is_its_status_output_and_last_words() -> None:
    answer = run_child(child("import sys; print('out'); sys.exit('a\\nb')"), 10, never)
    assert (answer.status, answer.output, answer.last_words) == (1, b"out\n", "b")
    assert answer.ended == "ended with status 1"


def test_only_the_end_of_a_childs_error_output_is_kept() -> None:
    answer = run_child(child("import sys; sys.stderr.write('x' * (1 << 20))"), 10, never)
    assert answer.last_words == "x" * 297 + "..."


def test_a_child_reads_all_that_it_is_given_while_it_writes() -> None:
    echo = "import sys\nwhile piece := sys.stdin.buffer.read1(1000): sys.stdout.buffer.write(piece)"
    given = bytes(range(256)) * 2000
    assert run_child(child(echo), 30, never, given).output == given


def test_a_child_that_reads_nothing_does_not_block_its_parent() -> None:
    assert run_child(child("print('done')"), 10, never, b"x" * (1 << 20)).output == b"done\n"


def test_a_childs_input_is_on_no_command_line_and_in_no_environment() -> None:
    show = "import os, sys; print(sys.argv, dict(os.environ))"
    assert b"hunter2" not in run_child(child(show), 10, never, b"hunter2").output


def test_a_childs_arithmetic_has_one_thread_however_many_processors_there_are() -> None:
    """One for each of 64, where a service may have 64 in all, ended every check with a KeyboardInterrupt."""
    show = "import os; print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_NUM_THREADS'])"
    assert run_child(child(show), 10, never).output == b"1 1\n"


def test_a_child_finds_the_package_from_any_folder() -> None:
    found = run_child(child("import os; os.chdir('/'); import qqqbot; print(qqqbot.__file__)"), 10, never)
    assert found.output.decode().strip() == str(child_process.ROOT / "qqqbot" / "__init__.py")


def test_an_answer_is_bounded() -> None:
    with pytest.raises(ChildFailed, match="larger than 4,194,304 bytes"):
        run_child(child("import os; os.write(1, b'x' * (5 << 20))"), 10, never)


def test_a_hanging_child_is_ended_at_the_deadline() -> None:
    begun = time.monotonic()
    with pytest.raises(ChildFailed, match=r"no answer within 0\.5 s"):
        run_child(child("import time; time.sleep(60)"), 0.5, never)
    assert time.monotonic() - begun < 30


def test_a_stop_request_keeps_a_child_from_starting(tmp_path: Path) -> None:
    with pytest.raises(ChildStopped):
        run_child(child(f"open({str(tmp_path / 'made')!r}, 'w')"), 10, lambda: True)
    assert not (tmp_path / "made").exists()


def test_an_abort_from_another_thread_ends_the_job_that_runs() -> None:
    jobs = ChildJobs()
    timer = threading.Timer(0.3, jobs.abort)
    timer.start()
    begun = time.monotonic()
    with receiving() as receiver:
        receiver.hangs = True
        with pytest.raises(ChildStopped, match="stopping"):
            jobs.run("notifications.deliver", {"url": receiver.url(""), "timeout": 60}, 60)
    assert time.monotonic() - begun < 30
    timer.join()
    with pytest.raises(ChildProcessError):  # no child, and no zombie, is ours
        os.waitpid(-1, os.WNOHANG)
