"""Assembles everything: the only place that knows every concrete class.

``assemble`` opens the storage and joins the parts; ``running`` starts them in the order in which
they need each other and stops them in the opposite one; ``serve`` adds the HTTP server.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Final

import msgspec
import uvicorn
from fastapi import FastAPI
from sqlalchemy import text

from callcenter import resources, staff, upkeep
from callcenter.calls import outgoing
from callcenter.calls.desk import Desk
from callcenter.calls.errors import NotNow
from callcenter.calls.service import Calls, Send
from callcenter.calls.telling import Telling
from callcenter.calls.vault import service as vault
from callcenter.cases.post import letters
from callcenter.cases.post.service import became
from callcenter.cases.rules import Rules
from callcenter.clock import Clock, JumpClock, SystemClock
from callcenter.db import Connection, Database, DatabaseAway, migrate
from callcenter.db.facts import Sealer
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import load as load_flows
from callcenter.line import DeviceKind, Line, LineResumed, Signal, Turn
from callcenter.messages.model import Channel
from callcenter.messages.sender import Sender
from callcenter.people import accounts, sign_ins
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState
from callcenter.settings import Settings
from callcenter.stats.board import Board, BoardView
from callcenter.stats.service import restore
from callcenter.store import Store, add_account, check_erasures, hold, open_store, read_rules
from callcenter.telephony.asterisk.build import asterisk_line, asterisk_watch
from callcenter.telephony.asterisk.line import AsteriskLine
from callcenter.telephony.asterisk.watch import Watch
from callcenter.telephony.mail import mail_sender
from callcenter.telephony.messenger import Messenger
from callcenter.telephony.performer import Performer, numbers
from callcenter.telephony.recordings import Recordings
from callcenter.telephony.registrations import Registrations
from callcenter.telephony.simulator.day import Day, Plan, WatchedDatabase, working_hours
from callcenter.telephony.simulator.line import TYPING_S, SimulatorLine
from callcenter.telephony.simulator.sounds import SimulatedSounds
from callcenter.telephony.twilio.build import inbox, senders, twilio_line
from callcenter.telephony.twilio.inbox import Inbox
from callcenter.telephony.twilio.line import TwilioLine
from callcenter.topics import uppers
from callcenter.voice.programs import lacking
from callcenter.voice.sounds import Voice
from callcenter.web import Deps, make_web
from callcenter.web.hub import Hub
from callcenter.web.ports import Check

log = logging.getLogger(__name__)

#: A background task that failed begins again after this.
AGAIN_S: Final = 1.0
#: Sign-ins that are over are ended this often.
HOUSEKEEPING_S: Final = 60
#: Requests under way when the server is told to stop may take this long.
STOP_S: Final = 10
#: The longest message that a page may send us by WebSocket, in bytes.
MOST_WEBSOCKET_BYTES: Final = 1024


# --- the parts ------------------------------------------------------------------------------------


@dataclass
class Post:
    """Messages in writing: who sends them, who has them sent, who hears what became of them. None
    where nothing sends any."""

    messenger: Messenger | None = None
    telling: Telling | None = None
    inbox: Inbox | None = None


@dataclass
class App:
    """The parts, joined. ``web`` is the ASGI application."""

    settings: Settings
    store: Store
    sealer: Sealer
    calls: Calls
    desk: Desk
    performer: Performer
    lines: dict[str, Line]
    simulator: SimulatorLine | None
    asterisk: AsteriskLine | None
    twilio: TwilioLine | None
    watch: Watch | None
    post: Post
    voice: Voice
    web: FastAPI
    #: What runs beside the requests: name → how it is begun (again, should it fail).
    background: dict[str, Callable[[], Awaitable[None]]]
    resumed: set[str] = field(default_factory=set)  #: lines that have told us what exists
    lock: IO[str] | None = None
    tidying: asyncio.Task[None] | None = None

    @property
    def db(self) -> Database:
        """The database."""
        return self.store.db

    @property
    def clock(self) -> Clock:
        """Where ``now`` comes from."""
        return self.store.clock

    @property
    def hub(self) -> Hub:
        """The open pages."""
        hub: Hub = self.web.state.hub
        return hub

    async def emit(self, happened: Signal) -> Turn | None:
        """Where every line brings what happened; the Turn that it brought its leg, if any."""
        turn = await self.calls.handle(happened)
        if isinstance(happened, LineResumed):
            self.resumed.add(happened.line)
            if self.asterisk is not None and happened.line == self.asterisk.name:
                self.tidying = asyncio.create_task(_tidy_accounts(self, self.asterisk))
        return turn

    def close(self) -> None:
        """Let go of the storage."""
        self.store.close()
        if self.lock is not None:
            self.lock.close()


def assemble(
    settings: Settings,
    *,
    clock: Clock | None = None,
    paced: bool = True,
    speaks: bool = True,
    database: type[Database] = Database,
) -> App:
    """Open the storage, bring its schema up to date, and join the parts. Blocks.

    ``paced``: simulated phones take the time that real ones take; ``speaks``: simulated prompts
    are made into sound. A demo or a test brings its own ``clock`` and ``database``.

    Raises:
        AlreadyRunning: another process serves this SQLite file.
        DatabaseAway, ValueError, SecretError: the database can't be used.
        NotReplayed, JournalBroken: it was put back from a backup; see store.check_erasures.
        FlowErrors, FileError, TextErrors: flows, rules or texts are refused, with every error.
    """
    folder = settings.flows or resources.flows()
    flows = load_flows(folder)  # first: it names every mistake, also those in the topics
    ours = senders(settings) | mail_sender(settings)
    rules = read_rules(settings, ours.keys())
    lock = hold(settings)
    store = open_store(settings, clock=clock, database=database)
    check_erasures(store)
    db, keys, clock = store.db, store.keys, store.clock
    sealer = Sealer(db, keys)
    voice = _voice(settings, folder)
    sounds = SimulatedSounds(voice)
    simulator = asterisk = twilio = watch = None
    if settings.simulator:
        sound = sounds.address if speaks else None
        allowed = settings.callback_prefixes
        simulator = SimulatorLine(
            clock, paced=paced, patience_s=TYPING_S, sound=sound, prefixes=allowed
        )
    if settings.asterisk_ari_url is not None:
        asterisk = asterisk_line(settings, voice)
        watch = asterisk_watch(settings, asterisk)
    if settings.twilio_account_sid is not None:
        twilio = twilio_line(settings, db, clock, folder / "audio")
    lines: dict[str, Line] = {line.name: line for line in (simulator, asterisk, twilio) if line}

    calls, performer = _calls(settings, store, sealer, flows, rules, lines)
    desk = Desk(calls)
    recordings = Recordings(
        db, keys, clock, folder=settings.var / "recordings", lines=lines, calls=calls
    )
    calls.fetch = recordings.fetch
    app = App(
        settings=settings,
        store=store,
        sealer=sealer,
        calls=calls,
        desk=desk,
        performer=performer,
        lines=lines,
        simulator=simulator,
        asterisk=asterisk,
        twilio=twilio,
        watch=watch,
        post=_post(settings, store, sealer, calls, ours),
        voice=voice,
        web=FastAPI(),
        background={"sealer": sealer.run, "timers": calls.run_timers},
        lock=lock,
    )
    app.web = make_web(_deps(app, sounds, recordings))
    app.background["housekeeping"] = partial(housekeeping, app)
    app.background["upkeep"] = partial(upkeep.run, store, settings, rules.counting, sealer.nudge)
    if watch is not None:
        app.background["watch"] = watch.run
    if app.post.messenger is not None:
        app.background["messages"] = app.post.messenger.run
    return app


def _post(
    settings: Settings, store: Store, sealer: Sealer, calls: Calls, ours: Mapping[Channel, Sender]
) -> Post:
    """What sends messages and hears what becomes of them; ``ours``: senders by channel."""
    writing, post = calls.rules.writing, Post()
    assert writing is not None
    if settings.twilio_account_sid is not None:
        post.inbox = inbox(
            settings,
            store.db,
            store.keys,
            store.clock,
            texts=writing.texts,
            allowed=writing.allowed,
            tell=sealer.nudge,
        )
    if ours:
        post.messenger = Messenger(
            store.db, store.keys, store.clock, texts=writing.texts, senders=ours, tell=sealer.nudge
        )
        post.messenger.known = became
        post.telling = Telling(calls, writing, post.messenger.nudge)
    return post


def _calls(
    settings: Settings,
    store: Store,
    sealer: Sealer,
    flows: FlowSet,
    rules: Rules,
    lines: dict[str, Line],
) -> tuple[Calls, Performer]:
    """What decides and what performs it: each needs the other."""

    def perform(send: Send) -> None:
        performer.post(send)

    calls = Calls(
        store.db,
        store.keys,
        flows=flows,
        rules=rules,
        clock=store.clock,
        timezone=settings.time_zone.key,
        lines=lines,
        always_open=settings.always_open,
        outgoing=outgoing.allowed(settings, lines),
        sealer=sealer,
        process=secrets.token_hex(8),
        perform=perform,
    )
    performer = Performer(lines, calls.performed, numbers(store.db, store.keys))
    return calls, performer


def _deps(app: App, sounds: SimulatedSounds, recordings: Recordings) -> Deps:
    settings, clock = app.settings, app.clock
    browser = any(line.capabilities.browser for line in app.lines.values())
    try:
        pages: Path | None = resources.pages()
    except resources.ResourceMissing as missing:
        log.warning("%s", missing)
        pages = None
    return Deps(
        db=app.db,
        keys=app.store.keys,
        clock=clock,
        people=app.store.people,
        calls=app.calls,
        desk=app.desk,
        time_zone=settings.time_zone,
        restore=lambda: app.db.read(lambda conn: restore(conn, settings.time_zone, clock.now())),
        subscribe=app.sealer.subscribe,
        nudge=app.sealer.nudge,
        base_url=settings.base_url,
        hotline_number=settings.hotline_number,
        any_host=settings.public_base_url is None,
        default_device=(DeviceKind.BROWSER if browser else DeviceKind.SIMULATED).value,
        devices=app.asterisk.devices if app.asterisk else None,
        voice=app.twilio.devices if app.twilio else None,
        simulator=app.simulator,
        twilio=app.twilio,
        inbox=app.post.inbox,
        telling=app.post.telling,
        sounds=sounds.file,
        recording=recordings.read,
        pages=pages,
        browser_ws=settings.browser_ws_url,
        ready=_checks(app),
        counts=partial(line_counts, app),
        trunk=app.watch.trunk_reachable if app.watch else None,
    )


def line_counts(app: App) -> dict[str, dict[str, int]]:
    """What each line has counted; of Asterisk's also what its watch has."""
    found: dict[str, dict[str, int]] = {}
    for line in (app.asterisk, app.twilio):
        if line is not None:
            found[line.name] = msgspec.structs.asdict(line.counts)
    if app.asterisk is not None:
        found[app.asterisk.name]["connects"] = app.asterisk.ari.connects
        if app.watch is not None:
            found[app.asterisk.name] |= msgspec.structs.asdict(app.watch.counts)
    return found


def _voice(settings: Settings, folder: Path) -> Voice:
    voices = {"id": settings.voice_id, "en": settings.voice_en}
    rate, audio = settings.voice_rate, folder / "audio"
    return Voice(settings.asterisk_sounds, voices=voices, rate=rate, audio=audio)


# --- running ------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """Everything is at work inside this, except the HTTP server."""
    tasks: list[asyncio.Task[None]] = []
    try:
        await app.sealer.start()
        await app.calls.start()
        for name, begin in app.background.items():
            tasks.append(asyncio.create_task(_keep(name, begin), name=name))
        registrations = Registrations(app.emit, app.lines.values())
        for line in app.lines.values():
            await line.start(registrations.of(line))
        yield app
    finally:
        for line in app.lines.values():
            await line.stop()
        await app.performer.stop()
        if app.post.inbox is not None:
            await app.post.inbox.stop()
        await _end(tasks)
        await app.voice.stop()
        await asyncio.to_thread(app.close)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """End the tasks. Asked again until they are: ``wait_for`` of Python 3.11 may lose a
    cancellation that comes together with what it waited for."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)


async def _keep(name: str, begin: Callable[[], Awaitable[None]]) -> None:
    """Run it for ever: what fails is logged and begun again."""
    while True:
        try:
            await begin()
        except DatabaseAway as away:
            log.warning("%s waits for the database: %s", name, away)
        except Exception:
            log.exception("%s failed and begins again", name)
        await asyncio.sleep(AGAIN_S)


async def housekeeping(app: App) -> None:
    """End sign-ins that are over; agents who have none left are not here any more."""
    while True:
        ended = await app.store.people.end_expired() + await app.db.write(staff.end_of_closed)
        app.hub.end(one.sign_in for one in ended)
        for agent in await app.db.read(_agents_without_sign_in):
            with contextlib.suppress(NotNow):  # in a call: next time
                await app.desk.sign_off(agent)
                await app.web.state.phones.close(agent)
        await asyncio.sleep(HOUSEKEEPING_S)


async def _tidy_accounts(app: App, asterisk: AsteriskLine) -> None:
    """Whoever signed out while we or Asterisk were away has no softphone there any more."""

    def here(conn: Connection) -> frozenset[str]:
        everybody = queue.all_agents(conn)
        return frozenset(one.id for one in everybody if one.state is not AgentState.OFFLINE)

    try:
        await asterisk.devices.keep_only(await app.db.read(here))
    except (ConnectionError, DatabaseAway) as away:
        log.warning("softphone accounts were not tidied: %s", away)


def _agents_without_sign_in(conn: Connection) -> list[str]:
    return [
        agent.id
        for agent in queue.all_agents(conn)
        if agent.state is not AgentState.OFFLINE and not sign_ins.has_any(conn, agent.id)
    ]


def _in_touch(line: Line) -> bool:
    """Whether the phone network behind ``line`` can be reached."""
    if isinstance(line, AsteriskLine):
        return line.ari.up
    return not isinstance(line, TwilioLine) or line.up


async def _erasures(app: App) -> None:
    """A database that is put back under a running server has forgotten too little."""
    if not await app.db.read(lambda conn: vault.up_to_date(conn, app.store.ledger)):
        raise RuntimeError("not all erasures of the ledger are in this database")


def _checks(app: App) -> dict[str, Check]:
    """What ``/readyz`` looks at."""

    async def database() -> None:
        await app.db.read(lambda conn: conn.execute(text("SELECT 1")).scalar_one())

    async def schema() -> None:
        if await app.db.read(migrate.current) != migrate.head():
            raise RuntimeError("the schema is not this program's")

    async def background() -> None:
        alive = {task.get_name() for task in asyncio.all_tasks()}
        if missing := app.background.keys() - alive:
            raise RuntimeError(f"not running: {', '.join(sorted(missing))}")

    def line(name: str) -> Check:
        async def check() -> None:
            if name not in app.resumed or not _in_touch(app.lines[name]):
                raise ConnectionError(f"{name} is away")

        return check

    async def voice() -> None:
        if missing := lacking():
            raise RuntimeError(f"callers on Asterisk hear no prompts: {missing}")

    checks: dict[str, Check] = {
        "database": database,
        "schema": schema,
        "background": background,
        "erasures": partial(_erasures, app),
    }
    if app.asterisk is not None:
        checks["voice"] = voice
    return checks | {f"line_{name}": line(name) for name in app.lines}


# --- the demo -------------------------------------------------------------------------------------


#: Who works in the demo, and for how many calls one of them is needed.
_DEMO_AGENTS: Final = ("Sari", "Budi", "Ayu", "Rizky", "Maya", "Fajar", "Lina", "Dimas")
DEMO_CALLS_PER_AGENT: Final = 45
DEMO_AGENTS_LEAST: Final = 3


async def demo(settings: Settings, count: int, seed: int) -> tuple[BoardView, int]:
    """A day of ``count`` simulated calls through the real path, on a clock that jumps.

    Gives the board as it was at closing time, and how many lives went wrong.

    Raises:
        AlreadyRunning: the server runs on this SQLite file; stop it first.
    """
    flows = load_flows(settings.flows or resources.flows())
    now = SystemClock().now()
    opens, closes = working_hours(flows.calendars.values(), settings.time_zone, now)
    clock = JumpClock(opens - 15 * 60_000)
    settings = dataclasses.replace(
        settings, simulator=True, asterisk_ari_url=None, twilio_account_sid=None, smtp_url=None
    )
    app = assemble(settings, clock=clock, speaks=False, database=WatchedDatabase)
    del app.background["upkeep"]
    del app.background["housekeeping"]  # these agents sign on without a browser
    assert app.simulator is not None
    assert isinstance(app.db, WatchedDatabase)
    database = app.db
    wanted = min(len(_DEMO_AGENTS), max(DEMO_AGENTS_LEAST, -(-count // DEMO_CALLS_PER_AGENT)))
    agents = [_demo_agent(app.store, settings, name) for name in _DEMO_AGENTS[:wanted]]
    topics = tuple(uppers(app.calls.topics))
    board = Board(settings.time_zone)
    async with running(app):
        app.sealer.subscribe(board.apply)
        plan = Plan(count, dict.fromkeys(agents, topics), opens, closes, seed)
        day = Day(
            plan,
            clock=clock,
            line=app.simulator,
            calls=app.calls,
            desk=app.desk,
            database=database,
            sealer=app.sealer,
            busy=lambda: database.pending > 0 or app.performer.busy,
        )
        await day.play()
        while await app.sealer.seal():
            pass
    return board.view(closes - 1), day.failed  # midnight would show the day after


def _demo_agent(store: Store, settings: Settings, name: str) -> str:
    """An agent of the demo; with a password that nobody has."""
    username = f"{name.lower()}.demo"
    known = store.db.read_sync(lambda conn: accounts.by_username(conn, username))
    if known is not None:
        return known[0].id
    new = NewAccount(username, name, Role.AGENT, secrets.token_urlsafe(32))
    return add_account(store, settings, new).id


# --- the server -----------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """Stops when told to, and leaves what comes after that to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are set by :func:`serve`: uvicorn would end the process before we have stopped."""
        yield


def _say_who_is_phoned(app: App) -> None:
    """Units that nobody can write to: what waits for them is on the list of those to phone."""
    if app.settings.smtp_url is None:
        log.warning("SMTP_URL is not set: no unit is written to, each has to be phoned")
    elif silent := letters.without_address(app.calls.rules.units):
        log.warning("no address, to be phoned, have the units %s", ", ".join(silent))


def listen(host: str, port: int) -> socket.socket:
    """Where browsers connect; ``port`` 0: any free one. Raises OSError like :func:`serve`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=512)
    # Connections take it over. asyncio sets it on those only whose socket names its protocol, and
    # the body of an answer would wait 40 ms for the other side to acknowledge the head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


async def serve(app: App, started: Callable[[str], None] = lambda _address: None) -> None:
    """Serve until SIGTERM or SIGINT. ``started`` is told the address when requests are taken.

    Raises:
        OSError: the address can't be listened on.
    """
    settings = app.settings
    _say_who_is_phoned(app)
    listening = listen(settings.host, settings.port)
    config = uvicorn.Config(
        app.web,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        ws_max_size=MOST_WEBSOCKET_BYTES,
        timeout_graceful_shutdown=STOP_S,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.handle_exit, number, None)
    with listening:
        async with running(app):
            started(settings.base_url)
            await server.serve(sockets=[listening])
    if not server.started:
        raise RuntimeError("the web did not start; the log says why")
