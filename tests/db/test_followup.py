"""What callers do about complaints that exist, on both databases: each Need with its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import select

from callcenter.calls import followup, tables
from callcenter.calls.followup import Followed, Stores
from callcenter.calls.model import Call
from callcenter.cases import service as cases
from callcenter.cases import tables as case_tables
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection, Database
from callcenter.db.keys import Keys
from callcenter.ivr import needs
from tests.db.house import OUTGOING, StillHouse
from tests.db.stored import Hands
from tests.rules.histories import OPEN

T = TypeVar("T")
WINDOW_S = 86_400


@pytest.fixture
async def house(database: Database, keys: Keys) -> StillHouse:
    made = StillHouse(database, keys, Hands(OPEN), "first", None)
    await made.start()
    return made


class Caller:
    """Somebody who calls, and whose flow needs something."""

    def __init__(self, house: StillHouse, leg: str) -> None:
        self.house = house
        self.leg = leg

    async def calls(self, number: str | None = "+628111222333") -> Caller:
        self.call = await self.house.dials(self.leg, number)
        return self

    async def needs(self, need: Followed) -> needs.Answer:
        return await self.do(lambda stores: followup.answer(stores, self.stored(stores), need))

    async def opens(self) -> tuple[str, str, str]:
        return await self.do(
            lambda stores: cases.open_case(
                stores.connection,
                stores.keys,
                stores.given,
                stores.rules,
                call=self.call,
                call_key=stores.call_key,
                topic="upah",
                language="id",
            )
        )

    def stored(self, stores: Stores) -> Call:
        found = tables.load(stores.connection, stores.keys, self.call)
        assert found is not None
        return found.call

    async def do(self, what: Callable[[Stores], T]) -> T:
        rules, keys, now = self.house.calls.rules, self.house.keys, self.house.clock.now()

        def inside(connection: Connection) -> T:
            found = tables.load(connection, keys, self.call)
            assert found is not None
            return what(Stores(connection, keys, Given(now), rules, found.key, OUTGOING))

        return await self.house.do(inside)


async def test_a_draft_is_gone_on_with_from_the_same_number_and_by_pin(house: StillHouse) -> None:
    first = await Caller(house, "first").calls()
    case, number, pin = await first.opens()
    again = await Caller(house, "again").calls()
    assert await again.needs(needs.RecallDraft(WINDOW_S)) == needs.DraftKnown()
    assert await again.needs(needs.ResumeCase(None, WINDOW_S)) == needs.CaseResumed(case, "upah")
    other = await Caller(house, "other").calls("+628999888777")
    assert await other.needs(needs.RecallDraft(WINDOW_S)) == needs.CaseNotFound()
    found = await other.needs(needs.FindCase(number, pin))
    assert isinstance(found, needs.CaseFound)
    assert "statement" in found.can
    assert "press" not in found.can
    assert await other.needs(needs.ResumeCase(case, WINDOW_S)) == needs.CaseResumed(case, "upah")
    wanted = select(case_tables.call_case.c.role, case_tables.call_case.c.resumes).order_by(
        case_tables.call_case.c.at, case_tables.call_case.c.role.desc()
    )
    links = await house.do(lambda conn: sorted(map(tuple, conn.execute(wanted)), key=str))
    assert [role for role, _ in links] == ["continued", "continued", "opened"]
    assert {first.call} <= {resumes for _, resumes in links}


async def test_a_withheld_number_recalls_nothing(house: StillHouse) -> None:
    await (await Caller(house, "first").calls(None)).opens()
    again = await Caller(house, "again").calls(None)
    assert await again.needs(needs.RecallDraft(WINDOW_S)) == needs.CaseNotFound()


async def test_star_still_wants_the_pin_and_a_strange_telephone_finds_nothing(
    house: StillHouse,
) -> None:
    first = await Caller(house, "first").calls()
    _, _, pin = await first.opens()
    stranger = await Caller(house, "stranger").calls("+628999888777")
    assert await stranger.needs(needs.FindCase(None, pin)) == needs.CaseNotFound()


async def test_pressing_and_a_statement_and_what_is_refused(house: StillHouse) -> None:
    first = await Caller(house, "first").calls()
    case, number, pin = await first.opens()
    filed = await first.needs(needs.ActOnCase(case, "object"))
    assert filed == needs.CaseRefused("not_now")

    def file(stores: Stores) -> None:
        work.move(
            stores.connection,
            stores.keys,
            stores.given,
            stores.rules,
            case=case,
            event=CaseEvent.FILE,
            actor=Actor.REPORTER,
        )

    await first.do(file)
    pressed = await first.needs(needs.ActOnCase(case, "press"))
    assert isinstance(pressed, needs.CaseActed)
    assert pressed.due is not None
    assert await first.needs(needs.ActOnCase(case, "press")) == pressed  # once is enough
    spoken = await first.needs(needs.ActOnCase(case, "statement", None, "call-1", 4))
    assert isinstance(spoken, needs.CaseActed)
    gone = await first.needs(needs.ActOnCase(case, "withdraw"))
    assert isinstance(gone, needs.CaseActed)
    assert (gone.status, gone.can) == ("withdrawn", ())
    found = await first.needs(needs.FindCase(number, pin))
    assert isinstance(found, needs.CaseFound)
    assert found.status == "withdrawn"


async def test_a_pin_of_ones_own(house: StillHouse) -> None:
    first = await Caller(house, "first").calls()
    case, number, old = await first.opens()
    assert await first.needs(needs.ChoosePin(case, "123456")) == needs.PinWeak("run")
    assert await first.needs(needs.ChoosePin(case, "111222")) == needs.PinWeak("repeat")
    assert await first.needs(needs.ChoosePin(case, "839274")) == needs.PinSet()
    assert await first.needs(needs.FindCase(number, old)) == needs.CaseNotFound()
    assert isinstance(await first.needs(needs.FindCase(number, "839274")), needs.CaseFound)


async def test_nothing_is_told_that_nobody_wrote_or_did(house: StillHouse) -> None:
    first = await Caller(house, "first").calls()
    case, _, _ = await first.opens()
    assert await first.needs(needs.TellNote(case)) == needs.NoteTold(None)
    assert await first.needs(needs.TellOpenings(case)) == needs.OpeningsTold(0)
    assert await first.needs(needs.AskCustodian(case, "upah")) == needs.Custodian(None)
