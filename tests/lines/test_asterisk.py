"""What only the Asterisk line does: sound both ways, the net under us, restarts, privacy."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from callcenter.line import (
    CallArrived,
    Cause,
    DropRecording,
    EndRoom,
    Keys,
    LegGone,
    LegReturned,
    LineResumed,
    MessageLeft,
    Music,
    Recording,
    Room,
    RoomEntered,
    Say,
    Turn,
)
from tests.lines.drivers.asterisk import AsteriskDriver, AsteriskPhone, Pair, asterisk_driver
from tests.lines.drivers.sip import Carrier
from tests.lines.sound import level, share
from tests.lines.test_contract import LONG, SHORT, Story
from tests.waiting import until

pytestmark = pytest.mark.needs("asterisk", "espeak", "sox")

TONE_HZ = 1004


@pytest.fixture
def story(asterisk: AsteriskDriver) -> Story:
    return Story(asterisk)


# --- sound ---------------------------------------------------------------------------------------


async def test_a_prompt_is_heard(story: Story, asterisk: AsteriskDriver) -> None:
    phone = await asterisk.arrive()
    leg = (await asterisk.heard.first(CallArrived)).leg
    await asterisk.voice.say(LONG.text, LONG.language)  # made before anybody waits for it
    await story.turn(leg, Keys(most=1), LONG, LONG)
    heard = await phone.listen(2.0)
    assert level(heard) > 1000
    assert share(heard, TONE_HZ) < 0.3


async def test_waiting_callers_hear_music_and_the_prompts_between(
    story: Story, asterisk: AsteriskDriver
) -> None:
    phone = await asterisk.arrive()
    leg = (await asterisk.heard.first(CallArrived)).leg
    for _ in range(2):  # from a menu, and from the music
        await story.turn(leg, Music(), SHORT)
        await asyncio.sleep(1.5)
        assert level(await phone.listen(1.5)) > 100
    await story.turn(leg, Keys(most=1, first_ms=60_000))
    await asyncio.sleep(0.2)
    assert level(await phone.listen(1.0)) < 50


async def test_in_a_room_both_hear_each_other_and_a_held_one_hears_music(
    story: Story, asterisk: AsteriskDriver
) -> None:
    caller = await asterisk.arrive()
    leg = (await asterisk.heard.first(CallArrived)).leg
    agent, agent_leg = await story.agent()
    assert isinstance(agent, AsteriskPhone)
    for one in (leg, agent_leg):
        await story.turn(one, Room("room-sound"))
    await asterisk.heard.first(RoomEntered, lambda s: s.leg == agent_leg)
    for speaks, hears in ((caller, agent), (agent, caller)):
        talk = asyncio.create_task(speaks.speak(2.0))
        heard = await hears.listen(1.8)
        await talk
        assert share(heard, TONE_HZ) > 0.7
    await story.turn(leg, Room("room-sound", held=True))
    talk = asyncio.create_task(agent.speak(2.0))
    held = await caller.listen(1.8)
    await talk
    assert share(held, TONE_HZ) < 0.3
    deadline = time.monotonic() + 10
    while level(held) <= 100:  # the music begins soon; not at once on a busy machine
        assert time.monotonic() < deadline
        held = await caller.listen(1.0)
    await story.turn(leg, Room("room-sound"))
    talk = asyncio.create_task(agent.speak(2.0))
    assert share(await caller.listen(1.8), TONE_HZ) > 0.7
    await talk
    await asterisk.line.do(EndRoom("room-sound"))


async def test_a_muted_one_hears_and_is_not_heard(story: Story, asterisk: AsteriskDriver) -> None:
    caller = await asterisk.arrive()
    leg = (await asterisk.heard.first(CallArrived)).leg
    agent, agent_leg = await story.agent()
    assert isinstance(agent, AsteriskPhone)
    for one in (leg, agent_leg):
        await story.turn(one, Room("room-muted"))
    for muted in (False, True, False):
        await story.turn(leg, Room("room-muted", muted=muted))
        talk = asyncio.create_task(caller.speak(1.5))
        heard = await agent.listen(1.2)
        await talk
        assert (level(heard) < 50) is muted
    await asterisk.line.do(EndRoom("room-muted"))


async def test_a_recording_holds_what_was_said(story: Story, asterisk: AsteriskDriver) -> None:
    phone = await asterisk.arrive()
    leg = (await asterisk.heard.first(CallArrived)).leg
    name = f"said-{time.monotonic_ns()}"
    await story.turn(leg, Recording(name, silence_s=0), SHORT)
    await asyncio.sleep(2.0)
    await phone.speak(1.5)
    await phone.press("#")
    await until(lambda: any(getattr(s, "name", "") == name for s in asterisk.heard.signals))
    sound = asterisk.pair.ours.recordings / f"{name}.wav"
    assert share(sound, TONE_HZ) > 0.5
    await asterisk.line.do(DropRecording(name))


# --- the net under us ----------------------------------------------------------------------------


async def test_a_caller_of_a_hung_application_hears_the_apology_and_goes_on(
    hung: AsteriskDriver,
) -> None:
    phone = await hung.arrive()
    leg = (await hung.heard.first(CallArrived)).leg
    turn = Turn(leg, 1, (), Music(keys="1"))
    await hung.line.perform(turn)
    await hung.heard.first(LegReturned)
    await hung.line.perform(turn)
    await phone.press("1")
    assert await Story(hung).digits(leg, 1) == "1"
    assert not any(isinstance(s, LegGone) for s in hung.heard.signals)


async def test_talkers_are_left_alone_when_we_hang(hung: AsteriskDriver) -> None:
    await hung.arrive()
    leg = (await hung.heard.first(CallArrived)).leg
    await hung.line.perform(Turn(leg, 1, (), Room("room-hung")))
    await hung.heard.first(RoomEntered)
    await asyncio.sleep(4.0)  # twice the guard
    assert not any(isinstance(s, LegReturned | LegGone) for s in hung.heard.signals)
    await hung.line.do(EndRoom("room-hung"))


async def test_who_is_well_keeps_the_callers(well: AsteriskDriver) -> None:
    await well.arrive()
    leg = (await well.heard.first(CallArrived)).leg
    await well.line.perform(Turn(leg, 1, (), Music()))
    await asyncio.sleep(5.0)
    assert not any(isinstance(s, LegReturned | LegGone) for s in well.heard.signals)


async def test_nobody_who_commits_signals_is_as_good_as_hung(guarded: Pair, tmp_path: Path) -> None:
    """The database is away: callers hear the apology instead of waiting for nothing."""
    driver = AsteriskDriver(guarded, tmp_path, guard_s=2)
    arrivals = 0
    collect = driver.heard.emit

    async def refuse_once(signal: object) -> None:
        nonlocal arrivals
        if isinstance(signal, CallArrived):
            arrivals += 1
            if arrivals == 1:
                raise RuntimeError("the database is away")
        await collect(signal)  # type: ignore[arg-type]

    driver.heard.emit = refuse_once  # type: ignore[method-assign]
    await driver.start()
    try:
        await driver.arrive()
        await driver.heard.first(CallArrived)
        assert arrivals == 2  # the second time after the apology
    finally:
        await driver.stop()


async def test_while_we_are_away_a_message_is_taken(well: AsteriskDriver) -> None:
    await well.line.stop()
    phone = await well.arrive()
    spool = well.pair.ours.recordings
    await until(lambda: any(spool.glob("fallback-*")))
    await phone.speak(1.5)
    await phone.press("#")
    await until(lambda: phone.channel in well.phones.gone)
    before = {path.name for path in spool.iterdir()}
    await well.die_and_come_back()
    left = await well.heard.first(MessageLeft)
    assert left.line == "asterisk"
    assert left.seconds >= 1
    assert abs(left.at / 1000 - time.time()) < 60
    assert f"{left.name}.wav" in before
    assert (await well.line.fetch_recording(left.name))[:4] == b"RIFF"
    await well.line.do(DropRecording(left.name))
    assert f"{left.name}.wav" not in {path.name for path in spool.iterdir()}


async def test_a_caller_who_is_in_the_net_when_we_come_back_is_ours_again(
    well: AsteriskDriver,
) -> None:
    await well.line.stop()
    phone = await well.arrive()
    await until(lambda: "apology" in well.pair.ours.command("core show channels concise"))
    await well.die_and_come_back()
    resumed = await well.heard.first(LineResumed)
    assert [live.inbound for live in resumed.legs] == [True]
    leg = resumed.legs[0].leg
    await well.line.perform(Turn(leg, 1, (), Keys(most=1)))  # the net still has it
    await well.heard.first(LegReturned)
    await well.line.perform(Turn(leg, 1, (), Keys(most=1, first_ms=9000)))
    await phone.press("5")
    assert await Story(well).digits(leg, 1) == "5"


async def test_a_caller_who_leaves_in_the_net_is_gone(hung: AsteriskDriver) -> None:
    phone = await hung.arrive()
    leg = (await hung.heard.first(CallArrived)).leg
    await until(lambda: hung.line._legs[leg].away)
    hung.line.guard_s = 1
    await phone.hang_up()
    await until(lambda: phone.channel in hung.phones.gone)
    await hung.line._look_after(hung.line._legs[leg])
    assert (await hung.heard.first(LegGone)).cause is Cause.HUNG_UP


# --- phones and networks that vanish -------------------------------------------------------------


async def test_a_phone_that_vanishes_without_a_bye_is_lost(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pair = Pair.make(tmp_path_factory.mktemp("vanish"), ASTERISK_RTP_TIMEOUT_S="3")
    pair.start()
    try:
        async with asterisk_driver(pair, tmp_path) as driver:
            phone = await driver.arrive()
            await phone.noise()
            leg = (await driver.heard.first(CallArrived)).leg
            agent, agent_leg = await Story(driver).agent()
            assert isinstance(agent, AsteriskPhone)
            await agent.noise()
            # In a room of two, RTP goes straight from one to the other: it counts all the same.
            for one in (leg, agent_leg):
                await driver.line.perform(Turn(one, 1, (), Room("room-vanish")))
            await asyncio.sleep(6)
            assert not any(isinstance(s, LegGone) for s in driver.heard.signals)
            assert pair.theirs.process is not None
            pair.theirs.process.kill()
            pair.theirs.process.wait()
            for one in (leg, agent_leg):
                gone = await driver.heard.first(LegGone, lambda s, one=one: s.leg == one)  # type: ignore[misc]
                assert gone.cause is Cause.LOST
            pair.theirs.start()  # for the driver's own end
            await until(lambda: driver.phones.ari.up)
    finally:
        pair.stop()


async def test_a_restart_of_asterisk_ends_its_calls_with_that_reason(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pair = Pair.make(tmp_path_factory.mktemp("restart"))
    pair.start()
    try:
        async with asterisk_driver(pair, tmp_path) as driver:
            await driver.line.devices.open("a1")
            await driver.arrive()
            leg = (await driver.heard.first(CallArrived)).leg
            await driver.line.perform(Turn(leg, 1, (), Music()))
            pair.ours.stop()
            pair.ours.start()
            gone = await driver.heard.first(LegGone)
            assert gone == LegGone(leg, Cause.RESTARTED)
            await until(lambda: sum(isinstance(s, LineResumed) for s in driver.heard.signals) == 2)
            assert driver.heard.signals[-1].legs == ()  # type: ignore[union-attr]
            assert "agent-a1" in pair.ours.command("pjsip show endpoints")
            await driver.arrive()
            await driver.heard.first(CallArrived, lambda s: s.leg != leg)
    finally:
        pair.stop()


# --- privacy -------------------------------------------------------------------------------------


async def test_no_spelling_of_the_callers_number_is_left_on_the_disk(
    story: Story, asterisk: AsteriskDriver
) -> None:
    number = "628199887766"
    phone = await asterisk.arrive(f"+{number}")
    leg = (await asterisk.heard.first(CallArrived)).leg
    assert asterisk.heard.of(leg)[0].caller == f"+{number}"  # type: ignore[union-attr]
    name = f"private-{time.monotonic_ns()}"
    await story.turn(leg, Recording(name, most_s=1, silence_s=0, beep=False), Say("Halo.", "id"))
    await until(lambda: any(getattr(s, "name", "") == name for s in asterisk.heard.signals))
    await phone.hang_up()
    await story.gone(leg)
    folder = asterisk.pair.ours.folder
    for path in folder.rglob("*"):
        assert number[2:] not in path.name
        if path.is_file():
            assert number[2:].encode() not in path.read_bytes(), path


@pytest.mark.parametrize(
    "sender, headers",
    [
        ("<sip:anonymous@anonymous.invalid>", ""),
        (
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            "P-Asserted-Identity: <sip:+628155512345@carrier>\r\nPrivacy: id\r\n",
        ),
        (
            "<sip:+628155512345@carrier>",
            "P-Asserted-Identity: <sip:+628155512345@carrier>\r\nPrivacy: id\r\n",
        ),
        ("<sip:+628155512345@carrier>", "Privacy: user;id\r\n"),
    ],
)
async def test_a_withheld_number_that_the_carrier_knows_reaches_nobody(
    asterisk: AsteriskDriver, sender: str, headers: str
) -> None:
    carrier = Carrier(asterisk.pair.ours.sip_port)
    await asyncio.to_thread(carrier.call, sender, headers)
    arrived = await asterisk.heard.first(CallArrived)
    assert arrived.caller is None
    assert "8155512345" not in asterisk.pair.ours.command("core show channels verbose")
    carrier.hang_up()
    await asterisk.heard.first(LegGone)


async def test_the_carriers_word_for_who_calls_counts(asterisk: AsteriskDriver) -> None:
    carrier = Carrier(asterisk.pair.ours.sip_port)
    asserted = "P-Asserted-Identity: <sip:+628155500001@carrier>\r\n"
    await asyncio.to_thread(carrier.call, '"Evil <b>" <sip:+628199@liar>', asserted)
    assert (await asterisk.heard.first(CallArrived)).caller == "+628155500001"
    carrier.hang_up()


async def test_a_phone_cannot_transfer_its_peer(asterisk: AsteriskDriver) -> None:
    carrier = Carrier(asterisk.pair.ours.sip_port)
    await asyncio.to_thread(carrier.call, "<sip:+6281@carrier>")
    leg = (await asterisk.heard.first(CallArrived)).leg
    refer = "Refer-To: <sip:+19005550100@carrier>\r\n"
    status = await asyncio.to_thread(carrier.request, "REFER", refer)
    assert status == 0 or status >= 400
    assert "PJSIP/trunk" in asterisk.pair.ours.command("core show channels concise")
    carrier.hang_up()
    assert (await asterisk.heard.first(LegGone)).leg == leg
