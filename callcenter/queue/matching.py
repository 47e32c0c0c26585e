"""Who gets whom: the order of the entries, and the agent for each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from callcenter.queue.entries import Entry


class Waiting(msgspec.Struct, frozen=True):
    """A waiting entry, and the agents not to be asked for it (again) before the time given."""

    entry: Entry
    not_before: dict[str, int] = {}


class Free(msgspec.Struct, frozen=True):
    """A ready agent: the topics they know, the lines on which their phone can be rung, and what
    they speak besides Indonesian."""

    agent: str
    ready_since: int
    topics: frozenset[str]
    lines: frozenset[str]
    languages: frozenset[str] = frozenset()


class Matches(msgspec.Struct, frozen=True):
    """``pairs`` of (entry, agent id); ``again_at``: when waiting alone could change the answer."""

    pairs: tuple[tuple[Entry, str], ...]
    again_at: int | None


def match(waiting: Iterable[Waiting], free: Sequence[Free], now: int) -> Matches:
    """Give each entry, smallest rank first, the longest-idle agent who knows its topic.

    Nobody is passed over for a caller behind them, except where no free agent may take them. Equal
    ranks and idle times are decided by id, so the same state always has the same answer.
    """
    idle = sorted(free, key=lambda agent: (agent.ready_since, agent.agent))
    pairs = []
    wake: list[int] = []
    for item in sorted(waiting, key=lambda item: (item.entry.rank, item.entry.id)):
        entry = item.entry
        if entry.call_from > now:
            wake += [entry.call_from] if idle else []
            continue
        kept = entry.reserved_for if entry.reserved_until > now else None
        for agent in idle:
            if entry.topic not in agent.topics or entry.line not in agent.lines:
                continue
            if kept not in (None, agent.agent):
                wake.append(entry.reserved_until)
                continue
            if entry.language_until > now and entry.language not in agent.languages:
                wake.append(entry.language_until)
                continue
            if (later := item.not_before.get(agent.agent, 0)) > now:
                wake.append(later)
                continue
            pairs.append((entry, agent.agent))
            idle.remove(agent)
            break
    return Matches(tuple(pairs), min(wake, default=None))
