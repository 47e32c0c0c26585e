"""Whom to dial: a Command that calls a citizen back names the call, and who performs it looks."""

from __future__ import annotations

import logging

import pytest

from callcenter import line
from callcenter.calls import tables
from callcenter.calls.service import Send, Sent
from callcenter.db import Connection, Database, DatabaseAway
from callcenter.db.keys import Keys
from callcenter.line import Cause, Command, Device, DeviceKind, RingLeg, Signal
from callcenter.telephony.performer import Performer, numbers
from callcenter.telephony.simulator.line import SimulatorLine
from tests.db.house import CALLER, LINE, StillHouse
from tests.db.stored import Hands
from tests.rules.histories import OPEN
from tests.waiting import until

CLOCK = Hands(OPEN)


class Watched(SimulatorLine):
    """Remembers what it was asked; its phones do nothing by themselves."""

    def __init__(self) -> None:
        super().__init__(CLOCK, paced=False, rings=False)
        self.asked: list[Command] = []
        self.fails: Exception | None = None
        self.told: list[Signal] = []

    async def do(self, command: Command) -> None:
        self.asked.append(command)
        if self.fails is not None:
            raise self.fails
        await super().do(command)

    async def emit(self, signal: Signal) -> None:
        self.told.append(signal)


def back(call: str) -> Send:
    """A citizen is called back."""
    return Send(LINE, (), (Sent("command", RingLeg("leg-2", Device(DeviceKind.CALLER, call))),))


@pytest.fixture
async def house(database: Database, keys: Keys) -> StillHouse:
    made = StillHouse(database, keys, CLOCK, "first", None)
    await made.start()
    return made


@pytest.fixture
async def watched() -> Watched:
    made = Watched()
    await made.start(made.emit)
    return made


async def test_the_line_is_given_the_number_and_nobody_else(
    house: StillHouse, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    call = await house.dials()
    done: list[str] = []
    performer = Performer({LINE: watched}, done.append, numbers(house.database, house.keys))
    with caplog.at_level(logging.DEBUG):
        performer.post(back(call))
        await until(lambda: not performer.busy)
        assert watched.asked == [RingLeg("leg-2", Device(DeviceKind.CALLER, CALLER))]
        assert done == ["command"]
        watched.fails = ValueError("it can not be dialled")
        performer.post(back(call))
        await until(lambda: not performer.busy)
    assert "could not do RingLeg" in caplog.text
    assert CALLER[3:] not in caplog.text


async def test_who_is_not_known_any_more_is_not_rung(house: StillHouse, watched: Watched) -> None:
    call = await house.dials()
    await house.do(lambda conn: tables.forget_caller(conn, call))
    withheld = await house.dials("other", None)
    performer = Performer({LINE: watched}, lambda _id: None, numbers(house.database, house.keys))
    for one in (call, withheld, "no such call"):
        watched.told.clear()
        performer.post(back(one))
        await until(lambda: not performer.busy)
        assert watched.told == [line.Refused("leg-2", Cause.FAILED)]


async def test_while_the_database_is_away_nobody_is_rung(watched: Watched) -> None:
    async def away(_call: str) -> str | None:
        raise DatabaseAway("it is away")

    done: list[str] = []
    performer = Performer({LINE: watched}, done.append, away)
    performer.post(back("call"))
    await until(lambda: not performer.busy)
    assert (watched.asked, done) == ([], [])


async def test_a_call_whose_key_is_destroyed_has_no_number(house: StillHouse) -> None:
    call = await house.dials()

    def destroy(conn: Connection) -> None:
        conn.execute(tables.call.update().values(key=b""))

    assert await numbers(house.database, house.keys)(call) == CALLER
    await house.do(destroy)
    assert await numbers(house.database, house.keys)(call) is None
