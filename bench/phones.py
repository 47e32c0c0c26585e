"""Telephones by the hundred: two processes of SIPp, one of citizens and one of agents.

Citizens call at a steady rate, press their keys, wait, talk and hang up; every call takes the same
time from its first key. The agents' telephones share one address and differ by their user part.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.capabilities import require
from tests.e2e.asterisk import free_port

SCENARIOS = Path(__file__).parent / "sipp"
#: Before each of the two keys, ms.
THINK_MS = 1_500
#: From the last key until the caller hangs up, ms: waiting, ringing and talking.
STAY_MS = 5_500
#: Until an agent lifts the receiver, ms.
RING_MS = 500
#: One call from the first INVITE to the last 200, seconds, when nothing is late.
CALL_S = (2 * THINK_MS + STAY_MS) / 1000
#: Media ports: each SIPp counts up from its first, four a call, and begins again after 10,000.
CALLER_MEDIA, AGENT_MEDIA = range(40_000, 50_000), range(50_000, 60_000)
ASTERISK_MEDIA = range(20_000, 30_000)
#: More than this long after the last call should have ended SIPp is ended.
LATE_S = 15.0
#: A process of SIPp that is told to end has so long to do it.
END_S = 10.0
#: From the last citizen's hang-up until the agents' telephones have heard of it, seconds.
AFTER_S = 0.5


@dataclass
class Sipp:
    """One process of SIPp; ``folder`` is its own."""

    folder: Path
    scenario: str
    fill: dict[str, int]

    def start(self, *args: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        filled = (SCENARIOS / self.scenario).read_text()
        for name, value in self.fill.items():
            filled = filled.replace(f"@{name}@", str(value))
        (self.folder / self.scenario).write_text(filled)
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [
                    require("sipp"), *args, "-sf", self.scenario, "-i", "127.0.0.1",
                    "-nostdin", "-max_socket", "1000",
                ],
                cwd=self.folder, stdout=said, stderr=said,
            )  # fmt: skip

    def wait(self, patience_s: float) -> bool:
        """Wait so long for its end, then end it; whether it ended by itself."""
        try:
            self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self._end()
            return False
        return True

    def stop(self) -> None:
        """End it; it says what it has counted."""
        self.process.terminate()
        self._end()

    def _end(self) -> None:
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def counted(self, row: str) -> int:
        """The first number in the first ``row`` (a regular expression) of its last screen."""
        said = (self.folder / "said").read_text(errors="replace")
        last = said.rpartition("Scenario Screen")[2]
        found = re.search(rf"{row}\D*(\d+)", last)
        return int(found.group(1)) if found else 0

    def complaint(self) -> str:
        """The first thing that it complained of, in one line, without when."""
        errors = self.folder / "errors"
        text = errors.read_text(errors="replace") if errors.exists() else ""
        text = text.removeprefix("The following events occurred:")
        return re.sub(r"[\d.:\s-]+:", " ", " ".join(text.split()), count=1).strip()[:200]


class Counted(msgspec.Struct, frozen=True):
    """Calls of citizens that went as they should, and calls that an agent answered.

    ``complaint``: the first thing that went wrong, in SIPp's words.
    """

    good: int
    answered: int
    complaint: str = ""


@dataclass
class Crowd:
    """Citizens and agents around the Asterisk at ``target`` (host:port)."""

    folder: Path
    target: str
    port: int = 0  #: UDP, of the agents' telephones
    _runs: int = 0

    def __post_init__(self) -> None:
        self.port = self.port or free_port(socket.SOCK_DGRAM)

    def address(self, number: int) -> str:
        """Where agent ``number`` is rung."""
        return f"sip:a{number:03}@127.0.0.1:{self.port}"

    def call(self, to: str, per_s: float, count: int) -> Counted:
        """``count`` citizens call ``to``, ``per_s`` a second; back when the last has hung up."""
        self._runs += 1
        folder = self.folder / str(self._runs)
        agents = Sipp(folder / "agents", "agents.xml", {"RING": RING_MS})
        citizens = Sipp(folder / "citizens", "caller.xml", {"THINK": THINK_MS, "TALK": STAY_MS})
        agents.start("-p", str(self.port), "-mp", str(AGENT_MEDIA.start))
        try:
            citizens.start(
                self.target, "-s", to, "-m", str(count), "-r", str(per_s), "-l", str(count),
                "-p", str(free_port(socket.SOCK_DGRAM)), "-mp", str(CALLER_MEDIA.start),
                "-trace_err", "-error_file", "errors",
            )  # fmt: skip
            citizens.wait(count / per_s + CALL_S + LATE_S)
            time.sleep(AFTER_S)
        finally:
            agents.stop()
        good = citizens.counted(r"Successful call\s*\|\s*\d+\s*\|")
        return Counted(good, agents.counted(r"-+> ACK"), citizens.complaint())
