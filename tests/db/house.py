"""One process of ours on a database: Calls and Desk, with a line that only listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import select

from callcenter import line
from callcenter.calls import tables
from callcenter.calls.desk import Desk
from callcenter.calls.model import CallState
from callcenter.calls.outgoing import Outgoing
from callcenter.calls.service import Calls, Send
from callcenter.calls.tables import Stored
from callcenter.cases import tables as case_tables
from callcenter.clock import Clock
from callcenter.db import Connection, Database, metadata, timers
from callcenter.db.facts import Sealer
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.ivr.flowset import FlowSet
from callcenter.line import Device, DeviceKind
from callcenter.queue import service as queue
from callcenter.queue.agents import Agent
from tests.db.stored import Hands, add_agents
from tests.rules.cases.kit import shipped_rules
from tests.rules.center import TIMEZONE
from tests.rules.flows import shipped
from tests.waiting import until

T = TypeVar("T")
LINE = "simulator"
CALLER = "+628111234567"


#: Whom this house calls back.
OUTGOING = Outgoing(frozenset({LINE}), ("+62",), 500)


class House:
    """One process, with agents at its desk and a line that only listens."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        process: str,
        flows: FlowSet | None = None,
    ) -> None:
        own, _ = shipped()
        self.database = database
        self.keys = keys
        self.clock = clock
        self.sends: list[Send] = []
        self.calls = Calls(
            database,
            keys,
            flows=flows or own,
            rules=shipped_rules(),
            clock=clock,
            timezone=TIMEZONE,
            lines=(LINE,),
            always_open=(LINE,),
            outgoing=OUTGOING,
            sealer=Sealer(database, keys),
            process=process,
            perform=self.sends.append,
        )
        self.desk = Desk(self.calls)

    async def start(self, *legs: line.LiveLeg) -> None:
        await self.calls.start()
        await self.calls.handle(line.LineResumed(LINE, legs, ()))

    async def do(self, what: Callable[[Connection], T]) -> T:
        return await self.database.write(what)

    # --- people ---------------------------------------------------------------------------------

    async def agent(self, name: str = "sari") -> str:
        await self.do(lambda conn: add_agents(conn, [name]))
        topics = shipped()[1]
        await self.do(lambda conn: queue.set_topics(conn, name, topics))
        await self.desk.sign_on(name, Device(DeviceKind.SIMULATED, name))
        await self.desk.set_agent_state(name, "ready")
        return name

    async def dials(self, leg: str = "leg", caller: str | None = CALLER) -> str:
        await self.calls.handle(line.CallArrived(leg, LINE, "1500630", caller))
        found = await self.do(lambda conn: tables.call_of_leg(conn, leg))
        assert found is not None
        return found

    async def asks(self, leg: str = "leg") -> None:
        """The caller asks for a person, about wages."""
        for rev in (1, 2):
            await self.calls.handle(line.DigitsEntered(leg, rev, "1"))

    async def queues(self, leg: str = "leg") -> str:
        call = await self.dials(leg)
        await self.asks(leg)
        return call

    async def talks(self, leg: str = "leg") -> str:
        """The agent takes the call, and they talk; gives the agent's leg."""
        call = await self.queues(leg)
        offer = (await self.stored(call)).call.offer
        assert offer is not None
        await self.desk.accept(offer.agent, offer.id)
        await self.calls.handle(line.LegAnswered(offer.leg))
        for one in (offer.leg, leg):
            turn = self.newest(one)
            assert isinstance(turn.wait, line.Room)
            await self.calls.handle(line.RoomEntered(one, turn.rev, turn.wait.room))
        assert (await self.stored(call)).call.state is CallState.TALKING
        return offer.leg

    # --- to look at -----------------------------------------------------------------------------

    def newest(self, leg: str) -> line.Turn:
        turns = [turn for send in self.sends for turn in send.turns if turn.leg == leg]
        return turns[-1]

    def commands(self) -> list[line.Command]:
        return [sent.command for send in self.sends for sent in send.commands]

    async def stored_of(self, leg: str) -> Stored:
        call = await self.do(lambda conn: tables.call_of_leg(conn, leg))
        assert call is not None
        return await self.stored(call)

    async def stored(self, call: str) -> Stored:
        found = await self.do(lambda conn: tables.peek(conn, self.keys, call))
        assert found is not None
        return found

    async def of(self, agent: str) -> Agent:
        found = await self.do(lambda conn: queue.load_agent(conn, agent, lock=False))
        assert found is not None
        return found

    async def due(self) -> list[timers.Timer]:
        return await self.do(partial(timers.due, now=self.clock.now()))

    async def kinds(self) -> list[str]:
        wanted = select(fact.c.kind).order_by(fact.c.id)
        return await self.do(lambda conn: list(conn.execute(wanted).scalars()))

    async def pins(self) -> list[str]:
        """The calls whose agent could still read a PIN."""
        wanted = select(case_tables.call_case.c.call).where(
            case_tables.call_case.c.pin.is_not(None)
        )
        return await self.do(lambda conn: list(conn.execute(wanted).scalars()))

    async def everything(self) -> dict[str, list[tuple[object, ...]]]:
        def look(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
            return {
                table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
                for table in metadata.sorted_tables
            }

        return await self.do(look)


class StillHouse(House):
    """A house on a clock that stands still until it is told to go on."""

    def __init__(
        self, database: Database, keys: Keys, clock: Hands, process: str, flows: FlowSet | None
    ) -> None:
        super().__init__(database, keys, clock, process, flows)
        self.clock: Hands = clock

    async def ticks(self) -> None:
        """Let the loop do what is due, until it sleeps."""
        self.clock.asleep.clear()
        loop = asyncio.create_task(self.calls.run_timers())
        await asyncio.wait_for(self.clock.asleep.wait(), 20)
        await until(lambda: not self.calls.fetching)
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)

    async def passes(self, ms: int) -> None:
        self.clock.set(self.clock.now() + ms)
        await self.ticks()

    async def queues(self, leg: str = "leg") -> str:
        call = await super().queues(leg)
        await self.ticks()
        return call
