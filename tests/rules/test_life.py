"""The life of a call, told in examples: what everybody hears, and what is kept."""

from __future__ import annotations

import msgspec
import pytest

from callcenter import line
from callcenter.calls import life, moves
from callcenter.calls.model import (
    CallState,
    TimerKind,
)
from callcenter.ivr.loader import parse
from callcenter.line import Cause, DeviceKind
from callcenter.queue import entries
from callcenter.queue.agents import AgentEvent, AgentState
from callcenter.queue.entries import EntryState, OfferState
from tests.rules.flows import shipped
from tests.rules.story import Story


@pytest.fixture
def story() -> Story:
    return Story()


def test_first_complaint(story: Story) -> None:
    story.agents("sari")
    story.queues()
    (ring,) = story.asked(line.RingLeg)
    assert ring == line.RingLeg(story.agent_leg.id, line.Device(DeviceKind.SIMULATED, "sari"))
    assert story.agent("sari").state is AgentState.OFFERED
    assert isinstance(story.wait(), line.Music)
    story.passes(3_000)
    story.rings()
    story.accepts()
    story.answers()
    assert story.agent("sari").state is AgentState.OFFERED  # not yet together
    story.enters(story.agent_leg.id)
    assert isinstance(story.wait(), line.Room)
    assert "answered" not in story.kinds()
    story.passes(500)
    story.enters("caller")
    assert (story.call.state, story.agent("sari").state) == (
        CallState.TALKING,
        AgentState.TALKING,
    )
    leg = story.agent_leg.id
    assert story.wait() == story.wait(leg)
    story.passes(60_000)
    story.hangs_up("sari")
    assert story.asked(line.EndLeg) == [line.EndLeg(leg)]
    assert len(story.asked(line.EndRoom)) == 1
    assert story.agent("sari").state is AgentState.WRAP_UP
    assert story.call.state is CallState.IVR  # thanks, and the number once more
    assert isinstance(story.wait(), line.Keys)
    story.presses("1")
    assert isinstance(story.wait(), line.Gone)
    story.gone("caller", Cause.ENDED)
    story.center.desk("sari", AgentEvent.WRAPPED)
    assert story.agent("sari").state is AgentState.READY
    wanted = ["queued", "offered", "offer_rang", "accepted", "answered", "talk_ended", "call_ended"]
    assert [kind for kind in story.kinds() if kind in wanted] == wanted
    facts = {str(fact.kind): fact for fact in story.center.facts}
    assert facts["answered"].data == {"topic": "upah", "waited_ms": 3_500}
    assert facts["talk_ended"].data == {"talked_ms": 60_000, "by": "agent"}
    assert facts["answered"].case == story.call.case
    story.passes(0)
    assert not story.center.timers


def test_a_call_without_a_case_gets_one_when_it_is_answered(story: Story) -> None:
    story.agents("sari")
    story.center.store_fails = 1.0  # while the flow asks for it
    story.dials()
    story.center.store_fails = 0.0
    story.presses("1", "1")
    visit = story.call.visit
    assert visit is not None
    call = msgspec.structs.replace(story.call, case=None)
    story.center.calls[call.id] = call
    story.talks()
    assert story.call.case in story.center.cases


# --- nobody takes it -----------------------------------------------------------------------------


def test_an_agent_misses_and_the_next_one_is_asked(story: Story) -> None:
    story.agents("sari", "budi")
    story.queues()
    first = story.agent_leg.id
    story.passes(4_000)
    story.rings()
    story.passes(entries.RING_S * 1000 - 1)  # counted from its ringing
    assert story.offer.agent == "sari"
    story.passes(1)
    assert story.offer.agent == "budi"
    assert story.asked(line.EndLeg) == [line.EndLeg(first)]
    assert (story.agent("sari").state, story.agent("sari").misses) == (AgentState.READY, 1)
    timed_out = next(fact for fact in story.center.facts if fact.kind == "offer_timed_out")
    assert (timed_out.agent, timed_out.data) == ("sari", {"rang": True})


def test_who_misses_twice_is_paused_and_the_caller_keeps_the_place(story: Story) -> None:
    story.agents("sari")
    story.queues()
    rank = story.entry.rank
    for _ in range(2):
        story.rings()
        story.passes(entries.RING_S * 1000)
        story.passes(entries.SAME_AGENT_S * 1000)
    assert (story.agent("sari").state, story.agent("sari").reason) == (AgentState.PAUSED, "missed")
    assert (story.entry.state, story.entry.rank) == (EntryState.WAITING, rank)
    story.center.desk("sari", AgentEvent.READY)
    story.passes(0)
    assert story.offer.agent == "sari"


def test_declined_goes_to_the_next_and_comes_back_only_after_a_while(story: Story) -> None:
    story.agents("sari", "budi")
    story.queues()
    story.declines()
    assert story.offer.agent == "budi"
    story.passes(1)
    story.declines()
    assert story.entry.state is EntryState.WAITING
    assert story.agent("sari").state is story.agent("budi").state is AgentState.READY
    story.passes(entries.SAME_AGENT_S * 1000 - 2)
    assert story.entry.state is EntryState.WAITING
    story.passes(1)
    assert story.offer.agent == "sari"


@pytest.mark.parametrize("cause", [Cause.DECLINED, Cause.BUSY])
def test_a_phone_that_declines_is_no_miss(story: Story, cause: Cause) -> None:
    story.agents("sari")
    story.queues()
    story.rings()
    story.gone(story.agent_leg.id, cause)
    assert (story.agent("sari").state, story.agent("sari").misses) == (AgentState.READY, 0)
    assert "declined" in story.kinds()


@pytest.mark.parametrize("how", ["silent", "gone", "refused"])
def test_never_rang_is_not_a_miss(story: Story, how: str) -> None:
    story.agents("sari", "budi")
    story.queues()
    leg = story.agent_leg.id
    if how == "silent":
        story.passes(entries.UNRUNG_S * 1000)
    elif how == "gone":
        story.gone(leg, Cause.UNREACHABLE)
    else:
        story.tell(line.Refused(leg, Cause.UNREACHABLE))
    sari = story.agent("sari")
    assert (sari.state, sari.reason, sari.misses) == (AgentState.PAUSED, "unreachable", 0)
    timed_out = next(fact for fact in story.center.facts if fact.kind == "offer_timed_out")
    assert timed_out.data == {"rang": False}
    assert story.offer.agent == "budi"


def test_rang_and_rang_out_at_the_phone_is_a_miss(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.rings()
    story.gone(story.agent_leg.id, Cause.NO_ANSWER)
    assert story.agent("sari").misses == 1


# --- an agent's telephone -------------------------------------------------------------------------


@pytest.fixture
def on_the_phone() -> Story:
    """An agent's telephone was answered, by somebody or something."""
    story = Story()
    story.agents("sari", kind=DeviceKind.PHONE)
    story.queues("asterisk")
    assert story.agent_leg.device_kind is DeviceKind.PHONE
    story.rings()
    story.answers()
    return story


def test_an_agents_phone_accepts_by_pressing_1(on_the_phone: Story) -> None:
    story = on_the_phone
    leg, pending = story.agent_leg.id, story.offer
    assert isinstance(story.wait(leg), line.Keys)
    assert pending.state is OfferState.PENDING
    assert isinstance(story.wait(), line.Music)
    story.presses("1", leg=leg)
    assert story.offer.state is OfferState.ACCEPTED
    story.enters(leg)
    story.enters("caller")
    assert story.call.state is CallState.TALKING


def test_a_voicemail_takes_no_citizen(on_the_phone: Story) -> None:
    story = on_the_phone
    story.silent(leg=story.agent_leg.id)
    assert story.entry.state is EntryState.WAITING
    assert story.agent("sari").misses == 1


def test_a_voicemail_that_says_nothing_at_all_is_timed_out(on_the_phone: Story) -> None:
    story = on_the_phone
    story.passes(life.PRESS_ONE_MS + 20_000)
    assert story.entry.state is EntryState.WAITING
    assert story.agent("sari").misses == 1


def test_another_key_declines(on_the_phone: Story) -> None:
    story = on_the_phone
    story.presses("2", leg=story.agent_leg.id)
    assert story.agent("sari").state is AgentState.READY
    assert "declined" in story.kinds()


def test_a_click_accepts_instead_of_the_key_and_the_key_comes_late(on_the_phone: Story) -> None:
    story = on_the_phone
    leg = story.agent_leg
    story.accepts()
    assert story.tell(line.DigitsEntered(leg.id, leg.rev, "2")).refused is not None
    assert story.offer.state is OfferState.ACCEPTED
    assert isinstance(story.wait(leg.id), line.Room)


def test_what_an_agents_phone_can_not_have_done_is_refused(on_the_phone: Story) -> None:
    story = on_the_phone
    leg = story.agent_leg
    assert story.tell(line.RecordingMade(leg.id, leg.rev, "x", 3)).refused is not None


# --- limits and refusals -------------------------------------------------------------------------


def test_a_goodbye_that_can_not_be_said_is_a_hang_up(story: Story) -> None:
    story.dials()
    story.presses("2")
    for _ in range(20):
        if isinstance(story.wait(), line.Gone):
            break
        story.silent()
    else:
        pytest.fail("the flow does not end")
    gone = story.ear.turns["caller"]
    outcome = story.tell(line.Refused("caller", Cause.FAILED, gone.rev))
    assert (outcome.turns, outcome.commands) == ((), (line.EndLeg("caller"),))


def test_a_line_that_can_do_nothing_loses_the_caller_in_the_end(story: Story) -> None:
    """Not even music: without a limit the two would go on as fast as they can."""
    story.agents("sari")
    story.center.desk("sari", AgentEvent.PAUSE)
    story.queues()
    for _ in range(life.MOST_TURNS):
        story.tell(line.Refused("caller", Cause.FAILED, story.call.caller.rev))
        if story.ear.commands:
            break
    assert story.ear.commands == [line.EndLeg("caller")]
    story.gone("caller", Cause.ENDED)
    assert story.call.state is CallState.ENDED


def test_a_turn_that_can_not_be_done_is_a_silence(story: Story) -> None:
    story.dials()
    before = story.ear.turns["caller"]
    story.tell(line.Refused("caller", Cause.FAILED, before.rev))
    after = story.ear.turns["caller"]
    assert after.rev == before.rev + 1
    assert after.steps != before.steps
    assert story.tell(line.Refused("caller", Cause.FAILED, before.rev)).refused is not None
    assert story.tell(line.Refused("caller", Cause.FAILED)).refused is not None


@pytest.mark.parametrize("where", ["ivr", "waiting", "offered", "in the room"])
def test_no_call_is_longer_than_its_limit(story: Story, where: str) -> None:
    story.agents("sari")
    if where == "waiting":
        story.center.desk("sari", AgentEvent.PAUSE)
    if where == "ivr":
        story.dials()
    else:
        story.queues()
    if where == "in the room":
        story.answers()
        story.enters(story.agent_leg.id)
    call = story.call.id
    story.timer(TimerKind.CALL_LIMIT, call)
    assert isinstance(story.wait(), line.Gone)
    assert line.EndLeg("caller") in story.asked(line.EndLeg)
    assert story.call.state is CallState.IVR
    if where in ("offered", "in the room"):
        assert story.agent("sari").state is AgentState.READY
    # whatever the line makes of it
    story.tell(line.Refused("caller", Cause.FAILED, story.call.caller.rev))
    assert story.call.entry is None
    story.gone("caller", Cause.ENDED)
    assert not [entry for entry in story.center.entries.values() if entry.state == "waiting"]


def test_a_talk_has_no_limit(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.talks()
    for _ in range(3):
        story.passes(moves.CALL_LIMIT_S * 1000)
        assert story.call.state is CallState.TALKING
    assert not story.asked(line.EndLeg)


def test_whoever_waits_too_long_is_let_out_of_the_queue(story: Story) -> None:
    story.agents("sari")
    story.center.desk("sari", AgentEvent.PAUSE)
    story.queues()
    for _ in range(60):
        music = story.wait()
        if not isinstance(music, line.Music):
            break
        assert music.seconds is not None
        story.passes(music.seconds * 1000)
        story.silent()
    assert story.call.state is CallState.IVR
    assert story.call.entry is None
    assert "left_queue" in story.kinds()


# --- a recording, and an agent -------------------------------------------------------------------

_WAITING_WITH_A_RECORDING = """
spec: 1
flow: waiting
language: id
start: music
on_error: music
nodes:
  music: {type: wait, seconds: 30, keys: {"2": tell, "1": leave, "3": callback}, next: music}
  tell: {type: record, prompt: message.speak, next: music, on_empty: music}
  leave: {type: leave, exit: message}
  callback: {type: callback, exit: callback, refused: music}
"""


def test_a_recording_is_interrupted_by_an_agent() -> None:
    own, topics = shipped()
    sources = dict(own.sources) | {"flows/waiting.yaml": _WAITING_WITH_A_RECORDING}
    story = Story(parse(sources, frozenset(topics)))
    story.agents("sari")
    story.center.desk("sari", AgentEvent.PAUSE)
    story.queues()
    story.presses("2")
    recording = story.ear.turns["caller"]
    assert isinstance(recording.wait, line.Recording)
    assert recording.wait.name == f"{story.call.id}-{recording.rev}"
    story.center.desk("sari", AgentEvent.READY)
    story.passes(0)
    assert story.offer.agent == "sari"
    assert story.ear.turns["caller"] == recording  # it goes on while the phone rings
    story.answers()
    story.enters(story.agent_leg.id)
    assert isinstance(story.wait(), line.Room)
    late = line.RecordingMade("caller", recording.rev, recording.wait.name, 7)
    assert story.tell(late).refused is not None
    story.enters("caller")
    assert story.tell(late).refused is not None
    assert story.call.state is CallState.TALKING
