"""The journey on a real Asterisk, under SIPp: through the application, and through app_queue."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import struct
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sqlalchemy import create_engine, text

from bench import pbx
from bench.consoles import Consoles, add_agents
from bench.figures import Figure, one, spread
from bench.phones import Counted, Crowd
from bench.processes import cpu_s
from bench.stores import Store
from bench.wire import Seen, Wire, opening
from callcenter import settings as settings_module
from callcenter.resources import flows
from callcenter.topics import load, uppers
from callcenter.voice import Voice
from tests.e2e.application import Application
from tests.e2e.asterisk import Asterisk

#: Agents for each new caller a second: a little fewer than needed, so that somebody always waits.
AGENTS_PER_RATE = 4.3
#: New callers come for so long, seconds.
SECONDS = 15.0
#: Before the first rate: everything is loaded and has been used once.
WARM_UP = (4.0, 8)  #: calls/s, calls
#: The rates that are looked at closely; and those that are tried until one fails.
RATES = (10.0, 20.0)
MORE_RATES = (30.0, 45.0, 60.0)
FEWER_RATES = (15.0, 7.0, 4.0)
#: While that is tried new callers come for so long, seconds.
RAMP_SECONDS = 10.0
#: As many places in the queue are told in words that were made before.
PLACES = 40
#: Until the last leg has gone.
QUIET_S = 8.0
LOAD = "load"  #: of SIPp, the pages and the measuring itself


@dataclass
class Ran:
    """What one rate came to. CPU in seconds, by whose it is."""

    rate: float
    calls: int
    counted: Counted
    cpu: dict[str, float]
    seen: Seen
    key_to_prompt: list[float] = field(default_factory=list)
    ready_to_ring: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Calls that did not go as they should: refused, cut, or not answered by an agent."""
        return max(0, self.calls - min(self.counted.good, self.counted.answered))


class Journey(Protocol):
    """One way through the hotline."""

    name: str
    number: str
    crowd: Crowd
    openings: list[int]  #: of the prompts after the first key, the second, …

    async def agents(self, count: int) -> None:
        """So many agents are ready."""

    def processes(self) -> dict[str, int]:
        """Whose processor time is told: name → pid."""

    async def look(self, ran: Ran, since: float) -> None:
        """Add what only this journey knows."""

    async def channels(self) -> int:
        """How many legs there are now."""


async def run(journey: Journey, rate: float, calls: int) -> Ran:
    """``calls`` citizens call, ``rate`` a second, and all of them are served."""
    await journey.agents(max(2, round(rate * AGENTS_PER_RATE)))
    wire = Wire(journey.crowd.port, journey.openings)
    wire.start()
    since = time.time()
    before = {name: cpu_s(pid) for name, pid in journey.processes().items()}
    load = _load_s()
    counted = await asyncio.to_thread(journey.crowd.call, journey.number, rate, calls)
    left = await _until_quiet(journey)
    cpu = {name: cpu_s(pid) - before[name] for name, pid in journey.processes().items()}
    cpu[LOAD] = _load_s() - load
    ran = Ran(rate, calls, counted, cpu, wire.stop())
    ran.key_to_prompt, missing = ran.seen.key_to_prompt(journey.openings)
    if missing:
        ran.complaints.append(f"{missing} keys were not followed by a prompt")
    if left:
        ran.complaints.append(f"{left} legs were left over")
    await journey.look(ran, since)
    return ran


async def _until_quiet(journey: Journey) -> int:
    """Wait until no leg is there; gives how many are in the end."""
    deadline = time.monotonic() + QUIET_S
    left = await journey.channels()
    while left and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        left = await journey.channels()
    return left


def _load_s() -> float:
    """CPU of this process and of its children that have ended: SIPp's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


# --- the two ways -------------------------------------------------------------------------------


class OwnDialplan:
    """Asterisk's own dialplan with app_queue."""

    name = "app_queue"
    number = pbx.OWN_NUMBER

    def __init__(self, asterisk: Asterisk, crowd: Crowd, openings: list[int]) -> None:
        self._asterisk = asterisk
        self.crowd = crowd
        self.openings = openings[:-1]  # after the last key there is music
        self._members = 0

    async def agents(self, count: int) -> None:
        for number in range(self._members, count):
            name = pbx.user_of(self.crowd.address(number))
            await asyncio.to_thread(
                self._asterisk.command, f"queue add member PJSIP/{name} to bench"
            )
        self._members = max(self._members, count)

    def processes(self) -> dict[str, int]:
        assert self._asterisk.process is not None
        return {"Asterisk": self._asterisk.process.pid}

    async def look(self, ran: Ran, since: float) -> None:
        """Nothing more is known."""

    async def channels(self) -> int:
        return await _channels(self._asterisk)


class Served:
    """The application, with every agent's page open."""

    number = pbx.NUMBER

    def __init__(
        self, store: Store, asterisk: Asterisk, crowd: Crowd, openings: list[int], folder: Path
    ) -> None:
        self.name = f"application on {store.name}"
        self.crowd = crowd
        self.openings = openings
        self._store = store
        self._asterisk = asterisk
        self.application = Application(
            folder,
            asterisk,
            flows(),
            store.fresh(),
            {"ALWAYS_OPEN": "asterisk", "VOICE_RATE": "140", "CALLCENTER_SECRET": "00" * 32},
        )
        self._consoles: Consoles | None = None

    async def start(self, most: int) -> None:
        """Start it, with accounts for ``most`` agents."""
        environment = self.application.environment
        (self.application.folder / "var").mkdir(parents=True, exist_ok=True)
        settings = settings_module.load(environment)
        addresses = [self.crowd.address(number) for number in range(most)]
        topics = uppers(load((flows() / "topics.yaml").read_text(encoding="utf-8")))
        names = await asyncio.to_thread(add_agents, settings, addresses, list(topics))
        await asyncio.to_thread(self.application.start)
        self._consoles = Consoles(self.application.port, names)

    async def stop(self) -> None:
        if self._consoles is not None:
            await self._consoles.close()
        await asyncio.to_thread(self.application.stop)

    async def agents(self, count: int) -> None:
        assert self._consoles is not None
        await self._consoles.open(count)

    def processes(self) -> dict[str, int]:
        assert self._asterisk.process is not None
        assert self.application.process is not None
        named = {
            "Asterisk": self._asterisk.process.pid,
            "application": self.application.process.pid,
        }
        return named | ({"database": self._store.server} if self._store.server else {})

    async def look(self, ran: Ran, since: float) -> None:
        """From an agent's readiness to the ringing, where a caller was waiting already."""
        assert self._consoles is not None
        waiting = await asyncio.to_thread(self._offers, since)
        for name, ready in self._consoles.readied:
            rings = (at for at in ran.seen.invites[name] if at > ready)
            mine = waiting.get(self._consoles.ids[name], [])
            offers = (entered for offered, entered in mine if offered >= ready)
            rang, entered = next(rings, None), next(offers, None)
            if rang is not None and entered is not None and entered < ready:
                ran.ready_to_ring.append(rang - ready)
        self._consoles.readied.clear()
        ran.complaints += self._consoles.failed[:3]
        self._consoles.failed.clear()

    def _offers(self, since: float) -> dict[str, list[tuple[float, float]]]:
        """Agent → when they were offered a caller, and since when that caller had waited."""
        engine = create_engine(self.application.database_url)
        found: dict[str, list[tuple[float, float]]] = {}
        query = text(
            "SELECT offer.agent, offer.created_at, entry.entered_at FROM offer"
            " JOIN entry ON entry.id = offer.entry WHERE offer.created_at >= :since"
            " ORDER BY offer.created_at"
        )
        try:
            with engine.connect() as connection:
                for agent, offered, entered in connection.execute(query, {"since": since * 1000}):
                    found.setdefault(agent, []).append((offered / 1000, entered / 1000))
        finally:
            engine.dispose()
        return found

    async def channels(self) -> int:
        return await _channels(self._asterisk)


async def _channels(asterisk: Asterisk) -> int:
    said = await asyncio.to_thread(asterisk.command, "core show channels count")
    return int(said.split()[0])


# --- the figures --------------------------------------------------------------------------------


def own(folder: Path) -> Iterator[Figure]:
    """app_queue: the same journey in Asterisk's own dialplan."""
    yield from asyncio.run(_own(folder))


async def _own(folder: Path) -> list[Figure]:
    most = round(max(MORE_RATES) * AGENTS_PER_RATE)
    async with prepared(folder) as (asterisk, crowd, menus):
        addresses = [crowd.address(number) for number in range(most)]
        pbx.own_journey(asterisk.folder, menus[:-1], addresses)
        await asyncio.to_thread(asterisk.start)
        journey = OwnDialplan(asterisk, crowd, openings(menus))
        return await _figures(journey)


def application(store: Store, folder: Path, *, all_rates: bool) -> Iterator[Figure]:
    """The application on ``store``; with ``all_rates`` until it fails, else at the first alone."""
    yield from asyncio.run(_application(store, folder, all_rates=all_rates))


async def _application(store: Store, folder: Path, *, all_rates: bool) -> list[Figure]:
    most = round(max(MORE_RATES if all_rates else RATES[:1]) * AGENTS_PER_RATE)
    async with prepared(folder) as (asterisk, crowd, menus):
        await asyncio.to_thread(asterisk.start)
        journey = Served(store, asterisk, crowd, openings(menus), folder / "application")
        try:
            await journey.start(most)
            return await _figures(journey, all_rates=all_rates)
        finally:
            await journey.stop()


@contextlib.asynccontextmanager
async def prepared(
    folder: Path,
) -> AsyncIterator[tuple[Asterisk, Crowd, list[tuple[Path, ...]]]]:
    """An Asterisk that is not started yet, its telephones, and the sounds of the journey."""
    asterisk = pbx.asterisk(folder / "asterisk")
    voice = Voice(asterisk.sounds, voices={"id": "id+f2", "en": "en+f2"}, rate=140)
    menus = await pbx.menus(voice)
    await pbx.queue_sounds(voice, PLACES)
    crowd = Crowd(folder / "phones", f"127.0.0.1:{asterisk.sip_port}")
    try:
        yield asterisk, crowd, menus
    finally:
        await asyncio.to_thread(asterisk.stop)


def openings(menus: Sequence[Sequence[Path]]) -> list[int]:
    """How the prompts begin that follow each key."""
    return [_opening(sounds[0]) for sounds in menus[1:]]


def _opening(stem: Path) -> int:
    with wave.open(f"{stem}.wav") as sound:
        return opening(struct.unpack("<4h", sound.readframes(4)))


async def _figures(journey: Journey, *, all_rates: bool = True) -> list[Figure]:
    """The rates that are looked at, and how far it goes."""
    await run(journey, *WARM_UP)
    found: list[Figure] = []
    best, failing = 0.0, None
    for rate in RATES if all_rates else RATES[:1]:
        ran = await run(journey, rate, round(rate * SECONDS))
        found += _of_rate(ran)
        if ran.failed:
            failing = ran
            break
        best = rate
    if not all_rates:
        return found
    for rate in _next_rates(best, failing):
        ran = await run(journey, rate, round(rate * RAMP_SECONDS))
        if not ran.failed:
            best = max(best, rate)
        elif failing is None or rate < failing.rate:
            failing = ran
        upwards = rate > RATES[-1]
        if upwards == bool(ran.failed):
            break
    note = "no failure at the largest that was tried" if failing is None else _failure(failing)
    return [*found, one("largest rate without a failed call", best, "calls/s", note)]


def _next_rates(best: float, failing: Ran | None) -> Sequence[float]:
    """What to try after :data:`RATES`: upwards until one fails, or downwards until one does not."""
    if failing is None:
        return MORE_RATES
    return [rate for rate in FEWER_RATES if best < rate < failing.rate]


def _of_rate(ran: Ran) -> list[Figure]:
    at = f"{ran.rate:g} calls/s: "
    note = f"{ran.calls} calls" + (f"; FAILED: {_failure(ran)}" if ran.failed else "")
    if ran.complaints:
        note += "; " + "; ".join(ran.complaints)
    whole = sum(cpu for name, cpu in ran.cpu.items() if name != LOAD)
    return [
        Figure(
            f"{at}CPU of a call",
            {name: 1000 * cpu / ran.calls for name, cpu in ran.cpu.items() if name != LOAD}
            | {"all": 1000 * whole / ran.calls},
            "ms",
            note=f"{note}; the load itself {1000 * ran.cpu[LOAD] / ran.calls:.0f} ms",
        ),
        spread(f"{at}key press to next prompt", ran.key_to_prompt),
        *([spread(f"{at}agent ready to ringing", ran.ready_to_ring)] if ran.ready_to_ring else []),
    ]


def _failure(ran: Ran) -> str:
    counted = ran.counted
    said = f"; {counted.complaint}" if counted.complaint else ""
    return (
        f"at {ran.rate:g} calls/s {ran.failed} of {ran.calls} calls failed"
        f" ({counted.good} ended well, {counted.answered} were answered{said})"
    )
