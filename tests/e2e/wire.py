"""What really went over the loopback: every RTP packet with the kernel's own time of arrival.

A phone of SIPp's tells little of what it heard. So the tests listen on the wire, between Asterisk
and the phones: a packet that arrived at a phone's port was heard by that phone, and what left it
was said. Times are seconds of the wall clock, frequencies in Hz.
"""

from __future__ import annotations

import bisect
import ctypes
import itertools
import math
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RATE = 8000  #: samples a second of A-law
ALAW = 8  #: its RTP payload type
PACKET_S = 0.02

_SO_ATTACH_FILTER = 26
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_BUFFER_BYTES = 32 << 20
_LOOK_S = 0.1

#: Classic BPF: packets that arrive (the loopback shows each one twice), IPv4, UDP.
_FILTER = (
    (0x28, 0, 0, 0xFFFFF004),  # ldh pkttype
    (0x15, 5, 0, 4),  # outgoing: no
    (0x28, 0, 0, 12),  # ldh ethertype
    (0x15, 0, 3, 0x0800),  # IPv4, else no
    (0x30, 0, 0, 23),  # ldb protocol
    (0x15, 0, 1, 17),  # UDP, else no
    (0x06, 0, 0, 0xFFFF),  # all of it
    (0x06, 0, 0, 0),  # nothing of it
)


@dataclass(frozen=True)
class Packet:
    """One RTP packet."""

    at: float
    kind: int  #: payload type
    number: int  #: sequence number
    stamp: int
    source: int  #: SSRC
    payload: bytes


class Wire:
    """Listens from :meth:`start` to :meth:`stop`, in a thread of its own. Needs root."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        program = b"".join(struct.pack("HBBI", *step) for step in _FILTER)
        self._program = ctypes.create_string_buffer(program)
        attach = struct.pack("HL", len(_FILTER), ctypes.addressof(self._program))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attach)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(_LOOK_S)
        self._to: dict[int, list[tuple[float, bytes]]] = defaultdict(list)
        self._from: dict[int, list[tuple[float, bytes]]] = defaultdict(list)
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, name="wire", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()
        self._socket.close()

    def forget(self, port: int) -> None:
        """Nobody asks for this one any more."""
        self._to.pop(port, None)
        self._from.pop(port, None)

    def heard(self, port: int, since: float = 0.0, until: float = math.inf) -> Sound:
        """What arrived at ``port``."""
        return Sound(list(_packets(self._to.get(port, []), since, until)))

    def said(self, port: int, since: float = 0.0, until: float = math.inf) -> Sound:
        """What left ``port``."""
        return Sound(list(_packets(self._from.get(port, []), since, until)))

    def _listen(self) -> None:
        while not self._stopping:
            try:
                frame, extra, _, _ = self._socket.recvmsg(2048, 64)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("ll", extra[0][2])
            at = seconds + nanoseconds / 1e9
            head = 14 + (frame[14] & 15) * 4
            origin, target = struct.unpack_from("!HH", frame, head)
            datagram = frame[head + 8 :]
            # RTP is version 2; RTCP and SIP are something else.
            if len(datagram) < 12 or datagram[0] >> 6 != 2 or 72 <= datagram[1] & 127 <= 76:
                continue
            self._to[target].append((at, datagram))
            self._from[origin].append((at, datagram))


def _packets(seen: Sequence[tuple[float, bytes]], since: float, until: float) -> Iterator[Packet]:
    first = bisect.bisect_left(seen, since, key=lambda one: one[0])
    for at, datagram in seen[first:]:
        if at > until:
            return
        kind, number, stamp, source = struct.unpack_from("!xBHII", datagram)
        head = 12 + (datagram[0] & 15) * 4
        yield Packet(at, kind & 127, number, stamp, source, datagram[head:])


@dataclass(frozen=True)
class Sound:
    """Packets of one direction, in the order of arrival."""

    packets: list[Packet]

    @property
    def voice(self) -> list[Packet]:
        """Those that carry sound, not keys."""
        return [packet for packet in self.packets if packet.kind == ALAW]

    @property
    def seconds(self) -> float:
        """How much sound there is."""
        return len(self.voice) * PACKET_S

    @property
    def keys(self) -> str:
        """Keys pressed by RFC 4733."""
        names = "0123456789*#ABCD"
        pressed: dict[int, str] = {}
        for packet in self.packets:
            if packet.kind == 96 or packet.kind == 101:
                pressed.setdefault(packet.stamp, names[packet.payload[0]])
        return "".join(pressed.values())

    def longest_gap_s(self, since: float = 0.0, until: float = math.inf) -> float:
        """The longest time without a packet, between the first and the last of that time."""
        times = [packet.at for packet in self.voice if since <= packet.at <= until]
        return max((b - a for a, b in itertools.pairwise(times)), default=math.inf)

    def gaps(self, longer_s: float) -> list[tuple[float, float]]:
        """When there was no packet for longer than ``longer_s``: begin and length."""
        times = [packet.at for packet in self.voice]
        pairs = itertools.pairwise(times)
        return [(a, b - a) for a, b in pairs if b - a > longer_s]

    def contains(self, alaw: bytes) -> bool:
        """Whether these very bytes were in it, without a packet missing."""
        return alaw in b"".join(packet.payload for packet in self.voice)

    def pieces(self) -> list[list[int]]:
        """16-bit samples, a list for each packet."""
        return [[_LINEAR[byte] for byte in packet.payload] for packet in self.voice]

    def samples(self) -> list[int]:
        """16-bit samples."""
        return [sample for piece in self.pieces() for sample in piece]

    def loudness(self) -> float:
        """Root mean square, 1 is as loud as can be."""
        samples = self.samples()
        return math.sqrt(sum(s * s for s in samples) / max(1, len(samples))) / 32768

    def level(self, hertz: float) -> float:
        """How loud ``hertz`` is in it: the share of the whole power, 0 … 1."""
        return level(self.samples(), hertz)

    def seconds_of(self, hertz: float, share: float = 0.5) -> float:
        """For how long ``hertz`` is most of what is heard."""
        block = RATE // 10
        samples = self.samples()
        parts = [samples[n : n + block] for n in range(0, len(samples) - block + 1, block)]
        return sum(_audible(part) and level(part, hertz) > share for part in parts) * 0.1


def _audible(samples: Sequence[int]) -> bool:
    return sum(s * s for s in samples) > len(samples) * 100**2


def level(samples: Sequence[int], hertz: float) -> float:
    """Goertzel: the share of the power of ``samples`` that is at ``hertz``."""
    whole = sum(s * s for s in samples)
    if not whole:
        return 0.0
    # Blocks of a tenth of a second: a tone need not keep its phase for longer than that.
    block, power = RATE // 10, 0.0
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    for start in range(0, len(samples) - block + 1, block):
        before = now = 0.0
        for sample in samples[start : start + block]:
            before, now = now, sample + turn * now - before
        power += (now * now + before * before - turn * now * before) / (block / 2)
    return power / whole


def alaw(samples: Sequence[int]) -> bytes:
    """16-bit samples to A-law."""
    return bytes(_alaw_of(sample) for sample in samples)


def _alaw_of(sample: int) -> int:
    sign, value = (0x80, sample) if sample >= 0 else (0, -sample - 1)
    value = min(value, 32635) >> 4
    byte = value
    if value >= 16:
        exponent = value.bit_length() - 4
        byte = exponent << 4 | (value >> (exponent - 1)) & 15
    return (byte | sign) ^ 0x55


def _linear_of(byte: int) -> int:
    byte ^= 0x55
    exponent, mantissa = byte >> 4 & 7, byte & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 256) << (exponent - 1)
    return value if byte & 0x80 else -value


_LINEAR = [_linear_of(byte) for byte in range(256)]


def tone(hertz: float, seconds: float, loud: float = 0.3) -> list[int]:
    """A sine wave as 16-bit samples. Whole periods in a second make it join without a click."""
    count = round(seconds * RATE)
    return [round(32767 * loud * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(count)]


def now() -> float:
    """The clock of all times here."""
    return time.time()
