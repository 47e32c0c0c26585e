"""The ARI client against a server that misbehaves: reconnects, order, limits."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import WSMsgType, web

from callcenter.telephony.asterisk import ari as module
from callcenter.telephony.asterisk.ari import Access, Ari, AriAway, AriRefused
from callcenter.telephony.asterisk.events import AsteriskInfo, Event
from tests.waiting import until


class FakeAri:
    """Answers what the client asks, and sends what the test says."""

    def __init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.asked: list[tuple[str, str, object]] = []
        self.authorization: set[str] = set()
        self.slow = asyncio.Event()
        self.refuse_connect = 0
        self.tries = 0
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._request)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        self.slow.set()
        for socket in self.sockets:
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self.tries += 1
        if self.refuse_connect:
            self.refuse_connect -= 1
            raise web.HTTPServiceUnavailable
        self.authorization.add(request.headers["Authorization"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.ERROR:
                break
        return socket

    async def _request(self, request: web.Request) -> web.Response:
        path = "/" + request.match_info["path"]
        body = await request.text()
        self.asked.append((request.method, path, json.loads(body) if body else None))
        if path == "/slow":
            await self.slow.wait()
        if path == "/nonsense":
            return web.Response(text="<html>")
        if path == "/busy":
            return web.json_response({"message": "Channel in invalid state"}, status=409)
        return web.json_response({"status": {"startup_time": "now"}})

    async def send(self, *events: Mapping[str, object] | str) -> None:
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event)
            await self.sockets[-1].send_str(text)


class Client:
    """The client, and what it was told."""

    def __init__(self, url: str) -> None:
        self.events: list[Event] = []
        self.story: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.ari = Ari(
            Access(url, "user", "secret"), on_event=self._event, on_up=self._up, on_down=self._down
        )

    def _event(self, event: Event) -> None:
        if event.type == "Bomb":
            raise RuntimeError("a handler with a fault")
        self.events.append(event)
        self.story.append(event.type)

    async def _up(self) -> None:
        self.story.append("up")
        await self.gate.wait()
        self.story.append("ready")

    def _down(self) -> None:
        self.story.append("down")


@pytest.fixture
async def fake() -> AsyncIterator[FakeAri]:
    server = FakeAri()
    await server.start()
    yield server
    await server.stop()


@contextlib.asynccontextmanager
async def connected(fake: FakeAri) -> AsyncIterator[Client]:
    client = Client(fake.url)
    await client.ari.start()
    try:
        await until(lambda: "ready" in client.story)
        yield client
    finally:
        await client.ari.stop()


async def test_it_signs_in_by_header_and_filters_events(fake: FakeAri) -> None:
    async with connected(fake) as client:
        token = base64.b64encode(b"user:secret").decode()
        assert fake.authorization == {f"Basic {token}"}
        method, path, body = fake.asked[0]
        assert (method, path) == ("PUT", "/applications/callcenter/eventFilter")
        assert isinstance(body, dict)
        assert {"type": "ChannelDtmfReceived"} in body["allowed"]
        assert "secret" not in repr(client.ari._access)


async def test_events_wait_until_the_comparison_is_done_and_keep_their_order(
    fake: FakeAri,
) -> None:
    client = Client(fake.url)
    client.gate.clear()
    await client.ari.start()
    await until(lambda: "up" in client.story)
    await fake.send(*({"type": f"Event{n}"} for n in range(20)))
    await asyncio.sleep(0.05)
    assert client.story == ["up"]
    client.gate.set()
    await until(lambda: len(client.events) == 20)
    assert [event.type for event in client.events] == [f"Event{n}" for n in range(20)]
    await client.ari.stop()


async def test_what_is_not_understood_stops_nobody(fake: FakeAri) -> None:
    async with connected(fake) as client:
        await fake.send("not json", "[]", '{"type": 5}', {"type": "Bomb"}, {"type": "Last"})
        await until(lambda: client.story[-1] == "Last")
        assert client.ari.failed_handlers == 1
        assert client.ari.connects == 1


async def test_it_comes_back_after_each_loss(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    async with connected(fake) as client:
        fake.refuse_connect = 3
        await fake.sockets[-1].close()
        await until(lambda: client.ari.connects == 2)
        assert fake.tries == 5  # 1, then 3 refused, then 1
        await fake.stop()  # the whole server
        await until(lambda: client.story.count("down") == 2)
        assert not client.ari.up
        fake.slow.clear()
        await fake.start()
        await until(lambda: client.ari.connects == 3)
        assert client.story == ["up", "ready", "down", "up", "ready", "down", "up", "ready"]


async def test_a_failed_comparison_is_tried_again(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    client = Client(fake.url)
    tries = 0

    async def up() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("the database is away")

    client.ari._on_up = up
    await client.ari.start()
    await until(lambda: tries == 3 and client.ari.up)
    await client.ari.stop()


async def test_who_is_replaced_gives_up(fake: FakeAri, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_WAIT_S", 0.01)
    async with connected(fake) as client:
        await fake.send({"type": "ApplicationReplaced", "application": "callcenter"})
        await until(lambda: client.ari.replaced and not client.ari.up)
        await asyncio.sleep(0.1)
        assert client.ari.connects == 1


async def test_refusals_name_their_status(fake: FakeAri) -> None:
    async with connected(fake) as client:
        with pytest.raises(AriRefused, match="409 Channel in invalid state") as refused:
            await client.ari.post("/busy")
        assert refused.value.status == 409
        with pytest.raises(AriRefused, match="not understood"):
            await client.ari.get("/nonsense", AsteriskInfo)
        info = await client.ari.get("/asterisk/info", AsteriskInfo)
        assert info.status.startup_time == "now"


async def test_a_request_has_a_limit_and_is_never_repeated(
    fake: FakeAri, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REQUEST_LIMIT_S", 0.2)
    async with connected(fake) as client:
        with pytest.raises(AriAway) as away:
            await client.ari.post("/slow")
        assert away.value.sent  # it may have been done
        assert [path for _, path, _ in fake.asked].count("/slow") == 1
        await fake.stop()
        with pytest.raises(AriAway) as away:
            await client.ari.post("/slow")
        assert not away.value.sent
