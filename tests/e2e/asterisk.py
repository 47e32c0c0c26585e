"""A private Asterisk for tests: free loopback ports, its own folder, ended by its own pid.

``with running_asterisk(folder) as asterisk:`` where a test wants one of its own; most share the
fixtures of ``tests/lines/conftest.py``.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from callcenter.telephony.asterisk.ari import Access

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "asterisk" / "run.sh"
START_LIMIT_S = 30.0
STOP_LIMIT_S = 10.0


#: Of one Asterisk; those of SIPp's telephones are above all of them (tests/e2e/phones.py).
MEDIA_PORTS = 1000
_asterisks = itertools.count()


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _media_ports() -> int:
    """The first of an Asterisk's own ports for sound. One that has just been let go by another is
    where a telephone may still be talking to."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    return 10_000 + (worker % 3 * 3 + next(_asterisks) % 3) * MEDIA_PORTS


@dataclass
class Asterisk:
    """One process. ``folder`` is its run folder (see asterisk/run.sh)."""

    folder: Path
    app: str = "callcenter"
    trunk_peer: str = "127.0.0.1:9"
    settings: dict[str, str] = field(default_factory=dict)
    sip_port: int = 0
    http_port: int = 0
    ami_port: int = 0
    media_port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again, on the same ports) and wait until it answers.

        Raises:
            RuntimeError: it did not come up; with what it said.
        """
        self.sip_port = self.sip_port or free_port(socket.SOCK_DGRAM)
        self.http_port = self.http_port or free_port()
        self.ami_port = self.ami_port or free_port()
        self.media_port = self.media_port or _media_ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "ASTERISK_SIP_PORT": str(self.sip_port),
            "ASTERISK_HTTP_PORT": str(self.http_port),
            "ASTERISK_AMI_PORT": str(self.ami_port),
            "ASTERISK_ARI_APP": self.app,
            "ASTERISK_TRUNK_PEER": self.trunk_peer,
            "ASTERISK_RTP_START": str(self.media_port),
            "ASTERISK_RTP_END": str(self.media_port + MEDIA_PORTS - 1),
            **self.settings,
        }
        said = self.folder / "said"
        with said.open("ab") as out:
            self.process = subprocess.Popen(
                [RUN, self.folder], env=environment, stdout=out, stderr=out
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"Asterisk did not start:\n{said.read_text()}\n{self.log()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether everything is loaded: ARI answers, and knows the trunk."""
        try:
            request = urllib.request.Request(f"{self.url}/ari/endpoints/PJSIP/trunk")
            request.add_header("Authorization", _basic("callcenter", self.password))
            with urllib.request.urlopen(request, timeout=2) as response:
                return bool(response.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.http_port}/ws"

    @property
    def password(self) -> str:
        return (self.folder / "ari-password").read_text()

    @property
    def ami_password(self) -> str:
        return (self.folder / "ami-password").read_text()

    @property
    def sounds(self) -> Path:
        """The folder where the application puts prompts."""
        return self.folder / "sounds"

    @property
    def recordings(self) -> Path:
        return self.folder / "spool" / "recording"

    def access(self, app: str | None = None) -> Access:
        return Access(self.url, "callcenter", self.password, app or self.app)

    def log(self) -> str:
        """What it wrote into its log."""
        path = self.folder / "log" / "messages"
        return path.read_text(errors="replace") if path.exists() else ""

    def command(self, text: str) -> str:
        """What its command line answers to ``text``."""
        assert self.process is not None
        inside = "/usr/sbin/asterisk"
        config = self.folder / "etc" / "asterisk.conf"
        # The run folder is mounted in the namespace of the process only.
        done = subprocess.run(
            [
                "nsenter",
                "--mount",
                f"--target={self.process.pid}",
                "chroot",
                _chroot(),
                inside,
                "-C",
                config,
                "-rx",
                text,
            ],
            capture_output=True,
            text=True,
            timeout=10,
        )
        return done.stdout


def _chroot() -> str:
    return os.environ.get("CALLCENTER_ASTERISK", "/opt/callcenter-asterisk")


def _basic(user: str, password: str) -> str:
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@contextlib.contextmanager
def running_asterisk(folder: Path, **more: object) -> Iterator[Asterisk]:
    """An Asterisk in ``folder`` while the block runs; ``more``: fields of :class:`Asterisk`."""
    asterisk = Asterisk(folder, **more)  # type: ignore[arg-type]
    asterisk.start()
    try:
        yield asterisk
    finally:
        asterisk.stop()
