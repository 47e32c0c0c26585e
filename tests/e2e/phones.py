"""Telephones: SIPp plays them, and the test says what they do.

A process of SIPp is one telephone (or several citizens who call one after the other). Its scenario
keeps asking us over a socket of its own (SIPp's "3pcc" mode, with us as its twin) what to do next:
press keys, speak, answer, hang up. What a phone hears is read off the wire.
"""

from __future__ import annotations

import atexit
import itertools
import math
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.capabilities import require
from tests.e2e import wire
from tests.e2e.asterisk import free_port
from tests.e2e.wire import Sound, Wire

SCENARIOS = Path(__file__).parent / "sipp"
#: For anything that a phone waits for; a busy machine needs a fraction of it.
LIMIT_S = 20.0
#: Between two looks at something that is waited for.
LOOK_S = 0.05
#: SIPp ends by itself if we are gone.
LIFE_S = 300
#: How often an agent's telephone can be called.
AGENT_CALLS = 25
SPEECH_S = 150.0
SAMPLES = round(wire.RATE * wire.PACKET_S)

_EVENT = re.compile(r"Call-ID: (\S+).*?X-Event: (\w+)(?: audio=(\d+))?(?: leg=(\S+))?", re.DOTALL)
#: SIPp's media ports of one call after the other: above Asterisk's, and below those that the system
#: gives to whoever asks for a free one.
_media_ports = itertools.count(20_000 + os.getpid() % 16 * 500, 4)
_once = threading.Lock()


def until(true: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Return as soon as ``true()``.

    Raises:
        AssertionError: naming ``what`` did not come in time.
    """
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(LOOK_S)


@dataclass
class Phone:
    """One call of a telephone."""

    process: Sipp
    call_id: str
    port: int  #: where its sound arrives and leaves
    state: str  #: calling or ringing, up, over
    leg: str = ""  #: an agent's: the leg that we said it is
    number: str = ""  #: a citizen's
    began: float = 0.0
    over_at: float = 0.0

    @property
    def gone(self) -> bool:
        return self.state == "over"

    def press(self, keys: str) -> None:
        """Press ``keys`` one after the other (RFC 4733); a telephone that was called can press
        1 only, and before it speaks."""
        self._do("press", keys)

    def speak(self) -> None:
        """Begin to say its tone."""
        self._do("speak")

    def answer(self) -> None:
        self._do("answer")

    def decline(self) -> None:
        self._do("decline")

    def busy(self) -> None:
        self._do("busy")

    def hang_up(self) -> None:
        self._do("bye")
        until(lambda: self.gone, "the phone has hung up")

    def wait_over(self, limit_s: float = LIMIT_S) -> None:
        until(lambda: self.gone, f"the call of {self.call_id} ends", limit_s)

    def heard(self, since: float = 0.0, until: float = math.inf) -> Sound:
        """What arrived, from the wire."""
        return self.process.wire.heard(self.port, max(since, self.began), until)

    def said(self, since: float = 0.0, until: float = math.inf) -> Sound:
        return self.process.wire.said(self.port, max(since, self.began), until)

    def wait_hears(self, hertz: float, seconds: float = 0.5, since: float = 0.0) -> None:
        """Wait until it has heard ``hertz`` for so long."""
        until(
            lambda: self.heard(max(since, time.time() - 4)).seconds_of(hertz) >= seconds,
            f"{self.call_id} hears {hertz:g} Hz",
        )

    def _do(self, what: str, keys: str = "") -> None:
        self.process.tell(self.call_id, f"X-Do: {what}\r\nX-Keys: {keys}\r\n")


@dataclass
class Sipp:
    """A process of SIPp."""

    name: str
    folder: Path
    scenario: str
    target: str
    wire: Wire
    tone: float = 0.0
    port: int = 0
    most: int = 1
    rate: int = 10
    #: What stands in the scenario for what: its ``[from]``, ``[to]``, ``[headers]``.
    words: dict[str, str] = field(default_factory=dict)
    #: Called in the order of what the phone reports; in a thread of this process.
    on_event: Callable[[Phone], None] = lambda _phone: None
    phones: dict[str, Phone] = field(default_factory=dict)

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with _once:  # it is made once, and by one: stories are told side by side
            shutil.copyfile(speech(self.tone), self.folder / "speech.pcap")
        (self.folder / "one.pcap").write_bytes(_press_one())
        self.port = self.port or free_port(socket.SOCK_DGRAM)
        with _once:  # a block of its own
            media, *_ = [next(_media_ports) for _ in range(self.most)]
        self._twin = socket.create_server(("127.0.0.1", 0))
        self._twin.settimeout(LIMIT_S)
        scenario = (SCENARIOS / self.scenario).read_text()
        for word, meaning in self.words.items():
            scenario = scenario.replace(f"[{word}]", meaning)
        (self.folder / self.scenario).write_text(scenario)
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [
                    require("sipp"), self.target, "-sf", self.scenario,
                    "-3pcc", f"127.0.0.1:{self._twin.getsockname()[1]}",
                    "-i", "127.0.0.1", "-p", str(self.port), "-mp", str(media),
                    "-m", str(self.most), "-r", str(self.rate), "-cid_str", f"{self.name}-%u",
                    "-nostdin", "-timeout", str(LIFE_S), "-trace_err", "-error_file", "errors",
                ],
                cwd=self.folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            self._socket, _ = self._twin.accept()
        except TimeoutError:
            self.stop()
            raise RuntimeError(f"SIPp did not start: {self.errors()}") from None
        self._reader = threading.Thread(target=self._read, name=self.name, daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """End the process, and with it its calls as seen from here."""
        self.process.kill()
        self.process.wait()
        self._twin.close()
        if hasattr(self, "_reader"):
            self._reader.join(LIMIT_S)
            self._socket.close()

    def tell(self, call_id: str, what: str) -> None:
        self._socket.sendall(f"Call-ID: {call_id}\r\n{what}\r\n".encode() + b"\x1b")

    def errors(self) -> str:
        """What SIPp complained of."""
        errors = self.folder / "errors"
        said = (self.folder / "said").read_text(errors="replace")
        return (errors.read_text(errors="replace") if errors.exists() else "") + said[-2000:]

    def wait(self, state: str, count: int = 1, limit_s: float = LIMIT_S) -> list[Phone]:
        """Wait for so many calls in ``state``; those."""

        def there() -> list[Phone]:
            return [phone for phone in list(self.phones.values()) if phone.state == state]

        try:
            until(lambda: len(there()) >= count, f"{self.name} is {state}", limit_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.errors()}") from None
        return there()

    def _read(self) -> None:
        rest = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            *whole, rest = (rest + data).split(b"\x1b")
            for message in whole:
                self._reported(message.decode())

    def _reported(self, message: str) -> None:
        found = _EVENT.search(message)
        assert found is not None, message
        call_id, state, port, leg = found.groups()
        phone = self.phones.get(call_id)
        if phone is None:
            phone = Phone(self, call_id, int(port or 0), state, leg or "", began=time.time())
            self.phones[call_id] = phone
        phone.state = state
        if state == "over":
            phone.over_at = time.time()
        self.on_event(phone)


class Phones:
    """Everybody's telephones, around one Asterisk."""

    def __init__(self, folder: Path, wire: Wire, sip_port: int) -> None:
        self._folder = folder
        self._wire = wire
        self._target = f"127.0.0.1:{sip_port}"
        self._all: list[Sipp] = []
        self._count = itertools.count(1)

    def call(
        self,
        number: str = "+628111000111",
        *,
        count: int = 1,
        rate: int = 10,
        tone: float = 440.0,
        to: str = "1500630",
        sender: str | None = None,
        headers: tuple[str, ...] = (),
    ) -> list[Phone]:
        """``count`` calls from ``number`` (with 1, 2, … behind it when there are several); returns
        when all are answered.

        Args:
            sender: the From address, where it does not name the number.
            headers: more SIP headers of the INVITE.
        """
        process = self._start(
            "caller", tone=tone, most=count, rate=rate,
            words={
                "to": to,
                "from": sender or f"<sip:{number}{'[call_number]' * (count > 1)}@carrier.example>",
                "headers": "".join(f"\n    {header}" for header in headers),
            },
        )  # fmt: skip
        up = process.wait("up", count)
        up.sort(key=lambda phone: int(phone.call_id.rsplit("-", 1)[1]))
        for n, phone in enumerate(up, 1):
            phone.number = number if count == 1 else f"{number}{n}"
        return up

    def agent(
        self, *, tone: float = 880.0, port: int = 0, answers: bool = True, speaks: bool = True
    ) -> AgentPhone:
        """An agent's telephone. It answers by itself if ``answers``, and then ``speaks``."""
        phone = AgentPhone(answers, speaks)
        phone.process = self._start(
            "agent", tone=tone, port=port, most=AGENT_CALLS, on_event=phone.on_event
        )
        return phone

    def stop(self) -> None:
        for process in self._all:
            process.stop()
            for phone in process.phones.values():
                self._wire.forget(phone.port)
        self._all.clear()

    def _start(self, kind: str, **more: object) -> Sipp:
        name = f"{kind}{next(self._count)}"
        process = Sipp(
            name, self._folder / name, f"{kind}.xml", self._target, self._wire, **more  # type: ignore[arg-type]
        )  # fmt: skip
        process.start()
        self._all.append(process)
        return process


class AgentPhone:
    """A telephone that waits to be called."""

    process: Sipp

    def __init__(self, answers: bool, speaks: bool) -> None:
        self.answers = answers
        self.speaks = speaks

    @property
    def address(self) -> str:
        return f"sip:agent@127.0.0.1:{self.process.port}"

    @property
    def calls(self) -> list[Phone]:
        """Its calls so far, in order."""
        return list(self.process.phones.values())

    def wait(self, state: str, limit_s: float = LIMIT_S) -> Phone:
        """The newest call in ``state``; waits for one."""
        return self.process.wait(state, limit_s=limit_s)[-1]

    def on_event(self, phone: Phone) -> None:
        if phone.state == "ringing" and self.answers:
            phone.answer()
        elif phone.state == "up" and self.speaks:
            phone.speak()


@cache
def speech(hertz: float, seconds: float = SPEECH_S) -> Path:
    """A file of packets with a tone (0: silence), as SIPp plays it; made once a run."""
    path = _speech_folder() / f"{hertz:g}.pcap"
    path.write_bytes(_speech(hertz, seconds))
    return path


@cache
def _speech_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="callcenter-speech-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _speech(hertz: float, seconds: float) -> bytes:
    second = wire.alaw(wire.tone(hertz, 1.0))
    return _pcap(
        (
            struct.pack("!BBHII", 0x80, wire.ALAW, n & 0xFFFF, n * SAMPLES, 0x5ACE)
            + second[n * SAMPLES % wire.RATE :][:SAMPLES]
        )
        for n in range(round(seconds / wire.PACKET_S))
    )


def _press_one() -> bytes:
    """Key 1 for 200 ms (RFC 4733), for telephones that were called: they use the payload type of
    Asterisk's offer, and SIPp's own keys have always 96."""
    events = [struct.pack("!BBH", 1, 10, n * SAMPLES) for n in range(1, 11)]
    events += [struct.pack("!BBH", 1, 0x80 | 10, 11 * SAMPLES)] * 3
    return _pcap(
        struct.pack("!BBHII", 0x80, 101 | (n == 0) << 7, n, 8000, 0x5ACF) + event
        for n, event in enumerate(events)
    )


def _pcap(packets: Iterable[bytes]) -> bytes:
    """RTP packets, one each 20 ms, as a capture."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for n, rtp in enumerate(packets):
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
            bytes((127, 0, 0, 1)), bytes((127, 0, 0, 1)),
        )  # fmt: skip
        frame = bytes(12) + b"\x08\x00" + ip + udp
        micros = round(n * wire.PACKET_S * 1e6)
        parts.append(struct.pack("<IIII", *divmod(micros, 1_000_000), len(frame), len(frame)))
        parts.append(frame)
    return b"".join(parts)
