"""Who gets whom: constant rank, longest idle first, reserved callers, and the tables beside it."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.queue import entries
from callcenter.queue.entries import (
    ENTRY_TABLE,
    MOST_HEAD_START_S,
    OFFER_TABLE,
    OPEN_OFFERS,
    Entry,
    EntryState,
    Offer,
    OfferState,
    front_rank,
    rank,
)
from callcenter.queue.matching import Free, Waiting, match

NOW = 10_000_000
TOPICS = ("upah", "phk")
LINES = ("asterisk", "simulator")


def waits(name: str, at: int, topic: str = "upah", **fields: object) -> Waiting:
    not_before = fields.pop("not_before", {})
    entry = Entry(name, f"call-{name}", "simulator", topic, rank(at, 0), at)
    assert isinstance(not_before, dict)
    return Waiting(msgspec.structs.replace(entry, **fields), not_before)


def idle(
    name: str,
    since: int,
    *topics: str,
    lines: tuple[str, ...] = LINES,
    languages: frozenset[str] = frozenset(),
) -> Free:
    return Free(name, since, frozenset(topics or TOPICS), frozenset(lines), languages)


def pairs(waiting: list[Waiting], free: list[Free], now: int = NOW) -> dict[str, str]:
    return {entry.id: agent for entry, agent in match(waiting, free, now).pairs}


def test_first_come_first_served_by_the_longest_idle() -> None:
    waiting = [waits("b", 200), waits("a", 100), waits("c", 300)]
    free = [idle("late", 20), idle("early", 10)]
    assert pairs(waiting, free) == {"a": "early", "b": "late"}


def test_an_agent_is_given_one_caller_and_a_caller_one_agent() -> None:
    found = match([waits("a", 1), waits("b", 2)], [idle("x", 1), idle("y", 2)], NOW)
    assert len({entry.id for entry, _ in found.pairs}) == len({agent for _, agent in found.pairs})


def test_who_does_not_know_the_topic_is_passed_over() -> None:
    waiting = [waits("first", 1, "phk"), waits("second", 2, "upah")]
    assert pairs(waiting, [idle("x", 1, "upah")]) == {"second": "x"}
    assert pairs(waiting, [idle("x", 1, "upah"), idle("y", 2, "phk")]) == {
        "first": "y",
        "second": "x",
    }


def test_who_cannot_be_rung_on_the_line_is_passed_over() -> None:
    waiting = [waits("a", 1)]
    assert pairs(waiting, [idle("x", 1, lines=("asterisk",)), idle("y", 2)]) == {"a": "y"}


def test_a_head_start_counts_as_having_come_earlier_and_no_more_than_the_longest() -> None:
    urgent = waits("urgent", 5_000_000, rank=rank(5_000_000, 600))
    earlier = waits("earlier", 5_000_000 - 599_000)
    earliest = waits("earliest", 5_000_000 - 601_000)
    free = [idle("x", 1), idle("y", 2)]
    assert pairs([earlier, urgent, earliest], free) == {"earliest": "x", "urgent": "y"}
    assert rank(0, 10 * MOST_HEAD_START_S) == -MOST_HEAD_START_S * 1000


def test_nobody_starves_longer_than_the_largest_head_start() -> None:
    """Whoever came so much later can't be before, whatever their topic and priority."""
    old = rank(0, 0)
    assert rank(MOST_HEAD_START_S * 1000 + 1, 10**9) > old


def test_equal_ranks_and_idle_times_are_decided_by_id() -> None:
    waiting = [waits("b", 1), waits("a", 1)]
    free = [idle("y", 5), idle("x", 5)]
    for ordered in itertools.permutations(waiting):
        for agents in itertools.permutations(free):
            assert pairs(list(ordered), list(agents)) == {"a": "x", "b": "y"}


def test_a_reserved_caller_is_kept_for_that_agent_and_then_for_anybody() -> None:
    kept = waits("kept", 1, reserved_for="mine", reserved_until=NOW + 5_000)
    found = match([kept, waits("next", 2)], [idle("other", 1)], NOW)
    assert [(entry.id, agent) for entry, agent in found.pairs] == [("next", "other")]
    found = match([kept], [idle("other", 1)], NOW)
    assert found.pairs == ()
    assert found.again_at == NOW + 5_000
    assert pairs([kept], [idle("other", 1), idle("mine", 9)]) == {"kept": "mine"}
    assert pairs([kept], [idle("other", 1)], NOW + 5_000) == {"kept": "other"}


def test_who_speaks_the_language_is_asked_first_and_then_anybody() -> None:
    elder = waits("elder", 1, language="jv", language_until=NOW + 60_000)
    speaks = idle("speaks", 9, languages=frozenset({"jv"}))
    found = match([elder, waits("next", 2)], [idle("other", 1)], NOW)
    assert [(entry.id, agent) for entry, agent in found.pairs] == [("next", "other")]
    found = match([elder], [idle("other", 1)], NOW)
    assert (found.pairs, found.again_at) == ((), NOW + 60_000)
    assert pairs([elder], [idle("other", 1), speaks]) == {"elder": "speaks"}
    assert pairs([elder], [idle("other", 1)], NOW + 60_000) == {"elder": "other"}
    # Whoever speaks it also takes everybody else.
    assert pairs([waits("next", 2)], [speaks]) == {"next": "speaks"}


def test_who_declined_is_not_asked_again_at_once() -> None:
    declined = waits("a", 1, not_before={"x": NOW + 1_000})
    found = match([declined], [idle("x", 1)], NOW)
    assert (found.pairs, found.again_at) == ((), NOW + 1_000)
    assert pairs([declined], [idle("x", 1), idle("y", 2)]) == {"a": "y"}
    assert pairs([declined], [idle("x", 1)], NOW + 1_000) == {"a": "x"}


def test_waiting_alone_changes_nothing_when_nobody_knows_the_topic() -> None:
    assert match([waits("a", 1, "phk")], [idle("x", 1, "upah")], NOW).again_at is None
    assert match([], [idle("x", 1)], NOW) == match([waits("a", 1)], [], NOW)


def test_the_earliest_moment_that_could_change_the_answer() -> None:
    one = waits("a", 1, not_before={"x": NOW + 3_000})
    two = waits("b", 2, reserved_for="gone", reserved_until=NOW + 2_000)
    assert match([one, two], [idle("x", 1)], NOW).again_at == NOW + 2_000


@given(st.integers(0, 2**32))
def test_the_order_in_any_state(seed: int) -> None:
    rng = random.Random(seed)
    waiting = [
        waits(
            f"e{number}",
            rng.randrange(100),
            rng.choice(TOPICS),
            line=rng.choice(LINES),
            reserved_for=rng.choice((None, None, "a0", "a1")),
            reserved_until=NOW + rng.choice((-1, 0, 500)),
            language=rng.choice((None, "jv")),
            language_until=NOW + rng.choice((-1, 0, 300)),
            not_before={f"a{rng.randrange(4)}": NOW + rng.choice((-5, 0, 700))},
        )
        for number in range(rng.randrange(6))
    ]
    free = [
        idle(
            f"a{number}",
            rng.randrange(10),
            *rng.sample(TOPICS, rng.randrange(1, 3)),
            lines=tuple(rng.sample(LINES, rng.randrange(3))),
            languages=rng.choice((frozenset(), frozenset({"jv"}))),
        )
        for number in range(rng.randrange(5))
    ]

    def may(item: Waiting, agent: Free, now: int = NOW) -> bool:
        entry = item.entry
        return (
            entry.topic in agent.topics
            and entry.line in agent.lines
            and (entry.reserved_until <= now or entry.reserved_for in (None, agent.agent))
            and (entry.language_until <= now or entry.language in agent.languages)
            and item.not_before.get(agent.agent, 0) <= now
        )

    found = match(waiting, free, NOW)
    given_to = {entry.id: agent for entry, agent in found.pairs}
    agents = {agent.agent: agent for agent in free}
    assert len(set(given_to.values())) == len(given_to)
    left = sorted(free, key=lambda agent: (agent.ready_since, agent.agent))
    for item in sorted(waiting, key=lambda item: (item.entry.rank, item.entry.id)):
        first = next((agent for agent in left if may(item, agent)), None)
        assert given_to.get(item.entry.id) == (first and first.agent)
        if first is not None:
            left.remove(agents[first.agent])
    rng.shuffle(waiting)
    rng.shuffle(free)
    assert match(waiting, free, NOW) == found
    if found.again_at is not None:
        assert found.again_at > NOW
        rest = [item for item in waiting if item.entry.id not in given_to]
        idle_still = [agent for agent in free if agent.agent not in given_to.values()]
        assert match(rest, idle_still, found.again_at - 1).pairs == ()
    assert match([*waiting], [], NOW).again_at is None


# --- fairness over time ---------------------------------------------------------------------------


def test_over_a_day_nobody_waits_behind_a_later_caller_of_the_same_topic() -> None:
    """Callers of two topics and agents who know one or both: within a topic it is first come,
    first served, and everybody is served."""
    rng = random.Random(4)
    arrivals = sorted(rng.randrange(1_000_000) for _ in range(200))
    waiting = {
        f"e{number:03}": waits(f"e{number:03}", at, rng.choice(TOPICS))
        for number, at in enumerate(arrivals)
    }
    skills = {"both": TOPICS, "wages": ("upah",), "dismissals": ("phk",)}
    free_at = dict.fromkeys(skills, 0)
    served: dict[str, list[int]] = {topic: [] for topic in TOPICS}
    now = 0
    while waiting:
        now += 1_000
        here = [item for item in waiting.values() if item.entry.entered_at <= now]
        free = [idle(name, at, *skills[name]) for name, at in free_at.items() if at <= now]
        for entry, agent in match(here, free, now).pairs:
            served[entry.topic].append(entry.entered_at)
            del waiting[entry.id]
            free_at[agent] = now + rng.randrange(5_000, 30_000)
    for times in served.values():
        assert times == sorted(times)


# --- the tables of entries and offers -------------------------------------------------------------

ENTRY_EVENTS = sorted({event for _, event in ENTRY_TABLE})
OFFER_EVENTS = sorted({event for _, event in OFFER_TABLE})


@pytest.mark.parametrize("state,event", [*itertools.product(EntryState, ENTRY_EVENTS)])
def test_every_pair_of_an_entry(state: EntryState, event: str) -> None:
    before = Entry("e", "c", "simulator", "upah", 5, 5, state)
    after = before.after(event)
    wanted = ENTRY_TABLE.get((state, event))
    if wanted is None:
        assert after is None
    else:
        assert after == msgspec.structs.replace(before, state=wanted)


@pytest.mark.parametrize("state,event", [*itertools.product(OfferState, OFFER_EVENTS)])
def test_every_pair_of_an_offer(state: OfferState, event: str) -> None:
    before = Offer("o", "e", "c", "sari", "leg", 5, state)
    after = before.after(event, 9)
    wanted = OFFER_TABLE.get((state, event))
    if wanted is None:
        assert after is None
    else:
        ended = None if wanted in OPEN_OFFERS else 9
        assert after == msgspec.structs.replace(before, state=wanted, ended_at=ended)


def test_what_is_over_stays_over() -> None:
    for state in OfferState:
        leads = [event for event in OFFER_EVENTS if (state, event) in OFFER_TABLE]
        assert bool(leads) == (state in OPEN_OFFERS)
    for ended in (EntryState.ABANDONED, EntryState.LEFT):
        assert not [event for event in ENTRY_EVENTS if (ended, event) in ENTRY_TABLE]


def test_who_comes_back_is_before_everybody_who_could_have_waited() -> None:
    entered = 50_000_000
    mine = front_rank(rank(entered, 0))
    assert mine <= rank(entered, MOST_HEAD_START_S)
    assert front_rank(mine) < mine
    assert entries.SAME_AGENT_S > 0
