"""A body of the directory in the talk: it is rung, joins, is let go, is left with the caller."""

from __future__ import annotations

import pytest

from callcenter import line
from callcenter.calls import bodies
from callcenter.calls.model import (
    BroughtIn,
    CallState,
    HungUp,
    Leg,
    LegState,
    LetGo,
    Outcome,
    TimerKind,
)
from callcenter.ivr import needs
from callcenter.line import Cause, Device, DeviceKind
from callcenter.queue.agents import AgentEvent, AgentState
from callcenter.queue.entries import UNRUNG_S
from tests.rules.network import BODY
from tests.rules.story import Story


class Talk(Story):
    """A caller talks with sari."""

    def __init__(self, kind: DeviceKind = DeviceKind.SIMULATED, network: str = "simulator") -> None:
        super().__init__()
        self.agents("sari", kind=kind)
        if kind is DeviceKind.BROWSER:
            self.center.handle(line.DeviceChanged("sari", True))
        self.queues(network)
        self.talks()
        self.room = self.call.room
        self.allowed: needs.Answer = needs.BodyNumber(BODY)
        self.center._may_call = lambda asked: self.allowed  # type: ignore[method-assign]

    @property
    def body_leg(self) -> Leg:
        leg = self.call.body_leg
        assert leg is not None
        return leg

    def brings_in(self) -> Outcome:
        return self.tell(BroughtIn("sari", "KP2MI"))

    def joins(self) -> None:
        """The body is rung, picks up, and is with the two."""
        self.brings_in()
        self.tell(line.LegRinging(self.body_leg.id))
        self.tell(line.LegAnswered(self.body_leg.id))
        self.enters(self.body_leg.id)

    def told(self, kind: str) -> dict[str, str | int | bool]:
        """What the only Fact of this kind says."""
        (found,) = [fact.data for fact in self.center.facts if fact.kind == kind]
        return found


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_a_body_joins_the_talk_and_is_let_go(talk: Talk) -> None:
    talk.brings_in()
    leg = talk.body_leg.id
    assert talk.asked(line.RingLeg)[-1] == line.RingLeg(
        leg, Device(DeviceKind.PHONE, BODY), bodies.RING_S
    )
    talk.tell(line.LegQueued(leg, 1))
    talk.tell(line.LegRinging(leg))
    assert talk.told("body_called") == {"body": "KP2MI"}
    assert "body_joined" not in talk.kinds()
    talk.tell(line.LegAnswered(leg))
    assert talk.wait(leg) == line.Room(str(talk.room)) == talk.wait()
    talk.enters(leg)
    assert talk.told("body_joined") == {"body": "KP2MI"}
    talk.passes(20_000)
    talk.tell(LetGo("sari"))
    assert talk.asked(line.EndLeg) == [line.EndLeg(leg)]
    talk.gone(leg, Cause.ENDED)
    assert talk.told("body_left") == {"body": "KP2MI", "cause": "ended", "talked_ms": 20_000}
    assert talk.call.state is CallState.TALKING
    assert not talk.asked(line.EndRoom)  # two are still in it
    talk.hangs_up("sari")
    assert len(talk.asked(line.EndRoom)) == 1


@pytest.mark.parametrize("cause", [Cause.NO_ANSWER, Cause.BUSY, Cause.UNREACHABLE])
def test_a_body_that_does_not_answer_changes_nothing_in_the_talk(talk: Talk, cause: Cause) -> None:
    before = talk.call
    talk.brings_in()
    talk.gone(talk.body_leg.id, cause)
    assert talk.told("body_left") == {"body": "KP2MI", "cause": cause.value, "talked_ms": 0}
    after = talk.call
    assert (after.state, after.agent, after.offer) == (before.state, before.agent, before.offer)
    assert not talk.asked(line.EndRoom)
    assert talk.brings_in().refused is None  # another try


def test_a_line_that_would_not_ring_it(talk: Talk) -> None:
    talk.brings_in()
    talk.tell(line.Refused(talk.body_leg.id, Cause.UNREACHABLE))
    assert talk.told("body_left")["cause"] == "unreachable"
    assert talk.call.state is CallState.TALKING


def test_a_body_that_cannot_be_brought_to_them_is_ended(talk: Talk) -> None:
    talk.brings_in()
    talk.tell(line.LegAnswered(talk.body_leg.id))
    leg = talk.body_leg
    assert talk.tell(line.Refused(leg.id, Cause.FAILED, leg.rev - 1)).refused == "an old Turn"
    talk.tell(line.Refused(leg.id, Cause.FAILED, leg.rev))
    assert talk.asked(line.EndLeg) == [line.EndLeg(leg.id)]


def test_the_agent_leaves_and_the_two_talk_on(talk: Talk) -> None:
    talk.joins()
    leg = talk.body_leg.id
    talk.hangs_up("sari")
    assert (talk.call.state, talk.call.room) == (CallState.PASSED, talk.room)
    assert talk.agent("sari").state is AgentState.WRAP_UP
    assert talk.told("talk_ended")["by"] == "agent"
    assert talk.told("passed_on") == {"body": "KP2MI"}
    assert not talk.asked(line.EndRoom)
    assert isinstance(talk.wait(), line.Room)
    talk.center.desk("sari", AgentEvent.WRAPPED)
    talk.passes(30_000)
    talk.gone(leg)
    assert [one.room for one in talk.asked(line.EndRoom)] == [talk.room]
    assert talk.call.state is CallState.IVR  # thanks, and the number once more
    assert isinstance(talk.wait(), line.Keys)


def test_the_caller_leaves_the_body(talk: Talk) -> None:
    talk.joins()
    leg = talk.body_leg.id
    talk.hangs_up("sari")
    talk.gone("caller")
    assert talk.call.state is CallState.ENDED
    assert talk.asked(line.EndLeg)[-1] == line.EndLeg(leg)
    talk.gone(leg, Cause.ENDED)
    assert talk.told("body_left")["cause"] == "ended"
    assert len(talk.asked(line.EndRoom)) == 1


def test_the_caller_leaves_all_of_them(talk: Talk) -> None:
    talk.joins()
    legs = {talk.agent_leg.id, talk.body_leg.id}
    talk.gone("caller")
    assert {one.leg for one in talk.asked(line.EndLeg)} == legs
    for leg in sorted(legs):
        talk.gone(leg, Cause.ENDED)
    assert len(talk.asked(line.EndRoom)) == 1


def test_an_agent_who_is_lost_leaves_the_caller_with_the_body(talk: Talk) -> None:
    talk.joins()
    talk.gone(talk.agent_leg.id, Cause.LOST)
    assert talk.call.state is CallState.PASSED
    assert "requeued" not in talk.kinds()


def test_an_agent_who_is_lost_while_it_rings_comes_first(talk: Talk) -> None:
    talk.brings_in()
    leg = talk.body_leg.id
    talk.gone(talk.agent_leg.id, Cause.LOST)
    assert talk.call.state is CallState.WAITING
    assert talk.asked(line.EndLeg) == [line.EndLeg(leg)]
    talk.tell(line.LegAnswered(leg))  # it was too late to stop it
    assert talk.asked(line.EndLeg)[1:] == [line.EndLeg(leg)]
    talk.gone(leg, Cause.ENDED)
    assert talk.told("body_left")["talked_ms"] == 0


def test_an_agent_who_leaves_while_it_rings_leaves_nobody_behind(talk: Talk) -> None:
    talk.brings_in()
    leg = talk.body_leg.id
    talk.hangs_up("sari")
    assert talk.call.state is CallState.IVR
    assert line.EndLeg(leg) in talk.asked(line.EndLeg)


def test_who_was_passed_on_does_not_talk_for_ever(talk: Talk) -> None:
    talk.joins()
    talk.passes((bodies.PASSED_S - 60) * 1000)
    talk.hangs_up("sari")
    talk.passes(bodies.PASSED_S * 1000 - 1)
    assert talk.call.state is CallState.PASSED
    talk.passes(1)
    assert isinstance(talk.wait(), line.Gone)
    assert line.EndLeg("caller") in talk.asked(line.EndLeg)


def test_a_caller_who_cannot_be_brought_back_to_it_goes_on_with_the_flow(talk: Talk) -> None:
    talk.joins()
    leg = talk.body_leg.id
    talk.hangs_up("sari")
    rev = talk.call.caller.rev
    assert talk.tell(line.Refused("caller", Cause.FAILED, rev - 1)).refused == "an old Turn"
    talk.tell(line.Refused("caller", Cause.FAILED, rev))
    assert talk.asked(line.EndLeg)[-1] == line.EndLeg(leg)
    talk.gone(leg, Cause.ENDED)
    assert talk.call.state is CallState.IVR


def test_what_is_refused(talk: Talk) -> None:
    assert talk.tell(LetGo("sari")).refused == "nobody is asked"
    assert talk.tell(BroughtIn("budi", "KP2MI")).refused == "not your call"
    for answer, why in (
        (needs.BodyNumber(None, "cap"), "cap"),
        (needs.NeedFailed("store"), "store"),
    ):
        talk.allowed = answer
        assert talk.brings_in().refused == why
    talk.allowed = needs.BodyNumber(BODY)
    talk.brings_in()
    assert talk.tell(LetGo("budi")).refused == "not your call"
    assert talk.body_leg.state is LegState.ASKED


def test_nobody_is_brought_in_before_the_talk() -> None:
    story = Story()
    story.agents("sari")
    story.queues()
    story.rings()
    assert story.tell(BroughtIn("sari", "KP2MI")).refused == "not expected"


def test_its_old_room_is_not_made_anew(talk: Talk) -> None:
    talk.joins()
    leg, rev = talk.body_leg.id, talk.body_leg.rev
    talk.tell(LetGo("sari"))
    talk.gone(leg, Cause.ENDED)
    talk.hangs_up("sari")
    rooms = len(talk.asked(line.EndRoom))
    talk.tell(line.RoomEntered(leg, rev, str(talk.room)))
    assert len(talk.asked(line.EndRoom)) == rooms + 1


def test_a_call_limit_does_not_end_a_talk_of_three(talk: Talk) -> None:
    talk.joins()
    talk.timer(TimerKind.CALL_LIMIT, talk.call.id)
    assert talk.call.state is CallState.TALKING


def test_an_agent_who_is_lost_from_three_wraps_up(talk: Talk) -> None:
    """The caller does not come back to them, so nothing else brings back what they wrote."""
    talk.joins()
    talk.gone(talk.agent_leg.id, Cause.LOST)
    sari = talk.agent("sari")
    assert (sari.state, sari.call) == (AgentState.WRAP_UP, talk.call.id)


def test_a_lost_softphone_is_offered_nobody_after_the_wrap_up() -> None:
    talk = Talk(DeviceKind.BROWSER, "asterisk")
    assert talk.agent("sari").device_up
    talk.joins()
    talk.gone(talk.agent_leg.id, Cause.LOST)
    assert talk.agent("sari").state is AgentState.WRAP_UP
    assert not talk.agent("sari").device_up


def test_a_body_of_an_earlier_talk_does_not_come_into_the_next_one(talk: Talk) -> None:
    talk.brings_in()
    leg = talk.body_leg.id
    talk.gone(talk.agent_leg.id, Cause.LOST)
    talk.talks()  # and its telephone rings on: its end is slow
    ended = len(talk.asked(line.EndLeg))
    talk.tell(line.LegAnswered(leg))
    assert leg not in talk.ear.turns
    assert talk.asked(line.EndLeg)[ended:] == [line.EndLeg(leg)]


def test_nobody_is_left_with_a_body_of_an_earlier_talk(talk: Talk) -> None:
    talk.brings_in()
    leg = talk.body_leg.id
    talk.gone(talk.agent_leg.id, Cause.LOST)
    talk.tell(line.LegAnswered(leg))
    talk.talks()
    talk.hangs_up("sari")
    assert talk.call.state is CallState.IVR


def test_a_body_that_answers_while_the_agent_hangs_up_is_not_left_to_the_caller(
    talk: Talk,
) -> None:
    """Whoever hangs up while it rings hands nobody over."""
    talk.brings_in()
    leg, agent_leg = talk.body_leg.id, talk.agent_leg.id
    talk.tell(HungUp("sari"))
    talk.tell(line.LegAnswered(leg))
    talk.gone(agent_leg, Cause.ENDED)
    assert line.EndLeg(leg) in talk.asked(line.EndLeg)
    talk.gone(leg, Cause.ENDED)
    assert talk.call.state is CallState.IVR


def test_a_second_click_is_known(talk: Talk) -> None:
    talk.brings_in()
    assert talk.brings_in().refused == "known"
    assert talk.tell(BroughtIn("sari", "BPJS_TK")).refused == "engaged"


def test_bodies_are_called_only_so_often_in_one_talk(talk: Talk) -> None:
    """The calls of the day are for those who wait to be called back, too."""
    for _ in range(bodies.TRIES):
        assert talk.brings_in().refused is None
        talk.gone(talk.body_leg.id, Cause.BUSY)
    assert talk.brings_in().refused == "enough"


def test_who_comes_from_a_long_talk_hears_the_number_to_its_end(talk: Talk) -> None:
    """The limit of a call is not what is left of the hour in which the talk ended."""
    talk.joins()
    talk.hangs_up("sari")
    talk.passes(bodies.PASSED_S * 1000 - 5_000)
    talk.gone(talk.body_leg.id)
    talk.passes(6_000)
    assert talk.call.state is CallState.IVR
    assert isinstance(talk.wait(), line.Keys)


def test_a_body_of_which_nothing_is_heard_is_given_up(talk: Talk) -> None:
    """Whoever asked for the ring knows nothing of it; the agent can call another one."""
    talk.brings_in()
    leg = talk.body_leg.id
    talk.tell(line.LegQueued(leg, 20))
    talk.passes((20 + bodies.RING_S) * 1000)
    assert talk.body_leg.id == leg
    talk.passes(UNRUNG_S * 1000)
    assert talk.call.body_leg is None
    assert talk.asked(line.EndLeg) == [line.EndLeg(leg)]
    assert talk.told("body_left") == {"body": "KP2MI", "cause": "no_answer", "talked_ms": 0}
    talk.tell(line.LegAnswered(leg))  # it rang all the same
    assert talk.asked(line.EndLeg) == [line.EndLeg(leg)] * 2
    assert talk.brings_in().refused is None


def test_a_body_that_has_answered_in_time_stays(talk: Talk) -> None:
    talk.joins()
    talk.passes((bodies.RING_S + UNRUNG_S) * 1000)
    assert talk.body_leg.in_room
