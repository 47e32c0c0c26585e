"""The board at the start of the process: what happened lately is read again and folded. And the
counts of a month, for :mod:`callcenter.stats.open_data`."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final

from sqlalchemy import bindparam, exists, func, or_, select

from callcenter.cases import tables
from callcenter.cases.facts import CaseFact
from callcenter.cases.statuses import CaseStatus
from callcenter.clock import id_from
from callcenter.db import Connection
from callcenter.db.facts import BATCH, SealedFact, sealed
from callcenter.db.tables import fact
from callcenter.stats.board import Board
from callcenter.stats.open_data import Counted
from callcenter.topics import Compartment

#: A call that is longer than this, and still lives when the process starts, is not on the board.
BEFORE_TODAY_MS: Final = 12 * 60 * 60 * 1000
#: Whose place was kept longer ago is not called any more (``queue.entries.KEPT_S``).
CALLBACK_MS: Final = 4 * 24 * 60 * 60 * 1000
_OF_CALLBACKS: Final = (
    "place_kept", "dialled", "not_reached", "given_up", "answered", "abandoned", "left_queue",
)  # fmt: skip

_CASE: Final = tables.case.c
_PARENT: Final = tables.case.alias("parent")
_CHILD: Final = tables.case.alias("child")
#: Nobody complained, or it goes on under another number.
_NO_COMPLAINT: Final = (CaseStatus.DRAFT, CaseStatus.ABANDONED, CaseStatus.MERGED)
#: Withdrawn before anybody went on with it, or pursued by its unit, which opened another for that.
#: Only its Facts tell. (Their keys are sorted.)
_WITHDREW: Final = exists().where(
    fact.c.case == _CASE.id,
    fact.c.kind == CaseFact.CASE_MOVED.value,
    or_(
        fact.c.text.like('%"event":"withdraw"%"was":"draft"%'),
        fact.c.text.like('%"event":"pursue"%'),
    ),
)
#: Of those that are joined it is one, however each of them spelled it.
_EMPLOYER: Final = func.coalesce(_PARENT.c.employer_hash, _CASE.employer_hash)
_ALIKE: Final = (_CASE.topic, _CASE.province, _CASE.compartment, _EMPLOYER)
_COMPLAINTS: Final = (
    select(*_ALIKE, func.count())
    .select_from(tables.case.outerjoin(_PARENT, _PARENT.c.id == _CASE.parent))
    .where(
        _CASE.id >= bindparam("first"),
        _CASE.id < bindparam("after"),
        _CASE.status.not_in([status.value for status in _NO_COMPLAINT]),
        ~((_CASE.status == CaseStatus.WITHDRAWN.value) & _WITHDREW),
        # What gathers others' complaints is none itself.
        ~(_CASE.gathers & exists().where(_CHILD.c.parent == _CASE.id)),
    )
    .group_by(*_ALIKE)
)


def restore(conn: Connection, timezone: tzinfo, now: int) -> Board:
    """The board of all Facts that are sealed by now.

    Reads those since BEFORE_TODAY_MS before local midnight, and of each agent the latest state
    from before that. Follow on with Facts from ``board.seq``.
    """
    local = datetime.fromtimestamp(now / 1000, timezone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    start = int(midnight.timestamp() * 1000) - BEFORE_TODAY_MS
    query = select(func.min(fact.c.seq)).where(fact.c.at >= start, fact.c.seq.is_not(None))
    first = conn.execute(query).scalar_one()
    board = Board(timezone)
    for one in _latest_states(conn, first):
        board.recall_agent(one.fact)
        board.seq = max(board.seq, one.seq)
    for one in _callbacks(conn, first, now - CALLBACK_MS):
        board.recall_callback(one.fact)
    if first is None:
        return board
    after = first - 1
    while batch := sealed(conn, after, BATCH):
        board.apply(batch)
        after = batch[-1].seq
    return board


def _callbacks(conn: Connection, before: int | None, since: int) -> list[SealedFact]:
    """What happened to callbacks since then, up to the Facts that are replayed."""
    query = select(fact.c.seq).where(
        fact.c.at >= since, fact.c.kind.in_(_OF_CALLBACKS), fact.c.seq.is_not(None)
    )
    if before is not None:
        query = query.where(fact.c.seq < before)
    seqs = sorted(conn.execute(query).scalars())
    return [one for seq in seqs for one in sealed(conn, seq - 1, 1)]


def _latest_states(conn: Connection, before: int | None) -> list[SealedFact]:
    """Of each agent the last ``agent_state`` with ``seq < before`` (of all when None)."""
    query = select(func.max(fact.c.seq)).where(
        fact.c.kind == "agent_state", fact.c.seq.is_not(None)
    )
    if before is not None:
        query = query.where(fact.c.seq < before)
    seqs = sorted(conn.execute(query.group_by(fact.c.agent)).scalars())
    return [one for seq in seqs for one in sealed(conn, seq - 1, 1)]


def complaints(conn: Connection, start: int, end: int) -> list[Counted]:
    """The complaints that came in from ``start`` to before ``end``, epoch ms, whatever became of
    them. An employer is the keyed hash of its name; nothing is decrypted.

    Their ids begin with the moment at which they were opened, so the primary key finds a month.
    """
    rows = conn.execute(_COMPLAINTS, {"first": id_from(start), "after": id_from(end)})
    return [
        Counted(topic, province, Compartment(compartment), employer, cases)
        for topic, province, compartment, employer, cases in rows
    ]
