"""What is told of phones that their call does not need any more, in every state of the call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callcenter import line
from callcenter.calls import late, life
from callcenter.calls.model import CallState, Leg, LegRole, LegState
from callcenter.line import Cause
from tests.rules.story import Story
from tests.rules.test_bodies import Talk

#: (state of the call, whose leg) that the table has lines for.
LATE = sorted(
    {
        (state, word.split(" ")[0])
        for (state, word), handler in life.TABLE.items()
        if handler.__module__ == late.__name__ and not word.startswith("caller")
    }
)


def _in_ivr() -> Story:
    story = Story()
    story.dials()
    return story


def _waiting() -> Story:
    story = Story()
    story.agents("sari")
    story.queues()
    return story


def _passed() -> Story:
    talk = Talk()
    talk.joins()
    talk.hangs_up("sari")
    return talk


def _ended() -> Story:
    story = _in_ivr()
    story.gone("caller")
    return story


STATES: dict[CallState, Callable[[], Story]] = {
    CallState.IVR: _in_ivr,
    CallState.WAITING: _waiting,
    CallState.TALKING: Talk,
    CallState.PASSED: _passed,
    CallState.ENDED: _ended,
}


@pytest.fixture(params=LATE, ids=[f"{role} in {state}" for state, role in LATE])
def story(request: pytest.FixtureRequest) -> Story:
    """A call with a leg ``late`` of an offer that is over."""
    state, role = request.param
    story = STATES[state]()
    assert story.call.state is state
    call = story.call
    leg = Leg(
        "late", call.id, LegRole(role), call.line, LegState.ASKED, story.schedule.now, offer="over"
    )
    story.center.legs[call.id]["late"] = leg
    story.center.call_of["late"] = call.id
    return story


def _state(story: Story) -> LegState:
    return story.center.legs[story.call.id]["late"].state


@pytest.mark.parametrize(
    "signal, becomes",
    [
        (line.LegRinging("late"), LegState.RINGING),
        (line.LegAnswered("late"), LegState.UP),
    ],
)
def test_it_is_ended(story: Story, signal: line.Signal, becomes: LegState) -> None:
    before = story.call.state
    assert story.tell(signal).commands == (line.EndLeg("late"),)
    assert (_state(story), story.call.state) == (becomes, before)


@pytest.mark.parametrize(
    "signal", [line.LegGone("late", Cause.NO_ANSWER), line.Refused("late", Cause.UNREACHABLE)]
)
def test_it_has_ended(story: Story, signal: line.Signal) -> None:
    before = story.call.state
    assert story.tell(signal).commands == ()
    assert (_state(story), story.call.state) == (LegState.GONE, before)


def test_its_turn_can_not_be_done(story: Story) -> None:
    refused = line.Refused("late", Cause.FAILED, 1)
    assert story.tell(refused).commands == (line.EndLeg("late"),)


def test_the_room_that_it_made_anew_is_removed(story: Story) -> None:
    entered = line.RoomEntered("late", 1, "room-over")
    assert story.tell(entered).commands == (line.EndRoom("room-over"),)
