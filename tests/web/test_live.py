"""Live pages: whole documents, only when something concerns them, and resumable."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callcenter.db.facts import last_sealed
from callcenter.people import sign_ins
from callcenter.web import hub as hub_module
from callcenter.web import live
from tests.waiting import LIMIT_S, until
from tests.web.conftest import House


async def message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT_S):
        received: dict[str, Any] = json.loads(await socket.recv())
    return received


async def silent(socket: ClientConnection) -> bool:
    """Whether nothing comes for a moment."""
    try:
        async with asyncio.timeout(0.4):
            await socket.recv()
    except TimeoutError:
        return True
    return False


async def sealed(house: House) -> None:
    """Until every Fact that is committed was told."""
    await house.app.sealer.seal()
    last = await house.app.db.read(last_sealed)
    await until(lambda: house.app.hub.seq >= last)


async def test_a_console_follows_its_agent_in_whole_documents(house: House) -> None:
    agent = await house.signed_in("agen")
    async with agent.live("agent") as socket:
        first = await message(socket)
        assert first["agent"]["agent"]["state"] == "paused"
        assert first["seq"] == first["agent"]["seq"]
        await agent.put("/api/agent/state", {"state": "ready"})
        second = await message(socket)
        assert second["agent"]["agent"]["state"] == "ready"
        assert second["seq"] > first["seq"]
        assert second["agent"].keys() == first["agent"].keys()
        await house.caller_waits()
        seen = await message(socket)
        while not seen["agent"]["offer"]:
            seen = await message(socket)
        assert seen["agent"]["offer"]["caller"] == "+6281112345"


async def test_what_happens_to_others_is_not_sent(house: House) -> None:
    agent, other = await house.signed_in("agen"), await house.signed_in("agen2")
    await sealed(house)
    async with agent.live("agent") as socket:
        await message(socket)
        await other.put("/api/agent/state", {"state": "ready"})
        await sealed(house)
        assert await silent(socket)


async def test_a_page_that_comes_back_gets_only_what_it_missed(house: House) -> None:
    agent, other = await house.signed_in("agen"), await house.signed_in("agen2")
    await sealed(house)
    seq = (await agent.agent())["seq"]
    await other.put("/api/agent/state", {"state": "ready"})
    await sealed(house)
    async with agent.live("agent", after=seq) as socket:
        assert await silent(socket)
        await agent.put("/api/agent/state", {"state": "ready"})
        assert (await message(socket))["agent"]["agent"]["state"] == "ready"
    await agent.put("/api/agent/state", {"state": "paused"})
    await sealed(house)
    async with agent.live("agent", after=seq) as socket:
        assert (await message(socket))["agent"]["agent"]["state"] == "paused"
        assert await silent(socket)


async def test_a_number_from_another_database_gets_the_document(house: House) -> None:
    agent = await house.signed_in("agen")
    async with agent.live("agent", after=9_999) as socket:
        assert (await message(socket))["seq"] < 9_999


async def test_the_board_is_shared_and_resumable(house: House) -> None:
    watcher, agent = await house.signed_in("penyelia"), await house.signed_in("agen")
    await sealed(house)
    async with watcher.live("board") as socket:
        first = await message(socket)
        assert [one["name"] for one in first["board"]["agents"]] == ["Sari"]
        await agent.put("/api/agent/state", {"state": "ready"})
        second = await message(socket)
        assert second["board"]["agents"][0]["state"] == "ready"
        seq = second["seq"]
    await sealed(house)
    async with watcher.live("board", after=seq) as socket:
        assert await silent(socket)
    await house.caller_waits("2")
    await sealed(house)
    async with watcher.live("board", after=seq) as socket:
        assert (await message(socket))["board"]["today"]["arrived"] == 1


async def test_a_storm_of_facts_becomes_a_few_boards(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher, agent = await house.signed_in("penyelia"), await house.signed_in("agen")
    async with watcher.live("board") as socket:
        await message(socket)
        for n in range(30):
            await agent.put("/api/agent/state", {"state": ("ready", "paused")[n % 2]})
        await agent.put("/api/agent/state", {"state": "ready"})
        boards: list[dict[str, Any]] = []
        while not boards or boards[-1]["board"]["agents"][0]["state"] != "ready":
            boards.append(await message(socket))
        assert len(boards) <= 20


@pytest.mark.parametrize(
    "username, page", [("penyelia", "agent"), ("agen", "board"), ("petugas", "board")]
)
async def test_a_page_of_another_role_is_refused(house: House, username: str, page: str) -> None:
    browser = await house.signed_in(username)
    with pytest.raises(InvalidStatus) as refused:
        async with browser.live(page):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("page, after", [("everything", 0), ("agent", -1), ("", 0)])
async def test_a_question_of_the_wrong_shape_is_refused(
    house: House, page: str, after: int
) -> None:
    browser = await house.signed_in("agen")
    with pytest.raises(InvalidStatus):
        async with browser.live(page, after):
            pass


async def test_no_cookie_or_another_sites_page_is_refused(house: House) -> None:
    with pytest.raises(InvalidStatus):
        async with house.browser().live("agent"):
            pass
    browser = await house.signed_in("agen")
    for origin in ("https://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with browser.live("agent", origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_signing_out_closes_the_page(house: House) -> None:
    browser = await house.signed_in("penyelia")
    async with browser.live("board") as socket:
        await message(socket)
        await browser.post("/api/sign-out")
        async with asyncio.timeout(LIMIT_S):
            await socket.wait_closed()
        assert socket.close_code == live.SIGNED_OUT
    await until(lambda: house.app.hub.count(board=True) == 0)


async def test_a_sign_in_that_is_over_closes_the_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.05)
    browser = await house.signed_in("penyelia")
    async with browser.live("board") as socket:
        await message(socket)
        assert (await message(socket)).keys() == {"seq"}
        house.clock.ahead_ms += sign_ins.LIFETIME_MS
        async with asyncio.timeout(LIMIT_S):
            await socket.wait_closed()
        assert socket.close_code == live.SIGNED_OUT


async def test_an_open_page_keeps_the_sign_in_from_idling(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PING_S", 0.05)
    browser = await house.signed_in("penyelia")
    async with browser.live("board") as socket:
        for _ in range(4):
            house.clock.ahead_ms += sign_ins.IDLE_MS // 2
            for _ in range(3):
                await message(socket)
    assert (await browser.get("/api/me")).status_code == 200


async def test_a_pong_is_heard_and_anything_else_ends_the_page(house: House) -> None:
    browser = await house.signed_in("penyelia")
    async with browser.live("board") as socket:
        await message(socket)
        await socket.send('{"pong": 5}')
        assert await silent(socket)
    for said in ("hello", '{"pong": "x"}', '{"pong": 1, "x": 2}', "x" * 500, b"\x00\x01"):
        async with browser.live("board") as socket:
            await message(socket)
            await socket.send(said)
            async with asyncio.timeout(LIMIT_S):
                await socket.wait_closed()
            assert socket.close_code == live.POLICY


async def test_pages_have_a_limit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_PAGES_PER_SIGN_IN", 2)
    browser = await house.signed_in("penyelia")
    async with browser.live("board"), browser.live("board"):
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with browser.live("board") as third:
                await third.recv()
