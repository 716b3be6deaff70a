"""Plays the scenes one after another, each in a folder of its own."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import TextIO

from drill.checkout import ROOT
from drill.scenes import SCENES, Scene
from qqqbot.model.errors import ConfigError
from qqqbot.model.family import PRESETS
from qqqbot.model.program import COMMAND
from qqqbot.runtime.config import load
from qqqbot.runtime.rule_config import rule_named

INTRODUCTION = """\
FIRE DRILL: this bot, exactly as it is in this folder, in a sandbox with stand-ins for Yahoo and IB's gateway that fail.
Your account, your logs/ and your config.json are not touched, nothing leaves this machine, and nothing is really sold.
The time is simulated: Thanksgiving week of 2026. The lines below each "$" command are what you would see."""

KEYS_OF_THE_RULE = ("short_ma_period", "long_ma_period", "band_pct", "rule", "park", "park_min_benefit_usd")
ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def end(number: int, frame: FrameType | None) -> None:
    """End the scene early, which stops the daemon and removes the sandbox; further signals are ignored meanwhile."""
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"{COMMAND} drill", description="Plays scenes of what can go wrong.")
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=f"play only these: {', '.join(SCENES)}")
    parser.add_argument("--rule", help=f"another rule than config.json's: {', '.join(PRESETS)}, or one spelled out")
    parser.add_argument("--keep", action="store_true", help="keep the sandbox, so that you can look at its records")
    options = parser.parse_args()
    if unknown := [name for name in options.scenes if name not in SCENES]:
        parser.error(f"unknown scene: {', '.join(unknown)}; the scenes are: {', '.join(SCENES)}")
    for number in ENDINGS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup or a background job ignores it
            signal.signal(number, end)
    folder = Path(tempfile.mkdtemp(prefix="qqqbot drill "))
    try:
        settings = settings_of(options.rule)
        return drill({name: SCENES[name] for name in options.scenes or SCENES}, folder, sys.stdout, settings)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return 2
    finally:
        if options.keep:
            print(f"The sandbox is in {folder}.")
        else:
            remove(folder)


def settings_of(rule: str | None) -> dict[str, object]:
    """The keys for the rule: those of config.json, or of `rule` if that is given. Raises ConfigError."""
    if rule is None:
        own = load(ROOT / "config.json").model_dump()
        return {key: own[key] for key in KEYS_OF_THE_RULE}
    return {"rule": rule_named(rule)[1]}


def remove(folder: Path) -> None:
    """Remove `folder`. A child of a killed daemon may still write a last file meanwhile; it ends on its own."""
    deadline = time.monotonic() + 10
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.02)


def drill(scenes: dict[str, Scene], folder: Path, out: TextIO, settings: Mapping[str, object]) -> int:
    """Play `scenes` in `folder` and sum up; returns the exit code: 1 if any claim did not hold."""
    print(INTRODUCTION, file=out)
    passed, proofs, failed = 0, 0, list[str]()
    for number, (name, scene) in enumerate(scenes.items(), start=1):
        print(f"\n\n{number} of {len(scenes)}: {scene.title}", file=out, flush=True)
        if scene.impossible:
            print(f"\n      skipped: {scene.impossible}", file=out)
            continue
        try:
            played = scene.run(folder / name, out, settings)
        except AssertionError as broken:
            failed.append(f"{scene.title}: {broken}")
        else:
            passed += not played.failures
            proofs += played.proofs
            failed += [f"{scene.title}: {sentence}" for sentence in played.failures]
    if failed:
        print("\n\nFAILED:", *failed, sep="\n  ", file=out)
        return 1
    print(f"\n\n{counted(passed, 'scene')} passed; {counted(proofs, 'claim')} proved.", file=out)
    return 0


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


if __name__ == "__main__":
    sys.exit(main())
