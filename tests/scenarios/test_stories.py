"""The stories of the hotline on the simulator, on both databases, from the first ring."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from callcenter.calls.errors import TooLate
from callcenter.cases.numbers import make_number
from callcenter.cases.service import CaseForm
from callcenter.db import Database
from callcenter.db.facts import verify
from callcenter.db.keys import Keys
from callcenter.queue import tables as queue
from callcenter.queue.agents import AgentState
from tests.hotline import CLOSED, Hotline, words


@pytest.fixture
async def hotline(database: Database, keys: Keys, tmp_path: Path) -> AsyncIterator[Hotline]:
    async with Hotline(database, keys, tmp_path) as running:
        yield running


@pytest.fixture
async def closed(database: Database, keys: Keys, tmp_path: Path) -> AsyncIterator[Hotline]:
    async with Hotline(database, keys, tmp_path, CLOSED) as running:
        yield running


async def first_complaint(hotline: Hotline, agent: str) -> tuple[str, str]:
    """A caller complains about wages; gives the number and the PIN of the case."""
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    offer = await hotline.offered(agent)
    shown = await hotline.console(agent)
    assert shown.offer is not None
    assert shown.offer.topic.code == "upah"
    assert shown.offer.caller == "+628111234567"
    await hotline.desk.accept(agent, offer)
    await hotline.settle()
    shown = await hotline.console(agent)
    assert shown.call is not None
    assert shown.call.state == "talking"
    assert hotline.state(caller) == ("up", "room")
    case = shown.call.case
    assert case is not None
    assert case.pin is not None
    await hotline.desk.save_case(
        agent, shown.call.id, CaseForm(version=case.version, narrative="Upah tiga bulan ditahan.")
    )
    await hotline.desk.hang_up(agent, shown.call.id)
    await hotline.settle()
    assert " ".join(words(case.number)) in " ".join(hotline.heard(caller).lower())
    await hotline.hang_up(caller)
    shown = await hotline.console(agent)
    assert shown.wrap_up is not None
    await hotline.desk.wrap_up_done(agent, "complaint")
    shown = await hotline.console(agent)
    assert shown.agent.state is AgentState.READY
    return case.number, case.pin


async def test_first_complaint(hotline: Hotline) -> None:
    agent = await hotline.agent("sari", "upah")
    number, _ = await first_complaint(hotline, agent)
    case = await hotline.case(number)
    assert (case.status, case.topic) == ("new", "upah")
    assert case.narrative == "Upah tiga bulan ditahan."
    assert case.custodian == agent
    assert [role for _, role in await hotline.calls_about(case.id)] == ["opened"]
    kinds = await hotline.kinds()
    for kind in ("queued", "offered", "accepted", "answered", "talk_ended", "call_ended"):
        assert kinds.count(kind) == 1, kind
    assert hotline.simulator.live() == []
    verdict = await hotline.database.read(lambda connection: verify(connection, hotline.keys))
    assert verdict.bad is None


async def test_status_by_number_and_pin(hotline: Hotline) -> None:
    agent = await hotline.agent("sari")
    number, pin = await first_complaint(hotline, agent)
    caller = await hotline.dial("+628999000111")
    await hotline.press(caller, "2", number, pin)
    heard = hotline.heard(caller)
    assert "sudah kami terima" in heard
    case = await hotline.case(number)
    assert [role for _, role in await hotline.calls_about(case.id)] == ["opened", "status_query"]
    await hotline.hang_up(caller)
    assert "status_read" in await hotline.kinds()


async def test_wrong_pin_and_unknown_number_sound_the_same(hotline: Hotline) -> None:
    agent = await hotline.agent("sari")
    number, pin = await first_complaint(hotline, agent)
    wrong = f"{(int(pin) + 1) % 1_000_000:06d}"
    heard = []
    for keyed in ((number, wrong), (make_number(2026, "0000000"), pin)):
        caller = await hotline.dial("+628999000111")
        await hotline.press(caller, "2", *keyed)
        heard.append(hotline.heard(caller))
        await hotline.hang_up(caller)
    assert heard[0] == heard[1]


async def test_agent_misses_and_the_next_one_answers(hotline: Hotline) -> None:
    first = await hotline.agent("ani")
    await hotline.pass_time(1)
    second = await hotline.agent("budi")
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    missed = await hotline.offered(first)
    assert (await hotline.console(second)).offer is None
    await hotline.pass_time(16)
    taken = await hotline.offered(second)
    with pytest.raises(TooLate):
        await hotline.desk.accept(first, missed)
    await hotline.desk.accept(second, taken)
    await hotline.settle()
    assert hotline.state(caller) == ("up", "room")
    shown = await hotline.console(first)
    assert shown.agent.state is AgentState.READY
    assert shown.today.missed == 1


async def test_caller_leaves_while_the_agent_answers(hotline: Hotline) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    offer = await hotline.offered(agent)
    await hotline.hang_up(caller)
    with pytest.raises(TooLate):
        await hotline.desk.accept(agent, offer)
    shown = await hotline.console(agent)
    assert shown.agent.state is AgentState.READY
    assert hotline.simulator.live() == []
    kinds = await hotline.kinds()
    assert kinds.count("abandoned") == 1
    assert kinds.count("offer_withdrawn") == 1


async def test_declined_goes_to_the_next_and_returns_to_the_same_only_later(
    hotline: Hotline,
) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    await hotline.desk.decline(agent, await hotline.offered(agent))
    await hotline.pass_time(20)
    assert (await hotline.console(agent)).offer is None
    await hotline.pass_time(15)
    assert await hotline.offered(agent)
    await hotline.hang_up(caller)


async def test_agents_phone_vanishes_and_the_caller_is_kept(hotline: Hotline) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    await hotline.desk.accept(agent, await hotline.offered(agent))
    await hotline.settle()
    shown = await hotline.console(agent)
    assert shown.call is not None
    assert shown.call.leg is not None
    other = await hotline.agent("budi")
    await hotline.simulator.lose(shown.call.leg)
    await hotline.settle()
    # Kept for the same agent, whose console can be rung again, and not for others.
    assert (await hotline.console(other)).offer is None
    await hotline.desk.accept(agent, await hotline.offered(agent))
    await hotline.settle()
    assert hotline.state(caller) == ("up", "room")
    again = (await hotline.console(agent)).call
    assert again is not None
    assert again.case == shown.call.case
    await hotline.hang_up(caller)
    kinds = await hotline.kinds()
    assert kinds.count("answered") == 2
    assert kinds.count("call_ended") == 1


async def test_message_after_hours(closed: Hotline) -> None:
    caller = await closed.dial()
    await closed.press(caller, "1", "1")
    for _ in range(6):
        if closed.state(caller)[1] == "recording":
            break
        await closed.press(caller, "1")
    assert closed.state(caller)[1] == "recording"
    await closed.simulator.speak(caller, "Saya belum digaji dua bulan.")
    await closed.settle()
    await closed.hang_up(caller)
    await closed.pass_time(5)
    cases, total = await closed.cases()
    assert total == 1
    case = await closed.case(cases[0].number)
    assert case.status == "draft"  # until triage opens
    kept = await closed.recordings_of(case.id)
    assert len(kept) == 1
    assert b"belum digaji" in await closed.recordings.read(kept[0].name)
    sealed = list((closed.folder / "recordings").iterdir())
    assert len(sealed) == 1
    assert b"belum digaji" not in sealed[0].read_bytes()
    assert [role for _, role in await closed.calls_about(case.id)] == ["opened"]


async def test_a_dropped_call_keeps_its_draft(hotline: Hotline) -> None:
    await hotline.agent("sari", ready=False)
    caller = await hotline.dial()
    await hotline.press(caller, "1", "2")
    assert hotline.state(caller)[1] in ("music", "prompts_end")
    await hotline.hang_up(caller)
    cases, total = await hotline.cases()
    assert total == 1
    assert (cases[0].status, cases[0].topic) == ("draft", "phk")


async def test_wrap_up_ends_by_itself(hotline: Hotline) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await hotline.press(caller, "1", "1")
    await hotline.desk.accept(agent, await hotline.offered(agent))
    await hotline.settle()
    await hotline.hang_up(caller)
    assert (await hotline.console(agent)).agent.state is AgentState.WRAP_UP
    await hotline.pass_time(121)
    assert (await hotline.console(agent)).agent.state is AgentState.READY


_CALLBACKS = select(queue.entry.c.call, queue.entry.c.state).where(queue.entry.c.callback)


async def test_callers_keep_their_place_over_a_restart(
    database: Database, keys: Keys, tmp_path: Path
) -> None:
    """Our process dies; the simulator's phones die with it, and their calls end as restarted."""
    async with Hotline(database, keys, tmp_path) as before:
        await before.agent("sari", ready=False)
        caller = await before.dial()
        await before.press(caller, "1", "1")
        now = before.clock.now()
    async with Hotline(database, keys, tmp_path, now + 1000) as after:
        await after.settle()
        ended = [fact for fact in await after.facts() if fact.kind == "call_ended"]
        assert [fact.data["cause"] for fact in ended] == ["restarted"]
        kept = next(fact for fact in await after.facts() if fact.kind == "place_kept")
        assert kept.data["reason"] == "restarted"
        waits = await database.read(lambda connection: list(connection.execute(_CALLBACKS)))
        assert waits == [(kept.data["back"], "waiting")]
