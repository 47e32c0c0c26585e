"""The real Calls and Desk on a database, as what a history (``tests/rules/histories.py``) runs on.

After every step the same invariants are read from the tables; now and then a Signal is handled
twice and the tables are compared; a process that dies is followed by another one on the same file.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar
from unittest.mock import patch

import msgspec
from sqlalchemy import Connection, insert, select

from callcenter import line
from callcenter.calls import service, tables
from callcenter.calls.desk import Desk
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.model import Accepted, Call, Declined, Leg, LegState
from callcenter.calls.outcomes import OUTCOMES
from callcenter.calls.outgoing import Outgoing
from callcenter.calls.service import Calls, Done, Send
from callcenter.cases import service as cases
from callcenter.cases.errors import Refused
from callcenter.cases.service import CaseForm, StaleCase
from callcenter.clock import Given, JumpClock
from callcenter.db import Database, metadata
from callcenter.db.facts import Sealer, verify
from callcenter.db.keys import Keys
from callcenter.db.tables import command, fact
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.visit import Visit, decode_visit
from callcenter.people.tables import account
from callcenter.queue import service as queue
from callcenter.queue.agents import Agent, AgentEvent, AgentState
from callcenter.queue.entries import Entry, Offer, OfferState
from callcenter.queue.matching import Matches
from callcenter.topics import Topic
from tests.rules.cases.kit import shipped_rules
from tests.rules.center import TIMEZONE
from tests.rules.invariants import Snapshot, check, need
from tests.rules.network import Network, Schedule
from tests.rules.rest import matches
from tests.waiting import until

_Row = TypeVar("_Row", Leg, Entry, Offer)
_Word = TypeVar("_Word", Visit, line.Turn)

#: How often a Signal is told again, to compare the tables before and after.
TOLD_TWICE = 0.1
#: How often somebody looks at a console.
LOOKS = 0.2
#: How often the agent in a talk or a wrap-up saves the form.
SAVES = 0.5


class Hands(JumpClock):
    """A clock that says when its sleepers are asleep: then all that was due is done."""

    def __init__(self, now: int) -> None:
        super().__init__(now)
        self.asleep = asyncio.Event()

    async def sleep_until(self, at: int) -> None:
        if at > self.now():
            self.asleep.set()
        await super().sleep_until(at)


class Seeded(Given):
    """Draws that are the same each time a history is played."""

    count = itertools.count()

    def __init__(self, now: int, seed: bytes | None = None) -> None:
        super().__init__(now, seed or next(self.count).to_bytes(8, "big"))


class Stored:
    """Calls, agents, entries, offers and timers in ``database``."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        rng: random.Random,
        schedule: Schedule,
        flows: FlowSet,
        topics: dict[str, Topic],
        lines: Sequence[str],
    ) -> None:
        self.database = database
        self.tables = Tables(str(database.url.database), keys)
        self.keys = keys
        self.rng = rng
        self.schedule = schedule
        self.flows = flows
        self.topics = topics
        self.lines = lines
        self.network: Network
        self.offered: Callable[[str, str], None]
        self.clock = Hands(schedule.now)
        self.trace: list[tuple[int, object, str]] = []
        self.down = False
        self.steps = 0
        self._shown: set[str] = set()
        self._next: int | None = None
        self._processes = itertools.count(1)

    async def start(self) -> None:
        """Another process."""
        self.sealer = Sealer(self.database, self.keys)
        self.calls = Calls(
            self.database,
            self.keys,
            flows=self.flows,
            rules=shipped_rules(),
            clock=self.clock,
            timezone=TIMEZONE,
            lines=self.lines,
            outgoing=Outgoing(frozenset(self.lines), ("+62",), 500),
            sealer=self.sealer,
            process=f"process-{next(self._processes)}",
            perform=self._perform,
        )
        self.calls.fetch = self._fetch
        self._desk = Desk(self.calls)
        await self.calls.start()

    async def begin(self) -> None:
        """The first process, on lines where nobody calls yet."""
        await self.start()
        for name in self.lines:
            await self.calls.handle(line.LineResumed(name, (), ()))

    def _perform(self, send: Send) -> None:
        calls, ids = self.calls, {id(one.command): one.id for one in send.commands}
        commands = [one.command for one in send.commands]
        self.network.post(
            send.line, send.turns, commands, lambda done: calls.performed(ids[id(done)])
        )

    async def _fetch(self, line_name: str, name: str) -> None:
        """A recording, from a line that is sometimes away, or has forgotten it."""
        chance = self.rng.random()
        if chance < 0.4:
            raise ConnectionError(line_name) if chance < 0.3 else LookupError(name)
        keep = partial(cases.fetched, name=name, wrapped=b"-", file=name)
        await self.database.write(keep)
        await self.calls.drop_recording(line_name, name)

    # --- what happens ---------------------------------------------------------------------------

    async def handle(self, signal: line.Signal) -> None:
        if self.down:
            return
        self.clock.set(self.schedule.now)
        self.trace.append((self.schedule.now, signal, ""))
        await self.calls.handle(signal)
        await self._happened()
        if self.rng.random() < TOLD_TWICE and not isinstance(signal, line.LineResumed):
            before, seen = self.database.read_sync(_dump), self.snapshot()
            await self.calls.handle(signal)
            after = self.database.read_sync(_dump)
            need(seen == self.snapshot(), "a duplicate changes nothing", signal)
            for name in before:
                need(before[name] == after[name], "a duplicate changes nothing", signal, name)

    async def _happened(self) -> None:
        """After every commit: look at everything, and at when the next timer is due."""
        self.steps += 1
        seen = self.snapshot()
        check(seen)
        for call in seen.calls.values():
            offer = call.offer
            if offer is not None and offer.open and offer.id not in self._shown:
                self._shown.add(offer.id)
                self.offered(offer.agent, offer.id)
        self._wait_for_timers(seen.timers.values())
        if seen.agents and self.rng.random() < LOOKS and not self.down:
            await self._look(self.rng.choice(sorted(seen.agents)), seen)

    async def _look(self, agent: str, seen: Snapshot) -> None:
        """An agent's console shows what is."""
        shown = await self.database.read(lambda conn: self._desk.console(conn, agent))
        state, about = seen.agents[agent].state, seen.agents[agent].call
        offer = next((one for one in seen.offers.values() if one.open and one.agent == agent), None)
        asked = offer is not None and offer.state is OfferState.PENDING
        need(shown.agent.state is state, "its state", shown)
        need((shown.offer is not None) == asked, "an offer while it is open", shown, offer)
        need(shown.offer is None or shown.offer.call == about, "its call", shown)
        held = shown.call is not None and shown.call.state == "held"
        kept = [one.call for one in seen.entries.values() if one.reserved_for == agent]
        need(not held or (shown.call and shown.call.id in kept), "a caller kept for them", shown)
        connected = state is AgentState.TALKING or (offer is not None and not asked)
        need((shown.call is not None) == (connected or held), "the call once it is accepted", shown)
        wraps = state is AgentState.WRAP_UP
        need((shown.wrap_up is not None) == wraps, "the wrap-up", shown)

    def _wait_for_timers(self, dues: Iterable[int]) -> None:
        due = min(dues, default=None)
        if due is None or (self._next is not None and self._next <= due):
            return
        late = self.rng.randrange(0, 3_000) if self.rng.random() < 0.2 else 0
        self._next = max(due, self.schedule.now + 1) + late
        self.schedule.at(self._next, self._timers)

    async def _timers(self) -> None:
        """Let the timer loop do what is due."""
        if self._next != self.schedule.now or self.down:
            return
        self._next = None
        self.clock.set(self.schedule.now)
        self.clock.asleep.clear()
        loop = asyncio.create_task(self.calls.run_timers())
        asleep = asyncio.create_task(self.clock.asleep.wait())
        await asyncio.wait((loop, asleep), return_when=asyncio.FIRST_COMPLETED)
        if loop.done():
            loop.result()
        await until(lambda: not self.calls.fetching)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        self.trace.append((self.schedule.now, "timers", ""))
        await self._happened()

    # --- what agents do -------------------------------------------------------------------------

    async def sign_on(self, agent: str, device: line.Device, topics: frozenset[str]) -> None:
        await self.database.write(lambda connection: queue.set_topics(connection, agent, topics))
        await self._desk.sign_on(agent, device)

    def desk(self, agent: str, event: AgentEvent, reason: str | None = None) -> Awaitable[None]:
        asked = {
            AgentEvent.SIGN_ON: self._sign_on_again,
            AgentEvent.SIGN_OFF: self._sign_off,
            AgentEvent.WRAPPED: self._wrap_up,
        }
        if event in asked:
            return self._try(agent, event, asked[event])
        return self._try(agent, event, partial(self._set_state, event=event, reason=reason))

    async def _sign_on_again(self, agent: str) -> None:
        await self._desk.sign_on(agent, self.agent(agent).device)

    async def _sign_off(self, agent: str) -> None:
        await self._desk.sign_off(agent)

    async def _set_state(self, agent: str, event: AgentEvent, reason: str | None) -> None:
        state = "ready" if event is AgentEvent.READY else "paused"
        await self._desk.set_agent_state(agent, state, reason)

    async def _wrap_up(self, agent: str) -> None:
        await self._save(agent)
        await self._desk.wrap_up_done(agent, self.rng.choice(tuple(OUTCOMES)))

    async def _save(self, agent: str) -> None:
        """Write the case down, now and then from a page that shows an old version."""
        call = self.agent(agent).call
        if call is None or self.rng.random() > SAVES:
            return
        version = self.rng.choice((1, 1, 2, 3))
        form = CaseForm(version, narrative=f"Upah {version} bulan belum dibayar")
        try:
            view = await self._desk.save_case(agent, call, form)
        except StaleCase as stale:
            need(stale.version != version, "stale: another version", stale)
        else:
            need(view.narrative == form.narrative, "what was typed is kept", view)

    def click(self, agent: str, offer: str, click: Accepted | Declined) -> Awaitable[None]:
        ask = self._desk.accept if isinstance(click, Accepted) else self._desk.decline
        return self._try(agent, click, lambda agent: ask(agent, offer))

    def hangs_up(self, leg: str) -> Awaitable[None] | None:
        return self._in_talk(leg, self._desk.hang_up)

    def brings_in(self, leg: str) -> Awaitable[None] | None:
        return self._in_talk(leg, lambda agent, call: self._desk.bring_in(agent, call, "KP2MI"))

    def lets_go(self, leg: str) -> Awaitable[None] | None:
        return self._in_talk(leg, self._desk.let_go)

    def _in_talk(
        self, leg: str, ask: Callable[[str, str], Awaitable[None]]
    ) -> Awaitable[None] | None:
        found = self.tables.query("SELECT agent, call FROM leg WHERE id = ?", leg)
        if not found:
            return None
        agent, call = map(str, found[0])
        return self._try(agent, leg, lambda agent: ask(agent, call))

    async def _try(self, agent: str, what: object, ask: Callable[[str], Awaitable[None]]) -> None:
        if self.down:
            return
        self.clock.set(self.schedule.now)
        came = ""
        try:
            await ask(agent)
        except (NotNow, NotYours, Refused, TooLate) as refused:
            came = type(refused).__name__
        self.trace.append((self.schedule.now, (agent, what), came))
        await self._happened()

    # --- processes ------------------------------------------------------------------------------

    def dies(self) -> None:
        """Nothing of the process is left but the database; :meth:`resumed` starts another."""

    async def resumed(self, lines: Sequence[line.LineResumed], *, new: bool) -> None:
        self.clock.set(self.schedule.now)
        if new:
            await self.start()
        for one in lines:
            await self.handle(one)
        self._next = None
        self._wait_for_timers(self.tables.timers().values())

    # --- to look at -----------------------------------------------------------------------------

    def agent(self, agent: str) -> Agent:
        return self.tables.agents()[agent]

    def offer(self, offer: str) -> Offer:
        return self.tables.rows("offer", Offer)[offer]

    def due(self) -> bool:
        return any(due <= self.schedule.now for due in self.tables.timers().values())

    def snapshot(self) -> Snapshot:
        return self.tables.snapshot()

    def matches(self) -> Matches:
        knows: dict[str, set[str]] = {name: set() for name in self.tables.agents()}
        for agent, topic in self.tables.query("SELECT agent, topic FROM agent_topic"):
            knows.setdefault(str(agent), set()).add(str(topic))
        known = {agent: frozenset(topics) for agent, topics in knows.items()}
        return matches(self.snapshot(), known, self.lines, self.schedule.now)

    async def check_facts(self) -> None:
        """Every Fact is what was written, and tells one story of every call and offer."""
        await self.calls.commit(lambda _connection, _given: Done())
        while await self.sealer.seal():
            pass
        verdict = self.database.read_sync(lambda connection: verify(connection, self.keys))
        need(verdict.bad is None and verdict.unsealed == 0, "Facts verify", verdict)
        seen, kinds = self.snapshot(), self.database.read_sync(_kinds)
        called_back = {entry.call for entry in seen.entries.values() if entry.callback}
        for call in seen.calls:
            arrived = kinds.count(("call_arrived", call, None))
            need(arrived == (0 if call in called_back else 1), "arrived once", call)
            need(kinds.count(("call_ended", call, None)) <= 1, "ended once", call)
        for offer in seen.offers.values():
            told = [kind for kind, _, about in kinds if about == offer.id]
            ends = [kind for kind in told if kind in _ENDS]
            need(ends == [_END[offer.state]], "an offer ends once", offer, told)
        pins = self.tables.query("SELECT call FROM call_case WHERE pin IS NOT NULL")
        need(not pins, "nobody reads the PIN of a call that is over", pins)
        left = self.database.read_sync(lambda conn: conn.execute(select(command)).all())
        need(not left, "no command is left over", left)


class Tables:
    """What is in the tables, read past the code under test."""

    def __init__(self, path: str, keys: Keys) -> None:
        self._keys = keys
        self._file = sqlite3.connect(path)
        self._words: dict[bytes, object] = {}

    def close(self) -> None:
        self._file.close()

    def query(self, statement: str, *values: str) -> list[tuple[object, ...]]:
        return self._file.execute(statement, values).fetchall()

    def rows(self, table: str, kind: type[_Row]) -> dict[str, _Row]:
        """The rows of ``table`` by id, as records of the rules."""
        cursor = self._file.execute(f"SELECT * FROM {table} ORDER BY rowid")
        names = [column[0] for column in cursor.description]
        rows = (dict(zip(names, row, strict=True)) for row in cursor)
        return {row["id"]: msgspec.convert(row, kind, strict=False) for row in rows}

    def agents(self) -> dict[str, Agent]:
        cursor = self._file.execute("SELECT * FROM agent ORDER BY id")
        names = [column[0] for column in cursor.description]
        found = {}
        for row in cursor:
            fields = dict(zip(names, row, strict=True))
            kind, address = fields.pop("device_kind"), fields.pop("device_address")
            fields["device"] = {"type": "device", "kind": kind, "address": address}
            found[fields["id"]] = msgspec.convert(fields, Agent, strict=False)
        return found

    def timers(self) -> dict[tuple[str, str], int]:
        rows = self._file.execute("SELECT kind, ref, due_at FROM timer")
        return {(kind, ref): due for kind, ref, due in rows}

    def snapshot(self) -> Snapshot:
        entries, offers = self.rows("entry", Entry), self.rows("offer", Offer)
        agents, calls = self.agents(), {}
        legs: dict[str, list[Leg]] = {}
        turns = dict(self._file.execute("SELECT id, turn FROM leg"))
        for leg in self.rows("leg", Leg).values():
            legs.setdefault(leg.call, []).append(leg)
        cursor = self._file.execute("SELECT * FROM call ORDER BY id")
        names = [column[0] for column in cursor.description]
        for row in cursor:
            fields = dict(zip(names, row, strict=True))
            call, wrapped = fields["id"], fields["key"]
            visit = self._open(call, wrapped, fields.pop("visit"), "call.visit", decode_visit)
            entry, offer, agent = (fields.pop(name) for name in ("entry", "offer", "agent"))
            calls[call] = msgspec.structs.replace(
                msgspec.convert(fields, Call, strict=False),
                legs=tuple(legs.get(call, ())),
                visit=visit,
                entry=entries.get(entry),
                offer=offers.get(offer),
                agent=agents.get(agent),
            )
            for leg in legs.get(call, ()):
                turn = self._open(call, wrapped, turns[leg.id], "leg.turn", line.decode_turn)
                there = leg.state is not LegState.GONE and leg.rev > 0
                need((turn is not None) == there, "who is there has a Turn", leg)
                need(turn is None or turn.rev == leg.rev, "its newest", leg, turn)
        return Snapshot(calls, entries, offers, agents, self.timers())

    def _open(
        self,
        call: str,
        wrapped: bytes,
        sealed: bytes | None,
        context: str,
        decode: Callable[[bytes], _Word],
    ) -> _Word | None:
        """What is encrypted under the call's key; each only once."""
        if sealed is None:
            return None
        if sealed not in self._words:
            key = self._keys.open(wrapped, tables.owner(call))
            self._words[sealed] = decode(key.decrypt(sealed, context))
        return self._words[sealed]  # type: ignore[return-value]


_END = {
    "answered": "answered",
    "declined": "declined",
    "timed_out": "offer_timed_out",
    "withdrawn": "offer_withdrawn",
}
_ENDS = frozenset(_END.values())
#: Not compared as they stand: a state may be asked for again (command), and what is encrypted
#: looks different each time (call, leg; the snapshot has them in clear).
_MAY_CHANGE = ("command", "call", "leg")


def _dump(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for table in metadata.sorted_tables
        if table.name not in _MAY_CHANGE
    }


def _kinds(connection: Connection) -> list[tuple[str, str | None, str | None]]:
    offers = ("answered", "accepted", *_ENDS)
    rows = connection.execute(select(fact.c.kind, fact.c.call, fact.c.offer).order_by(fact.c.id))
    return [(kind, call, offer if kind in offers else None) for kind, call, offer in rows]


def add_agents(connection: Connection, names: Iterable[str]) -> None:
    """Accounts of agents, so that they may sign on."""
    for name in names:
        connection.execute(
            insert(account).values(
                id=name,
                username=name,
                name=name,
                role="agent",
                language="id",
                password_hash="-",
                active=True,
                head=False,
                named=False,
                created_at=0,
            )
        )


def seeded() -> AbstractContextManager[object]:
    """Ids and PINs are drawn from a counter that begins anew (a context manager)."""
    Seeded.count = itertools.count()
    return patch.object(service, "Given", Seeded)
