"""Calls and their legs, and the versions of the flows that callers are in."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    union,
    update,
)

from callcenter.calls.model import Call, CallState, Leg, LegRole, LegState, Outcome
from callcenter.db import Connection, by_key, for_update, metadata, upsert
from callcenter.db.keys import FORGOTTEN, DataKey, Keys
from callcenter.db.schema import column_names
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.visit import decode_visit
from callcenter.line import DeviceKind, Turn, decode_turn, encode
from callcenter.queue import service as queue
from callcenter.queue.agents import Agent
from callcenter.queue.entries import Entry, Offer

call = Table(
    "call",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("line", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("topic", String(40)),
    Column("language", String(8)),
    Column("case", String(40)),
    Column("entry", String(40)),
    Column("offer", String(40)),
    Column("agent", String(40)),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("stage", String(80)),  #: the node where the caller was last
    Column("cause", String(16)),
    Column("outcome", String(40)),
    Column("key", LargeBinary),  #: wrapped; empty once the call was forgotten
    Column("number", LargeBinary),  #: the caller's number, the only place where it is written
    Column("number_hash", String(64), index=True),
    #: Of an anonymous caller, for a day: lets them come back to their draft, and nothing else.
    Column("reconnect", String(64)),
    Column("visit", LargeBinary),
    Index("ix_call_started", "started_at"),
)
_owed = call.c.state == CallState.CALLBACK.value
Index("ix_call_callback", call.c.number_hash, sqlite_where=_owed, postgresql_where=_owed)
_live = call.c.state != CallState.ENDED.value
Index("ix_call_live", call.c.line, sqlite_where=_live, postgresql_where=_live)
#: Those that no case needs, until they are forgotten.
_alone = call.c.case.is_(None) & (func.length(call.c.key) > 0)
Index("ix_call_alone", call.c.ended_at, sqlite_where=_alone, postgresql_where=_alone)
_may_return = call.c.reconnect.is_not(None)
Index("ix_call_reconnect", call.c.reconnect, sqlite_where=_may_return, postgresql_where=_may_return)

leg = Table(
    "leg",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("call", String(64), ForeignKey("call.id"), nullable=False, index=True),
    Column("role", String(8), nullable=False),
    Column("line", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("rev", Integer, nullable=False),
    Column("turn", LargeBinary),  #: the newest Turn, under the call's key; gone with the leg
    Column("in_room", Boolean, nullable=False),
    Column("agent", String(40)),
    Column("body", String(40)),
    Column("offer", String(40)),
    Column("device_kind", String(16)),
    Column("started_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("cause", String(16)),
)
_to_caller = leg.c.device_kind == DeviceKind.CALLER.value
_to_body = leg.c.role == LegRole.BODY.value
_dialled = or_(_to_caller, _to_body)
Index("ix_leg_dialled", leg.c.started_at, sqlite_where=_dialled, postgresql_where=_dialled)
#: Nobody's telephone is rung twice at a time in a call, whatever the code believes.
_one_dialled = and_(_dialled, leg.c.state != LegState.GONE.value)
Index(
    "uq_leg_dialled",
    leg.c.call,
    leg.c.role,
    unique=True,
    sqlite_where=_one_dialled,
    postgresql_where=_one_dialled,
)
_there = leg.c.state != LegState.GONE.value
Index("ix_leg_live", leg.c.line, sqlite_where=_there, postgresql_where=_there)

_LEG_COLUMNS = column_names(leg)

flow_version = Table(
    "flow_version",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("sources", Text, nullable=False),  #: JSON: file name → text
    Column("stored_at", BigInteger, nullable=False),
)


#: An anonymous caller may come back to a dropped call for so long.
RECONNECT_MS = 86_400_000

# Made once: to make a statement anew costs several times what it takes to run.
_CALL_OF_LEG = select(leg.c.call).where(leg.c.id == bindparam("of"))
_LEGS = select(leg).where(leg.c.call == bindparam("of")).order_by(leg.c.started_at)
_SET_CALL = update(call).where(call.c.id == bindparam("of"))
_INSERT_CALL = insert(call)
_NEWEST_TURN = (
    select(leg.c.turn, leg.c.call, leg.c.line, call.c.key)
    .join(call, call.c.id == leg.c.call)
    .where(leg.c.id == bindparam("of"), leg.c.state != LegState.GONE.value)
)
_WHO_CALLED = select(call.c.case, call.c.language, call.c.number.is_(None).label("withheld")).where(
    call.c.id == bindparam("of")
)
_FORGET_TURNS = update(leg).where(leg.c.call == bindparam("of")).values(turn=None)
_WHO_RETURNS = (
    select(call.c.id)
    .where(
        call.c.reconnect.in_(bindparam("hashes", expanding=True)),
        call.c.started_at > bindparam("since"),
    )
    .order_by(call.c.started_at.desc())
)
_NUMBER_HASH = select(call.c.number_hash).where(call.c.id == bindparam("of"))
_RECENT = (
    select(call.c.id)
    .where(call.c.number_hash == bindparam("hash"), call.c.started_at >= bindparam("since"))
    .order_by(call.c.started_at.desc())
    .limit(bindparam("most"))
)
_CALLBACK_OF = for_update(
    select(call.c.id, call.c.key).where(call.c.number_hash == bindparam("hash"), _owed).limit(1),
    skip_locked=True,
)
_DIALLED = (
    select(func.count()).select_from(leg).where(_dialled, leg.c.started_at > bindparam("since"))
)
_DIALLED_TO = _DIALLED.join(call, call.c.id == leg.c.call).where(
    _to_caller, call.c.number_hash == bindparam("to")
)
#: With an agent: what comes after that, and a body that they leave the caller with, keeps nobody.
_AGENT_LEFT = (
    select(func.max(leg.c.ended_at))
    .where(leg.c.call == call.c.id, leg.c.role == LegRole.AGENT.value)
    .where(leg.c.ended_at > call.c.answered_at)
    .scalar_subquery()
)
_LATEST_TALKS = (
    select(call.c.answered_at, func.coalesce(_AGENT_LEFT, call.c.ended_at))
    .where(call.c.answered_at.is_not(None), call.c.ended_at.is_not(None))
    .order_by(call.c.started_at.desc())
    .limit(bindparam("most"))
)


# --- rows to records, and back ------------------------------------------------------------------


class Stored(msgspec.Struct, frozen=True):
    """A call with what lies beside it in its row: the wrapped key, and the caller's number."""

    call: Call
    key: bytes
    number: bytes | None


def owner(call_id: str) -> str:
    """The owner's name of a call's data key."""
    return f"call:{call_id}"


def call_of_leg(connection: Connection, leg_id: str) -> str | None:
    """The id of the call that the leg belongs to."""
    found: str | None = connection.execute(_CALL_OF_LEG, {"of": leg_id}).scalar_one_or_none()
    return found


def load(connection: Connection, keys: Keys, call_id: str) -> Stored | None:
    """The call with its legs, its open entry and offer and their agent, locked in this order."""
    return _load(connection, keys, call_id, lock=True)


def lock(connection: Connection, call_id: str) -> None:
    """Lock the call alone: before what is locked after it."""
    connection.execute(for_update(select(call.c.id).where(call.c.id == call_id)))


def peek(connection: Connection, keys: Keys, call_id: str) -> Stored | None:
    """The same to look at, without a lock."""
    return _load(connection, keys, call_id, lock=False)


def _load(connection: Connection, keys: Keys, call_id: str, *, lock: bool) -> Stored | None:
    row = connection.execute(by_key(call, lock=lock), {"key": call_id}).first()
    if row is None:
        return None
    legs = connection.execute(_LEGS, {"of": call_id})
    visit = None
    if row.visit is not None:
        sealed = keys.open(row.key, owner(call_id)).decrypt(row.visit, "call.visit")
        visit = decode_visit(sealed)
    found = Call(
        row.id,
        row.line,
        CallState(row.state),
        row.started_at,
        legs=tuple(_leg(one) for one in legs),
        visit=visit,
        topic=row.topic,
        language=row.language,
        case=row.case,
        entry=queue.load_entry(connection, row.entry, lock=lock) if row.entry else None,
        offer=queue.load_offer(connection, row.offer, lock=lock) if row.offer else None,
        agent=queue.load_agent(connection, row.agent, lock=lock) if row.agent else None,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        stage=row.stage,
        cause=row.cause,
    )
    return Stored(found, row.key, row.number)


def insert_call(
    connection: Connection,
    call_id: str,
    line: str,
    now: int,
    *,
    key: bytes,
    number: bytes | None = None,
    number_hash: str | None = None,
) -> None:
    """A row for a call that has just arrived; :func:`save` writes the rest of it."""
    connection.execute(
        _INSERT_CALL,
        {
            "id": call_id,
            "line": line,
            "state": CallState.IVR.value,
            "started_at": now,
            "key": key,
            "number": number,
            "number_hash": number_hash,
        },
    )


def begin_callback(connection: Connection, key: DataKey, before: Call, call_id: str) -> None:
    """The call that was just inserted is to go on where ``before`` leaves off."""
    assert before.entry is not None
    visit = before.visit
    values = {
        "of": call_id,
        "state": CallState.CALLBACK.value,
        "topic": before.topic,
        "language": before.language,
        "case": before.case,
        "entry": before.entry.id,
        "stage": before.stage,
        "visit": None if visit is None else key.encrypt(visit.encode(), "call.visit"),
    }
    connection.execute(_SET_CALL, values)


def callback_of(connection: Connection, hashed: str) -> tuple[str, bytes] | None:
    """The call in which the caller with this number (:func:`number_hash`) is to be called back, and
    its wrapped key, locked; None when there is none, or something happens to it just now."""
    row = connection.execute(_CALLBACK_OF, {"hash": hashed}).first()
    return None if row is None else (row.id, row.key)


def dialled_since(connection: Connection, since: int, *, to: str | None = None) -> int:
    """How often callers' telephones and bodies' were rung, or the one of a caller: ``to``
    (:func:`number_hash`)."""
    wanted = _DIALLED if to is None else _DIALLED_TO
    given = {"since": since} if to is None else {"since": since, "to": to}
    count: int = connection.execute(wanted, given).scalar_one()
    return count


def save(connection: Connection, key: DataKey, outcome: Outcome) -> None:
    """Write what a step changed: the call, and the rows that it names."""
    now = outcome.call
    connection.execute(
        _SET_CALL,
        {
            "of": now.id,
            "state": now.state.value,
            "topic": now.topic,
            "language": now.language,
            "case": now.case,
            "entry": now.entry.id if now.entry else None,
            "offer": now.offer.id if now.offer else None,
            "agent": now.agent.id if now.agent else None,
            "answered_at": now.answered_at,
            "ended_at": now.ended_at,
            "stage": now.stage,
            "cause": now.cause,
            "visit": None if now.visit is None else key.encrypt(now.visit.encode(), "call.visit"),
        },
    )
    turns = {turn.leg: key.encrypt(encode(turn), "leg.turn") for turn in outcome.turns}
    order = (Leg, Entry, Offer, Agent)
    for row in sorted(outcome.rows, key=lambda row: (order.index(type(row)), row.id)):
        match row:
            case Leg():
                _save_leg(connection, row, turns.get(row.id))
            case Entry():
                queue.save_entry(connection, row)
            case Offer():
                queue.save_offer(connection, row)
            case Agent():
                queue.save_agent(connection, row)


def newest_turn(connection: Connection, keys: Keys, leg_id: str) -> tuple[str, Turn] | None:
    """The line of the leg and what it should be doing there; None when it is gone or was told
    nothing yet."""
    row = connection.execute(_NEWEST_TURN, {"of": leg_id}).first()
    if row is None or row.turn is None:
        return None
    turn = decode_turn(keys.open(row.key, owner(row.call)).decrypt(row.turn, "leg.turn"))
    return row.line, turn


def live_legs(connection: Connection, line: str) -> list[Leg]:
    """The legs that we believe to be on ``line``."""
    wanted = select(leg).where(leg.c.line == line, leg.c.state != LegState.GONE.value)
    return [_leg(row) for row in connection.execute(wanted)]


def live_offers(connection: Connection, line: str) -> frozenset[str]:
    """The ids of the open and the answered offers of the calls on ``line`` that have not ended, and
    of those whose talk was passed on."""
    wanted = select(call.c.offer).where(
        call.c.line == line, call.c.state != CallState.ENDED.value, call.c.offer.is_not(None)
    )
    passed = (
        select(leg.c.offer)
        .join(call, call.c.id == leg.c.call)
        .where(leg.c.line == line, _there, _to_body, call.c.state == CallState.PASSED.value)
    )
    return frozenset(connection.execute(union(wanted, passed)).scalars())


def number_hash(connection: Connection, call_id: str) -> str | None:
    """The keyed hash of the caller's number, None when it is withheld."""
    found: str | None = connection.execute(_NUMBER_HASH, {"of": call_id}).scalar_one_or_none()
    return found


def recent_calls(connection: Connection, hashed: str, since: int, most: int = 20) -> list[str]:
    """The calls of a caller (:func:`number_hash`) that began at ``since`` or later."""
    wanted = {"hash": hashed, "since": since, "most": most}
    return list(connection.execute(_RECENT, wanted).scalars())


def latest_talks_ms(connection: Connection, most: int = 20) -> list[int]:
    """How long the latest talks with an agent lasted, newest call first."""
    rows = connection.execute(_LATEST_TALKS, {"most": most})
    return [ended - answered for answered, ended in rows]


def caller_number(keys: Keys, stored: Stored) -> str | None:
    """The caller's number, None when it is withheld."""
    if stored.number is None:
        return None
    key = keys.open(stored.key, owner(stored.call.id))
    return key.decrypt(stored.number, "call.number").decode()


class Caller(msgspec.Struct, frozen=True):
    """What is asked of a call before its caller is written to."""

    case: str | None
    language: str | None
    withheld: bool


def who_called(connection: Connection, call_id: str) -> Caller | None:
    """The caller of a call, without the number."""
    row = connection.execute(_WHO_CALLED, {"of": call_id}).first()
    return None if row is None else Caller(*row)


class Said(msgspec.Struct, frozen=True):
    """What of a call tells who called, and whether it goes on."""

    live: bool
    started_at: int
    number: str | None


def who_rang(connection: Connection, keys: Keys, call_id: str) -> Said | None:
    """The caller's number in a call, locked; None when there is no such call, or it was
    forgotten."""
    row = connection.execute(by_key(call, lock=True), {"key": call_id}).first()
    if row is None or not row.key:
        return None
    return Said(row.state != CallState.ENDED.value, row.started_at, _number(keys, row))


def number_of(connection: Connection, keys: Keys, call_id: str) -> str | None:
    """The caller's number; None when it is withheld or forgotten, or there is no such call."""
    row = connection.execute(by_key(call), {"key": call_id}).first()
    return None if row is None or not row.key else _number(keys, row)


def _number(keys: Keys, row: Row[Any]) -> str | None:
    if row.number is None:
        return None
    return keys.open(row.key, owner(row.id)).decrypt(row.number, "call.number").decode()


def forget_caller(connection: Connection, call_id: str, reconnect: str | None = None) -> None:
    """Keep nothing of the call by which its caller is known. ``reconnect``: the keyed hash of the
    day by which they may come back."""
    gone = {"number": None, "number_hash": None, "reconnect": reconnect}
    connection.execute(_SET_CALL, {"of": call_id, **gone})


def forget(connection: Connection, call_id: str) -> None:
    """Destroy the call's key and what was encrypted under it; the row stays."""
    gone = dict.fromkeys(("number", "number_hash", "reconnect", "visit"))
    connection.execute(_SET_CALL, {"of": call_id, "key": FORGOTTEN, **gone})
    connection.execute(_FORGET_TURNS, {"of": call_id})


def who_returns(connection: Connection, keys: Keys, number: str, now: int) -> list[str]:
    """The calls of today and yesterday that became anonymous and came from ``number`` (E.164),
    newest first: for going on with a draft, and for nothing else."""
    days = (reconnect_day(now), reconnect_day(now - RECONNECT_MS))
    hashes = [keys.reconnect_hash(number, day) for day in days]
    given = {"hashes": hashes, "since": now - RECONNECT_MS}
    return list(connection.execute(_WHO_RETURNS, given).scalars())


def reconnect_day(at: int) -> str:
    """The day whose key an anonymous caller's number is hashed with."""
    return str(at // RECONNECT_MS)


def set_outcome(connection: Connection, call_id: str, outcome: str) -> None:
    """What the call's agent says it came to."""
    connection.execute(_SET_CALL, {"of": call_id, "outcome": outcome})


def keep_flows(connection: Connection, flows: FlowSet, now: int) -> None:
    """Store this version of the flows, so that its callers can finish in it."""
    known = select(flow_version.c.hash).where(flow_version.c.hash == flows.hash)
    if connection.execute(known).first() is None:
        sources = msgspec.json.encode(dict(flows.sources)).decode()
        connection.execute(
            insert(flow_version).values(hash=flows.hash, sources=sources, stored_at=now)
        )


def flow_sources(connection: Connection, flow_set: str) -> dict[str, str]:
    """The sources of an older version of the flows.

    Raises:
        LookupError: it is not stored.
    """
    wanted = select(flow_version.c.sources).where(flow_version.c.hash == flow_set)
    sources = connection.execute(wanted).scalar_one_or_none()
    if sources is None:
        raise LookupError(flow_set)
    return msgspec.json.decode(sources, type=dict[str, str])


def _leg(row: Row[tuple[object, ...]]) -> Leg:
    fields = dict(zip(_LEG_COLUMNS, row, strict=True))
    del fields["turn"]
    return msgspec.convert(fields, Leg)


def _save_leg(connection: Connection, one: Leg, turn: bytes | None) -> None:
    fields = msgspec.to_builtins(one)
    if turn is not None:
        fields["turn"] = turn
    elif one.state is LegState.GONE:
        fields["turn"] = None
    upsert(connection, leg, fields)
