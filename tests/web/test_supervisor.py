"""The board by HTTP, and the board after a restart."""

from __future__ import annotations

from callcenter import settings as settings_module
from callcenter.clock import SystemClock
from callcenter.db.facts import Fact, append
from callcenter.stats.service import BEFORE_TODAY_MS, restore
from callcenter.web.documents import BoardDocument
from tests.web.conftest import House, eventually


async def test_the_board_names_agents_and_topics(house: House) -> None:
    agent, watcher = await house.signed_in("agen"), await house.signed_in("penyelia")
    await agent.put("/api/agent/state", {"state": "ready"})
    await agent.put("/api/agent/state", {"state": "paused", "reason": "break"})
    await house.caller_waits("2")
    await house.caller_waits("1", caller=None)

    async def both() -> dict[str, object] | None:
        board: dict[str, object] = (await watcher.get("/api/board")).json()
        waiting = board["waiting"]
        assert isinstance(waiting, list)
        return board if len(waiting) == 2 else None

    board = BoardDocument.model_validate(await eventually(both))
    assert [(one.name, one.state, one.reason) for one in board.agents] == [
        ("Sari", "paused", "break")
    ]
    assert {one.code: (one.waiting, one.ready) for one in board.topics} == {
        "upah": (1, 0),
        "phk": (1, 0),
    }
    assert board.topics[0].label == {"id": "upah", "en": "wages"}
    assert board.topics[0].longest_since is not None
    assert (board.today.arrived, board.today.cases) == (2, 2)
    assert sum(hour.arrived for hour in board.by_hour) == 2


async def test_the_board_holds_no_number_and_no_caller(house: House) -> None:
    watcher = await house.signed_in("penyelia")
    await house.signed_in("agen")
    await house.caller_waits(caller="+6281112345678")
    text = (await watcher.get("/api/board")).text
    assert "81112345678" not in text


async def test_the_board_is_the_same_after_a_restart(house: House) -> None:
    """What the running fold shows is what a new process reads again from the sealed Facts."""
    agent, watcher = await house.signed_in("agen"), await house.signed_in("penyelia")
    await agent.put("/api/agent/state", {"state": "ready"})
    call = await house.caller_waits()

    async def offer() -> str | None:
        shown = (await agent.agent())["offer"]
        return shown and str(shown["id"])

    await agent.post(f"/api/agent/offers/{await eventually(offer)}/accept")
    await house.caller_waits("2")
    await house.browser().post(f"/simulator/calls/{call}/hangup")
    await watcher.get("/api/board")
    while await house.app.sealer.seal():
        pass
    now, zone = house.clock.now(), house.app.settings.time_zone
    again = await house.app.db.read(lambda conn: restore(conn, zone, now))
    assert again.view(now) == house.app.hub._board.view(now)
    assert again.view(now).today.arrived == 2


async def test_an_agent_who_has_been_ready_for_days_is_still_on_the_board(house: House) -> None:
    now, zone = SystemClock().now(), house.app.settings.time_zone
    long_ago = now - 5 * 24 * 3600 * 1000
    facts = [
        Fact("agent_state", long_ago, agent="a1", data={"state": "paused"}),
        Fact("agent_state", long_ago + 1, agent="a1", data={"state": "ready"}),
        Fact("agent_state", long_ago + 2, agent="a2", data={"state": "offline"}),
        Fact("call_arrived", long_ago + 3, call="c1"),
        Fact("call_arrived", now, call="c2"),
    ]
    await house.app.db.write(lambda conn: append(conn, house.app.store.keys, facts))
    await house.app.sealer.seal()
    view = (await house.app.db.read(lambda conn: restore(conn, zone, now))).view(now)
    assert [(one.id, one.state, one.since) for one in view.agents] == [
        ("a1", "ready", long_ago + 1)
    ]
    assert (view.today.arrived, view.today.in_ivr) == (1, 1)
    assert now - long_ago > BEFORE_TODAY_MS


async def test_a_board_of_nothing_at_all(house: House, settings: settings_module.Settings) -> None:
    now = house.clock.now()
    empty = await house.app.db.read(lambda conn: restore(conn, settings.time_zone, now))
    assert empty.seq == 0
    assert empty.view(now).today.average_wait_s is None
