"""The board is a fold: what each Fact changes, and what midnight does."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callcenter.db.facts import Fact, SealedFact
from callcenter.stats.board import HOUR_MS, Board, BoardView

JAKARTA = ZoneInfo("Asia/Jakarta")
#: 09:10 in Jakarta.
NINE_TEN = int(datetime(2026, 3, 2, 2, 10, tzinfo=UTC).timestamp() * 1000)
MINUTE_MS = 60_000


class Story:
    """Facts in the order they are told, sealed one by one."""

    def __init__(self, at: int = NINE_TEN) -> None:
        self.board = Board(JAKARTA)
        self.at = at
        self.told: list[SealedFact] = []

    def tell(self, kind: str, *, after_s: int = 0, **fields: str | int) -> Story:
        self.at += after_s * 1000
        ids = {"call", "entry", "offer", "agent", "case"}
        data = {name: value for name, value in fields.items() if name not in ids}
        named = {name: str(value) for name, value in fields.items() if name in ids}
        fact = Fact(kind, self.at, data=data, **named)
        self.told.append(SealedFact(len(self.told) + 1, fact))
        self.board.apply(self.told[-1:])
        return self

    def view(self, after_s: float = 0) -> BoardView:
        return self.board.view(self.at + int(after_s * 1000))

    @staticmethod
    def ids(call: str, agent: str) -> dict[str, Any]:
        return {"call": call, "entry": f"e-{call}", "offer": f"o-{call}", "agent": agent}

    def arrive(self, call: str, *, topic: str = "upah") -> Story:
        self.tell("call_arrived", call=call, line="simulator", withheld=False)
        self.tell("language_chosen", call=call, language="id")
        return self.tell("queued", call=call, entry=f"e-{call}", topic=topic, after_s=10)

    def offer(self, call: str, agent: str, *, topic: str = "upah") -> Story:
        ids = self.ids(call, agent)
        self.tell("offered", topic=topic, **ids)
        return self.tell("agent_state", agent=agent, state="offered", was="ready", reason="")

    def answer(self, call: str, agent: str, waited_s: float, *, topic: str = "upah") -> Story:
        ids = self.ids(call, agent)
        self.tell("answered", topic=topic, waited_ms=int(waited_s * 1000), **ids)
        return self.tell("agent_state", agent=agent, state="talking", was="offered")


def test_an_answered_call_goes_through_every_place_on_the_board() -> None:
    story = Story().tell("agent_state", agent="a1", state="paused", was="offline")
    story.tell("agent_state", agent="a1", state="ready", was="paused", after_s=5)
    story.tell("call_arrived", call="c1", line="simulator", withheld=False)
    assert story.view().today.in_ivr == 1
    story.tell("queued", call="c1", entry="e-c1", topic="upah", after_s=10)
    waiting = story.view().waiting
    assert [(w.entry, w.topic, w.since, w.state) for w in waiting] == [
        ("e-c1", "upah", story.at, "waiting")
    ]
    assert story.view().today.in_ivr == 0

    story.offer("c1", "a1")
    assert story.view().waiting[0].state == "offered"
    assert [(a.state, a.topic) for a in story.view().agents] == [("offered", "upah")]

    story.at += 12_000
    story.answer("c1", "a1", 12)
    view = story.view()
    assert view.waiting == ()
    assert [(a.id, a.state, a.topic, a.since) for a in view.agents] == [
        ("a1", "talking", "upah", story.at)
    ]
    assert (view.today.arrived, view.today.answered, view.today.talking) == (1, 1, 1)
    assert (view.today.average_wait_s, view.today.longest_wait_s) == (12.0, 12)
    assert view.today.service_level == 1.0

    story.tell("case_opened", call="c1", case="k1", topic="upah")
    story.tell("talk_ended", call="c1", agent="a1", talked_ms=60_000, by="agent", after_s=60)
    story.tell("call_ended", call="c1", stage="done", cause="ended", lasted_ms=82_000)
    story.tell("agent_state", agent="a1", state="ready", was="wrap_up", after_s=30)
    view = story.view()
    assert (view.today.in_ivr, view.today.talking, view.today.cases) == (0, 0, 1)
    assert [(a.state, a.topic) for a in view.agents] == [("ready", None)]
    story.tell("agent_state", agent="a1", state="offline", was="ready")
    assert story.view().agents == ()


@pytest.mark.parametrize("over", ["declined", "offer_timed_out", "offer_withdrawn"])
def test_an_offer_that_comes_to_nothing_leaves_the_caller_waiting_since_the_beginning(
    over: str,
) -> None:
    story = Story().arrive("c1")
    began = story.at
    story.offer("c1", "a1").tell(over, entry="e-c1", offer="o-c1", agent="a1", after_s=15)
    assert [(w.state, w.since) for w in story.view().waiting] == [("waiting", began)]


def test_who_gives_up_is_counted_with_the_time_waited() -> None:
    story = Story().arrive("c1").arrive("c2")
    story.tell("abandoned", call="c1", entry="e-c1", topic="upah", waited_ms=40_000, after_s=40)
    story.tell("abandoned", call="c2", entry="e-c2", topic="upah", waited_ms=4_999)
    today = story.view().today
    assert (today.abandoned, today.abandoned_short, today.longest_wait_s) == (2, 1, 40)
    assert today.average_wait_s is None
    assert today.abandon_rate == 1.0
    assert story.view().waiting == ()


def test_who_leaves_by_a_key_is_neither_answered_nor_abandoned() -> None:
    story = Story().arrive("c1")
    story.tell("left_queue", call="c1", entry="e-c1", topic="upah", reason="key", waited_ms=9_000)
    today = story.view().today
    assert (today.left, today.answered, today.abandoned, today.in_ivr) == (1, 0, 0, 1)
    assert today.longest_wait_s is None


def test_a_caller_who_loses_the_agent_and_is_answered_again_counts_once() -> None:
    story = Story().arrive("c1").offer("c1", "a1").answer("c1", "a1", 20)
    story.tell("requeued", call="c1", entry="e-c1", topic="upah", reason="agent_lost", after_s=60)
    assert len(story.view().waiting) == 1
    story.offer("c1", "a2").answer("c1", "a2", 95)
    assert story.view().today.answered == 1
    assert story.view().today.average_wait_s == 20.0
    story.tell("requeued", call="c1", entry="e-c1", topic="upah", reason="agent_lost")
    story.tell("abandoned", call="c1", entry="e-c1", topic="upah", waited_ms=200_000)
    assert story.view().today.abandoned == 0


def test_a_fact_that_comes_twice_changes_nothing() -> None:
    story = Story().arrive("c1").offer("c1", "a1").answer("c1", "a1", 20)
    before = story.view()
    story.board.apply(story.told)
    assert story.view() == before


def test_an_unknown_kind_moves_only_the_number() -> None:
    story = Story().arrive("c1")
    before = story.view()
    story.tell("something_new", call="c1", agent="a9")
    after = story.view()
    assert after.seq == before.seq + 1
    assert (after.waiting, after.agents, after.today) == (
        before.waiting,
        before.agents,
        before.today,
    )


def test_facts_of_a_call_from_before_the_replay_do_no_harm() -> None:
    story = Story()
    story.tell("talk_ended", call="old", agent="a1", talked_ms=1, by="caller")
    story.tell("offer_timed_out", call="old", entry="e", offer="o", agent="a1", rang=True)
    story.tell("call_ended", call="old", stage="x", cause="hung_up", lasted_ms=1)
    assert story.view().today.in_ivr == 0


def test_midnight_begins_a_new_day_and_keeps_who_is_there() -> None:
    before_midnight = int(datetime(2026, 3, 2, 16, 50, tzinfo=UTC).timestamp() * 1000)  # 23:50
    story = Story(before_midnight)
    story.tell("agent_state", agent="a1", state="ready", was="paused")
    story.arrive("c1").arrive("c2").offer("c1", "a1").answer("c1", "a1", 30)
    assert story.view().today.arrived == 2

    view = story.view(after_s=15 * 60)
    assert (view.today.arrived, view.today.answered, view.today.longest_wait_s) == (0, 0, None)
    assert view.by_hour == ()
    assert view.today.talking == 1
    assert [w.entry for w in view.waiting] == ["e-c2"]
    assert [a.id for a in view.agents] == ["a1"]

    story.at += 15 * MINUTE_MS
    story.tell("abandoned", call="c2", entry="e-c2", topic="upah", waited_ms=900_000)
    assert (story.view().today.arrived, story.view().today.abandoned) == (0, 1)


def test_a_fact_sealed_after_midnight_counts_for_the_day_it_happened_in() -> None:
    story = Story(int(datetime(2026, 3, 2, 17, 0, 1, tzinfo=UTC).timestamp() * 1000))  # 00:00:01
    story.tell("call_arrived", call="c1", line="simulator", withheld=False)
    story.at -= 5_000
    story.tell("call_arrived", call="c2", line="simulator", withheld=False)
    assert story.view(after_s=5).today.arrived == 1


def test_hours_are_local_and_without_gaps() -> None:
    story = Story().arrive("c1")
    story.at += 3 * HOUR_MS
    story.arrive("c2")
    rows = story.view(after_s=3600).by_hour
    assert [(row.hour - rows[0].hour) // HOUR_MS for row in rows] == [0, 1, 2, 3, 4]
    assert [row.arrived for row in rows] == [1, 0, 0, 1, 0]
    assert datetime.fromtimestamp(rows[0].hour / 1000, JAKARTA).hour == 9


def test_old_hours_are_let_go() -> None:
    story = Story()
    for day in range(40):
        story.at = NINE_TEN + day * 24 * HOUR_MS
        story.tell("call_arrived", call=f"c{day}", line="simulator", withheld=False)
    assert len(story.board._hours) <= 3
    assert story.view().today.arrived == 1


def test_a_half_hour_time_zone_has_its_own_hours() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    board = Board(kolkata)
    board.apply([SealedFact(1, Fact("call_arrived", NINE_TEN, call="c1"))])
    hour = board.view(NINE_TEN).by_hour[0].hour
    assert datetime.fromtimestamp(hour / 1000, kolkata).minute == 0


def test_who_talks_with_a_body_outside_is_neither_with_an_agent_nor_in_the_flow() -> None:
    story = Story()
    story.arrive("c1").offer("c1", "a1").answer("c1", "a1", 10)

    def now() -> tuple[int, int]:
        today = story.view().today
        return today.in_ivr, today.talking

    story.tell("body_called", call="c1", agent="a1", body="KP2MI")
    story.tell("body_left", call="c1", agent="a1", body="KP2MI", cause="busy", talked_ms=0)
    assert now() == (0, 1)  # the agent is still there
    story.tell("talk_ended", call="c1", agent="a1", talked_ms=60_000, by="agent")
    story.tell("passed_on", call="c1", body="KP2MI")
    assert now() == (0, 0)
    story.tell("body_left", call="c1", body="KP2MI", cause="hung_up", talked_ms=1)
    assert now() == (1, 0)
