"""A ring that waits for its turn on the line: nobody is called unreachable for it."""

from __future__ import annotations

from callcenter import line
from callcenter.queue import entries
from callcenter.queue.agents import AgentState
from tests.rules.story import Story


def test_the_time_of_a_queued_ring_begins_when_it_is_asked_for() -> None:
    story = Story()
    story.agents("sari")
    story.queues()
    leg = story.agent_leg.id
    story.tell(line.LegQueued(leg, 30))
    story.passes((30 + entries.UNRUNG_S) * 1000 - 1)
    assert story.agent("sari").state is AgentState.OFFERED
    story.rings()
    story.passes(entries.RING_S * 1000 - 1)
    assert story.agent("sari").state is AgentState.OFFERED


def test_a_queued_ring_that_never_rings_is_given_up_all_the_same() -> None:
    story = Story()
    story.agents("sari")
    story.queues()
    story.tell(line.LegQueued(story.agent_leg.id, 30))
    story.passes((30 + entries.UNRUNG_S) * 1000)
    sari = story.agent("sari")
    assert (sari.state, sari.reason) == (AgentState.PAUSED, "unreachable")


def test_it_comes_too_late_once_the_telephone_rings() -> None:
    story = Story()
    story.agents("sari")
    story.queues()
    story.rings()
    assert story.tell(line.LegQueued(story.agent_leg.id, 30)).refused is not None
