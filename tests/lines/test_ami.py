"""The manager link against a server that misbehaves, and on a real Asterisk."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from callcenter.telephony.asterisk import ami as module
from callcenter.telephony.asterisk.ami import AmiFault, AmiLink, AmiRefused, Packet, parse
from tests.waiting import until

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


class FakeManager:
    """Answers Login and Ping; the rest is up to the test."""

    def __init__(self) -> None:
        self.asked: list[Packet] = []
        self.banner = BANNER
        self.mute = False
        self.writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in self.writers:
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        writer.write(self.banner)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                packet = parse((await reader.readuntil(b"\r\n\r\n"))[:-4])
                self.asked.append(packet)
                if not self.mute:
                    await self._answer(writer, packet)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, packet: Packet) -> None:
        tag = f"ActionID: {packet['ActionID'][0]}\r\n"
        match packet["Action"][0]:
            case "Bad":
                writer.write(f"Response: Error\r\n{tag}Message: Invalid command\r\n\r\n".encode())
            case "Never":
                pass
            case "CoreShowChannels":
                writer.write(f"Response: Success\r\n{tag}EventList: start\r\n\r\n".encode())
                for name in ("a", "b"):
                    writer.write(f"Event: CoreShowChannel\r\n{tag}Channel: {name}\r\n\r\n".encode())
                done = "Event: CoreShowChannelsComplete\r\nEventList: Complete\r\n"
                writer.write(f"{done}{tag}\r\n".encode())
            case _:
                writer.write(f"Response: Success\r\n{tag}\r\n".encode())

    async def send(self, data: bytes, *, slowly: bool = False) -> None:
        for piece in [data[n : n + 1] for n in range(len(data))] if slowly else [data]:
            self.writers[-1].write(piece)
            await self.writers[-1].drain()


@pytest.fixture
async def fake() -> AsyncIterator[FakeManager]:
    server = FakeManager()
    await server.start()
    yield server
    await server.stop()


@contextlib.asynccontextmanager
async def linked(
    port: int, on_event: Callable[[Packet], None] = lambda _: None, secret: str = "secret"
) -> AsyncIterator[AmiLink]:
    link = AmiLink("127.0.0.1", port, "user", secret, on_event)
    await link.start()
    try:
        await until(lambda: link.up)
        yield link
    finally:
        await link.stop()


async def test_it_signs_in_and_asks(fake: FakeManager) -> None:
    async with linked(fake.port) as link:
        assert fake.asked[0]["Username"] == ["user"]
        assert (await link.action("Ping"))[0]["Response"] == ["Success"]
        listed = await link.action("CoreShowChannels")
        assert [packet.get("Channel") for packet in listed] == [None, ["a"], ["b"], None]
        with pytest.raises(AmiRefused, match="Invalid command"):
            await link.action("Bad")
        assert link.connects == 1


async def test_no_value_can_hold_a_header(fake: FakeManager) -> None:
    async with linked(fake.port) as link:
        for bad in ("x\r\nCommand: core stop now", "x\ny", "x\0"):
            with pytest.raises(ValueError, match="CallerID"):
                await link.action("Ping", CallerID=bad)
        assert all("Command" not in packet for packet in fake.asked)


async def test_a_callers_name_cannot_forge_a_header_and_no_letter_is_lost(
    fake: FakeManager,
) -> None:
    events: list[Packet] = []
    async with linked(fake.port, events.append):
        name = "é\u2028Uniqueid: forged\u0085\x0b\x0c"
        event = f"Event: Newchannel\r\nCallerIDName: {name}\r\nUniqueid: 1.1\r\nVariable: a\r\n"
        await fake.send(f"{event}Variable: b\r\nEmpty:\r\n\r\n".encode(), slowly=True)
        await until(lambda: bool(events))
    assert events[0]["Uniqueid"] == ["1.1"]
    assert events[0]["CallerIDName"] == [name.strip()]
    assert events[0]["Variable"] == ["a", "b"]
    assert events[0]["Empty"] == [""]


async def test_a_handler_with_a_fault_stops_nobody(fake: FakeManager) -> None:
    events: list[str] = []

    def handle(packet: Packet) -> None:
        events.append(packet["Event"][0])
        raise RuntimeError("a fault")

    async with linked(fake.port, handle) as link:
        await fake.send(b"Event: One\r\n\r\nEvent: Two\r\n\r\n")
        await until(lambda: events == ["One", "Two"])
        assert link.connects == 1


@pytest.mark.parametrize("how", ["end", "reset", "stall"])
async def test_it_comes_back_after_each_fault(
    fake: FakeManager, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(module, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(module, "ANSWER_LIMIT_S", 0.3)
    async with linked(fake.port) as link:
        asking = asyncio.create_task(link.action("Never"))
        await until(lambda: any(packet["Action"] == ["Never"] for packet in fake.asked))
        if how == "end":
            fake.writers[-1].close()
        elif how == "reset":
            raw = fake.writers[-1].get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            fake.writers[-1].close()
        else:
            fake.mute = True
        with pytest.raises(AmiFault):
            await asking
        await until(lambda: not link.up)
        fake.mute = False
        await until(lambda: link.connects == 2)
        await link.action("Ping")


async def test_who_is_no_asterisk_is_left(
    fake: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    fake.banner = b"220 mail.example ESMTP\r\n"
    link = AmiLink("127.0.0.1", fake.port, "user", "secret")
    await link.start()
    await until(lambda: len(fake.writers) >= 3)
    assert not link.up
    with pytest.raises(AmiFault):
        await link.action("Ping")
    await link.stop()


async def test_a_flood_arrives_whole(fake: FakeManager) -> None:
    events: list[str] = []
    async with linked(fake.port, lambda packet: events.append(packet["N"][0])) as link:
        flood = b"".join(b"Event: Flood\r\nN: %d\r\n\r\n" % n for n in range(5000))
        await fake.send(flood)
        await until(lambda: len(events) == 5000)
        assert events == [str(n) for n in range(5000)]
        assert link.connects == 1
