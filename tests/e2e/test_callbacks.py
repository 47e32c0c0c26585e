"""The second journey: no agent is free, so the caller keeps the place and is called back."""

from __future__ import annotations

from typing import Any

from callcenter.line import Cause
from callcenter.queue.entries import FIRST_CALL_S
from tests.e2e.journeys import SARI, Agent, Caller, Journey, simulated


async def kept(hotline: Journey) -> Agent:
    """A caller has kept the place, and an agent has come since."""
    sari = await hotline.agent("sari", ready=False)
    caller = await hotline.dial()
    await caller.press("1", "1", "1")
    await caller.hang_up()
    await sari.ready()
    assert await sari.offer() is None  # who has just hung up is not called at once
    await hotline.pass_time(FIRST_CALL_S)
    return sari


async def accepts(agent: Agent, tries: int) -> None:
    """The agent takes the callback that is offered; the caller was called ``tries`` times."""
    offer = await agent.offer()
    assert (offer["callback"], offer["tries"], offer["caller"]) == (True, tries, SARI)
    await agent.ask("POST", f"/api/agent/offers/{offer['id']}/accept")
    assert (await agent.console())["call"]["state"] == "dialling"


async def picks_up(hotline: Journey) -> Caller:
    leg = simulated(hotline).rung(SARI)
    assert leg is not None
    await simulated(hotline).pick_up(leg)
    await hotline.settle()
    return Caller(hotline, leg)


async def answered(hotline: Journey, agent: Agent) -> Caller:
    """Whoever picks up learns nothing, and says by a key that it is they."""
    back = await picks_up(hotline)
    heard = await back.heard()
    assert "telepon kembali yang diminta dari nomor ini" in heard
    assert "engaduan" not in heard
    await back.press("1")
    assert (await agent.console())["call"]["state"] == "talking"
    return back


def today(hotline: Journey) -> Any:
    assert not hotline.app.hub.view().callbacks
    return hotline.app.hub.view().today


async def test_no_agent_is_free_and_the_caller_is_called_back(hotline: Journey) -> None:
    sari = await hotline.agent("sari", ready=False)
    caller = await hotline.dial()
    assert "Anda adalah penelepon berikutnya" in await caller.press("1", "1")
    await hotline.pass_time(90)
    assert "Urutan Anda tetap" in await caller.press("1")
    await caller.hang_up()
    (kept,) = hotline.facts("place_kept")
    assert (kept.data["waited_ms"], kept.call) == (90_000, caller.call.id)
    (entry,) = hotline.rows("SELECT * FROM entry")
    assert (entry.state, entry.call, entry.callback) == ("waiting", kept.data["back"], True)
    await hotline.pass_time(FIRST_CALL_S)
    # Somebody who calls later is behind, although on the line.
    later = await hotline.dial("+628119876543")
    assert "di urutan dua" in await later.press("1", "1")
    # First try: busy. The agent is free again, and the next caller is theirs.
    await sari.ready()
    await accepts(sari, 0)
    busy = simulated(hotline).rung(SARI)
    assert busy is not None
    await simulated(hotline).busy(busy)
    await hotline.settle()
    assert hotline.facts("not_reached")[0].data == {"topic": "upah", "cause": "busy", "tries": 1}
    assert (await sari.take())["caller"] == "+628119876543"
    await later.hang_up()
    await sari.wrap_up("information")
    assert await sari.offer() is None
    # Second try: answered.
    await hotline.pass_time(180)
    await accepts(sari, 1)
    assert simulated(hotline).rung(SARI) != busy
    back = await answered(hotline, sari)
    call = (await sari.console())["call"]
    assert call["id"] == kept.data["back"]
    await sari.write(call["id"], narrative="Gaji dua bulan belum dibayar.")
    await back.hang_up()
    await sari.wrap_up()
    # One case of both calls; the waiting at home counts nowhere.
    case = hotline.case(call["case"]["number"])
    links = [(link.call, link.role, link.resumes) for link in hotline.links(case.id)]
    assert links == [(caller.call.id, "opened", None), (back.call.id, "opened", caller.call.id)]
    assert (case.status, hotline.reporter_of(case.number).phones) == ("new", (SARI,))
    (entry,) = hotline.rows("SELECT * FROM entry WHERE callback")
    assert (entry.state, entry.tries) == ("answered", 2)
    figures = today(hotline)
    assert (figures.callbacks, figures.called_back, figures.given_up) == (1, 1, 0)
    assert (figures.answered, figures.abandoned, figures.left) == (1, 0, 0)
    assert (figures.longest_wait_s or 0) < 90


async def test_nobody_answers_and_is_called_no_more(hotline: Journey) -> None:
    """Three times in vain; who calls twice meanwhile keeps one place, the earlier one."""
    caller = await hotline.dial()
    sari = await hotline.agent("sari", ready=False)
    await caller.press("1", "1", "1")
    await caller.hang_up()
    again = await hotline.dial()
    await again.press("1", "2", "1", "1")
    await again.hang_up()
    assert len(hotline.rows("SELECT * FROM entry WHERE callback")) == 1
    await hotline.pass_time(FIRST_CALL_S)
    await sari.ready()
    for tries in range(3):
        await accepts(sari, tries)
        await simulated(hotline).decline(SARI, Cause.NO_ANSWER)
        await hotline.settle()
        assert (await sari.console())["agent"]["state"] == "ready"
        await hotline.pass_time(900)
    assert await sari.offer() is None
    (given_up,) = hotline.facts("given_up")
    assert given_up.data == {"topic": "upah", "reason": "no_answer", "tries": 3}
    assert today(hotline).given_up == 1
    assert {case.status for case in hotline.cases()} == {"draft"}  # what they came for is not lost


async def test_whoever_needs_it_no_more_is_not_called_again(hotline: Journey) -> None:
    sari = await kept(hotline)
    await accepts(sari, 0)
    await (await picks_up(hotline)).press("2")
    await hotline.pass_time(1000)
    assert (await sari.console())["agent"]["state"] == "ready"
    assert await sari.offer() is None
    assert (today(hotline).called_back, today(hotline).left) == (1, 0)


async def test_a_withheld_number_is_not_called_back(hotline: Journey) -> None:
    await hotline.agent("sari", ready=False)
    caller = await hotline.dial(None)
    assert "tidak dapat menelepon kembali" in await caller.press("1", "1", "1")
    assert await caller.waits_for() == "music"
    (entry,) = hotline.rows("SELECT * FROM entry")
    assert (entry.state, entry.callback) == ("waiting", False)


async def test_an_agent_who_stops_the_dialling_costs_the_caller_nothing(hotline: Journey) -> None:
    """The telephone rings on; who answers it is the first in the queue."""
    sari = await kept(hotline)
    await accepts(sari, 0)
    call = (await sari.console())["call"]["id"]
    await sari.hang_up(call)
    back = await picks_up(hotline)
    await back.press("1")
    assert await back.waits_for() == "music"
    budi = await hotline.agent("budi")
    assert (await budi.take())["id"] == call
    await back.hang_up()
