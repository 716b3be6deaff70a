"""Plays the scenes one after the other, each in a folder of its own: python -m drill --help"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import TextIO

from drill.scenes import SCENES, Scene

INTRODUCTION = """\
FIRE DRILL: this bot, as it is in this folder, in a sandbox among stand-ins for Yahoo and IB's gateway that go wrong.
Your account, your logs/ and your config.json are not touched, nothing goes to the network, and nothing is really sold.
The time is made up: Thanksgiving week of 2026. What is indented under a "$" is what you would see."""

ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def end(number: int, frame: FrameType | None) -> None:
    """Leave the scene as at its end, which stops the daemon and removes the sandbox; a second signal waits for that."""
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog="drill", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"only these: {', '.join(SCENES)}")
    parser.add_argument("--keep", action="store_true", help="leave the sandbox, to look at its records")
    options = parser.parse_args()
    if unknown := [name for name in options.scenes if name not in SCENES]:
        parser.error(f"there is no scene {', '.join(unknown)}; there are: {', '.join(SCENES)}")
    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup, a background job
            signal.signal(number, end)
    folder = Path(tempfile.mkdtemp(prefix="qqqbot drill "))
    try:
        return drill({name: SCENES[name] for name in options.scenes or SCENES}, folder, sys.stdout)
    finally:
        if options.keep:
            print(f"The sandbox is in {folder}.")
        else:
            remove(folder)


def remove(folder: Path) -> None:
    """A child of a killed daemon may write a last file while this is under way; it ends by itself."""
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def drill(scenes: dict[str, Scene], folder: Path, out: TextIO) -> int:
    """Play `scenes` in `folder` and sum up. The exit code: 1 where anything was not as it must be."""
    print(INTRODUCTION, file=out)
    proofs, failed = 0, list[str]()
    for number, (name, scene) in enumerate(scenes.items(), start=1):
        print(f"\n\n{number} of {len(scenes)}: {scene.title}", file=out, flush=True)
        if scene.impossible:
            print(f"\n      left out: {scene.impossible}", file=out)
            continue
        try:
            played = scene.run(folder / name, out)
        except AssertionError as broken:
            failed.append(f"{scene.title}: {broken}")
        else:
            proofs += played.proofs
            failed += [f"{scene.title}: {sentence}" for sentence in played.failures]
    if failed:
        print("\n\nNOT as it must be:", *failed, sep="\n  ", file=out)
        return 1
    played_scenes = sum(not scene.impossible for scene in scenes.values())
    print(f"\n\nAll {played_scenes} scenes went as they must; {proofs} things were proved of them.", file=out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
