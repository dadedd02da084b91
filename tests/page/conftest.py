"""A browser without a window, driven by the W3C's own protocol, so that no package is needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {
    "left": "\ue012",
    "up": "\ue013",
    "right": "\ue014",
    "down": "\ue015",
    "end": "\ue010",
    "enter": "\ue007",
    "escape": "\ue00c",
    "tab": "\ue004",
}


class Browser:
    """One window of Chromium."""

    def __init__(self, port: int, chromium: str, profile: Path) -> None:
        self._base = f"http://127.0.0.1:{port}"
        options = {
            "binary": chromium,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                f"--user-data-dir={profile}",
            ],
        }
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        session = self._call("POST", "/session", {"capabilities": capabilities})
        self._base += f"/session/{session['sessionId']}"

    def _call(self, verb: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=verb)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"]) from None

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False, reduced_motion: bool = False) -> list[str]:
        """Load a file, offline; what the console has to complain of, and what was asked from anywhere."""
        self.chrome("Network.enable", {})
        self.chrome("Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0})
        self.chrome("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        features += [{"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"}]
        self.chrome("Emulation.setEmulatedMedia", {"features": features})
        self._call("POST", "/se/log", {"type": "browser"})
        self._call("POST", "/url", {"url": page.resolve().as_uri()})
        until = time.monotonic() + 60
        while self.run("return document.documentElement.dataset.ready") != "true" and time.monotonic() < until:
            time.sleep(0.05)
        return self.complaints()

    def complaints(self) -> list[str]:
        """What the console holds since the last time."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def chrome(self, command: str, parameters: Any) -> Any:
        """A command of Chromium's own."""
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def find(self, selector: str) -> str:
        """An element."""
        return str(self._call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT])

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Words, or a key by its name."""
        self._call("POST", f"/element/{self.find(selector)}/value", {"text": KEYS.get(text, text)})

    def press(self, key: str) -> None:
        """A key, wherever the focus is."""
        strokes = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def drag(self, selector: str, right: int) -> None:
        """An element by the mouse, so many pixels to the right."""
        origin = {ELEMENT: self.find(selector)}
        moves = [
            {"type": "pointerMove", "origin": origin, "x": 0, "y": 0}, {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "origin": "pointer", "x": right, "y": 0, "duration": 50}, {"type": "pointerUp", "button": 0},
        ]  # fmt: skip
        self._call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": moves}]})

    def picture(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self._call("GET", "/screenshot"))

    def close(self) -> None:
        self._call("DELETE", "")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, or a skip where it or its driver is not installed."""
    driver = shutil.which("chromedriver")
    chromium = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
    if driver is None or chromium is None:
        pytest.skip("needs Chromium and its driver (apt-get install chromium chromium-driver)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("browser")
    process = subprocess.Popen(
        [driver, f"--port={port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(home), "TMPDIR": str(home)},
    )
    window = None
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        window = Browser(port, chromium, home / "profile")
        yield window
    finally:
        if window is not None:
            with suppress(Exception):
                window.close()
        process.terminate()
        process.wait(10)
