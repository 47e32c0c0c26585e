"""A town with telephones on a fake Twilio, and the hotline that answers them, all in one loop.

Everything is real but the telephone network and the waiting: the Twilio line's webhooks and REST
requests go over the loopback, the database is a file. In a :class:`VirtualLoop` a story with
minutes of music is over in a second. The hotline can be killed and another takes its place.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from sqlalchemy import insert

from callcenter import resources, topics
from callcenter.calls.console import ConsoleView
from callcenter.calls.desk import Desk
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.outgoing import Outgoing
from callcenter.calls.service import Calls, Send
from callcenter.cases.service import CaseForm, StaleCase
from callcenter.db import Connection, Database, DatabaseAway
from callcenter.db.facts import Fact, Sealer, sealed
from callcenter.db.keys import Keys
from callcenter.ivr import loader
from callcenter.ivr.flowset import FlowSet
from callcenter.line import Device, DeviceChanged, DeviceKind, Line, Signal, Turn
from callcenter.people.tables import account
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState
from callcenter.telephony.performer import Performer, numbers
from callcenter.telephony.recordings import Recordings
from callcenter.telephony.twilio.house import Options
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.telephony.twilio.names import StoredNames
from callcenter.telephony.twilio.rest import Access
from callcenter.telephony.twilio.signature import Secrets
from callcenter.telephony.twilio.sounds import Sounds
from callcenter.topics import Topic
from tests.fake_twilio import FakeTwilio, Handset, Heard
from tests.rules.cases.kit import shipped_rules
from tests.waiting import until

T = TypeVar("T")

OUR_NUMBER = "+622150630150"
NARRATIVE = "Upah tiga bulan ditahan."
#: People look, listen and think this often, in seconds.
TICK_S = 1.0

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
    """Transactions run in the thread of the loop: nobody waits for another thread, and a story
    always takes the same course."""

    async def write(self, fn: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        return self._run(self._write_engine, fn)

    async def read(self, fn: Callable[[Connection], T]) -> T:
        await asyncio.sleep(0)
        return self._run(self._read_engine, fn)


@cache
def _flows() -> tuple[FlowSet, dict[str, Topic]]:
    folder = resources.flows()
    known = topics.load((folder / "topics.yaml").read_text())
    return loader.load(folder, frozenset(known)), known


@cache
def _sounds() -> Sounds:
    """The tune takes a second to make."""
    return Sounds()


class Hotline:
    """What one process of the application has."""

    def __init__(self, database: Database, keys: Keys, clock: LoopClock, town: Town) -> None:
        flows, _ = _flows()
        self.database = database
        twilio = town.twilio
        options = Options(account=twilio.account_sid, number=OUR_NUMBER, base_url=town.url)
        access = Access(twilio.account_sid, twilio.account_sid, twilio.auth_token, twilio.base_url)
        names = StoredNames(database, clock)
        secrets = Secrets(twilio.auth_token)
        key = twilio.api_key()
        self.line = TwilioLine(options, access, secrets, names=names, sounds=_sounds(), key=key)
        lines: dict[str, Line] = {self.line.name: self.line}
        self.calls = Calls(
            database,
            keys,
            flows=flows,
            rules=shipped_rules(),
            clock=clock,
            timezone="Asia/Jakarta",
            lines=lines,
            outgoing=Outgoing(frozenset(lines), ("+62",), 500),
            sealer=Sealer(database, keys),
            process=f"process-{next(_processes)}",
            perform=self._perform,
        )
        self.performer = Performer(lines, self.calls.performed, numbers(database, keys))
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
        self.deaths = 0
        self._port = 0
        self._site: web.TCPSite | None = None
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
        await self._open(0)
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
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
        if self._site is None:
            await self._open(self._port)

    async def quiet(self) -> None:
        """Return when no webhook is under way."""
        clock = self.twilio.clock
        await until(lambda: not (self._requests or clock.requests_under_way))

    async def kill(self) -> None:
        """It dies: nobody listens any more, and whoever waits for an answer gets none."""
        dying, self.hotline = self.hotline, None
        self.deaths += 1
        if self._site is not None:
            await self._site.stop()
            self._site = None
        for request in list(self._requests):
            request.cancel()
        if dying is not None:
            await dying.kill()

    async def _open(self, port: int) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", port, reuse_address=True)
        await self._site.start()

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
                    head=False,
                    named=False,
                    created_at=0,
                )
            )
            queue.set_topics(connection, name, knows or topics.uppers(_flows()[1]))

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


class Citizen:
    """Listens, and does what they mean to do when they hear what they wait for.

    ``habits``: a piece of what is said → the keys that they press then, ``!`` to hang up, or how
    long they speak (``7s``). They act a second after they heard it, again when they hear it again,
    and only on the latest thing that they heard.
    """

    THINK_S = 1.0
    #: Nobody stays on the line for longer.
    PATIENCE_S = 400.0

    def __init__(self, handset: Handset, habits: Mapping[str, str]) -> None:
        self.handset = handset
        self._habits = {piece.lower(): what for piece, what in habits.items()}

    async def call(self, number: str = OUR_NUMBER) -> None:
        """Call, and return when the call is over.

        Raises:
            TimeoutError: it was still not over when any patience is.
        """
        await self.handset.dial(number)
        await asyncio.wait_for(self._listen(), self.PATIENCE_S)

    async def _listen(self) -> None:
        heeded = 0
        while self.handset.call is not None:
            await asyncio.sleep(TICK_S)
            new = self.handset.heard[heeded:]
            habits = [habit for heard in new if (habit := self._habit(heard)) is not None]
            if habits:
                heeded = len(self.handset.heard)
                await asyncio.sleep(self.THINK_S)
                await self._do(habits[-1])

    def _habit(self, heard: Heard) -> str | None:
        if heard.kind == "cut":
            return None
        said = heard.what.lower()
        return next((what for piece, what in self._habits.items() if piece in said), None)

    async def _do(self, what: str) -> None:
        if what == "!":
            await self.handset.hang_up()
        elif what.endswith("s"):
            await self.handset.speak(float(what[:-1]))
            await self.handset.press("#")
        else:
            await self.handset.press(what)


class AgentAtWork:
    """An agent with a telephone: answers, writes, ends the talk and wraps up.

    ``answers``: seconds of ringing after which they answer, None for never. At a telephone number
    a voicemail box may answer instead (``presses`` False): it talks, and never presses 1.
    """

    def __init__(
        self,
        town: Town,
        name: str,
        device: Device | None = None,
        *,
        answers: float | None = 2.0,
        presses: bool = True,
        talk_s: float = 20.0,
    ) -> None:
        self.town = town
        self.name = name
        self.device = device or Device(DeviceKind.SIP, f"sip:{name}@desk.example")
        self.answers = answers
        self.presses = presses and self.device.kind is DeviceKind.PHONE
        self.talk_s = talk_s
        browser = self.device.kind is DeviceKind.BROWSER
        address = f"client:agent_{name}" if browser else self.device.address
        self.handset = town.twilio.phone(address, "ring")

    async def sign_on(self, *knows: str) -> None:
        await self.town.agent(self.name, self.device, *knows)
        if self.device.kind is DeviceKind.BROWSER:
            assert self.town.hotline is not None
            await self.town.hotline.calls.handle(DeviceChanged(self.name, True))
        self.town.lives(self._work())

    async def _work(self) -> None:
        """Look at the telephone and at the console, for ever."""
        rang = talked = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            rang = rang + TICK_S if self.handset.ringing else 0.0
            if self.answers is not None and rang >= self.answers:
                await self._answer()
            if self.town.hotline is None:
                continue
            try:
                shown = await self.town.console(self.name)
                talking = shown.call is not None and shown.call.state == "talking"
                talked = talked + TICK_S if talking else 0.0
                if talking:
                    await self._talk(shown, talked)
                elif shown.wrap_up is not None:
                    await self.town.desk.wrap_up_done(self.name, "complaint")
                elif self.answers is not None and shown.agent.state is AgentState.PAUSED:
                    # Their telephone could not be reached, says the console: they try again.
                    await self.town.desk.set_agent_state(self.name, "ready")
            except (NotNow, NotYours, StaleCase, TooLate, DatabaseAway):
                continue  # it changed since we looked

    async def _answer(self) -> None:
        if self.device.kind is DeviceKind.BROWSER:  # one click answers and accepts
            shown = await self.town.console(self.name)
            if shown.offer is not None:
                await self.town.desk.accept(self.name, shown.offer.id)
        await self.handset.answer()
        if self.presses:
            await asyncio.sleep(3)
            await self.handset.press("1")

    async def _talk(self, shown: ConsoleView, talked: float) -> None:
        call = shown.call
        assert call is not None
        if talked >= self.talk_s:
            await self.town.desk.hang_up(self.name, call.id)
        elif call.case is not None and not call.case.narrative:
            form = CaseForm(version=call.case.version, narrative=NARRATIVE)
            await self.town.desk.save_case(self.name, call.id, form)
