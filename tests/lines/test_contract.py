"""What every line does, whatever network is behind it. ``callcenter/line.py`` is what it checks."""

from __future__ import annotations

import asyncio
import io
import itertools
import wave

import pytest

from callcenter.line import (
    CallArrived,
    Cause,
    Device,
    DeviceKind,
    DigitsEntered,
    DropRecording,
    EndLeg,
    EndRoom,
    Gone,
    Keys,
    LegAnswered,
    LegGone,
    LegRinging,
    LineResumed,
    Music,
    Pause,
    PromptsEnd,
    PromptsEnded,
    Recording,
    RecordingMade,
    Refused,
    RingLeg,
    Room,
    RoomEntered,
    Say,
    Silence,
    Step,
    Turn,
    Wait,
)
from tests.lines.drivers.base import AgentPhone, LineDriver, Phone

LONG = Say("Ini adalah kalimat yang panjang sekali supaya penelepon sempat memotongnya.", "id")
SHORT = Say("Halo.", "id")

_names = itertools.count(1)


class Story:
    """A call on a line, and the Turns that a leg is given one after the other."""

    def __init__(self, driver: LineDriver) -> None:
        self.driver = driver
        self._rev = itertools.count(1)

    async def arrive(self, caller: str | None = "+628111000111") -> tuple[Phone, str]:
        """A call that has arrived: its phone and its leg."""
        before = {s.leg for s in self.driver.heard.signals if isinstance(s, CallArrived)}
        phone = await self.driver.arrive(caller)
        arrived = await self.driver.heard.first(CallArrived, lambda s: s.leg not in before)
        return phone, arrived.leg

    async def agent(self) -> tuple[AgentPhone, str]:
        """An agent who has answered."""
        phone = await self.driver.agent()
        leg = f"agent-leg-{next(_names)}"
        await self.driver.line.do(RingLeg(leg, phone.device))
        await phone.answer()
        await self.driver.heard.first(LegAnswered, lambda s: s.leg == leg)
        return phone, leg

    async def citizen(self, most_s: int = 45) -> tuple[AgentPhone, str]:
        """A citizen who is called back: their phone and their leg."""
        phone = await self.driver.citizen()
        leg = f"citizen-leg-{next(_names)}"
        await self.driver.line.do(RingLeg(leg, phone.device, most_s))
        return phone, leg

    async def turn(self, leg: str, wait: Wait, *steps: Step) -> int:
        """Give ``leg`` a newer Turn; the answer is its rev."""
        rev = next(self._rev)
        await self.driver.line.perform(Turn(leg, rev, steps, wait))
        return rev

    async def digits(self, leg: str, rev: int) -> str:
        entered = await self.driver.heard.first(
            DigitsEntered, lambda s: s.leg == leg and s.rev == rev
        )
        return entered.digits

    async def gone(self, leg: str) -> Cause:
        return (await self.driver.heard.first(LegGone, lambda s: s.leg == leg)).cause

    def count(self, kind: type, rev: int) -> int:
        return sum(
            isinstance(s, kind) and getattr(s, "rev", None) == rev
            for s in self.driver.heard.signals
        )


@pytest.fixture
def story(driver: LineDriver) -> Story:
    return Story(driver)


# --- arriving ------------------------------------------------------------------------------------


async def test_the_first_signal_says_what_exists(story: Story) -> None:
    resumed = await story.driver.heard.first(LineResumed)
    assert story.driver.heard.signals[0] == resumed
    assert resumed.line == story.driver.line.name


async def test_a_call_arrives_with_its_numbers(story: Story) -> None:
    await story.driver.arrive("+628111000222")
    arrived = await story.driver.heard.first(CallArrived)
    assert (arrived.line, arrived.to) == (story.driver.line.name, story.driver.number)
    assert arrived.caller == "+628111000222"


async def test_a_withheld_number_is_none(story: Story) -> None:
    await story.driver.arrive(None)
    assert (await story.driver.heard.first(CallArrived)).caller is None


async def test_a_caller_who_hangs_up_is_gone_and_nothing_comes_after(story: Story) -> None:
    phone, leg = await story.arrive()
    await story.turn(leg, Keys(most=1, first_ms=1000), LONG)
    await phone.hang_up()
    assert await story.gone(leg) is Cause.HUNG_UP
    await story.turn(leg, Keys(most=1, first_ms=50), SHORT)
    await story.driver.line.do(EndLeg(leg))
    await asyncio.sleep(0.3)  # what must not happen takes time not to happen
    assert isinstance(story.driver.heard.of(leg)[-1], LegGone)


# --- keys ----------------------------------------------------------------------------------------


async def test_a_key_answers_the_menu_and_names_its_turn(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1), SHORT)
    await phone.press("2")
    assert await story.digits(leg, rev) == "2"


async def test_a_key_stops_the_prompt(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1), LONG, LONG, LONG)
    await phone.press("1")
    assert await story.digits(leg, rev) == "1"


async def test_without_barge_in_keys_during_the_prompt_do_not_count(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1, first_ms=4000, barge_in=False), Pause(1500))
    await phone.press("1")
    await asyncio.sleep(1.5)
    await phone.press("2")
    assert await story.digits(leg, rev) == "2"


async def test_nobody_presses_a_key(story: Story) -> None:
    _, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1, first_ms=300), SHORT)
    silence = await story.driver.heard.first(Silence)
    assert (silence.leg, silence.rev) == (leg, rev)


async def test_the_latest_key_starts_the_time_between_keys(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=10, first_ms=5000, inter_ms=600))
    await phone.press("12")
    await asyncio.sleep(0.3)
    await phone.press("3")
    assert await story.digits(leg, rev) == "123"


async def test_a_finish_key_ends_the_number_and_is_no_part_of_it(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=10, inter_ms=9000, finish="#"))
    await phone.press("42#")
    assert await story.digits(leg, rev) == "42"


async def test_all_digits_are_in(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=4, inter_ms=9000))
    await phone.press("1234")
    assert await story.digits(leg, rev) == "1234"


async def test_keys_typed_ahead_are_kept_where_the_line_can(story: Story) -> None:
    phone, leg = await story.arrive()
    first = await story.turn(leg, Keys(most=1), LONG)
    await phone.press("12")
    assert await story.digits(leg, first) == "1"
    if not story.driver.line.capabilities.type_ahead:
        return
    second = await story.turn(leg, Keys(most=1), LONG)
    assert await story.digits(leg, second) == "2"


# --- turns ---------------------------------------------------------------------------------------


async def test_a_newer_turn_replaces_an_older_one_wherever_it_stands(story: Story) -> None:
    phone, leg = await story.arrive()
    old = await story.turn(leg, Keys(most=1, first_ms=200), LONG, LONG)
    new = await story.turn(leg, Keys(most=1, first_ms=9000))
    await asyncio.sleep(0.5)
    await phone.press("7")
    assert await story.digits(leg, new) == "7"
    assert story.count(DigitsEntered, old) == story.count(Silence, old) == 0


async def test_an_older_or_equal_turn_is_ignored(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1, first_ms=9000))
    for stale in (rev, rev - 1):
        await story.driver.line.perform(Turn(leg, stale, (), Gone()))
    await phone.press("5")
    assert await story.digits(leg, rev) == "5"


async def test_the_prompts_end(story: Story) -> None:
    _, leg = await story.arrive()
    rev = await story.turn(leg, PromptsEnd(), SHORT, Pause(100))
    assert await story.driver.heard.first(PromptsEnded) == PromptsEnded(leg, rev)


async def test_a_key_ends_the_prompts(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, PromptsEnd(), *[LONG] * 8)
    await phone.press("1")
    assert await story.driver.heard.first(PromptsEnded, limit_s=5) == PromptsEnded(leg, rev)


async def test_a_turn_without_steps_waits_at_once(story: Story) -> None:
    _, leg = await story.arrive()
    rev = await story.turn(leg, PromptsEnd())
    assert await story.driver.heard.first(PromptsEnded) == PromptsEnded(leg, rev)


async def test_a_prompt_that_cannot_be_made_is_left_out(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Keys(most=1), Say("", "id"), Say("x", "xx-unknown"))
    await phone.press("3")
    assert await story.digits(leg, rev) == "3"


async def test_we_hang_up_after_the_steps(story: Story) -> None:
    _, leg = await story.arrive()
    await story.turn(leg, Gone(), SHORT)
    assert await story.gone(leg) is Cause.ENDED


async def test_a_leg_is_ended_whatever_it_does(story: Story) -> None:
    _, leg = await story.arrive()
    await story.turn(leg, Keys(most=1), LONG, LONG)
    await story.driver.line.do(EndLeg(leg))
    assert await story.gone(leg) is Cause.ENDED
    await story.driver.line.do(EndLeg(leg))  # again: nothing


# --- recordings ----------------------------------------------------------------------------------


def _seconds(sound: bytes) -> float:
    with wave.open(io.BytesIO(sound)) as opened:
        return float(opened.getnframes() / opened.getframerate())


def _recording(**more: object) -> Recording:
    return Recording(f"test-{next(_names)}", **more)  # type: ignore[arg-type]


async def test_a_message_is_recorded_fetched_and_dropped(story: Story) -> None:
    phone, leg = await story.arrive()
    wait = _recording(silence_s=0, beep=False)
    rev = await story.turn(leg, wait)
    await phone.speak(1.5)
    await phone.press("#")
    made = await story.driver.heard.first(RecordingMade)
    assert (made.leg, made.rev, made.name) == (leg, rev, wait.name)
    assert 1 <= made.seconds <= 4
    line = story.driver.line
    assert 1.0 <= _seconds(await line.fetch_recording(wait.name)) <= 4.0
    await line.do(DropRecording(wait.name))
    await line.do(DropRecording(wait.name))
    with pytest.raises(LookupError):
        await line.fetch_recording(wait.name)


async def test_a_message_ends_with_silence(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, _recording(silence_s=1), SHORT)
    await asyncio.sleep(1.5)
    await phone.speak(1.5)
    made = await story.driver.heard.first(RecordingMade)
    assert made.rev == rev
    assert made.seconds >= 1


async def test_a_message_has_a_longest_length(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, _recording(most_s=1, silence_s=0, beep=False))
    speaking = asyncio.create_task(phone.speak(2.5))
    made = await story.driver.heard.first(RecordingMade, limit_s=4)
    assert (made.rev, made.seconds) in ((rev, 1), (rev, 2))
    await speaking


async def test_nothing_was_said(story: Story) -> None:
    _, leg = await story.arrive()
    rev = await story.turn(leg, _recording(silence_s=1, beep=False))
    made = await story.driver.heard.first(RecordingMade)
    assert (made.rev, made.seconds) == (rev, 0)


@pytest.mark.parametrize("silence_s", [0, 5])
async def test_a_message_of_a_caller_who_hangs_up_is_kept(story: Story, silence_s: int) -> None:
    phone, leg = await story.arrive()
    wait = _recording(silence_s=silence_s, beep=False)
    await story.turn(leg, wait)
    await phone.speak(1.2)
    await phone.hang_up()
    await story.gone(leg)
    made, gone = story.driver.heard.of(leg)[-2:]
    assert isinstance(made, RecordingMade)
    assert isinstance(gone, LegGone)
    assert made.seconds >= 1
    assert _seconds(await story.driver.line.fetch_recording(wait.name)) >= 0.8


async def test_an_unknown_recording(story: Story) -> None:
    await story.driver.heard.first(LineResumed)
    with pytest.raises(LookupError):
        await story.driver.line.fetch_recording("no-such-recording")


# --- music ---------------------------------------------------------------------------------------


async def test_music_until_a_key_that_counts(story: Story) -> None:
    phone, leg = await story.arrive()
    rev = await story.turn(leg, Music(keys="1"), SHORT)
    await asyncio.sleep(1.5)
    await phone.press("91")
    assert await story.digits(leg, rev) == "1"


async def test_music_for_some_time(story: Story) -> None:
    _, leg = await story.arrive()
    rev = await story.turn(leg, Music(seconds=1))
    assert await story.driver.heard.first(Silence) == Silence(leg, rev)
    again = await story.turn(leg, Music(seconds=1), SHORT)
    assert (await story.driver.heard.first(Silence, lambda s: s.rev == again)).leg == leg


async def test_a_menu_interrupts_the_music(story: Story) -> None:
    phone, leg = await story.arrive()
    await story.turn(leg, Music(keys="1"))
    rev = await story.turn(leg, Keys(most=1), SHORT)
    await phone.press("4")
    assert await story.digits(leg, rev) == "4"


# --- agents --------------------------------------------------------------------------------------


async def test_an_agents_phone_rings_and_is_answered(story: Story) -> None:
    agent = await story.driver.agent()
    heard = story.driver.heard
    await story.driver.line.do(RingLeg("leg-rings", agent.device))
    await agent.ring()
    await heard.first(LegRinging, lambda s: s.leg == "leg-rings")
    await agent.answer()
    await heard.first(LegAnswered, lambda s: s.leg == "leg-rings")
    await agent.hang_up()
    assert await story.gone("leg-rings") is Cause.HUNG_UP
    assert [type(s) for s in heard.of("leg-rings")] == [LegRinging, LegAnswered, LegGone]


async def test_what_is_asked_of_a_phone_that_rings_begins_when_it_is_answered(story: Story) -> None:
    driver, leg = story.driver, "leg-early"
    agent = await driver.agent()
    await driver.line.do(RingLeg(leg, agent.device))
    await agent.ring()
    await driver.heard.first(LegRinging, lambda s: s.leg == leg)
    rev = await story.turn(leg, Room("room-early"))
    if agent.device.kind is not DeviceKind.SIMULATED:
        _, caller = await story.arrive()
        await story.turn(caller, Room("room-early"))
        first = await driver.heard.first(RoomEntered, lambda s: s.room == "room-early")
        assert first.leg == caller
        await agent.answer()
    entered = await driver.heard.first(RoomEntered, lambda s: s.leg == leg)
    assert entered == RoomEntered(leg, rev, "room-early")
    await driver.line.do(EndRoom("room-early"))
    await driver.line.do(EndLeg(leg))
    assert await story.gone(leg) is Cause.ENDED


@pytest.mark.parametrize("how, cause", [("decline", Cause.DECLINED), ("busy", Cause.BUSY)])
async def test_an_agent_who_does_not_want(story: Story, how: str, cause: Cause) -> None:
    agent = await story.driver.agent()
    await story.driver.line.do(RingLeg(f"leg-{how}", agent.device))
    await agent.ring()
    await getattr(agent, how)()
    assert await story.gone(f"leg-{how}") is cause


async def test_nobody_answers(story: Story) -> None:
    agent = await story.driver.agent()
    await story.driver.line.do(RingLeg("leg-unanswered", agent.device, most_s=2))
    await agent.ring()
    assert await story.gone("leg-unanswered") is Cause.NO_ANSWER


async def test_a_phone_that_never_rang_is_unreachable(story: Story) -> None:
    agent = await story.driver.agent()
    await story.driver.line.do(RingLeg("leg-silent", agent.device, most_s=1))
    assert await story.gone("leg-silent") is Cause.UNREACHABLE


async def test_a_device_that_is_not_there_is_refused(story: Story) -> None:
    await story.driver.heard.first(LineResumed)
    await story.driver.line.do(RingLeg("leg-nowhere", story.driver.nowhere()))
    refused = await story.driver.heard.first(Refused)
    assert refused == Refused("leg-nowhere", Cause.UNREACHABLE)


async def test_ringing_is_ended(story: Story) -> None:
    agent = await story.driver.agent()
    await story.driver.line.do(RingLeg("leg-withdrawn", agent.device))
    await agent.ring()
    await story.driver.heard.first(LegRinging)
    await story.driver.line.do(EndLeg("leg-withdrawn"))
    assert await story.gone("leg-withdrawn") is Cause.ENDED


# --- citizens who are called back -----------------------------------------------------------------


async def test_a_citizen_is_called_back_presses_a_key_and_talks(story: Story) -> None:
    phone, leg = await story.citizen()
    heard = story.driver.heard
    await phone.ring()
    await heard.first(LegRinging, lambda s: s.leg == leg)
    await phone.answer()
    await heard.first(LegAnswered, lambda s: s.leg == leg)
    rev = await story.turn(leg, Keys(most=1, first_ms=10_000), SHORT)
    await phone.press("1")
    assert await story.digits(leg, rev) == "1"
    _, agent_leg = await story.agent()
    for one in (agent_leg, leg):
        rev = await story.turn(one, Room("room-called"))
        entered = await heard.first(RoomEntered, lambda s, one=one: s.leg == one)  # type: ignore[misc]
        assert entered == RoomEntered(one, rev, "room-called")
    await phone.hang_up()
    assert await story.gone(leg) is Cause.HUNG_UP
    assert not any(isinstance(s, LegGone) for s in heard.of(agent_leg))
    told = [LegRinging, LegAnswered, DigitsEntered, RoomEntered, LegGone]
    assert [type(s) for s in heard.of(leg)] == told
    await story.driver.line.do(EndRoom("room-called"))


async def test_a_citizen_who_is_called_back_hears_us_and_is_hung_up(story: Story) -> None:
    phone, leg = await story.citizen()
    await phone.ring()
    await phone.answer()
    await story.driver.heard.first(LegAnswered, lambda s: s.leg == leg)
    rev = await story.turn(leg, PromptsEnd(), SHORT)
    await story.driver.heard.first(PromptsEnded, lambda s: s.rev == rev)
    await story.turn(leg, Gone(), SHORT)
    assert await story.gone(leg) is Cause.ENDED


@pytest.mark.parametrize("how, cause", [("decline", Cause.DECLINED), ("busy", Cause.BUSY)])
async def test_a_citizen_who_can_not_take_the_call(story: Story, how: str, cause: Cause) -> None:
    phone, leg = await story.citizen()
    await phone.ring()
    await getattr(phone, how)()
    assert await story.gone(leg) is cause


async def test_a_citizen_does_not_answer(story: Story) -> None:
    phone, leg = await story.citizen(most_s=2)
    await phone.ring()
    assert await story.gone(leg) is Cause.NO_ANSWER


async def test_a_number_that_may_not_be_called_is_refused_for_good(story: Story) -> None:
    await story.driver.heard.first(LineResumed)
    for n, number in enumerate(("+19005550100", "", "+62", "anonymous", "sip:a@b.example")):
        await story.driver.line.do(RingLeg(f"leg-{n}", Device(DeviceKind.CALLER, number)))
        refused = await story.driver.heard.first(Refused, lambda s, n=n: s.leg == f"leg-{n}")  # type: ignore[misc]
        assert refused == Refused(f"leg-{n}", Cause.FAILED)


async def test_the_call_to_a_citizen_is_ended_while_it_rings(story: Story) -> None:
    phone, leg = await story.citizen()
    await phone.ring()
    await story.driver.heard.first(LegRinging, lambda s: s.leg == leg)
    await story.driver.line.do(EndLeg(leg))
    assert await story.gone(leg) is Cause.ENDED


# --- coming back ---------------------------------------------------------------------------------


async def test_calls_outlive_us(story: Story) -> None:
    driver = story.driver
    if not driver.line.capabilities.survives_us:
        return
    phone, leg = await story.arrive("+628111000333")
    talker, talking = await story.arrive()
    _, agent_leg = await story.agent()
    menu = await story.turn(leg, Keys(most=1, first_ms=30_000), LONG)
    for one in (talking, agent_leg):
        await story.turn(one, Room("room-stays"))
    await driver.die_and_come_back()

    resumed = await driver.heard.first(LineResumed)
    legs = {live.leg: live for live in resumed.legs}
    assert {leg, talking, agent_leg} <= legs.keys()
    assert (legs[leg].inbound, legs[leg].up, legs[leg].caller) == (True, True, "+628111000333")
    assert not legs[agent_leg].inbound
    assert "room-stays" in resumed.rooms

    await driver.line.perform(Turn(leg, menu, (SHORT,), Keys(most=1, first_ms=30_000)))
    await phone.press("6")
    assert await story.digits(leg, menu) == "6"
    await driver.line.perform(Turn(talking, 90, (LONG,), Room("room-stays")))
    assert await driver.heard.first(RoomEntered) == RoomEntered(talking, 90, "room-stays")
    await talker.hang_up()
    assert await story.gone(talking) is Cause.HUNG_UP
    for end in (EndLeg(agent_leg), EndLeg(leg), EndRoom("room-stays")):
        await driver.line.do(end)
    assert await story.gone(leg) is Cause.ENDED
