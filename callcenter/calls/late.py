"""What is told of a leg that its call does not need any more. Pure."""

from __future__ import annotations

from callcenter import line
from callcenter.calls.model import CallState
from callcenter.calls.moves import Doing, Life, leg_of


def room(life: Life, happened: object) -> Doing:
    """An old Turn was done late, and may have made a room anew that we have removed."""
    assert isinstance(happened, line.RoomEntered)
    life.refused = None
    if happened.room == life.call.room and life.call.state is not CallState.ENDED:
        life.refused = "an old Turn"
    else:
        life.commands.append(line.EndRoom(happened.room))
    yield from ()


def up(life: Life, happened: object) -> Doing:
    """A phone that was answered for what is over: it hears nothing of us."""
    assert isinstance(happened, line.LegAnswered | line.LegRinging)
    leg = leg_of(life.call, happened.leg)
    what = "answered" if isinstance(happened, line.LegAnswered) else "ringing"
    if leg is not None and life.leg_becomes(leg, what):
        life.commands.append(line.EndLeg(leg.id))
    yield from ()


def gone(life: Life, happened: object) -> Doing:
    """It has ended."""
    assert isinstance(happened, line.LegGone | line.Refused)
    life.refused = None
    leg = leg_of(life.call, happened.leg)
    if leg is not None and isinstance(happened, line.Refused) and happened.rev is not None:
        life.commands.append(line.EndLeg(leg.id))
    elif leg is not None:
        life.leg_becomes(leg, "gone", happened.cause)
    yield from ()
