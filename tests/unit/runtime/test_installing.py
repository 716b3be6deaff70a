"""What pip printed becomes one cause and its remedy."""

from pathlib import Path

import pytest

from qqqbot.runtime.installing import explain_pip, found_packages


@pytest.mark.parametrize(
    ("printed", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "or name another folder with QQQBOT_VENV"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "who changed the package"),
        ("ERROR: Could not find a version (from versions: none)", "The package index does not answer"),
    ],
)
def test_what_made_pip_fail_is_said_with_its_remedy(
    printed: str, advice: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".unfinished").write_text("\n".join([*map(str, range(100, 120)), printed]))
    assert explain_pip(str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert f"\n119\n{printed}\n" in said
    assert "\n112\n" not in said
    assert advice in said


def test_another_failure_of_pip_is_shown_without_a_guess(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".unfinished").write_bytes(b"something new \xff\n")
    assert explain_pip(str(tmp_path)) == 1
    assert capsys.readouterr().err == "Installing failed; the last lines of pip:\nsomething new \ufffd\n"


def test_an_environment_that_has_packages_is_accepted(tmp_path: Path) -> None:
    assert found_packages(str(tmp_path)) == 0  # that of this test
