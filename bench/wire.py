"""When a key was let go, when the next prompt began, when a phone began to ring: off the wire.

Neither Asterisk nor the application is asked. A packet socket on the loopback with a filter in the
kernel passes three kinds of UDP packets and nothing else, so that listening costs next to nothing:
the end of a key (RFC 4733), the first packet of a prompt (by its first four samples of A-law),
and an INVITE to the agents' telephones. Times are the kernel's, seconds since the epoch.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.phones import ASTERISK_MEDIA, CALLER_MEDIA
from tests.e2e import wire as sound

_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 26, 33, 35
_BUFFER_BYTES = 16 << 20
_LOOK_S = 0.1

#: Of an Ethernet frame with IPv4 without options: source and target port, UDP payload, RTP payload.
_FROM, _TO, _DATA, _RTP = 34, 36, 42, 54
_EVENT, _END = 96, 0x80
_INVITE = int.from_bytes(b"INVI", "big")

_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE = 0x20, 0x28, 0x30
_IS, _AT_LEAST, _HAS, _MASK, _GIVE = 0x15, 0x35, 0x45, 0x54, 0x06
_PACKET_TYPE, _OUTGOING = 0xFFFFF004, 4

_CALLED = re.compile(rb"INVITE sip:([^@]+)@")


def opening(samples: Sequence[int]) -> int:
    """The first four samples as they stand in a packet, as one number."""
    return int.from_bytes(sound.alaw(samples[:4]), "big")


@dataclass
class Seen:
    """What passed; times by the port of the caller's telephone, or by the agent's user part."""

    key_ends: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    prompts: dict[int, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    invites: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def key_to_prompt(self, openings: Sequence[int]) -> tuple[list[float], int]:
        """Seconds from the end of the n-th key of a caller to the n-th of ``openings``; and how
        many keys were not followed by it."""
        times, missing = [], 0
        for port, ends in self.key_ends.items():
            for end, wanted in zip(ends, openings, strict=False):
                begun = (at for at, word in self.prompts[port] if at >= end and word == wanted)
                first = next(begun, None)
                if first is None:
                    missing += 1
                else:
                    times.append(first - end)
        return times, missing


class Wire:
    """Listens from :meth:`start` to :meth:`stop`, in a thread of its own. Needs root.

    Args:
        agents: UDP port of the agents' telephones.
        openings: of the prompts that are listened for.
    """

    def __init__(self, agents: int, openings: Sequence[int]) -> None:
        self.seen = Seen()
        self._agents = agents
        program = _program(agents, sorted(set(openings)))
        self._program = ctypes.create_string_buffer(program)  # the kernel copies it at once
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        attach = struct.pack("HL", len(program) // 8, ctypes.addressof(self._program))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, attach)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(_LOOK_S)
        self._stopping = False
        self._last_end: dict[int, bytes] = {}
        self._thread = threading.Thread(target=self._listen, name="wire", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> Seen:
        self._stopping = True
        self._thread.join()
        self._socket.close()
        return self.seen

    def _listen(self) -> None:
        while not self._stopping:
            try:
                frame, extra, _, _ = self._socket.recvmsg(256, 64)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("ll", extra[0][2])
            self._pass(seconds + nanoseconds / 1e9, frame)

    def _pass(self, at: float, frame: bytes) -> None:
        origin, target = struct.unpack_from("!HH", frame, _FROM)
        if target == self._agents:
            called = _CALLED.match(frame[_DATA:])
            if called is not None:
                self.seen.invites[called.group(1).decode()].append(at)
        elif frame[_DATA + 1] & 127 == _EVENT:
            # A key's end is sent several times, each with the sequence number after the last one.
            ends = self.seen.key_ends[origin]
            if not ends or at - ends[-1] > 0.3:
                ends.append(at)
        else:
            self.seen.prompts[target].append((at, int.from_bytes(frame[_RTP : _RTP + 4], "big")))


def _within(ports: range, true: str, false: str) -> list[tuple[int, int, str, str]]:
    """Is the loaded number in ``ports``? An empty name: go on behind this."""
    return [(_AT_LEAST, ports.stop, false or "@2", ""), (_AT_LEAST, ports.start, true, false)]


def _program(agents: int, openings: Sequence[int]) -> bytes:
    """The filter, in classic BPF: jumps are written as names and filled in at the end."""
    source: list[tuple[int, int, str, str]] = [
        (_LOAD_HALF, _PACKET_TYPE, "", ""),
        (_IS, _OUTGOING, "no", ""),  # the loopback shows each packet twice
        (_LOAD_HALF, 12, "", ""),
        (_IS, 0x0800, "", "no"),
        (_LOAD_BYTE, 23, "", ""),
        (_IS, 17, "", "no"),
        (_LOAD_HALF, _TO, "", ""),
        (_IS, agents, "sip", ""),
        # Between the callers' telephones and our Asterisk, one way or the other.
        *_within(CALLER_MEDIA, "prompt", ""),
        *_within(ASTERISK_MEDIA, "", "no"),
        (_LOAD_HALF, _FROM, "", ""),
        *_within(CALLER_MEDIA, "", "no"),
        (_LOAD_BYTE, _DATA + 1, "", ""),
        (_MASK, 127, "", ""),
        (_IS, _EVENT, "", "no"),
        (_LOAD_BYTE, _RTP + 1, "", ""),
        (_HAS, _END, "yes", "no"),
    ]
    labels = {"prompt": len(source)}
    source += [(_LOAD_HALF, _FROM, "", ""), *_within(ASTERISK_MEDIA, "", "no")]
    source.append((_LOAD_WORD, _RTP, "", ""))
    source += [(_IS, opening, "yes", "") for opening in openings]
    source.append((_GIVE, 0, "", ""))
    labels["sip"] = len(source)
    source += [(_LOAD_WORD, _DATA, "", ""), (_IS, _INVITE, "yes", "no")]
    labels["no"] = len(source)
    source.append((_GIVE, 0, "", ""))
    labels["yes"] = len(source)
    source.append((_GIVE, 256, "", ""))
    labels |= {"": 0, "@2": 1}
    return b"".join(
        struct.pack("HBBI", code, *(_jump(labels, name, place) for name in (true, false)), value)
        for place, (code, value, true, false) in enumerate(source)
    )


def _jump(labels: Mapping[str, int], name: str, place: int) -> int:
    """How many steps to leave out. "" goes on at once, "@2" leaves one out."""
    return labels[name] if name in ("", "@2") else labels[name] - place - 1
