"""A link to Asterisk's manager interface, for looking at its health; calls are controlled by ARI.

``asterisk-ami`` gives the actions and the shape of a client. What it does with a socket is replaced
here, because as shipped one fault of the network, one listener that raises, or one caller's name
with a line separator in it breaks it for good. Three rules:

- One client per TCP connection, thrown away on any fault; :class:`AmiLink` makes the next one.
- Lines end with CR LF and with nothing else: a caller's name cannot forge a header.
- No value that we send may hold a line end: it would be a header of its own.

Plain TCP: keep the manager on loopback, or in a tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections.abc import Callable

import msgspec
import structlog
from asterisk.ami import Action, AMIClient, LoginAction

log = structlog.get_logger(__name__)

CONNECT_LIMIT_S = 5.0
ANSWER_LIMIT_S = 5.0
SEND_LIMIT_S = 5.0
PING_EVERY_S = 5.0
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 10.0
MOST_PACKET_BYTES = 16 << 20
MOST_WAITING = 50_000  #: packets not yet handled; beyond that the connection is given up
SLICE = 500  #: packets handled before others get their turn

Packet = dict[str, list[str]]
"""The headers of one message; a repeated one has several values."""


class AmiFault(ConnectionError):
    """The link is down, or did not answer in time."""


class AmiRefused(Exception):
    """Asterisk answered ``Response: Error``; the text is its message."""


def parse(packet: bytes) -> Packet:
    """The headers of ``packet``. Lines without a colon are the output of a command: ``""``."""
    headers: Packet = {}
    for line in packet.split(b"\r\n"):
        key, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon:
            key, value = "", key
        headers.setdefault(key.strip(), []).append(value.strip())
    return headers


class SoundClient(AMIClient):
    """One TCP connection. ``on_packet`` and ``on_gone`` (once) are called in its reader thread."""

    def __init__(
        self,
        host: str,
        port: int,
        on_packet: Callable[[Packet], None],
        on_gone: Callable[[str], None],
    ) -> None:
        super().__init__(address=host, port=port, timeout=None)
        self._host, self._at = host, port
        self._on_packet = on_packet
        self._on_gone = on_gone
        self._sending = threading.Lock()
        self._link: socket.socket | None = None

    def connect(self) -> None:
        """Connect and begin to read. Raises: OSError."""
        link = socket.create_connection((self._host, self._at), CONNECT_LIMIT_S)
        link.settimeout(None)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limit = struct.pack("ll", int(SEND_LIMIT_S), 0)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._link = link
        self.finished = threading.Event()
        threading.Thread(target=self.listen, name="ami", daemon=True).start()

    def send(self, pack: Action) -> None:
        """Send an action, whole. Raises: ValueError, OSError."""
        for key, value in {**pack.keys, "Action": pack.name}.items():
            if any(sign in f"{key}{value}" for sign in "\r\n\0") or ":" in key:
                raise ValueError(f"{key} cannot be sent")
        if self._link is None:
            raise OSError("not connected")
        with self._sending:
            self._link.sendall(f"{pack}\r\n".encode())

    def listen(self) -> None:
        """Read until the end, whatever that is."""
        why = "closed"
        try:
            self._read()
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:200]
        finally:
            assert self.finished is not None
            self.finished.set()
            if self._link is not None:
                self._link.close()
            self._on_gone(why)

    def _read(self) -> None:
        assert self._link is not None
        data = bytearray()
        greeted = False
        while chunk := self._link.recv(1 << 16):
            # What was searched already has no end of a packet in it, but for its last bytes.
            seen = max(0, len(data) - 3)
            data += chunk
            if not greeted and (end := data.find(b"\r\n")) >= 0:
                if not self.asterisk_start_regex.match(data[:end].decode("utf-8", "replace")):
                    raise AmiFault("this is no Asterisk")
                del data[: end + 2]
                greeted, seen = True, 0
            while greeted and (end := data.find(b"\r\n\r\n", seen)) >= 0:
                if packet := bytes(data[:end]).strip(b"\r\n"):
                    self._on_packet(parse(packet))
                del data[: end + 4]
                seen = 0
            if len(data) > MOST_PACKET_BYTES:
                raise AmiFault("a packet without an end")

    def disconnect(self) -> None:
        """End it; the reader notices at once."""
        if self._link is not None:
            with contextlib.suppress(OSError):
                self._link.shutdown(socket.SHUT_RDWR)


class _Asked(msgspec.Struct):
    """An action that waits for its answer, and the events of a list that belong to it."""

    future: asyncio.Future[list[Packet]]
    packets: list[Packet]


class AmiLink:
    """Stays connected, and asks.

    ``on_event`` is called on the loop for each event that answers no action. Manager events have
    no history: after each connect (``connects``) compare with what is.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        on_event: Callable[[Packet], None] = lambda _: None,
    ) -> None:
        self._host, self._port = host, port
        self._user, self._secret = user, secret
        self._on_event = on_event
        self._client: SoundClient | None = None
        self._asked: dict[str, _Asked] = {}
        self._task: asyncio.Task[None] | None = None
        self._count = 0
        self.connects = 0
        self.up = False

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._task = asyncio.create_task(self._stay_connected(), name="ami-link")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def action(self, name: str, **keys: str) -> list[Packet]:
        """Ask, and wait for the whole answer: the response, and the events of its list.

        Raises:
            AmiRefused: Asterisk said no.
            AmiFault: no answer in time, or no link.
            ValueError: a value with a line end in it.
        """
        return await self._ask(Action(name, dict(keys)))

    # --- Asking ------------------------------------------------------------------------------

    async def _ask(self, action: Action) -> list[Packet]:
        client = self._client
        if client is None:
            raise AmiFault("the manager is away")
        self._count += 1
        name = f"{id(client)}-{self._count}"
        action.keys["ActionID"] = name
        loop = asyncio.get_running_loop()
        asked = self._asked[name] = _Asked(loop.create_future(), [])
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await loop.run_in_executor(None, client.send, action)
                return await asked.future
        except (TimeoutError, OSError) as error:
            raise AmiFault(f"{action.name}: {type(error).__name__}") from error
        finally:
            self._asked.pop(name, None)

    def _handle(self, packet: Packet) -> None:
        asked = self._asked.get(packet.get("ActionID", [""])[0])
        if asked is None:
            if "Event" in packet:
                self._on_event(packet)
            return
        asked.packets.append(packet)
        if asked.future.done():
            return
        if packet.get("Response") == ["Error"]:
            asked.future.set_exception(AmiRefused(packet.get("Message", [""])[0]))
        elif "Response" in packet:
            if packet.get("EventList", [""])[0].lower() != "start":
                asked.future.set_result(asked.packets)
        elif packet.get("EventList", [""])[0].lower() == "complete":
            asked.future.set_result(asked.packets)

    # --- The connection ----------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        wait_s = FIRST_WAIT_S
        told = ""
        while True:
            try:
                await self._connection()
            except (OSError, AmiRefused) as error:  # an AmiFault is an OSError
                why = str(error)[:200]
                if self.up or why != told:  # once for each time that it goes away
                    log.warning("ami_away", why=why)
                told = why
            if self.up:
                wait_s = FIRST_WAIT_S
            self.up = False
            await asyncio.sleep(random.uniform(FIRST_WAIT_S / 2, wait_s))  # noqa: S311
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _connection(self) -> None:
        """One client from connect to the first fault."""
        loop = asyncio.get_running_loop()
        lost = asyncio.Event()
        inbox = _Inbox(loop, self._handle, lost)
        client = SoundClient(self._host, self._port, inbox.put, inbox.close)
        try:
            await loop.run_in_executor(None, client.connect)
            self._client = client
            await self._ask(LoginAction(self._user, self._secret))
            self.up = True
            self.connects += 1
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PING_EVERY_S):
                        await lost.wait()
                        raise AmiFault(inbox.why)
                await self.action("Ping")
        finally:
            self._client = None
            client.disconnect()
            for asked in self._asked.values():
                if not asked.future.done():
                    asked.future.set_exception(AmiFault("the link was lost"))


class _Inbox:
    """Packets from the reader thread to the loop: one wake-up for many, and never too many."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: Callable[[Packet], None],
        lost: asyncio.Event,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._lost = lost
        self._packets: list[Packet] = []
        self._lock = threading.Lock()
        self._awake = False
        self.why = "closed"

    def put(self, packet: Packet) -> None:
        """In the reader thread."""
        with self._lock:
            if len(self._packets) >= MOST_WAITING:
                raise AmiFault("more packets than can be handled")
            self._packets.append(packet)
            if self._awake:
                return
            self._awake = True
        self._call(self._drain)

    def close(self, why: str) -> None:
        """In the reader thread: the connection has ended."""
        self.why = why
        self._call(self._lost.set)

    def _call(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended before us
            self._loop.call_soon_threadsafe(what)

    def _drain(self) -> None:
        with self._lock:
            batch, self._packets = self._packets[:SLICE], self._packets[SLICE:]
            self._awake = bool(self._packets)
        if self._awake:
            self._loop.call_soon(self._drain)
        for packet in batch:
            try:
                self._handle(packet)
            except Exception:
                log.exception("ami_handler_failed")
