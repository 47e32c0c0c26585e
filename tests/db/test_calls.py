"""The main path on both databases, where it meets what a single call does not show: timers, other
processes, lines that come back, agents who click too late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import select, update

from callcenter import line
from callcenter.calls import tables
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.model import TimerKind
from callcenter.calls.service import MATCH_AGAIN_MS, TIMER_AGAIN_S
from callcenter.cases import tables as case_tables
from callcenter.cases.desk import service as lists
from callcenter.cases.secrecy import Person
from callcenter.cases.service import BadForm, CaseForm
from callcenter.db import Connection, Database, DatabaseAway, timers
from callcenter.db.keys import Keys
from callcenter.db.tables import command
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import parse
from callcenter.line import Cause
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState
from callcenter.queue.entries import RING_S, Entry
from tests.db.house import CALLER, LINE, StillHouse
from tests.db.stored import Hands
from tests.rules.cases.kit import shipped_rules
from tests.rules.flows import shipped
from tests.rules.histories import OPEN
from tests.waiting import until

T = TypeVar("T")
MakeHouse = Callable[..., StillHouse]


@pytest.fixture
async def another(database: Database, keys: Keys) -> MakeHouse:
    """Makes processes on the same database, with the same clock."""
    clock = Hands(OPEN)

    def make(process: str = "first", flows: FlowSet | None = None) -> StillHouse:
        return StillHouse(database, keys, clock, process, flows)

    return make


@pytest.fixture
async def house(another: MakeHouse) -> StillHouse:
    first = another()
    await first.start()
    return first


# --- signals --------------------------------------------------------------------------------------


async def test_the_committed_turn_comes_back_and_a_repeated_call_is_one_call(
    house: StillHouse,
) -> None:
    arrived = line.CallArrived("leg", LINE, "1500630", CALLER)
    turn = await house.calls.handle(arrived)
    assert turn == house.newest("leg")
    before = await house.everything()
    assert await house.calls.handle(arrived) is None
    assert await house.everything() == before
    assert await house.calls.handle(line.LegReturned("leg")) == turn
    assert len(house.sends) == 2


@pytest.mark.parametrize(
    "signal",
    [
        line.DigitsEntered("nobody", 1, "1"),
        line.LegGone("nobody", Cause.LOST),
        line.LegReturned("nobody"),
        line.RoomEntered("nobody", 1, "room-x"),
        line.DeviceChanged("nobody", up=True),
        line.DigitsEntered("leg", 0, "1"),
        line.DigitsEntered("leg", 99, "1"),
        line.LegRinging("leg"),
        line.LegAnswered("leg"),
    ],
)
async def test_what_fits_nothing_writes_nothing(house: StillHouse, signal: line.Signal) -> None:
    await house.dials()
    before, sends = await house.everything(), len(house.sends)
    await house.calls.handle(signal)
    assert await house.everything() == before
    assert len(house.sends) == sends


async def test_nothing_is_performed_when_nothing_could_be_saved(
    another: MakeHouse, database: Database, keys: Keys, open_database: Callable[[str], Database]
) -> None:
    url = database.url.render_as_string(hide_password=False)
    house = StillHouse(open_database(url), keys, Hands(OPEN), "away", None)
    await house.start()
    await house.dials()
    sends = len(house.sends)
    await house.database.close()
    with pytest.raises(DatabaseAway):
        await house.calls.handle(line.Silence("leg", 1))
    assert len(house.sends) == sends


async def test_a_callers_number_is_written_in_one_place_only(house: StillHouse) -> None:
    call = await house.dials()
    stored = await house.stored(call)
    assert tables.caller_number(house.keys, stored) == CALLER
    withheld = await house.dials("leg-2", "anonymous")
    assert tables.caller_number(house.keys, await house.stored(withheld)) is None
    for rows in (await house.everything()).values():
        for value in (value for row in rows for value in row):
            words = value if isinstance(value, bytes) else str(value).encode()
            assert CALLER[3:].encode() not in words


async def test_callers_finish_in_the_flows_that_they_began_in(
    house: StillHouse, another: MakeHouse
) -> None:
    call = await house.dials()
    own, topics = shipped()
    main = own.sources["flows/main.yaml"].replace("max_wait_s: 900", "max_wait_s: 600")
    changed = parse(dict(own.sources) | {"flows/main.yaml": main}, frozenset(topics))
    assert changed.hash != own.hash
    second = another("second", changed)
    await second.start(line.LiveLeg("leg", True, True))
    await second.calls.handle(line.Silence("leg", 1))
    visit = (await second.stored(call)).call.visit
    assert visit is not None
    assert visit.flow_set == own.hash
    newer = (await second.stored(await second.dials("leg-2"))).call.visit
    assert newer is not None
    assert newer.flow_set == changed.hash


# --- the matcher ----------------------------------------------------------------------------------


async def test_a_long_queue_that_nobody_serves_hides_no_other_caller(house: StillHouse) -> None:
    waiting = [
        Entry(f"entry-{number}", f"call-{number}", LINE, "phk", number, number)
        for number in range(queue.MATCHED_AT_ONCE + 50)
    ]

    def many(connection: Connection) -> None:
        for entry in waiting:
            queue.save_entry(connection, entry)

    await house.do(many)
    await house.agent()
    await house.do(lambda conn: queue.set_topics(conn, "sari", ["upah"]))
    call = await house.queues()
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    assert offer.agent == "sari"


async def test_who_speaks_a_language_counts_while_signed_in(house: StillHouse) -> None:
    for name in ("budi", "wati"):
        await house.agent(name)
    await house.do(lambda conn: queue.set_languages(conn, "wati", ["jv", "en", "jv"]))

    def look(connection: Connection) -> tuple[list[str], int, int, dict[str, frozenset[str]]]:
        free = queue.free(connection, [LINE])
        return (
            queue.languages_of(connection, "wati"),
            queue.speakers(connection, "upah", "jv"),
            queue.speakers(connection, "upah", "su"),
            {one.agent: one.languages for one in free},
        )

    assert await house.do(look) == (
        ["en", "jv"], 1, 0, {"budi": frozenset(), "wati": frozenset({"en", "jv"})},
    )  # fmt: skip
    await house.desk.set_agent_state("wati", "paused")
    assert (await house.do(look))[1] == 1  # will be back
    await house.desk.sign_off("wati")
    assert (await house.do(look))[1] == 0
    await house.do(lambda conn: queue.set_languages(conn, "wati", []))
    assert (await house.do(look))[0] == []


async def test_a_call_whose_row_is_damaged_keeps_nobody_else_waiting(house: StillHouse) -> None:
    agent = await house.agent()
    await house.desk.set_agent_state(agent, "paused")
    damaged = await house.queues("first")
    call = await house.queues("second")
    spoilt = update(tables.call).where(tables.call.c.id == damaged).values(visit=b"spoilt")
    await house.do(lambda conn: conn.execute(spoilt).rowcount)
    await house.desk.set_agent_state(agent, "ready")
    await house.ticks()
    await house.passes(MATCH_AGAIN_MS)
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    assert offer.agent == "sari"


# --- timers ---------------------------------------------------------------------------------------


async def test_a_timer_that_is_set_while_the_loop_looks_is_not_slept_over(
    house: StillHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent gets ready between the loop's look and its sleep: rung at once, not in 5 seconds."""
    agent = await house.agent()
    await house.desk.set_agent_state(agent, "paused")
    call = await house.queues()
    read = house.database.read
    looked: list[bool] = []

    async def reads(what: Callable[[Connection], T]) -> T:
        found = await read(what)
        if getattr(what, "func", None) is timers.upcoming and not looked:
            looked.append(True)
            house.clock.set(house.clock.now() + 1)
            await house.desk.set_agent_state(agent, "ready")
        return found

    monkeypatch.setattr(house.database, "read", reads)
    house.clock.asleep.clear()
    loop = asyncio.create_task(house.calls.run_timers())
    await until(lambda: house.clock.asleep.is_set() and bool(looked))
    await asyncio.sleep(0)
    monkeypatch.undo()
    deadline = asyncio.get_running_loop().time() + 5
    while (await house.stored(call)).call.offer is None:
        assert asyncio.get_running_loop().time() < deadline
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def test_a_timer_that_fails_keeps_no_other_one_from_being_handled(
    house: StillHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await house.agent()
    call = await house.queues()
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    await house.calls.handle(line.LegRinging(offer.leg))
    await house.do(lambda conn: timers.set_timer(conn, "of_a_newer_version", "x", OPEN))
    await house.passes(RING_S * 1000)
    assert (await house.stored(call)).call.offer is None
    assert "of_a_newer_version" in caplog.text
    assert await house.due() == []
    caplog.clear()
    await house.passes(TIMER_AGAIN_S * 1000)
    assert "of_a_newer_version" in caplog.text


async def test_no_timer_waits_for_a_slow_recording(house: StillHouse) -> None:
    await house.agent()
    slow = asyncio.Event()

    async def fetch(_line: str, _name: str) -> None:
        await slow.wait()

    house.calls.fetch = fetch
    await house.calls.handle(line.MessageLeft(LINE, "message-1", 9, OPEN - 60_000))
    loop = asyncio.create_task(house.calls.run_timers())
    await until(lambda: house.calls.fetching)
    call = await house.dials("leg")
    for rev in (1, 2):
        await house.calls.handle(line.DigitsEntered("leg", rev, "1"))
    deadline = asyncio.get_running_loop().time() + 10
    while (await house.stored(call)).call.offer is None:
        assert asyncio.get_running_loop().time() < deadline
    assert house.calls.fetching
    slow.set()
    await until(lambda: not house.calls.fetching)
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    assert [timer for timer in await house.due() if timer.kind == TimerKind.RECORDING] == []


async def test_a_message_is_a_case_whose_recording_comes_home(house: StillHouse) -> None:
    asked: list[tuple[str, str]] = []

    async def fetch(line_name: str, name: str) -> None:
        asked.append((line_name, name))
        if len(asked) == 1:
            raise ConnectionError(line_name)

    house.calls.fetch = fetch
    left = line.MessageLeft(LINE, "message-1", 9, OPEN - 60_000)
    await house.calls.handle(left)
    before = await house.everything()
    await house.calls.handle(left)
    assert await house.everything() == before
    await house.ticks()
    await house.passes(60_000)
    assert asked == [(LINE, "message-1")] * 2
    triage = Person("rina", Role.OFFICER, shipped_rules().units.triage)
    wanted = (shipped_rules(), triage, lists.List.ALL, lists.Search(), 0)
    shown = await house.do(lambda conn: lists.page(conn, house.keys, *wanted))
    (row,) = shown.cases
    assert (shown.total, row.status, row.calls) == (1, "new", 1)
    assert await house.pins() == []


async def test_a_message_that_the_network_took_at_night_waits_for_the_morning(
    house: StillHouse,
) -> None:
    night, opening = 12 * 3_600_000, 22 * 3_600_000  # from 10.00 on
    await house.passes(night)
    await house.calls.handle(line.MessageLeft(LINE, "message-1", 9, house.clock.now() - 60_000))
    wanted = select(case_tables.case.c.status, case_tables.case.c.acknowledged_at)
    stood = []
    for ms in (0, opening - night - 1, 1):
        await house.passes(ms)
        stood.append(tuple(await house.do(lambda conn: conn.execute(wanted).one())))
    # Nobody was told number and PIN.
    assert stood == [("draft", None), ("draft", None), ("new", None)]


async def test_a_recording_that_an_agent_interrupted_is_kept(house: StillHouse) -> None:
    """It comes late, for an old Turn: the flow does not want it, and it is not lost."""
    call = await house.dials()
    await house.calls.handle(line.RecordingMade("leg", 0, f"{call}-0", 6))
    kept = select(case_tables.recording.c.name, case_tables.recording.c.call)
    rows = await house.do(lambda conn: conn.execute(kept).all())
    assert [tuple(row) for row in rows] == [(f"{call}-0", call)]
    assert [timer.kind for timer in await house.due()] == [TimerKind.RECORDING]


# --- lines that come back -------------------------------------------------------------------------


async def test_what_was_asked_while_a_line_was_away_is_asked_again_but_no_phone_rings_twice(
    house: StillHouse, another: MakeHouse
) -> None:
    await house.agent()
    await house.queues()
    (ring,) = [one for one in house.commands() if isinstance(one, line.RingLeg)]
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))  # and the agent's phone ends
    assert line.EndLeg(ring.leg) in house.commands()
    house.sends.clear()  # none of it was performed
    rings = line.LiveLeg(ring.leg, up=False, inbound=False)
    for again in (house, another("second")):
        await again.start(rings)
        assert line.EndLeg(ring.leg) in again.commands()
        assert not [one for one in again.commands() if isinstance(one, line.RingLeg)]
    ids = {sent.id for send in again.sends for sent in send.commands}
    for sent in ids:
        again.calls.performed(sent)
    await again.ticks()
    assert await again.do(lambda conn: conn.execute(select(command)).all()) == []


async def test_an_agents_phone_of_an_offer_that_is_over_is_ended_when_we_are_back(
    house: StillHouse,
) -> None:
    await house.agent()
    await house.queues()
    (ring,) = [one for one in house.commands() if isinstance(one, line.RingLeg)]
    await house.calls.handle(line.LegRinging(ring.leg))
    await house.passes(RING_S * 1000)
    house.sends.clear()
    there = line.LiveLeg("leg", up=True, inbound=True)
    rings = line.LiveLeg(ring.leg, up=True, inbound=False)
    await house.calls.handle(line.LineResumed(LINE, (there, rings), ("room-old",)))
    assert line.EndLeg(ring.leg) in house.commands()
    assert line.EndRoom("room-old") in house.commands()
    assert line.EndLeg("leg") not in house.commands()
    assert isinstance(house.newest("leg").wait, line.Music)


async def test_an_offer_has_a_moment_when_we_are_back(
    house: StillHouse, another: MakeHouse
) -> None:
    """Accepted and on its way into the room when we died: not the agent's fault."""
    agent = await house.agent()
    call = await house.queues()
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    await house.desk.accept(agent, offer.id)
    await house.calls.handle(line.LegAnswered(offer.leg))
    house.clock.set(house.clock.now() + 60_000)
    second = another("second")
    there = line.LiveLeg("leg", up=True, inbound=True)
    await second.start(there, line.LiveLeg(offer.leg, up=True, inbound=False))
    await second.ticks()
    for leg in (offer.leg, "leg"):
        turn = second.newest(leg)
        assert isinstance(turn.wait, line.Room)
        await second.calls.handle(line.RoomEntered(leg, turn.rev, turn.wait.room))
    assert (await second.of(agent)).state is AgentState.TALKING


# --- agents ---------------------------------------------------------------------------------------


async def test_clicks_that_come_twice_late_or_from_somebody_else(house: StillHouse) -> None:
    agent = await house.agent()
    call = await house.queues()
    other = await house.agent("budi")
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    with pytest.raises(NotYours):
        await house.desk.accept(other, offer.id)
    with pytest.raises(NotYours):
        await house.desk.accept(agent, "no such offer")
    with pytest.raises(NotYours):
        await house.desk.hang_up(other, call)
    await house.desk.accept(agent, offer.id)
    before = await house.everything()
    await house.desk.accept(agent, offer.id)  # a second click
    assert await house.everything() == before
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    for late in (house.desk.accept, house.desk.decline):
        with pytest.raises(TooLate):
            await late(agent, offer.id)
    with pytest.raises(NotYours):
        await house.desk.hang_up(agent, call)
    with pytest.raises(NotYours):
        await house.desk.hang_up(agent, "no such call")


async def test_what_an_agent_may_be(house: StillHouse) -> None:
    agent = await house.agent()
    with pytest.raises(NotNow):
        await house.desk.set_agent_state(agent, "dancing")
    with pytest.raises(NotYours):
        await house.desk.set_agent_state("nobody", "ready")
    with pytest.raises(NotNow):
        await house.desk.wrap_up_done(agent, "complaint")
    with pytest.raises(BadForm, match="outcome"):
        await house.desk.wrap_up_done(agent, "no such outcome")
    await house.queues()
    with pytest.raises(NotNow):
        await house.desk.sign_off(agent)  # a call rings
    await house.desk.set_agent_state(agent, "paused", "lunch")
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    assert ((await house.of(agent)).state, (await house.of(agent)).reason) == (
        AgentState.PAUSED,
        "lunch",
    )
    await house.desk.sign_off(agent)
    await house.desk.sign_off(agent)  # twice is nothing
    with pytest.raises(NotNow):
        await house.desk.set_agent_state(agent, "ready")


async def test_who_is_only_asked_does_not_write(house: StillHouse) -> None:
    agent = await house.agent()
    call = await house.queues()
    offer = (await house.stored(call)).call.offer
    assert offer is not None
    form = CaseForm(1, narrative="Upah")
    with pytest.raises(NotYours):
        await house.desk.save_case(agent, call, form)
    await house.desk.accept(agent, offer.id)
    view = await house.desk.save_case(agent, call, form)
    assert (view.narrative, view.version) == ("Upah", 2)
    assert view.pin is not None
    with pytest.raises(NotYours):
        await house.desk.save_case(agent, "no such call", CaseForm(2))


# --- PINs -----------------------------------------------------------------------------------------


async def test_the_pin_of_a_call_that_nobody_answered_ends_with_it(house: StillHouse) -> None:
    await house.agent()
    call = await house.queues()
    assert await house.pins() == [call]
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    assert await house.pins() == []


@pytest.mark.parametrize("first", ["agent", "caller"])
async def test_the_pin_of_a_talk_is_there_for_the_wrap_up(house: StillHouse, first: str) -> None:
    agent = await house.agent()
    leg = await house.talks()
    gone = [line.LegGone(leg, Cause.HUNG_UP), line.LegGone("leg", Cause.HUNG_UP)]
    for signal in gone if first == "agent" else reversed(gone):
        await house.calls.handle(signal)
    assert (await house.of(agent)).state is AgentState.WRAP_UP
    assert len(await house.pins()) == 1
    await house.desk.wrap_up_done(agent, "complaint")
    assert await house.pins() == []


@pytest.mark.parametrize("how", ["signs off", "says nothing"])
async def test_a_wrap_up_that_nobody_finishes_is_finished(house: StillHouse, how: str) -> None:
    agent = await house.agent()
    leg = await house.talks()
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    await house.calls.handle(line.LegGone(leg, Cause.ENDED))
    if how == "signs off":
        await house.desk.sign_off(agent)
        assert (await house.of(agent)).state is AgentState.OFFLINE
    else:
        await house.passes(120_000)
        assert (await house.of(agent)).state is AgentState.READY
    assert await house.pins() == []
    assert (await house.kinds()).count("wrap_up_done") == 1
    await house.passes(120_000)
    assert (await house.kinds()).count("wrap_up_done") == 1


async def test_after_a_lost_agent_the_pin_ends_with_the_call(house: StillHouse) -> None:
    await house.agent()
    leg = await house.talks()
    await house.calls.handle(line.LegGone(leg, Cause.LOST))
    assert len(await house.pins()) == 1
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    assert await house.pins() == []


async def test_what_a_body_talks_is_no_time_that_an_agent_needs(house: StillHouse) -> None:
    """It tells those who wait how long that will take."""
    agent = await house.agent()
    leg = await house.talks()
    call = await house.do(lambda conn: tables.call_of_leg(conn, leg))
    await house.desk.bring_in(agent, str(call), "KP2MI")
    body = next(one for one in house.commands()[::-1] if isinstance(one, line.RingLeg)).leg
    await house.calls.handle(line.LegAnswered(body))
    await house.passes(300_000)
    await house.calls.handle(line.LegGone(leg, Cause.ENDED))
    await house.desk.wrap_up_done(agent, "complaint")
    await house.passes(3_000_000)
    await house.calls.handle(line.LegGone("leg", Cause.HUNG_UP))
    assert await house.do(tables.latest_talks_ms) == [300_000]
