"""The set-up that bot_control.sh makes on first use, with real environments and the real pip, offline.

What is installed is a tiny wheel of our own, so that no test needs an index; the list of real requirements is installed
on a clean machine by .ci/run.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from drill.checkout import NOBODY, finished
from tests.support.checkout import Checkout

TOOLS = (
    *("bash", "env", "sh", "dirname", "basename", "readlink", "mkdir", "cat", "grep", "tail"),
    *("mv", "rm", "sleep", "wc", "ps", "getconf"),
)


def wheel(folder: Path, name: str, version: str, payload: bytes = b"") -> Path:
    """A package of one module that knows its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{name}_payload.bin", payload)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def require(checkout: Checkout, *lines: str) -> None:
    (checkout.folder / "requirements.txt").write_text("".join(f"{line}\n" for line in lines))


def installed_version(checkout: Checkout) -> str:
    command = [str(checkout.folder / ".venv/bin/python"), "-c", "import tinything; print(tinything.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture
def clone(fresh_checkout: Checkout) -> Checkout:
    """A fresh clone whose requirements are one tiny wheel and whose daemon is the stand-in; pip reaches no index."""
    clone = fresh_checkout.with_standin_daemon()
    clone.environment |= {"PYTHON": sys.executable, "PIP_INDEX_URL": f"{NOBODY}/simple", "PIP_RETRIES": "0"}
    clone.environment |= {"PIP_CONFIG_FILE": os.devnull, "STANDIN_NO_CONFIG": "1"}
    require(clone, wheel(clone.folder, "tinything", "1.0").as_uri())
    return clone


@pytest.fixture(scope="module")
def bare_environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip and nothing else, made once; it works as a copy."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def half_made(clone: Checkout, bare_environment: Path) -> Checkout:
    """The clone with an environment in which nothing has been installed yet."""
    shutil.copytree(bare_environment, clone.folder / ".venv", symlinks=True)
    return clone


def path_with(folder: Path, **scripts: str) -> str:
    """A PATH that has the usual tools, no Python, and the given shell scripts."""
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, text in scripts.items():
        (folder / name.replace("_", ".")).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name.replace("_", ".")).chmod(0o755)
    return str(folder)


def test_first_starts_at_the_same_instant_set_up_once_and_later_ones_are_silent(clone: Checkout) -> None:
    starts = [clone.begin("start") for _ in range(3)]
    results = [finished(start) for start in starts]
    assert [result.returncode for result in results] == [0] * 3, [result.stderr for result in results]
    said = "".join(result.stderr for result in results)
    assert said == f"Setting up in {clone.folder}/.venv; this takes a minute.\n"
    assert installed_version(clone) == "1.0"
    assert clone.calls() == ["daemon"]
    later = clone.run("start")
    assert (later.returncode, later.stderr) == (0, "")


def test_changed_requirements_are_installed_again(half_made: Checkout) -> None:
    assert half_made.run("once").returncode == 0
    require(half_made, wheel(half_made.folder, "tinything", "2.0").as_uri())
    again = half_made.run("once")
    assert again.stderr == "Installing what requirements.txt names; this takes a moment.\n"
    assert installed_version(half_made) == "2.0"


def test_commands_that_must_work_at_once_install_nothing(clone: Checkout) -> None:
    assert clone.run("stop").stdout == "not running\n"
    assert "HALT is written" in clone.run("halt").stdout
    assert clone.run("resume").stdout == "resumed: the next check may trade\n"
    assert clone.run("status").stdout == "monitor --status\n"
    assert not (clone.folder / ".venv").exists()


def test_an_installation_interrupted_while_writing_is_repeated(half_made: Checkout) -> None:
    """As pip leaves it when it is killed: the package counts as installed, and a part of it is missing."""
    assert half_made.run("once").returncode == 0
    environment = half_made.folder / ".venv"
    (environment / ".installed-requirements.txt").unlink()
    (environment / ".unfinished").write_text("Installing collected packages: tinything\n")
    next(environment.rglob("tinything.py")).unlink()
    again = half_made.run("once")
    assert again.returncode == 0, again.stderr
    assert installed_version(half_made) == "1.0"
    assert not (environment / ".unfinished").exists()


def test_an_environment_without_its_python_is_built_again(half_made: Checkout) -> None:
    """As after an upgrade of the system's Python."""
    assert half_made.run("once").returncode == 0
    python = half_made.folder / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert half_made.run("once").returncode == 0
    assert installed_version(half_made) == "1.0"


def test_libraries_of_another_python_are_installed_again(half_made: Checkout) -> None:
    """The link that the environment was made with leads to a newer Python now."""
    assert half_made.run("once").returncode == 0
    stamp = half_made.folder / ".venv/.installed-requirements.txt"
    version, _, rest = stamp.read_text().partition("\n")
    assert version == "# Python {}.{}".format(*sys.version_info)
    stamp.write_text(f"# Python 3.9\n{rest}")
    again = half_made.run("once")
    assert (again.returncode, "this takes a m" in again.stderr) == (0, True), again.stderr


BACKEND = """import pathlib, shutil
def build_wheel(folder, *_):
    return shutil.copy(pathlib.Path(__file__).with_name({!r}), folder) and {!r}
"""


def source_package(folder: Path, name: str) -> Path:
    """A package that has to be built."""
    path = folder / f"{name}-1.0.tar.gz"
    made = wheel(folder, name, "1.0")
    files = {
        "pyproject.toml": b"""[build-system]
requires = ["what-no-index-has"]
build-backend = "backend"
backend-path = ["."]
""",
        "backend.py": BACKEND.format(made.name, made.name).encode(),
        made.name: made.read_bytes(),
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
    }
    with tarfile.open(path, "w:gz") as archive:
        for file, content in files.items():
            info = tarfile.TarInfo(f"{name}-1.0/{file}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_what_has_no_wheel_is_built_with_what_is_installed(half_made: Checkout) -> None:
    """pip reaches no index here: it would fail if it looked for something to build with."""
    made = source_package(half_made.folder, "ibapi")
    lock(half_made, made, hashlib.sha256(made.read_bytes()).hexdigest())
    require(half_made, "ibapi==1.0")
    done = half_made.run("once")
    assert done.returncode == 0, done.stderr
    command = [str(half_made.folder / ".venv/bin/python"), "-c", "import ibapi; print(ibapi.__file__)"]
    assert ".venv/" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_no_network_is_named_and_the_next_try_succeeds(half_made: Checkout) -> None:
    good = (half_made.folder / "requirements.txt").read_text()
    require(half_made, "tinything-that-is-nowhere==1.0")
    assert half_made.run("start").returncode == 1
    failed = half_made.run("start")
    assert failed.returncode == 1
    assert "The package index does not answer: check the network" in failed.stderr
    assert half_made.calls() == []
    require(half_made, good.strip())
    assert half_made.run("once").returncode == 0


def test_a_failed_install_leaves_the_old_environment_alone(half_made: Checkout) -> None:
    assert half_made.run("once").returncode == 0
    require(half_made, "tinything-that-is-nowhere==1.0")
    assert half_made.run("start").returncode == 1
    assert installed_version(half_made) == "1.0"


def test_a_users_own_pip_settings_do_no_harm(half_made: Checkout) -> None:
    elsewhere = str(half_made.folder / "elsewhere")
    settings = {
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_USER": "1",
        "PIP_TARGET": elsewhere,
        "PIP_PREFIX": elsewhere,
        "CDPATH": str(half_made.folder.parent),
    }
    half_made.environment.pop("PIP_CONFIG_FILE")
    (half_made.folder / "config/pip").mkdir(parents=True)
    (half_made.folder / "config/pip/pip.conf").write_text(f"[install]\ntarget = {elsewhere}\n")
    settings |= {"XDG_CONFIG_HOME": str(half_made.folder / "config"), "PYTHONHOME": "/nowhere"}
    result = half_made.run("once", cwd=None, **settings)
    assert result.returncode == 0, result.stderr
    assert installed_version(half_made) == "1.0"
    assert not Path(elsewhere).exists()


def test_packages_that_pip_was_told_to_put_elsewhere_are_not_taken_for_installed(half_made: Checkout) -> None:
    settings = half_made.folder / "pip.conf"
    settings.write_text(f"[install]\ntarget = {half_made.folder / 'elsewhere'}\n")
    for _ in range(2):
        refused = half_made.run("once", PIP_CONFIG_FILE=str(settings))
        assert (refused.returncode, half_made.calls()) == (1, [])
        assert "pip put the packages somewhere else than into" in refused.stderr
        assert f"PIP_CONFIG_FILE, which is {settings}; take that out" in refused.stderr
    assert half_made.run("once").returncode == 0
    assert installed_version(half_made) == "1.0"


def test_no_python_is_named(clone: Checkout, tmp_path: Path) -> None:
    del clone.environment["PYTHON"]
    result = clone.run("start", PATH=path_with(tmp_path / "path"))
    assert result.returncode == 1
    assert "No Python was found; Python 3.11 or later is needed." in result.stderr
    assert "apt install python3 python3-venv" in result.stderr
    assert not (clone.folder / ".venv").exists()


def test_what_keeps_python_from_running_is_named(clone: Checkout, tmp_path: Path) -> None:
    """PYTHONHASHSEED=nonsense, for example, ends every Python as it starts."""
    del clone.environment["PYTHON"]
    problem = 'Fatal Python error: PYTHONHASHSEED must be "random"'
    script = f"printf '%s\\n' '{problem}' 'Python runtime state: preinitialized' >&2; exit 1"
    result = clone.run("start", PATH=path_with(tmp_path / "path", python3=script))
    assert result.returncode == 1
    assert f"python3 is there, but does not run: {problem}\n" in result.stderr
    assert "No Python was found" not in result.stderr


def test_a_python_that_is_too_old_is_named_with_its_version(clone: Checkout, tmp_path: Path) -> None:
    del clone.environment["PYTHON"]
    result = clone.run("start", PATH=path_with(tmp_path / "path", python3='echo "old 3.9.2"'))
    assert result.returncode == 1
    assert "Python 3.11 or later is needed; found only python3, version 3.9.2." in result.stderr


def test_a_shim_that_cannot_run_and_an_old_python_are_skipped(clone: Checkout, tmp_path: Path) -> None:
    """pyenv puts a python3.13 on PATH that fails wherever 3.13 is not the chosen version."""
    del clone.environment["PYTHON"]
    scripts = {"python3_13": "exit 127", "python3_11": 'echo "bare 3.11.7"', "python3": 'echo "old 3.9.2"'}
    result = clone.run("once", PATH=path_with(tmp_path / "path", **scripts))
    assert "Found python3.11, version 3.11.7, but its venv module is missing" in result.stderr


def test_a_missing_venv_module_is_named_with_the_package_that_has_it(clone: Checkout, tmp_path: Path) -> None:
    """Debian's python3 without python3-venv has no ensurepip."""
    del clone.environment["PYTHON"]
    without = tmp_path / "without"
    without.mkdir()
    (without / "ensurepip.py").write_text("raise ModuleNotFoundError('No module named ensurepip')")
    python = f'PYTHONPATH="{without}" exec "{sys.executable}" "$@"'
    result = clone.run("start", PATH=path_with(tmp_path / "path", python3=python))
    assert result.returncode == 1
    assert "its venv module is missing" in result.stderr
    assert "apt install python3-venv" in result.stderr


def test_a_named_python_is_the_only_one_tried(clone: Checkout) -> None:
    result = clone.run("start", PYTHON="/nowhere/python3")
    assert result.returncode == 1
    assert "PYTHON=/nowhere/python3 cannot be run." in result.stderr
    assert not (clone.folder / ".venv").exists()


def test_a_folder_that_cannot_be_written_is_named(clone: Checkout) -> None:
    (clone.folder / ".venv").write_text("a file where the folder should be")
    result = clone.run("start")
    assert result.returncode == 1
    assert f"Cannot make {clone.folder}/.venv" in result.stderr
    assert "QQQBOT_VENV" in result.stderr


def test_a_full_disk_is_named(half_made: Checkout, tmp_path: Path) -> None:
    """The environment on a small file system of the test's own, in a mount namespace that ends with it."""
    namespace = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no test mount a file system of its own")
    require(half_made, wheel(tmp_path, "tinything", "3.0", payload=os.urandom(8_000_000)).as_uri())
    small = tmp_path / "small"
    small.mkdir()
    room = 'size=$(($(du -sk "$2" | cut -f 1) + 4000))k'
    script = f'mount -t tmpfs -o "{room}" none "$1" && cp -a "$2" "$1/environment" && exec "$3" start'
    command = [*namespace, "sh", "-c", script, "sh", str(small), str(half_made.folder / ".venv"), str(half_made.script)]
    environment = {**half_made.environment, "QQQBOT_VENV": str(small / "environment")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 1
    assert "The disk is full" in result.stderr, result.stderr
    assert half_made.calls() == []


def lock(checkout: Checkout, made: Path, digest: str) -> None:
    (checkout.folder / "requirements.lock").write_text(f"{made.as_uri()} --hash=sha256:{digest}\n")


def test_the_lock_is_what_is_installed_and_a_new_one_is_installed_again(half_made: Checkout) -> None:
    """requirements.txt asks for 1.0, the lock has 2.0 and then 3.0."""
    for version in ("2.0", "3.0"):
        made = wheel(half_made.folder, "tinything", version)
        lock(half_made, made, hashlib.sha256(made.read_bytes()).hexdigest())
        done = half_made.run("once")
        assert (done.returncode, done.stderr) == (0, "Installing what requirements.txt names; this takes a moment.\n")
        assert installed_version(half_made) == version
        assert half_made.run("once").stderr == "", "once is enough"


def test_a_package_that_is_not_the_locked_one_is_refused_with_its_reason(half_made: Checkout) -> None:
    lock(half_made, wheel(half_made.folder, "tinything", "2.0"), "0" * 64)
    refused = half_made.run("once")
    assert refused.returncode == 1
    assert "A package is not the one that the lock file names; nothing was installed." in refused.stderr
    assert installed_version(half_made) == ""


def test_an_update_takes_the_ranges_and_ignores_the_lock(half_made: Checkout) -> None:
    made = wheel(half_made.folder, "tinything", "2.0")
    lock(half_made, made, hashlib.sha256(made.read_bytes()).hexdigest())
    require(half_made, wheel(half_made.folder, "tinything", "4.0").as_uri())
    assert half_made.run("once").returncode == 0
    assert installed_version(half_made) == "2.0"
    updated = half_made.run("update")
    assert updated.returncode == 0, updated.stderr
    assert installed_version(half_made) == "4.0"
    assert half_made.run("once").stderr == "", "an update lasts until the lock changes"
    assert installed_version(half_made) == "4.0"


# The tests' own environment


@pytest.fixture
def tested(half_made: Checkout, bare_environment: Path) -> Checkout:
    """A clone with tests that need another release than the daemon, and a pytest that prints where it runs."""
    (half_made.folder / "drill").mkdir()
    (half_made.folder / "drill" / "__init__.py").touch()
    told = "import sys, tinything\nprint(sys.prefix, tinything.version)\n"
    (half_made.folder / "drill" / "__main__.py").write_text(told)
    (half_made.folder / "pytest.py").write_text(told)
    dev = wheel(half_made.folder, "tinything", "2.0")
    (half_made.folder / "requirements-dev.txt").write_text(dev.as_uri() + "\n")
    shutil.copytree(bare_environment, half_made.folder / ".venv-dev", symlinks=True)
    return half_made


def test_tests_have_an_environment_of_their_own_and_leave_the_daemons_alone(tested: Checkout) -> None:
    assert tested.run("once").returncode == 0
    before = {path: path.stat().st_mtime_ns for path in (tested.folder / ".venv").rglob("*") if path.is_file()}
    done = tested.run("test")
    assert done.stdout.strip() == f"{tested.folder}/.venv-dev 2.0", done.stderr
    assert {path: path.stat().st_mtime_ns for path in (tested.folder / ".venv").rglob("*") if path.is_file()} == before
    assert tested.run("test").stderr == "", "once is enough"
    assert tested.run("once").stderr == ""
    assert installed_version(tested) == "1.0"


def test_the_drill_needs_no_environment_but_the_daemons(tested: Checkout) -> None:
    shutil.rmtree(tested.folder / ".venv-dev")
    done = tested.run("drill")
    assert done.stdout.strip() == f"{tested.folder}/.venv 1.0", done.stderr
    assert not (tested.folder / ".venv-dev").exists()


def test_the_tests_need_no_environment_of_the_daemon_and_follow_its_name(tested: Checkout, tmp_path: Path) -> None:
    shutil.move(tested.folder / ".venv-dev", tmp_path / "mine-dev")
    done = tested.run("test", cwd=tmp_path, QQQBOT_VENV="mine")
    assert done.stdout.strip() == f"{tmp_path}/mine-dev 2.0", done.stderr
    assert not (tmp_path / "mine").exists()


def test_a_half_installed_test_environment_is_built_again(tested: Checkout) -> None:
    (tested.folder / ".venv-dev/.unfinished").write_text("Installing collected packages: tinything\n")
    done = tested.run("test")
    assert done.stdout.strip() == f"{tested.folder}/.venv-dev 2.0", done.stderr
    assert done.stderr == f"Setting up in {tested.folder}/.venv-dev; this takes a minute.\n"


def test_an_update_changes_only_the_daemons_libraries(tested: Checkout) -> None:
    assert tested.run("test").returncode == 0
    require(tested, wheel(tested.folder, "tinything", "4.0").as_uri())
    before = (tested.folder / ".venv-dev/.installed-requirements-dev.txt").read_text()
    assert tested.run("update").returncode == 0
    assert installed_version(tested) == "4.0"
    assert (tested.folder / ".venv-dev/.installed-requirements-dev.txt").read_text() == before
