"""A real headless Chromium for tests, driven over its debugging protocol; skips with a reason if there is none."""

import base64
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ANSWER_SECONDS = 20.0


class Page:
    """One tab. `said` holds everything reported by its console, its network and its exceptions."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._number = connection, 0
        self.said: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **values: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": values}))
        while True:
            message = json.loads(self._connection.recv(timeout=ANSWER_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                result: dict[str, Any] = message["result"]
                return result
            self._hear(message)

    def evaluate(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && !!document.getElementById('page')")

    def until(self, script: str, seconds: float = 60.0) -> None:
        """Wait until `script` is true in the page."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(script):
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {script}; {self.said}"
            time.sleep(0.05)

    def text(self) -> str:
        found = self.evaluate("document.body.innerText")
        assert isinstance(found, str)
        return found

    def looks(self, width: int, height: int, dark: bool = False) -> None:
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path: Path) -> None:
        """The whole page as a PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _hear(self, message: dict[str, Any]) -> None:
        values = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.said.append(str(values["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.said.append(str(values["args"]))
            case "Log.entryAdded":
                self.said.append(f"{values['entry']['level']}: {values['entry']['text']}")
            case "Network.requestWillBeSent":
                self.said += (
                    [] if values["request"]["url"].startswith("http://127.0.0.1") else [values["request"]["url"]]
                )


@contextmanager
def chromium(folder: Path) -> Iterator[Page]:
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    command = [program, "--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    command += [f"--user-data-dir={folder}", "--hide-scrollbars", "--disable-dev-shm-usage"]
    command += ["--no-sandbox"] if os.geteuid() == 0 else []  # its sandbox does not start as root
    with subprocess.Popen([*command, "about:blank"], stderr=subprocess.PIPE, text=True) as process:
        try:
            with connect(_page_address(process, folder), max_size=None) as connection:
                yield Page(connection)
        finally:
            process.terminate()


def _page_address(process: "subprocess.Popen[str]", folder: Path) -> str:
    """The debugging address of the one tab, whose number the browser gives on request."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"DevTools listening on (ws://\S+)", line):
            with connect(found[1]) as browser:
                browser.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
                targets = json.loads(browser.recv(timeout=ANSWER_SECONDS))["result"]["targetInfos"]
            page = next(target["targetId"] for target in targets if target["type"] == "page")
            return f"{found[1].partition('/devtools')[0]}/devtools/page/{page}"
    pytest.skip("Chromium does not start on this machine")
