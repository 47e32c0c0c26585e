"""The queue's rows: read into the records of the rules, and written back."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import BindParameter, Row, bindparam, delete, exists, func, insert, select

from callcenter.db import Connection, by_key, exclusive, for_update, try_exclusive, upsert
from callcenter.db.schema import column_names
from callcenter.line import Device, DeviceKind
from callcenter.queue import tables
from callcenter.queue.agents import Agent, AgentState
from callcenter.queue.entries import (
    OPEN_ENTRIES,
    OPEN_OFFERS,
    SAME_AGENT_S,
    Entry,
    EntryState,
    Offer,
    OfferState,
)
from callcenter.queue.matching import Free, Waiting

#: The matcher looks at so many of the longest waiting at a time, of each topic on each line: a
#: long queue that nobody serves hides no other one.
MATCHED_AT_ONCE = 200
#: And at so many of the longest idle.
READY_AT_ONCE = 2000

# Made once: to make a statement anew costs several times what it takes to run.
_AGENTS = (
    select(tables.agent)
    .where(tables.agent.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(tables.agent.c.id)
)
_AGENTS_LOCKED = for_update(_AGENTS)
_TOPICS = select(tables.agent_topic.c.topic).where(tables.agent_topic.c.agent == bindparam("of"))
_STAFF = (
    select(tables.agent.c.state, func.count())
    .join(tables.agent_topic, tables.agent_topic.c.agent == tables.agent.c.id)
    .where(
        tables.agent_topic.c.topic == bindparam("about"),
        tables.agent.c.state != AgentState.OFFLINE,
    )
    .group_by(tables.agent.c.state)
)
#: Written out: SQLite sees only then that the index of the open entries holds all that is wanted,
#: and does not look at every call that there ever was.
_OPEN_STATES: BindParameter[list[str]] = bindparam(
    "open", list(OPEN_ENTRIES), expanding=True, literal_execute=True
)
_OPEN = (
    select(func.count())
    .select_from(tables.entry)
    .where(
        tables.entry.c.topic == bindparam("about"),
        tables.entry.c.state.in_(_OPEN_STATES),
        tables.entry.c.call_from <= bindparam("now"),
    )
)
_BEFORE = _OPEN.where(
    tables.entry.c.id != bindparam("not"), tables.entry.c.rank <= bindparam("up_to")
)
_PLACED = (
    select(
        tables.entry,
        func.row_number()
        .over(
            partition_by=(tables.entry.c.topic, tables.entry.c.line),
            order_by=(tables.entry.c.rank, tables.entry.c.id),
        )
        .label("place"),
    )
    .where(tables.entry.c.state == EntryState.WAITING.value)
    .subquery()
)
_WAITING = (
    select(*(_PLACED.c[column.name] for column in tables.entry.c))
    .where(_PLACED.c.place <= MATCHED_AT_ONCE)
    .order_by(_PLACED.c.rank, _PLACED.c.id)
)
_IN_VAIN = select(tables.offer.c.entry, tables.offer.c.agent, tables.offer.c.ended_at).where(
    tables.offer.c.entry.in_(bindparam("entries", expanding=True)),
    tables.offer.c.ended_at > bindparam("since"),
    tables.offer.c.state.in_([OfferState.DECLINED.value, OfferState.TIMED_OUT.value]),
)
_READY = (
    select(tables.agent)
    .where(tables.agent.c.state == AgentState.READY.value)
    .order_by(tables.agent.c.ready_since, tables.agent.c.id)
    .limit(READY_AT_ONCE)
)
_MATCHABLE = select(
    exists().where(tables.entry.c.state == EntryState.WAITING.value)
    & exists().where(tables.agent.c.state == AgentState.READY.value)
)
_LANGUAGES = select(tables.agent_language.c.language).where(
    tables.agent_language.c.agent == bindparam("of")
)
_LANGUAGES_OF_ALL = select(tables.agent_language.c.agent, tables.agent_language.c.language).where(
    tables.agent_language.c.agent.in_(bindparam("ids", expanding=True))
)
_SPEAKERS = _STAFF.join(
    tables.agent_language, tables.agent_language.c.agent == tables.agent.c.id
).where(tables.agent_language.c.language == bindparam("language"))
_TOPICS_OF_ALL = select(tables.agent_topic.c.agent, tables.agent_topic.c.topic).where(
    tables.agent_topic.c.agent.in_(bindparam("ids", expanding=True))
)
_ANSWERED = tables.offer.c.state == OfferState.ANSWERED
_MISSED = (tables.offer.c.state == OfferState.TIMED_OUT) & tables.offer.c.rang_at.is_not(None)
_ANSWERED_AND_MISSED = select(func.count().filter(_ANSWERED), func.count().filter(_MISSED)).where(
    tables.offer.c.agent == bindparam("of"), tables.offer.c.created_at >= bindparam("since")
)


# --- agents -------------------------------------------------------------------------------------


def load_agents(connection: Connection, ids: Collection[str], *, lock: bool) -> dict[str, Agent]:
    """The agents with these ids, by id; locked in the order of their ids if ``lock``."""
    rows = connection.execute(_AGENTS_LOCKED if lock else _AGENTS, {"ids": list(ids)})
    return {row.id: _agent(row) for row in rows}


def load_agent(connection: Connection, agent: str, *, lock: bool) -> Agent | None:
    """One agent, or None when there is no such agent."""
    row = connection.execute(by_key(tables.agent, lock=lock), {"key": agent}).first()
    return None if row is None else _agent(row)


def has_in_hand(connection: Connection, call: str) -> bool:
    """Whether an agent is busy with ``call``: offered it, talking, or wrapping it up."""
    wanted = select(tables.agent.c.id).where(tables.agent.c.call == call).limit(1)
    return connection.execute(wanted).first() is not None


def all_agents(connection: Connection) -> list[Agent]:
    """Every agent, in the order of their ids."""
    return [_agent(row) for row in connection.execute(select(tables.agent).order_by("id"))]


def save_agent(connection: Connection, agent: Agent) -> None:
    """Write ``agent``, new or known."""
    upsert(connection, tables.agent, _agent_row(agent))


def topics_of(connection: Connection, agent: str) -> list[str]:
    """The codes of the topics that the agent knows, sorted."""
    return sorted(connection.execute(_TOPICS, {"of": agent}).scalars())


def set_topics(connection: Connection, agent: str, topics: Iterable[str]) -> None:
    """The agent knows these topics, and no others."""
    connection.execute(delete(tables.agent_topic).where(tables.agent_topic.c.agent == agent))
    rows = [{"agent": agent, "topic": topic} for topic in sorted(set(topics))]
    if rows:
        connection.execute(insert(tables.agent_topic), rows)


def staff(connection: Connection, topic: str) -> tuple[int, int]:
    """How many who know ``topic`` are signed in, and how many of them are ready."""
    rows = connection.execute(_STAFF, {"about": topic})
    by_state: dict[str, int] = {row[0]: row[1] for row in rows}
    return sum(by_state.values()), by_state.get(AgentState.READY.value, 0)


def languages_of(connection: Connection, agent: str) -> list[str]:
    """What the agent speaks besides Indonesian, sorted."""
    return sorted(connection.execute(_LANGUAGES, {"of": agent}).scalars())


def set_languages(connection: Connection, agent: str, languages: Iterable[str]) -> None:
    """The agent speaks these besides Indonesian, and no others."""
    connection.execute(delete(tables.agent_language).where(tables.agent_language.c.agent == agent))
    rows = [{"agent": agent, "language": one} for one in sorted(set(languages))]
    if rows:
        connection.execute(insert(tables.agent_language), rows)


def speakers(connection: Connection, topic: str, language: str) -> int:
    """How many who know ``topic`` and speak ``language`` are signed in."""
    rows = connection.execute(_SPEAKERS, {"about": topic, "language": language})
    return sum(row[1] for row in rows)


# --- entries and offers -------------------------------------------------------------------------


def load_entry(connection: Connection, entry: str, *, lock: bool) -> Entry | None:
    row = connection.execute(by_key(tables.entry, lock=lock), {"key": entry}).first()
    return None if row is None else _entry(row)


def load_offer(connection: Connection, offer: str, *, lock: bool) -> Offer | None:
    row = connection.execute(by_key(tables.offer, lock=lock), {"key": offer}).first()
    return None if row is None else _offer(row)


def open_offer_of(connection: Connection, agent: str) -> Offer | None:
    """The one offer that the agent is asked by, if any."""
    wanted = select(tables.offer).where(
        tables.offer.c.agent == agent, tables.offer.c.state.in_(OPEN_OFFERS)
    )
    row = connection.execute(wanted).first()
    return None if row is None else _offer(row)


def held_for(connection: Connection, agent: str, now: int) -> Entry | None:
    """The caller who is kept for this agent, whose phone vanished in the middle of their talk."""
    wanted = select(tables.entry).where(
        tables.entry.c.state == EntryState.WAITING.value,
        tables.entry.c.reserved_for == agent,
        tables.entry.c.reserved_until > now,
    )
    row = connection.execute(wanted).first()
    return None if row is None else _entry(row)


def save_entry(connection: Connection, entry: Entry) -> None:
    upsert(connection, tables.entry, msgspec.to_builtins(entry))


def save_offer(connection: Connection, offer: Offer) -> None:
    upsert(connection, tables.offer, msgspec.to_builtins(offer))


def position(connection: Connection, entry: Entry, now: int) -> int:
    """The place of ``entry`` among those of its topic that wait, on the line or to be called back
    by ``now``, or are being offered; from 1."""
    count: int = connection.execute(
        _BEFORE, {"about": entry.topic, "not": entry.id, "up_to": entry.rank, "now": now}
    ).scalar_one()
    return count + 1


def waiting_count(connection: Connection, topic: str, now: int) -> int:
    """How many wait for an agent who knows ``topic``: see :func:`position`."""
    count: int = connection.execute(_OPEN, {"about": topic, "now": now}).scalar_one()
    return count


def answered_and_missed(connection: Connection, agent: str, since: int) -> tuple[int, int]:
    """How many offers the agent answered and how many rang in vain since ``since``."""
    row = connection.execute(_ANSWERED_AND_MISSED, {"of": agent, "since": since}).one()
    return row[0], row[1]


def one_matcher(connection: Connection) -> None:
    """Wait until no other transaction matches; held until this one ends."""
    exclusive(connection, "matcher")


def may_match(connection: Connection) -> bool:
    """Whether to ask for a match: not while no caller waits or no agent is ready. Whoever changes
    that asks by themselves.

    On PostgreSQL this holds the matcher's lock until the transaction ends, so that a matcher who
    comes later sees what it did, and who came before has been seen; if another has it, True.
    """
    return not try_exclusive(connection, "matcher") or bool(
        connection.execute(_MATCHABLE).scalar_one()
    )


# --- what the matcher looks at --------------------------------------------------------------------


def waiting(connection: Connection, now: int) -> list[Waiting]:
    """The first waiting entries, with the agents who are not to be asked again yet."""
    rows = connection.execute(_WAITING).all()
    if not rows:
        return []
    since = now - SAME_AGENT_S * 1000
    refused = connection.execute(_IN_VAIN, {"entries": [row.id for row in rows], "since": since})
    not_before: dict[str, dict[str, int]] = {}
    for entry, agent, ended_at in refused:
        not_before.setdefault(entry, {})[agent] = ended_at + SAME_AGENT_S * 1000
    return [Waiting(_entry(row), not_before.get(row.id, {})) for row in rows]


def free(connection: Connection, lines: Collection[str]) -> list[Free]:
    """The ready agents who have waited longest, with their topics and the lines they answer on."""
    rows = connection.execute(_READY).all()
    if not rows:
        return []
    topics: dict[str, set[str]] = {}
    for agent, topic in connection.execute(_TOPICS_OF_ALL, {"ids": [row.id for row in rows]}):
        topics.setdefault(agent, set()).add(topic)
    speaks: dict[str, set[str]] = {}
    for agent, language in connection.execute(_LANGUAGES_OF_ALL, {"ids": [row.id for row in rows]}):
        speaks.setdefault(agent, set()).add(language)
    return [
        Free(
            one.id,
            one.ready_since,
            frozenset(topics.get(one.id, ())),
            frozenset(name for name in lines if one.device_on(name) is not None),
            frozenset(speaks.get(one.id, ())),
        )
        for one in map(_agent, rows)
    ]


_AGENT_COLUMNS = column_names(tables.agent)
_ENTRY_COLUMNS = column_names(tables.entry)
_OFFER_COLUMNS = column_names(tables.offer)


# --- rows ---------------------------------------------------------------------------------------


def _agent(row: Row[tuple[object, ...]]) -> Agent:
    fields: dict[str, Any] = dict(zip(_AGENT_COLUMNS, row, strict=True))
    device = Device(DeviceKind(fields.pop("device_kind")), fields.pop("device_address"))
    state = AgentState(fields.pop("state"))
    return Agent(**fields, state=state, device=device)


def _agent_row(agent: Agent) -> dict[str, object]:
    fields = msgspec.structs.asdict(agent)
    device = agent.device
    del fields["device"]
    return fields | {
        "state": agent.state.value,
        "device_kind": device.kind.value,
        "device_address": device.address,
    }


def _entry(row: Row[tuple[object, ...]]) -> Entry:
    return msgspec.convert(dict(zip(_ENTRY_COLUMNS, row, strict=True)), Entry)


def _offer(row: Row[tuple[object, ...]]) -> Offer:
    return msgspec.convert(dict(zip(_OFFER_COLUMNS, row, strict=True)), Offer)
