"""A small ARI client: events by one WebSocket, requests by HTTP.

Three rules. Events reach ``on_event`` one by one in the order Asterisk sent them, and only after
``on_up`` has returned: who connects compares with what exists before hearing what happens next.
Events that happened while we were away are lost; that is what ``on_up`` is for. No request is
ever sent a second time: after a lost answer nobody knows whether it was done.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar, cast
from urllib.parse import quote

import aiohttp
import msgspec
import structlog

from callcenter.telephony.asterisk.events import WANTED, Event, decode_event

T = TypeVar("T")

log = structlog.get_logger(__name__)

REQUEST_LIMIT_S = 5.0  #: a request without an answer is given up
CONNECT_LIMIT_S = 5.0
HEARTBEAT_S = 10.0  #: a connection that does not answer a ping for half of it is dead
FIRST_WAIT_S = 0.25  #: between tries to connect; doubles up to LONGEST_WAIT_S, with jitter
LONGEST_WAIT_S = 5.0
#: Asterisk closes an idle connection after 60 s; a request must not be on its way then.
IDLE_S = 30.0
MOST_CONNECTIONS = 64
MOST_EVENT_BYTES = 1 << 20
MOST_BODY_BYTES = 64 << 20  #: a recording: 64 MiB of 8 kHz sound is more than an hour

Params = Mapping[str, str | int | list[str]]


class AriRefused(Exception):
    """Asterisk answered, and it was no. ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class AriAway(ConnectionError):
    """Asterisk could not be asked. ``sent``: the request may have been carried out all the same."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Access(msgspec.Struct, frozen=True):
    """Where Asterisk's HTTP server is, and who we are there."""

    url: str  #: http://host:port
    user: str
    password: str
    app: str = "callcenter"  #: one connection each: two processes need two names

    def __repr__(self) -> str:
        return f"Access({self.url!r}, app={self.app!r})"


class Requests(Protocol):
    """The asking half of :class:`Ari`; what everything but the connection itself depends on."""

    async def get(self, path: str, shape: type[T], **params: str) -> T: ...

    async def post(self, path: str, body: object = None, **params: str | int) -> None: ...

    async def put(self, path: str, body: object) -> None: ...

    async def delete(self, path: str) -> None: ...

    async def fetch(self, path: str) -> bytes: ...


class Ari:
    """The connection to one Asterisk.

    ``on_up`` is awaited after each connect, ``on_event`` called for each event, ``on_down`` after
    each loss. ``replaced`` is True once another client took our application's name: then this one
    is of no more use and does not try again.
    """

    def __init__(
        self,
        access: Access,
        *,
        on_event: Callable[[Event], None],
        on_up: Callable[[], Awaitable[None]],
        on_down: Callable[[], None],
    ) -> None:
        self._access = access
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None
        self.up = False
        self.replaced = False
        self.connects = 0
        self.events = 0
        self.failed_handlers = 0

    @property
    def app(self) -> str:
        """Our application's name."""
        return self._access.app

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        token = base64.b64encode(f"{self._access.user}:{self._access.password}".encode()).decode()
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Basic {token}"},
            timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S, connect=CONNECT_LIMIT_S),
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=IDLE_S),
            raise_for_status=False,
            trust_env=False,
        )
        self._task = asyncio.create_task(self._stay_connected(), name="ari")

    async def stop(self) -> None:
        """Let go of the connection; channels stay in Asterisk as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._session is not None:
            await self._session.close()
            self._session = None
        self.up = False

    # --- Requests -----------------------------------------------------------------------------

    async def get(self, path: str, shape: type[T], **params: str) -> T:
        """What ``GET path`` answers, as ``shape``.

        Raises:
            AriRefused: Asterisk said no, or answered something else.
            AriAway: it could not be asked.
        """
        body = await self._request("GET", path, params)
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.MsgspecError as error:
            raise AriRefused(200, f"not understood: {error}") from error

    async def post(self, path: str, body: object = None, **params: str | int) -> None:
        """Raises: AriRefused, AriAway."""
        await self._request("POST", path, params, body)

    async def put(self, path: str, body: object) -> None:
        """Raises: AriRefused, AriAway."""
        await self._request("PUT", path, {}, body)

    async def delete(self, path: str) -> None:
        """Raises: AriRefused, AriAway."""
        await self._request("DELETE", path, {})

    async def fetch(self, path: str) -> bytes:
        """What ``GET path`` answers, as bytes. Raises: AriRefused, AriAway."""
        return await self._request("GET", path, {})

    async def _request(
        self, method: str, path: str, params: Mapping[str, str | int], body: object = None
    ) -> bytes:
        if self._session is None:
            raise AriAway("not started", sent=False)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = msgspec.json.encode(body) if body is not None else None
        try:
            async with self._session.request(
                method, f"{self._access.url}/ari{path}", params=params, data=data, headers=headers
            ) as response:
                answer = await response.content.read(MOST_BODY_BYTES)
                while chunk := await response.content.read(MOST_BODY_BYTES):
                    answer += chunk
                    if len(answer) > MOST_BODY_BYTES:
                        raise AriRefused(200, f"more than {MOST_BODY_BYTES} bytes")
                if response.status >= 400:
                    raise AriRefused(response.status, _message(answer))
                return answer
        except aiohttp.ClientConnectorError as error:
            raise AriAway(type(error).__name__, sent=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AriAway(type(error).__name__, sent=True) from error

    # --- The connection -----------------------------------------------------------------------

    async def _stay_connected(self) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                await self._connection()
                wait_s = FIRST_WAIT_S  # it was good for a while
            except (aiohttp.ClientError, AriAway, AriRefused, TimeoutError, OSError) as error:
                log.warning("ari_away", why=type(error).__name__, detail=str(error)[:200])
            except Exception:
                # on_up failed (the database is away): without us callers hear the apology.
                log.exception("ari_not_resumed")
            if self.up:
                self.up = False
                self._on_down()
            if self.replaced:
                log.critical("ari_replaced", app=self._access.app)
                return
            # Full jitter: several processes do not come back in step.
            await asyncio.sleep(random.uniform(FIRST_WAIT_S / 2, wait_s))  # noqa: S311
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    async def _connection(self) -> None:
        """One WebSocket from connect to loss."""
        assert self._session is not None
        limit = aiohttp.ClientWSTimeout(ws_close=1.0)
        async with self._session.ws_connect(
            f"{self._access.url}/ari/events",
            params={"app": self._access.app, "subscribeAll": "false"},
            heartbeat=HEARTBEAT_S,
            max_msg_size=MOST_EVENT_BYTES,
            timeout=limit,
        ) as socket:
            # Read while on_up works: an unread socket would answer no ping.
            arrived: asyncio.Queue[str | None] = asyncio.Queue()
            reader = asyncio.create_task(_read(socket, arrived), name="ari-reader")
            try:
                wanted = [{"type": name} for name in WANTED]
                await self.put(
                    f"/applications/{quote(self._access.app)}/eventFilter", {"allowed": wanted}
                )
                self.connects += 1
                self.up = True
                await self._on_up()
                while not self.replaced and (text := await arrived.get()) is not None:
                    self._hear(text)
            finally:
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)

    def _hear(self, text: str) -> None:
        self.events += 1
        try:
            event = decode_event(text)
        except msgspec.MsgspecError as error:
            log.error("ari_event_not_understood", why=str(error))
            return
        if event.type == "ApplicationReplaced":
            # The first client stays connected and hears nothing more: go on as if nothing had
            # happened and every caller would be left in silence.
            self.replaced = True
            return
        try:
            self._on_event(event)
        except Exception:
            # One bad event must not take all other calls' events with it.
            self.failed_handlers += 1
            log.exception("ari_event_failed", type=event.type)


async def _read(
    socket: aiohttp.ClientWebSocketResponse, arrived: asyncio.Queue[str | None]
) -> None:
    """Everything that arrives on ``socket``, then None."""
    try:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                arrived.put_nowait(cast(str, message.data))
    finally:
        arrived.put_nowait(None)


def _message(answer: bytes) -> str:
    """Asterisk's own words for a refusal."""
    try:
        said = msgspec.json.decode(answer, type=dict[str, object])
    except msgspec.MsgspecError:
        return ""
    return str(said.get("message") or said.get("error") or "")[:200]


def segment(name: str) -> str:
    """``name`` as one segment of a path."""
    return quote(name, safe="")
