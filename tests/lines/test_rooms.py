"""People meet in rooms and part, on every line. What is asked of a line besides is in
``test_contract.py``."""

from __future__ import annotations

import itertools

import pytest

from callcenter.line import (
    Cause,
    Device,
    DeviceKind,
    EndLeg,
    EndRoom,
    Gone,
    Keys,
    LegAnswered,
    LegGone,
    Music,
    PromptsEnd,
    PromptsEnded,
    RingLeg,
    Room,
    RoomEntered,
)
from tests.lines.drivers.base import AgentPhone, LineDriver
from tests.lines.test_contract import SHORT, Story

_bodies = itertools.count(1)


@pytest.fixture
def story(driver: LineDriver) -> Story:
    return Story(driver)


async def picks_up(story: Story) -> tuple[AgentPhone, str]:
    """A body of the directory that has answered its telephone, and its leg."""
    phone = await story.driver.citizen()
    leg = f"body-leg-{next(_bodies)}"
    device = Device(DeviceKind.PHONE, phone.device.address)
    await story.driver.line.do(RingLeg(leg, device))
    await phone.ring()
    await phone.answer()
    await story.driver.heard.first(LegAnswered, lambda s: s.leg == leg)
    return phone, leg


async def test_two_legs_meet_in_a_room_and_part(story: Story) -> None:
    caller, leg = await story.arrive()
    _, agent_leg = await story.agent()
    heard = story.driver.heard
    for one in (leg, agent_leg):
        rev = await story.turn(one, Room("room-meet"))
        entered = await heard.first(RoomEntered, lambda s, one=one: s.leg == one)  # type: ignore[misc]
        assert entered == RoomEntered(one, rev, "room-meet")
    await story.turn(leg, Room("room-meet", held=True))
    await story.turn(leg, Room("room-meet"))
    await caller.hang_up()
    assert await story.gone(leg) is Cause.HUNG_UP
    # Ending the rest is ours: the agent's leg stays until we say so.
    assert not any(isinstance(s, LegGone) for s in heard.of(agent_leg))
    await story.driver.line.do(EndRoom("room-meet"))
    await story.driver.line.do(EndRoom("room-meet"))
    await story.turn(agent_leg, Gone())
    assert await story.gone(agent_leg) is Cause.ENDED


async def test_three_meet_and_one_leaves_after_the_other(story: Story) -> None:
    _, leg = await story.arrive()
    _, agent_leg = await story.agent()
    phone, body_leg = await picks_up(story)
    heard = story.driver.heard
    for one in (leg, agent_leg, body_leg):
        await story.turn(one, Room("room-three"))
        await heard.first(RoomEntered, lambda s, one=one: s.leg == one)  # type: ignore[misc]
    await story.driver.line.do(EndLeg(agent_leg))
    assert await story.gone(agent_leg) is Cause.ENDED
    await phone.hang_up()
    assert await story.gone(body_leg) is Cause.HUNG_UP
    assert not any(isinstance(s, LegGone) for s in heard.of(leg))
    rev = await story.turn(leg, PromptsEnd(), SHORT)
    await heard.first(PromptsEnded, lambda s: s.rev == rev)
    await story.driver.line.do(EndRoom("room-three"))


async def test_a_caller_goes_from_a_room_back_to_the_music_and_a_menu(story: Story) -> None:
    phone, leg = await story.arrive()
    await story.turn(leg, Room("room-back"), SHORT)
    await story.driver.heard.first(RoomEntered)
    await story.turn(leg, Music(), SHORT)
    rev = await story.turn(leg, Keys(most=1), SHORT)
    await phone.press("8")
    assert await story.digits(leg, rev) == "8"
    await story.driver.line.do(EndRoom("room-back"))
