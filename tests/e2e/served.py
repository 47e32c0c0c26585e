"""The application as a process of its own, and a browser to look at its pages with.

``with serving(folder) as served, browsing() as browser:`` gives a fresh database, the simulator, a
hotline that is always open, and accounts whose passwords are known.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    sync_playwright,
)

from tests.capabilities import require
from tests.e2e.asterisk import free_port

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT_S = 30.0
STOP_LIMIT_S = 15.0
#: Enough for a busy machine.
LIMIT_MS = 20_000
#: A ministry's office computer.
SCREEN = ViewportSize(width=1366, height=768)
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
_ALWAYS = """\
spec: 1
calendar: kemnaker
note: For tests and pictures, whatever the time is.
timezone: Asia/Jakarta
weekly:
"""


@dataclass
class Served:
    """One server. ``passwords``: username -> password of the accounts of its first start."""

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it (again) and wait until it serves.

        Raises:
            RuntimeError: it did not come up; with what it said.
        """
        said = self.folder / "said"
        with said.open("wb") as out:
            self.process = self._begin(out)
        deadline = time.monotonic() + START_LIMIT_S
        while "serving at" not in (text := said.read_text()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the server did not start:\n{text}")
            time.sleep(0.05)
        self.passwords |= dict(re.findall(r"^  (\w+) +([a-z]+(?:-[a-z]+)+) ", text, re.MULTILINE))

    def _begin(self, out: IO[bytes]) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "CALLCENTER_VAR": str(self.folder / "var"),
            "CALLCENTER_FLOWS": str(_always_open(self.folder)),
            "DATABASE_URL": "",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": "",
            "SIMULATOR": "on",
            **self.environment,
        }
        command = [sys.executable, "-m", "callcenter", "serve"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


def _always_open(folder: Path) -> Path:
    """The shipped flows with a calendar that never closes."""
    flows = folder / "flows"
    if not flows.exists():
        shutil.copytree(ROOT / "ivr_flows", flows)
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        weekly = "".join(f'  {day}: ["00:00-24:00"]\n' for day in days)
        (flows / "calendars" / "kemnaker.yaml").write_text(_ALWAYS + weekly)
    return flows


@contextlib.contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Served]:
    """A server while the block runs; ``environment``: settings of its own."""
    served = Served(folder, free_port(), environment)
    served.start()
    try:
        yield served
    finally:
        served.stop()


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """Headless Chromium with a microphone that beeps."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


class People:
    """Somebody at a browser of their own; what goes wrong in any page is remembered."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def page(self, context: BrowserContext | None = None) -> Page:
        if context is None:
            context = self._browser.new_context(viewport=SCREEN, locale="id-ID")
            context.set_default_timeout(LIMIT_MS)
            self._contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self._hear(said.type, said.text))
        return page

    def _hear(self, kind: str, text: str) -> None:
        # A refused request is told in the page; anything else (a script that failed, something
        # that the content policy forbids) is a mistake of ours.
        if kind == "error" and not text.startswith(("Failed to load resource", "WebSocket")):
            self.wrong.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def sign_in(page: Page, served: Served, username: str) -> None:
    """Sign in by keyboard, and wait for the role's first page."""
    page.goto(served.url)
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", served.passwords[username])
    page.keyboard.press("Enter")
    page.wait_for_selector("nav a[aria-current=page]")


def call_the_hotline(page: Page, served: Served, keys: str = "11") -> None:
    """Call from the simulated phone; ``keys``: each pressed once the hotline has said something
    new (1: a complaint, 1: about wages)."""
    page.goto(f"{served.url}/phone")
    page.click(".numbers .go")
    heard = 0
    for key in keys:
        page.wait_for_function(
            f"() => document.querySelectorAll('.lines .hotline').length > {heard}"
        )
        page.wait_for_selector(".phone-state[data-wait=keys]")
        heard = page.locator(".lines .hotline").count()
        page.keyboard.press(key)
