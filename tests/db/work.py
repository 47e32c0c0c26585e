"""The hands of the tests that move cases: a store with its rules, and a clock that is set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, update

from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.clocks import Clock
from callcenter.cases.facts import NoteKind
from callcenter.cases.hand.service import Work
from callcenter.cases.post import service as post
from callcenter.cases.post.service import ToPhone
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.cases.work.service import Moved, Standing
from callcenter.clock import Given
from callcenter.db import Database, timers
from callcenter.db.keys import Keys
from callcenter.db.tables import fact, timer
from tests.db.test_cases import Store


class Desk(Store):
    """Moves cases; ``late``: its timers are handled only when somebody asks for it."""

    def __init__(self, database: Database, keys: Keys) -> None:
        super().__init__(database, keys)
        self._calls = 0

    def filed(self, topic: str = "upah_tunggak", province: str | None = "32") -> str:
        """A complaint that waits to be looked at."""
        self._calls += 1
        case, _, _ = self.open(f"call-{self._calls}", topic)
        self.set(case, province=province)
        self.move(case, CaseEvent.FILE, Actor.AGENT, by="sari")
        return case

    def set(self, case: str, **values: object) -> None:
        change = update(tables.case).where(tables.case.c.id == case).values(**values)
        self.do(lambda conn: conn.execute(change))

    def move(
        self,
        case: str,
        event: CaseEvent,
        actor: Actor,
        by: str | None = None,
        version: int | None = None,
        **fields: str,
    ) -> Moved:
        given = Given(self.now)
        return self.do(
            lambda conn: work.move(
                conn,
                self.keys,
                given.again(),
                self.rules,
                case=case,
                event=event,
                actor=actor,
                by=by,
                fields=fields,
                version=version,
            )
        )

    def note(self, case: str, kind: NoteKind, text: str, by: str | None = "sari") -> Moved:
        given = Given(self.now)
        return self.do(
            lambda conn: work.note(
                conn,
                self.keys,
                given.again(),
                self.rules,
                case=case,
                kind=kind,
                text=text,
                by=by,
            )
        )

    def message(self, case: str, call: str = "call-1") -> None:
        """Whoever talks in ``call`` leaves a message on the case."""
        self.call(call)
        given = Given(self.now)
        added = self.do(
            lambda conn: cases.add_message(
                conn,
                self.keys,
                given.again(),
                self.rules,
                call=call,
                case=case,
                recording=None,
                seconds=7,
            )
        )
        assert added

    def remind(self, case: str) -> Moved:
        given = Given(self.now)
        return self.do(
            lambda conn: work.remind(conn, self.keys, given.again(), self.rules, case=case)
        )

    def standing(self, case: str) -> Standing:
        return self.do(lambda conn: work.standing(conn, self.keys, self.rules, case, self.now))

    def to_phone(self, at: int, most: int = 50) -> list[ToPhone]:
        return self.do(lambda conn: post.to_phone(conn, at, most))

    def look(self, case: str) -> None:
        given = Given(self.now)
        self.do(lambda conn: work.look(conn, self.keys, given.again(), self.rules, case))

    def until(self, at: int) -> None:
        """Handle every timer at its moment, up to ``at``."""
        while (due := self.do(timers.next_due)) is not None and due <= at:
            self.now = max(self.now, due)
            for one in self.do(lambda conn: timers.due(conn, self.now)):
                self.look(one.ref)
        self.now = at

    def row(self, case: str) -> Mapping[str, Any]:
        wanted = select(tables.case).where(tables.case.c.id == case)
        return self.do(lambda conn: dict(conn.execute(wanted).mappings().one()))

    def all(self, table: Any, case: str) -> list[dict[str, Any]]:
        wanted = select(table).where(table.c["case"] == case)
        return self.do(lambda conn: [dict(row) for row in conn.execute(wanted).mappings()])

    def said(self, case: str) -> list[tuple[str, str]]:
        wanted = select(fact.c.kind, fact.c.text).where(fact.c.case == case).order_by(fact.c.id)
        return self.do(lambda conn: [(row.kind, row.text) for row in conn.execute(wanted)])

    def next_look(self, case: str) -> int | None:
        far = self.do(lambda conn: timers.due(conn, 2**62, 10_000))
        return next((one.due_at for one in far if one.ref == case), None)

    def forget_timers(self) -> None:
        self.do(lambda conn: conn.execute(delete(timer)))

    def hand(self, case: str) -> Work:
        given = Given(self.now)
        row = self.row(case)
        return self.do(lambda conn: Work(conn, self.keys, given, self.rules, row))

    def clocks(self, case: str) -> tuple[Clock, ...]:
        return self.hand(case).clocks()

    def due(self, case: str) -> int | None:
        """When it is due, from its Facts alone."""
        work = self.hand(case)
        dues = [clock.due for clock in work.clocks() if clock.runs]
        return min([*dues, *(one.due_at for one in work.pressed)], default=None)


def routed(desk: Desk, unit: str = "P32", province: str = "32") -> str:
    """A complaint that waits for ``unit`` to accept it."""
    case = desk.filed(province=province)
    desk.move(case, CaseEvent.VERIFY, Actor.TRIAGE, "tri")
    desk.move(case, CaseEvent.ROUTE, Actor.TRIAGE, "tri", unit=unit)
    return case


def accepted(desk: Desk) -> str:
    """A complaint that an officer works on."""
    case = routed(desk)
    desk.now += 1
    desk.move(case, CaseEvent.ACCEPT, Actor.OFFICER, "officer")
    return case
