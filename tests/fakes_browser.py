"""A real Chromium, without a window, driven over its own debugging protocol; no other library is needed."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
START_S = 30.0


class Browser:
    """One headless Chromium; every tab is a phone."""

    def __init__(self) -> None:
        program = next((found for name in NAMES if (found := shutil.which(name))), None)
        if program is None:
            pytest.skip("no Chromium here: apt-get install chromium, to see the page as a phone does")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={self._profile.name}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port, path = self._told()
        self._connection = connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
        self._numbers = itertools.count(1)

    def tab(self, url: str) -> "Tab":
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        tab = Tab(self, session)
        tab.call("Emulation.setDeviceMetricsOverride", PHONE)
        tab.call("Emulation.setTouchEmulationEnabled", {"enabled": True})
        tab.open(url)
        return tab

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": parameters or {}}
        self._connection.send(json.dumps(asked | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self._connection.recv(timeout=START_S))
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()
        self._profile.cleanup()

    def _told(self) -> tuple[str, str]:
        file, end_s = Path(self._profile.name) / "DevToolsActivePort", time.monotonic() + START_S
        while time.monotonic() < end_s:
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return lines[0], lines[1]
            time.sleep(0.05)
        pytest.skip("Chromium does not start here")


class Tab:
    """One page in it."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, parameters, self._session)

    def open(self, url: str) -> None:
        self.call("Page.navigate", {"url": url})

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, expression: str, timeout_s: float = 20.0) -> Any:
        """Wait for an expression to be true."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            if found := self.value(expression):
                return found
            time.sleep(0.05)
        raise AssertionError(f"never true: {expression}")

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width, height of an element, scrolled into view."""
        self.call("Page.bringToFront")  # a tab behind another draws nothing and feels no finger
        self.value(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center'}})")
        box = self.value(
            f"(r => [r.left, r.top, r.width, r.height])(document.querySelector({selector!r}).getBoundingClientRect())"
        )
        return box[0], box[1], box[2], box[3]

    def drag(self, selector: str, share: float) -> None:
        """A finger on the middle of an element, moved right by a share of its width."""
        left, top, width, height = self.place(selector)
        x, y = left + width / 2, top + height / 2
        self._touch("touchStart", x, y)
        for step in range(1, 9):
            self._touch("touchMove", x + width * share * step / 8, y)
            time.sleep(0.02)
        self._touch("touchEnd")

    def tap(self, selector: str) -> None:
        left, top, width, height = self.place(selector)
        self._touch("touchStart", left + width / 2, top + height / 2)
        self._touch("touchEnd")

    def _touch(self, kind: str, x: float | None = None, y: float | None = None) -> None:
        points = [] if x is None else [{"x": x, "y": y}]
        self.call("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", {"format": "png"})["data"]))


__all__ = ["Browser", "ClientConnection", "Tab"]
