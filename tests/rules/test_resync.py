"""In touch again: what we believe against what is there."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter import line
from callcenter.calls.model import Leg, LegRole, LegState, room_of
from callcenter.calls.resync import Plan, plan
from callcenter.line import Cause, LiveLeg

LINE = "asterisk"


def caller(name: str, state: LegState = LegState.UP) -> Leg:
    return Leg(name, f"call-{name}", LegRole.CALLER, LINE, state, 1)


def phone(name: str, state: LegState = LegState.UP, offer: str = "offer") -> Leg:
    return Leg(name, "call", LegRole.AGENT, LINE, state, 1, agent="sari", offer=offer)


def body(name: str, state: LegState = LegState.UP, offer: str = "offer") -> Leg:
    return Leg(name, "call", LegRole.BODY, LINE, state, 1, body="KP2MI", offer=offer)


def resumed(*legs: LiveLeg, rooms: tuple[str, ...] = ()) -> line.LineResumed:
    return line.LineResumed(LINE, legs, rooms)


def there(name: str, *, up: bool = True, inbound: bool = True) -> LiveLeg:
    return LiveLeg(name, up, inbound, "1500630", "+62811" if inbound else None)


def test_nothing_and_nothing() -> None:
    assert plan([], resumed(), ()) == Plan((), (), ())


def test_who_is_still_there_is_given_the_newest_turn() -> None:
    found = plan(
        [caller("c"), phone("a")], resumed(there("c"), there("a", inbound=False)), ["offer"]
    )
    assert found == Plan((), ("c", "a"), ())


def test_a_body_that_never_answered_has_not_hung_up() -> None:
    known = [body("rang", LegState.RINGING), body("talked"), caller("c")]
    found = plan(known, resumed(there("c")), ["offer"])
    assert found.signals == (
        line.LegGone("rang", Cause.UNREACHABLE),
        line.LegGone("talked", Cause.HUNG_UP),
    )


def test_who_is_gone_is_told_gone_callers_first() -> None:
    """Of a call that ended while we were away, nobody goes back into the queue."""
    known = [phone("a"), caller("c"), caller("still")]
    found = plan(known, resumed(there("still")), ["offer"])
    assert found.signals == (
        line.LegGone("c", Cause.HUNG_UP),
        line.LegGone("a", Cause.LOST),
    )
    assert found.turns == ("still",)


def test_a_body_that_is_gone_is_told_before_the_agent() -> None:
    """So that nobody is passed on to whom is not there."""
    found = plan([phone("a"), body("b"), caller("c")], resumed(there("c")), ["offer"])
    assert found.signals == (line.LegGone("b", Cause.HUNG_UP), line.LegGone("a", Cause.LOST))


def test_a_body_stays_with_whom_was_passed_on_to_it_and_ends_otherwise() -> None:
    room = room_of("offer")
    legs = (there("c"), there("b", inbound=False))
    kept = plan([caller("c"), body("b")], resumed(*legs, rooms=(room,)), ["offer"])
    assert kept == Plan((), ("c", "b"), ())
    over = plan([caller("c"), body("b")], resumed(*legs, rooms=(room,)), ())
    assert over == Plan((), ("c",), (line.EndLeg("b"), line.EndRoom(room)))


@pytest.mark.parametrize("state", [LegState.ASKED, LegState.RINGING])
def test_an_agents_phone_that_is_gone_and_was_never_up_is_unreachable(state: LegState) -> None:
    found = plan([caller("c"), phone("a", state)], resumed(there("c")), ["offer"])
    assert found.signals == (line.LegGone("a", Cause.UNREACHABLE),)


@pytest.mark.parametrize("state", [LegState.ASKED, LegState.RINGING])
def test_who_answered_while_we_were_away_has_answered(state: LegState) -> None:
    known = [caller("c"), phone("a", state)]
    up = plan(known, resumed(there("c"), there("a", inbound=False)), ["offer"])
    assert up.signals == (line.LegAnswered("a"),)
    rings = plan(known, resumed(there("c"), there("a", up=False, inbound=False)), ["offer"])
    assert rings.signals == ()


def test_a_caller_who_came_while_we_were_away_arrives() -> None:
    found = plan([caller("c")], resumed(there("c"), there("new")), ())
    assert found.signals == (line.CallArrived("new", LINE, "1500630", "+62811"),)
    assert found.commands == ()


def test_agents_phones_and_rooms_that_belong_to_nothing_end() -> None:
    legs = (
        there("stranger", inbound=False),
        there("over", inbound=False),
        there("now", inbound=False),
    )
    rooms = (room_of("offer"), room_of("old"), "somebody-elses")
    known = [phone("over", offer="old"), phone("now")]
    found = plan(known, resumed(*legs, rooms=rooms), ["offer"])
    assert set(found.commands) == {
        line.EndLeg("stranger"),
        line.EndLeg("over"),
        line.EndRoom(room_of("old")),
        line.EndRoom("somebody-elses"),
    }
    assert found.turns == ("now",)
    assert found.signals == ()


def test_the_network_was_restarted() -> None:
    found = plan([caller("c"), phone("a")], resumed(there("new")), ["offer"])
    assert found.signals == (
        line.LegGone("c", Cause.RESTARTED),
        line.LegGone("a", Cause.RESTARTED),
        line.CallArrived("new", LINE, "1500630", "+62811"),
    )


@given(st.integers(0, 2**32))
def test_any_belief_against_any_reality(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"leg-{number}" for number in range(8)]
    known = [
        caller(name)
        if number % 2
        else phone(name, rng.choice((LegState.ASKED, LegState.RINGING, LegState.UP)), f"o{number}")
        for number, name in enumerate(names)
        if rng.random() < 0.6
    ]
    live = [
        there(name, up=rng.random() < 0.7 or number % 2 == 1, inbound=number % 2 == 1)
        for number, name in enumerate(names)
        if rng.random() < 0.6
    ]
    offers = [f"o{number}" for number in range(8) if rng.random() < 0.6]
    rooms = tuple(room_of(f"o{number}") for number in range(10) if rng.random() < 0.5)
    found = plan(known, resumed(*live, rooms=rooms), offers)
    assert found == plan(reversed(known), resumed(*live, rooms=rooms), set(offers))
    ours, real = {leg.id: leg for leg in known}, {leg.leg: leg for leg in live}
    gone = {signal.leg for signal in found.signals if isinstance(signal, line.LegGone)}
    arrived = {signal.leg for signal in found.signals if isinstance(signal, line.CallArrived)}
    ended = {command.leg for command in found.commands if isinstance(command, line.EndLeg)}
    assert gone == ours.keys() - real.keys()
    assert arrived == {leg for leg in real.keys() - ours.keys() if real[leg].inbound}
    inbound = {leg.leg for leg in live if leg.inbound}
    assert not ended & inbound  # no caller is hung up
    # every leg that is there is looked after, or ends
    assert set(found.turns) | arrived | ended == real.keys()
    assert not set(found.turns) & ended
    closed = {command.room for command in found.commands if isinstance(command, line.EndRoom)}
    assert closed == set(rooms) - {room_of(offer) for offer in offers}
