"""The board: who waits, who works, what today has brought. A fold over sealed Facts.

Fed each Fact once and in sealed order, in memory. It knows ids and codes only; whoever shows it
adds names. Counts are kept by the local hour in which a thing happened and summed when looked at,
so "today" turns over at midnight by itself, and a Fact that is sealed after midnight but happened
before it counts for the day it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import Final

import msgspec

from callcenter.db.facts import Fact, SealedFact
from callcenter.stats import metrics
from callcenter.stats.metrics import Counts

HOUR_MS: Final = 60 * 60 * 1000
#: Hours before today that are kept, for Facts that come late.
KEPT_HOURS: Final = 30
#: States in which an agent's topic means something.
_BUSY: Final = ("offered", "talking", "wrap_up")


class Waiting(msgspec.Struct, frozen=True):
    """One caller in the queue, ``since`` when; ``state``: waiting, or offered to somebody."""

    entry: str
    topic: str
    since: int
    state: str


class Owed(msgspec.Struct, frozen=True):
    """One caller who hung up and keeps the place that they have had ``since``. ``state``: waiting,
    offered to somebody, or dialled; ``tries``: how often they were called."""

    entry: str
    topic: str
    since: int
    state: str
    tries: int = 0


class AgentNow(msgspec.Struct, frozen=True):
    """One agent who is signed on. ``topic``: of the call they are busy with."""

    id: str
    state: str
    since: int
    topic: str | None = None
    reason: str | None = None  #: why paused


class Today(msgspec.Struct, frozen=True):
    """Since local midnight, and how many callers are where right now. See ``metrics``."""

    arrived: int
    answered: int
    abandoned: int
    abandoned_short: int
    left: int
    callbacks: int
    called_back: int
    given_up: int
    messages: int
    cases: int
    in_ivr: int
    talking: int
    longest_wait_s: int | None
    average_wait_s: float | None
    service_level: float | None
    abandon_rate: float | None


class Hour(msgspec.Struct, frozen=True):
    """One local hour, named by its first millisecond."""

    hour: int
    arrived: int
    answered: int
    abandoned: int


class BoardView(msgspec.Struct, frozen=True):
    """The board at ``at``, up to sealed Fact ``seq``."""

    seq: int
    at: int
    waiting: tuple[Waiting, ...]  #: the longest waiting first
    callbacks: tuple[Owed, ...]  #: the longest waiting first
    agents: tuple[AgentNow, ...]  #: by id
    today: Today
    by_hour: tuple[Hour, ...]  #: from today's first busy hour to the present one, without gaps


class _Caller(msgspec.Struct):
    """One live call: where its caller is, and whether an agent has ever answered it."""

    stage: str = "ivr"
    answered: bool = False


class Board:
    """The fold. ``apply`` it to every sealed Fact in order; ``view`` is cheap."""

    def __init__(self, timezone: tzinfo) -> None:
        self.seq = 0
        self._timezone = timezone
        self._callers: dict[str, _Caller] = {}
        self._waiting: dict[str, Waiting] = {}
        self._callbacks: dict[str, Owed] = {}
        self._agents: dict[str, AgentNow] = {}
        self._hours: dict[int, Counts] = {}

    def apply(self, sealed: Iterable[SealedFact]) -> None:
        """Take Facts in. One that was taken already, or whose kind is not ours, changes nothing."""
        for one in sealed:
            if one.seq > self.seq:
                self.seq = one.seq
                rule = _RULES.get(one.fact.kind)
                if rule is not None:
                    rule(self, one.fact)

    def recall_agent(self, fact: Fact) -> None:
        """Take in somebody's latest ``agent_state`` from before the Facts that are replayed."""
        self._agent_state(fact)

    def recall_callback(self, fact: Fact) -> None:
        """Take in what happened to a callback before the Facts that are replayed."""
        match fact.kind:
            case "place_kept":
                self._owe(fact)
            case "not_reached" | "dialled":
                self._tried(fact)
            case _:
                self._callbacks.pop(fact.entry or "", None)

    def view(self, now: int) -> BoardView:
        """The board as it is at ``now``."""
        today = datetime.fromtimestamp(now / 1000, self._timezone).date()
        mine = {
            hour: counts
            for hour, counts in sorted(self._hours.items())
            if datetime.fromtimestamp(hour / 1000, self._timezone).date() == today
        }
        return BoardView(
            seq=self.seq,
            at=now,
            waiting=tuple(sorted(self._waiting.values(), key=lambda one: (one.since, one.entry))),
            callbacks=tuple(
                sorted(self._callbacks.values(), key=lambda one: (one.since, one.entry))
            ),
            agents=tuple(agent for _, agent in sorted(self._agents.items())),
            today=self._today(mine.values()),
            by_hour=_by_hour(mine, self._hour_of(now)),
        )

    def _today(self, hours: Iterable[Counts]) -> Today:
        counts = Counts()
        for hour in hours:
            counts.add(hour)
        stages = [caller.stage for caller in self._callers.values()]
        return Today(
            arrived=counts.arrived,
            answered=counts.answered,
            abandoned=counts.abandoned,
            abandoned_short=counts.abandoned_short,
            left=counts.left,
            callbacks=counts.callbacks,
            called_back=counts.called_back,
            given_up=counts.given_up,
            messages=counts.messages,
            cases=counts.cases,
            in_ivr=stages.count("ivr"),
            talking=stages.count("talking"),
            longest_wait_s=metrics.longest_wait_s(counts),
            average_wait_s=metrics.average_wait_s(counts),
            service_level=metrics.service_level(counts),
            abandon_rate=metrics.abandon_rate(counts),
        )

    def _hour_of(self, at: int) -> int:
        local = datetime.fromtimestamp(at / 1000, self._timezone)
        return int(local.replace(minute=0, second=0, microsecond=0).timestamp() * 1000)

    def _counts(self, at: int) -> Counts:
        hour = self._hour_of(at)
        if hour not in self._hours:
            oldest = max([hour, *self._hours]) - KEPT_HOURS * HOUR_MS
            self._hours = {kept: c for kept, c in self._hours.items() if kept >= oldest}
            self._hours[hour] = Counts()
        return self._hours[hour]

    # --- one rule a kind of Fact --------------------------------------------------------------

    def _call_arrived(self, fact: Fact) -> None:
        self._counts(fact.at).arrived += 1
        if fact.call is not None:
            self._callers[fact.call] = _Caller()

    def _queued(self, fact: Fact) -> None:
        self._counts(fact.at).queued += 1
        self._enter(fact)

    def _enter(self, fact: Fact) -> None:
        self._stage(fact, "waiting")
        if fact.entry is not None:
            topic = str(fact.data.get("topic", ""))
            self._waiting[fact.entry] = Waiting(fact.entry, topic, fact.at, "waiting")

    def _offered(self, fact: Fact) -> None:
        self._entry_state(fact, "offered")
        self._agent_topic(fact)

    def _offer_over(self, fact: Fact) -> None:
        self._entry_state(fact, "waiting")

    def _answered(self, fact: Fact) -> None:
        self._leave(fact)
        self._agent_topic(fact)
        caller = self._stage(fact, "talking")
        if caller.answered or self._reached(fact, caller):
            return
        caller.answered = True
        counts, waited = self._counts(fact.at), int(fact.data.get("waited_ms", 0))
        counts.answered += 1
        counts.answered_in_target += waited <= metrics.TARGET_MS
        counts.waited_ms += waited
        counts.longest_wait_ms = max(counts.longest_wait_ms, waited)

    def _abandoned(self, fact: Fact) -> None:
        self._leave(fact)
        caller = self._stage(fact, "over")
        if caller.answered or self._reached(fact, caller):
            return
        counts, waited = self._counts(fact.at), int(fact.data.get("waited_ms", 0))
        counts.abandoned += 1
        counts.abandoned_short += waited < metrics.SHORT_ABANDON_MS
        counts.longest_wait_ms = max(counts.longest_wait_ms, waited)

    def _left_queue(self, fact: Fact) -> None:
        self._leave(fact)
        caller = self._stage(fact, "ivr")
        if caller.answered or self._reached(fact, caller):
            return
        self._counts(fact.at).left += fact.data.get("reason") != "callback"

    def _place_kept(self, fact: Fact) -> None:
        self._leave(fact)
        self._stage(fact, "ivr")
        self._counts(fact.at).callbacks += 1
        self._owe(fact)

    def _owe(self, fact: Fact) -> None:
        if fact.entry is not None:
            topic, waited_ms = str(fact.data.get("topic", "")), int(fact.data.get("waited_ms", 0))
            owed = Owed(fact.entry, topic, fact.at - waited_ms, "waiting")
            self._callbacks[fact.entry] = owed

    def _tried(self, fact: Fact) -> None:
        owed = self._callbacks.get(fact.entry or "")
        if owed is not None:
            state = "dialled" if fact.kind == "dialled" else "waiting"
            tries = int(fact.data.get("tries", 0))
            self._callbacks[owed.entry] = msgspec.structs.replace(owed, state=state, tries=tries)

    def _dialled(self, fact: Fact) -> None:
        self._tried(fact)
        if fact.call is not None:
            self._callers.setdefault(fact.call, _Caller("dialled"))

    def _given_up(self, fact: Fact) -> None:
        if self._callbacks.pop(fact.entry or "", None) is not None:
            self._counts(fact.at).given_up += 1

    def _reached(self, fact: Fact, caller: _Caller) -> bool:
        """Whether it is about somebody who was called back, who is reached with it. They did not
        wait on the line, so no time of waiting is counted."""
        if not fact.data.get("callback"):
            return False
        if self._callbacks.pop(fact.entry or "", None) is not None:
            self._counts(fact.at).called_back += 1
        caller.answered = True
        return True

    def _talk_ended(self, fact: Fact) -> None:
        self._stage(fact, "ivr")

    def _passed_on(self, fact: Fact) -> None:
        """They talk with a body outside: neither with an agent nor in the flow."""
        self._stage(fact, "passed")

    def _body_left(self, fact: Fact) -> None:
        caller = self._callers.get(fact.call or "")
        if caller is not None and caller.stage == "passed":
            self._stage(fact, "ivr")

    def _call_ended(self, fact: Fact) -> None:
        self._callers.pop(fact.call or "", None)

    def _case_opened(self, fact: Fact) -> None:
        self._counts(fact.at).cases += 1

    def _message_left(self, fact: Fact) -> None:
        self._counts(fact.at).messages += 1

    def _agent_state(self, fact: Fact) -> None:
        if fact.agent is None:
            return
        state = str(fact.data.get("state", "offline"))
        if state == "offline":
            self._agents.pop(fact.agent, None)
            return
        was = self._agents.get(fact.agent)
        topic = was.topic if was is not None and state in _BUSY else None
        since = was.since if was is not None and was.state == state else fact.at
        self._agents[fact.agent] = AgentNow(
            fact.agent, state, since, topic, str(fact.data.get("reason", "")) or None
        )

    # --- helpers ------------------------------------------------------------------------------

    def _stage(self, fact: Fact, stage: str) -> _Caller:
        caller = self._callers.get(fact.call or "")
        if caller is None:
            return _Caller()  # a call that began before the replay, or is over: nothing to keep
        caller.stage = stage
        return caller

    def _leave(self, fact: Fact) -> None:
        self._waiting.pop(fact.entry or "", None)

    def _entry_state(self, fact: Fact, state: str) -> None:
        waiting = self._waiting.get(fact.entry or "")
        if waiting is not None:
            self._waiting[waiting.entry] = msgspec.structs.replace(waiting, state=state)
        owed = self._callbacks.get(fact.entry or "")
        if owed is not None:
            self._callbacks[owed.entry] = msgspec.structs.replace(owed, state=state)

    def _agent_topic(self, fact: Fact) -> None:
        agent = self._agents.get(fact.agent or "")
        topic = fact.data.get("topic")
        if agent is not None and topic is not None:
            self._agents[agent.id] = msgspec.structs.replace(agent, topic=str(topic))


def _by_hour(hours: dict[int, Counts], present: int) -> tuple[Hour, ...]:
    if not hours:
        return ()
    first, nothing = min(hours), Counts()
    rows = []
    for hour in range(first, max(present, *hours) + 1, HOUR_MS):
        counts = hours.get(hour, nothing)
        rows.append(Hour(hour, counts.arrived, counts.answered, counts.abandoned))
    return tuple(rows)


#: kind of Fact -> what it changes. A kind that is not here changes nothing but ``seq``.
_RULES: Final[dict[str, Callable[[Board, Fact], None]]] = {
    "call_arrived": Board._call_arrived,
    "queued": Board._queued,
    "requeued": Board._enter,
    "offered": Board._offered,
    "declined": Board._offer_over,
    "offer_timed_out": Board._offer_over,
    "offer_withdrawn": Board._offer_over,
    "answered": Board._answered,
    "abandoned": Board._abandoned,
    "left_queue": Board._left_queue,
    "place_kept": Board._place_kept,
    "dialled": Board._dialled,
    "not_reached": Board._tried,
    "given_up": Board._given_up,
    "talk_ended": Board._talk_ended,
    "passed_on": Board._passed_on,
    "body_left": Board._body_left,
    "call_ended": Board._call_ended,
    "case_opened": Board._case_opened,
    "message_left": Board._message_left,
    "agent_state": Board._agent_state,
}
