"""A town with telephones on a fake Twilio, and the hotline that answers them, all in one loop.

Everything is real but the telephone network and the waiting: the Twilio line's webhooks and REST
requests go over the loopback, the database is a file. In a :class:`VirtualLoop` a story with
minutes of music is over in a second. The hotline can be killed and another takes its place.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy import insert

from callcenter import resources
from callcenter.calls.console import ConsoleView
from callcenter.calls.desk import Desk
from callcenter.calls.service import Calls, Send
from callcenter.db import Connection, Database
from callcenter.db.facts import Fact, Sealer, sealed
from callcenter.db.keys import Keys
from callcenter.ivr import loader
from callcenter.ivr.flowset import FlowSet
from callcenter.line import Device, Line, Signal, Turn
from callcenter.people.tables import account
from callcenter.queue import service as queue
from callcenter.queue import topics
from callcenter.queue.topics import Topic
from callcenter.telephony.performer import Performer
from callcenter.telephony.recordings import Recordings
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.names import StoredNames
from callcenter.telephony.twilio.rest import Access
from callcenter.telephony.twilio.signature import Secrets
from tests.fake_twilio import FakeTwilio, Handset
from tests.fake_twilio.virtual import VirtualLoop

T = TypeVar("T")

OUR_NUMBER = "+622150630150"
#: People look, listen and think this often, in seconds.
TICK_S = 0.5

_processes = itertools.count(1)


class LoopClock:
    """The application's clock: the running loop's, from a given moment on. For any thread."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()

    def now(self) -> int:
        return self._start + round(self._loop.time() * 1000)

    async def sleep_until(self, at: int) -> None:
        await asyncio.sleep(max(0, at - self.now()) / 1000)


class _Database(Database):
    """Time stands still while a transaction is under way."""

    async def write(self, fn: Callable[[Connection], T]) -> T:
        with _loop().work():
            return await super().write(fn)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        with _loop().work():
            return await super().read(fn)


def _loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


@cache
def _flows() -> tuple[FlowSet, dict[str, Topic]]:
    folder = resources.flows()
    known = topics.load((folder / "topics.yaml").read_text())
    return loader.load(folder, frozenset(known)), known


class Hotline:
    """What one process of the application has."""

    def __init__(self, database: Database, keys: Keys, clock: LoopClock, town: Town) -> None:
        flows, known = _flows()
        self.database = database
        twilio = town.twilio
        options = Options(account=twilio.account_sid, number=OUR_NUMBER, base_url=town.url)
        access = Access(
            twilio.account_sid, twilio.account_sid, twilio.auth_token, twilio.base_url
        )
        names = StoredNames(database, clock)
        self.line = TwilioLine(options, access, Secrets(twilio.auth_token), names=names)
        lines: dict[str, Line] = {self.line.name: self.line}
        self.calls = Calls(
            database,
            keys,
            flows=flows,
            topics=known,
            clock=clock,
            timezone="Asia/Jakarta",
            lines=lines,
            sealer=Sealer(database, keys),
            process=f"process-{next(_processes)}",
            perform=self._perform,
        )
        self.performer = Performer(lines, self.calls.performed)
        self.desk = Desk(self.calls)
        recordings = Recordings(
            database, keys, clock, folder=town.folder / "recordings", lines=lines, calls=self.calls
        )
        self.calls.fetch = recordings.fetch
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.calls.start()
        await self.line.start(self._emit)
        self._tasks = [asyncio.create_task(self.calls.run_timers())]

    async def kill(self) -> None:
        """End at once, as kill -9 would; what is in the database stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.performer.stop()
        await self.line.stop()

    def _perform(self, send: Send) -> None:
        self.performer.post(send)

    async def _emit(self, signal: Signal) -> Turn | None:
        return await self.calls.handle(signal)


class Town:
    """Telephones, Twilio, and the hotline. ``start``: when it begins, in UTC milliseconds."""

    def __init__(self, database_url: str, keys: Keys, folder: Path, start: int) -> None:
        self.folder = folder
        self.keys = keys
        self.url = ""
        self.twilio = FakeTwilio(speed=1.0)
        self.clock = LoopClock(start)
        self.database: Database = _Database(database_url)
        self.hotline: Hotline | None = None
        self.killed = 0
        self._requests: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        #: Calls that were alone in a room, and for how long.
        self.longest_alone_s = 0.0

    async def __aenter__(self) -> Town:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._request)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.twilio.number(
            OUR_NUMBER,
            voice_url=f"{self.url}/twilio/voice",
            voice_fallback_url=f"{self.url}/twilio/fallback",
            status_callback=f"{self.url}/twilio/status",
        )
        await self.twilio.__aenter__()
        await self.begin()
        self._tasks.append(asyncio.create_task(self._watch_rooms()))
        return self

    async def __aexit__(self, *error: Any) -> None:
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        if self.hotline is not None:
            await self.hotline.kill()
        await self.twilio.__aexit__(*error)
        if self._runner is not None:
            await self._runner.cleanup()
        await self.database.close()

    # --- the hotline ---------------------------------------------------------------------------

    async def begin(self) -> None:
        """A process of the application starts."""
        self.hotline = Hotline(self.database, self.keys, self.clock, self)
        await self.hotline.start()

    async def kill(self) -> None:
        """It dies, and whoever is talking to it gets no answer."""
        dying, self.hotline = self.hotline, None
        self.killed += 1
        for request in list(self._requests):
            request.cancel()
        if dying is not None:
            await dying.kill()

    @property
    def desk(self) -> Desk:
        assert self.hotline is not None, "nobody is there"
        return self.hotline.desk

    async def _request(self, request: web.Request) -> web.StreamResponse:
        """Hand a request to whoever is there; when nobody is, the connection breaks."""
        body = await request.read()
        hotline = self.hotline
        if hotline is not None:
            task = asyncio.ensure_future(self._answer(hotline, request, body))
            self._requests.add(task)
            try:
                return await task
            except asyncio.CancelledError:
                if task.cancelled() and self.hotline is hotline:
                    raise
            finally:
                self._requests.discard(task)
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=503)

    @staticmethod
    async def _answer(hotline: Hotline, request: web.Request, body: bytes) -> web.Response:
        path = request.path
        if path.startswith("/twilio/sounds/"):
            found = await hotline.line.sounds.get(path.rpartition("/")[2])
            if found is None:
                return web.Response(status=404)
            return web.Response(body=found[1], content_type=found[0])
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, kind, answer = await hotline.line.webhook(
            request.method, request.raw_path, headers, body
        )
        return web.Response(status=status, body=answer, headers={"Content-Type": kind})

    # --- people --------------------------------------------------------------------------------

    async def agent(self, name: str, device: Device, *knows: str) -> None:
        """An agent who is signed on and ready, and knows these topics (all, when none is named)."""

        def add(connection: Connection) -> None:
            connection.execute(
                insert(account).values(
                    id=name,
                    username=name,
                    name=name.title(),
                    role="agent",
                    language="id",
                    password_hash="-",
                    active=True,
                    created_at=0,
                )
            )
            queue.set_topics(connection, name, knows or _flows()[1])

        await self.database.write(add)
        await self.desk.sign_on(name, device)
        await self.desk.set_agent_state(name, "ready")

    async def console(self, agent: str) -> ConsoleView:
        return await self.database.read(lambda connection: self.desk.console(connection, agent))

    def lives(self, life: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Somebody goes about their business until the story is over."""
        task = asyncio.create_task(life)
        self._tasks.append(task)
        return task

    async def _watch_rooms(self) -> None:
        since: dict[str, float] = {}
        clock = self.twilio.clock
        while True:
            await asyncio.sleep(TICK_S)
            alone = {call.sid for call in self.twilio.alone}
            since = {sid: since.get(sid, clock.now) for sid in alone}
            for began in since.values():
                self.longest_alone_s = max(self.longest_alone_s, clock.now - began)

    # --- what is kept --------------------------------------------------------------------------

    async def facts(self) -> list[Fact]:
        """Every Fact so far."""
        sealer = Sealer(self.database, self.keys)
        while await sealer.seal():
            pass
        found = await self.database.read(lambda connection: sealed(connection, 0, 100_000))
        return [one.fact for one in found]


async def until(true: Callable[[], bool], most_s: float, what: str) -> None:
    """Let time pass until ``true()``."""
    now = asyncio.get_running_loop().time
    deadline = now() + most_s
    while not true():
        assert now() < deadline, f"in {most_s} s it was not true: {what}"
        await asyncio.sleep(TICK_S)


class Citizen:
    """Listens, and does what they mean to do when they hear what they wait for.

    ``habits``: a piece of what is said → the keys that they press then, ``"!"`` to hang up, or a
    number of seconds to speak (``"7s"``). They press a second after they heard it, and again when
    they hear it again. What they heard before something else no longer matters.
    """

    THINK_S = 1.0

    def __init__(self, handset: Handset, habits: dict[str, str], most_s: float = 240.0) -> None:
        self.handset = handset
        self.habits = habits
        self.most_s = most_s

    async def call(self, number: str = OUR_NUMBER) -> None:
        """Call, and return when the call is over."""
        call = await self.handset.dial(number)
        await asyncio.wait_for(self._live(), self.most_s)
        assert call.over

    async def _live(self) -> None:
        done = 0
        while self.handset.call is not None:
            await asyncio.sleep(TICK_S)
            heard = self.handset.heard
            for index in range(len(heard) - 1, done - 1, -1):
                said = heard[index].what.lower()
                habit = next((h for h in self.habits if h.lower() in said), None)
                if habit is None or heard[index].kind == "cut":
                    continue
                done = len(heard)
                await asyncio.sleep(self.THINK_S)
                await self._do(self.habits[habit])
                break

    async def _do(self, what: str) -> None:
        if what == "!":
            await self.handset.hang_up()
        elif what.endswith("s"):
            await self.handset.speak(float(what[:-1]))
            await self.handset.press("#")
        else:
            await self.handset.press(what)
