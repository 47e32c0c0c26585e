"""The life of a call when two things happen at once, when phones vanish, and when it is late."""

from __future__ import annotations

import msgspec
import pytest

from callcenter import line
from callcenter.calls import life
from callcenter.calls.model import (
    Accepted,
    CallState,
    Declined,
    HungUp,
    LegState,
    Offered,
    Outcome,
    TimerDue,
    TimerKind,
)
from callcenter.line import Cause, DeviceKind
from callcenter.queue import entries
from callcenter.queue.agents import AgentEvent, AgentState
from callcenter.queue.entries import EntryState, OfferState
from tests.rules.story import Story


@pytest.fixture
def story() -> Story:
    return Story()


# --- two things at once ---------------------------------------------------------------------------


def same_end(story: Story) -> None:
    """The caller is gone: the agent is free, the phone ends, nothing is open."""
    assert story.call.state is CallState.ENDED
    assert story.agent("sari").state is AgentState.READY
    assert all(leg.state is LegState.GONE for leg in story.call.legs)
    assert "offer_withdrawn" in story.kinds()
    assert "abandoned" in story.kinds()
    assert not story.center.timers
    assert story.asked(line.EndLeg)


def test_caller_hangs_up_before_the_agents_answer_is_told(story: Story) -> None:
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.rings()
    story.gone("caller")
    assert story.tell(line.LegAnswered(leg)).commands == (line.EndLeg(leg),)
    story.gone(leg, Cause.ENDED)
    same_end(story)


def test_caller_hangs_up_after_the_agents_answer_was_told(story: Story) -> None:
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.rings()
    story.answers()
    story.gone("caller")
    story.enters(leg)
    story.gone(leg, Cause.ENDED)
    same_end(story)


def test_caller_hangs_up_on_the_way_into_the_room(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.answers()
    leg = story.agent_leg.id
    story.enters(leg)
    late = story.ear.turns["caller"]
    story.gone("caller")
    room = late.wait
    assert isinstance(room, line.Room)
    assert story.tell(line.RoomEntered("caller", late.rev, room.room)).commands == (
        line.EndRoom(room.room),
    )
    story.gone(leg, Cause.ENDED)
    same_end(story)
    assert line.EndRoom(room.room) in story.asked(line.EndRoom)


def test_time_out_then_accept(story: Story) -> None:
    story.agents("sari")
    story.queues()
    offer = story.offer.id
    story.rings()
    story.timer(TimerKind.RING, offer)
    assert story.tell(Accepted(offer)).refused is not None
    assert story.entry.state is EntryState.WAITING
    assert story.agent("sari").state is AgentState.READY


@pytest.mark.parametrize("kind", [TimerKind.RING, TimerKind.UNRUNG])
def test_accept_then_time_out(story: Story, kind: TimerKind) -> None:
    story.agents("sari")
    story.queues()
    story.accepts()
    assert story.timer(kind, story.offer.id).refused is not None
    assert story.offer.state is OfferState.ACCEPTED
    assert story.agent("sari").state is AgentState.OFFERED


def test_decline_and_accept(story: Story) -> None:
    story.agents("sari")
    story.queues()
    offer = story.offer.id
    story.declines()
    assert story.tell(Accepted(offer)).refused is not None


def test_a_click_before_it_rings_gets_the_time_to_join(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.passes(entries.UNRUNG_S * 1000 - 1)
    story.accepts()
    story.passes(1)
    assert story.offer.state is OfferState.ACCEPTED
    story.passes(entries.JOIN_S * 1000)
    assert (story.agent("sari").state, story.agent("sari").reason) == (
        AgentState.PAUSED,
        "unreachable",
    )


def test_agent_changes_their_mind_while_connecting(story: Story) -> None:
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.accepts()
    story.answers()
    story.enters(leg)
    story.tell(HungUp("sari"))
    assert story.entry.state is EntryState.WAITING
    assert isinstance(story.wait(), line.Music)  # not left in the room
    assert story.agent("sari").state is AgentState.READY
    assert line.EndLeg(leg) in story.asked(line.EndLeg)


# --- phones that vanish ---------------------------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.LOST, Cause.HUNG_UP, Cause.RESTARTED])
def test_agent_vanishes_before_the_caller_is_in_the_room(story: Story, cause: Cause) -> None:
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.answers()
    story.enters(leg)
    story.gone(leg, cause)
    assert story.entry.state is EntryState.WAITING
    assert isinstance(story.wait(), line.Music)  # not alone in the room
    assert story.asked(line.EndRoom)


def test_an_agents_phone_lost_in_the_talk(story: Story) -> None:
    """Held, kept for that agent for a while, before everybody else; then for whoever is free."""
    story.agents("sari")
    story.queues()
    before = story.entry
    story.talks()
    story.agents("budi")
    story.passes(30_000)
    story.center.desk("sari", AgentEvent.PAUSE, "booked")  # so that sari does not come back
    story.gone(story.agent_leg.id, Cause.LOST)
    entry = story.entry
    assert entry.id == before.id
    assert entry.state is EntryState.WAITING
    assert entry.rank == entries.front_rank(before.rank)
    assert (entry.reserved_for, entry.reserved_until) == (
        "sari",
        story.schedule.now + entries.RESERVED_S * 1000,
    )
    assert isinstance(story.wait(), line.Music)
    assert story.kinds().count("requeued") == 1
    assert story.agent("budi").state is AgentState.READY
    story.passes(entries.RESERVED_S * 1000)
    assert story.offer.agent == "budi"
    story.talks()
    assert story.kinds().count("answered") == 2


def test_the_lost_agent_comes_back_to_the_same_caller(story: Story) -> None:
    story.agents("sari", "budi")
    story.queues()
    story.talks()
    story.gone(story.agent_leg.id, Cause.LOST)
    assert story.offer.agent == "sari"
    assert story.agent("budi").state is AgentState.READY
    story.talks()
    story.gone(story.agent_leg.id, Cause.LOST)
    assert story.entry.rank == entries.front_rank(entries.front_rank(story.entry.entered_at))


def test_a_browser_that_is_lost_is_not_rung_until_it_is_back() -> None:
    story = Story()
    story.agents("sari", kind=DeviceKind.BROWSER)
    story.center.handle(line.DeviceChanged("sari", up=True))
    story.queues("asterisk")
    story.talks()
    story.gone(story.agent_leg.id, Cause.LOST)
    assert story.agent("sari").state is AgentState.READY
    assert not story.agent("sari").device_up
    assert story.entry.state is EntryState.WAITING
    story.passes(5_000)
    assert story.entry.state is EntryState.WAITING
    story.center.handle(line.DeviceChanged("sari", up=True))
    story.passes(0)
    assert story.offer.agent == "sari"


def test_a_talk_that_was_cut_off_is_no_waiting(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.passes(3_000)
    story.talks()
    story.passes(600_000)
    story.gone(story.agent_leg.id, Cause.LOST)
    story.passes(2_000)
    assert story.offer.agent == "sari"
    story.talks()
    waited = [fact.data["waited_ms"] for fact in story.center.facts if fact.kind == "answered"]
    assert waited == [3_000, 5_000]


def test_who_clicked_before_the_phone_was_answered_goes_straight_into_the_room(
    story: Story,
) -> None:
    story.agents("sari")
    story.queues()
    story.rings()
    asked = story.accepts()
    assert [turn.leg for turn in asked.turns] == [story.agent_leg.id]
    assert not story.answers().turns
    told = story.enters(story.agent_leg.id)
    assert [turn.leg for turn in told.turns] == ["caller"]


def test_a_late_answer_does_not_end_the_talk(story: Story) -> None:
    """The room was told before the answer: it belongs to the phone that talks."""
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.accepts()
    story.enters(leg)
    story.enters("caller")
    late = story.tell(line.LegAnswered(leg))
    assert late.refused is not None
    assert story.call.state is CallState.TALKING
    assert not story.asked(line.EndLeg)
    assert story.agent_leg.answered_at is not None


def test_an_old_refusal_told_twice_does_not_end_the_talk(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.talks()
    leg = story.agent_leg
    old = line.Refused(leg.id, Cause.FAILED, leg.rev - 1)
    assert story.tell(old).refused is not None
    assert not story.asked(line.EndLeg)
    story.tell(line.Refused(leg.id, Cause.FAILED, leg.rev))
    assert story.asked(line.EndLeg) == [line.EndLeg(leg.id)]


def test_a_caller_who_can_not_be_put_back_into_the_room_hears_the_flow(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.talks()
    leg, caller = story.agent_leg.id, story.call.caller
    assert story.tell(line.Refused("caller", Cause.FAILED, caller.rev - 1)).refused is not None
    story.tell(line.Refused("caller", Cause.FAILED, caller.rev))
    assert story.asked(line.EndLeg) == [line.EndLeg(leg)]
    story.gone(leg, Cause.ENDED)
    assert story.call.state is CallState.IVR


def test_a_caller_who_can_not_enter_the_room_is_not_the_agents_fault(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.answers()
    story.enters(story.agent_leg.id)
    story.tell(line.Refused("caller", Cause.FAILED, story.call.caller.rev))
    assert story.agent("sari").state is AgentState.READY
    assert isinstance(story.wait(), line.Music)
    assert story.entry.state is EntryState.WAITING


def test_a_caller_who_does_not_come_into_the_room_is_not_the_agents_fault(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.answers()
    story.enters(story.agent_leg.id)
    story.passes(entries.JOIN_S * 1000)
    assert story.agent("sari").state is AgentState.READY
    assert isinstance(story.wait(), line.Music)


# --- what is refused changes nothing -------------------------------------------------------------


def in_state(state: CallState) -> Story:
    story = Story()
    story.agents("sari")
    if state is CallState.IVR:
        story.dials()
        return story
    story.queues()
    if state is CallState.WAITING:
        return story
    story.talks()
    if state is CallState.ENDED:
        leg = story.agent_leg.id
        story.gone("caller")
        story.gone(leg, Cause.ENDED)
    return story


def everything(story: Story) -> list[life.Happened]:
    """Each kind of thing that can happen, for the caller, the agent's phone and nobody."""
    legs = ["caller", "nobody"]
    legs += [leg for leg in story.center.call_of if leg != "caller"]
    happened: list[life.Happened] = [
        Accepted("another"),
        Declined("another"),
        HungUp("another"),
        Offered(story.agent("sari"), "new", "new leg"),
        *(TimerDue(kind, "another") for kind in TimerKind),
    ]
    for leg in legs:
        happened += [
            line.DigitsEntered(leg, 99, "1"),
            line.Silence(leg, 99),
            line.PromptsEnded(leg, 99),
            line.RecordingMade(leg, 99, "x", 1),
            line.RoomEntered(leg, 99, "room-another"),
            line.Refused(leg, Cause.FAILED, 99),
            line.LegReturned(leg),
        ]
    return happened


@pytest.mark.parametrize("state", list(CallState))
def test_what_does_not_fit_changes_nothing(state: CallState) -> None:
    story = in_state(state)
    before = story.center.snapshot()
    for happened in everything(story):
        if isinstance(happened, TimerDue) and happened.kind is TimerKind.CALL_LIMIT:
            continue
        outcome = story.center.step(story.call.id, happened)
        if outcome.refused is None:  # at most a state is asked for again
            assert not outcome.rows
            assert not outcome.facts
            assert not outcome.turns
            assert not [one for one in outcome.commands if isinstance(one, line.RingLeg)]
        else:
            assert outcome == Outcome(outcome.call, refused=outcome.refused)
    assert story.center.snapshot() == before


def test_everything_that_comes_late_for_an_ended_call(story: Story) -> None:
    story.agents("sari")
    story.queues()
    story.talks()
    told = [
        happened
        for _, happened, _ in story.center.trace
        if isinstance(happened, msgspec.Struct) and not isinstance(happened, line.CallArrived)
    ]
    leg = story.agent_leg.id
    story.gone("caller")
    before, facts = story.center.snapshot(), len(story.center.facts)
    for happened in told:
        story.center.step(story.call.id, happened)  # type: ignore[arg-type]
    assert story.center.snapshot() == before
    assert len(story.center.facts) == facts
    story.gone(leg, Cause.ENDED)
    after = story.center.snapshot()
    for happened in [*told, line.LegGone(leg, Cause.ENDED), line.LegGone("caller", Cause.LOST)]:
        story.center.step(story.call.id, happened)  # type: ignore[arg-type]
    assert story.center.snapshot() == after


def test_an_offer_that_is_over_answers_nobody(story: Story) -> None:
    story.agents("sari", "budi")
    story.queues()
    old = story.offer.id
    story.declines()
    assert story.offer.agent == "budi"
    for happened in (Accepted(old), Declined(old), TimerDue(TimerKind.RING, old)):
        assert story.tell(happened).refused is not None
    assert story.offer.agent == "budi"


def test_another_agent_can_not_hang_up(story: Story) -> None:
    story.agents("sari")
    story.queues()
    assert story.tell(HungUp("budi")).refused is not None
    story.talks()
    assert story.tell(HungUp("budi")).refused is not None
    assert not story.asked(line.EndLeg)


def test_the_table_names_only_what_can_happen() -> None:
    """Every word of the table is one that ``trigger`` can give."""
    words = {word for _, word in life.TABLE}
    people = {
        "matched",
        "agent accepts",
        "agent declines",
        "agent hangs up",
        "agent brings in",
        "agent lets go",
        *(f"timer {kind.value}" for kind in TimerKind),
    }
    legs = {
        f"{who} {what}"
        for who in ("caller", "agent", "body")
        for what in ("input", "room", "queued", "ringing", "answered", "gone", "refused")
    }
    assert words <= people | legs
    assert {word for state, word in life.TABLE if state is CallState.ENDED} <= legs
