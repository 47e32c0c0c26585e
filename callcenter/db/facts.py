"""Facts: what is now true and is kept. Written in the transaction, then sealed in one order.

* :func:`append` writes Facts with a ``mac`` over the canonical text of the whole row, in the
  transaction that makes them true.
* The :class:`Sealer` numbers committed Facts (``seq`` 1, 2, 3 … without gaps) and chains them:
  ``hash = HMAC(audit key, previous hash + seq + mac)``. Readers follow ``seq``. A database
  sequence would not do: a transaction that commits late would be passed over.
* :func:`verify` reads everything again. Whoever can write to the database but has not the audit
  key cannot change, add, remove or move a sealed Fact unseen. Who puts back an older copy of the
  whole end of the chain is caught by heads that were exported (:func:`export_head`): seq and hash,
  each a signed line of a file outside the database.

Facts carry ids and codes, never free text, names or phone numbers; :func:`append` refuses what
does not look like one.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Row,
    bindparam,
    func,
    insert,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import NullType

from callcenter.db.database import (
    POSTGRESQL_CONNECT,
    Database,
    DatabaseAway,
    exclusive,
    for_update,
)
from callcenter.db.journal import Journal
from callcenter.db.keys import Keys
from callcenter.db.tables import fact, fact_head

log = logging.getLogger(__name__)

#: Facts sealed in one transaction, or read in one go.
BATCH = 1000
#: The sealer looks for Facts that nobody nudged it about (their process died) this often.
IDLE_S = 1.0
#: A sealing begins at the earliest so long after the one before: one call's Facts come in bursts,
#: and a sealing is a transaction, however many there are.
EVERY_S = 0.025
#: Longest pause between two attempts to reach the database again.
BACK_OFF_S = 5.0
#: PostgreSQL channel on which a sealer announces its last number.
CHANNEL = "callcenter_facts"

#: In ``Connection.info``.
_WRITTEN = "callcenter.facts"
_ANCHOR = bytes(32)
_CODE = re.compile(r"[A-Za-z0-9_.:,/\-]{0,120}")
_NUMBER_LIKE = re.compile(r"\d{8,15}")
_INDEXED = ("kind", "at", "call", "entry", "offer", "agent", "case")


class Fact(msgspec.Struct, frozen=True, omit_defaults=True):
    """``kind`` happened ``at`` (epoch ms) to these ids; ``data`` holds codes, numbers and flags."""

    kind: str
    at: int
    call: str | None = None
    entry: str | None = None
    offer: str | None = None
    agent: str | None = None
    case: str | None = None
    data: dict[str, str | int | bool] = {}


class SealedFact(msgspec.Struct, frozen=True):
    seq: int
    fact: Fact


class Verdict(msgspec.Struct, frozen=True):
    """What :func:`verify` found: ``bad`` names the first bad row and why, None when all is well."""

    rows: int
    unsealed: int
    bad: str | None


#: seq and text
_SealedRow = tuple[int, str]


class _Row(Fact, frozen=True, omit_defaults=True, kw_only=True):
    """A Fact with its row id: what ``text`` holds."""

    id: int


_encode = msgspec.json.Encoder(order="sorted").encode
_decode_row = msgspec.json.Decoder(_Row).decode
_decode_fact = msgspec.json.Decoder(Fact).decode


# Made once: to make a statement anew costs several times what it takes to run.
_INSERT = insert(fact)
_NEWEST_ID = select(func.max(fact.c.id))
_DRAW_IDS = text("SELECT nextval('fact_id_seq') FROM generate_series(1, :count)")
_LAST_SEALED = select(fact_head.c.seq)
_SEALED = (
    select(fact.c.seq, fact.c.text)
    .where(fact.c.seq > bindparam("after"))
    .order_by(fact.c.seq)
    .limit(bindparam("most"))
)
_UNSEALED = (
    select(fact.c.id, fact.c.mac, fact.c.text)
    .where(fact.c.seq.is_(None))
    .order_by(fact.c.id)
    .limit(bindparam("most"))
)
_IS_WORK_LEFT = select(fact.c.id).where(fact.c.seq.is_(None)).limit(1)
_SET_SEAL = (
    update(fact)
    .where(fact.c.id == bindparam("row"))
    .values(seq=bindparam("seq"), hash=bindparam("hash"))
)
_HEAD = for_update(select(fact_head.c.seq, fact_head.c.hash))
_SET_HEAD = update(fact_head)


# --- In the transaction -----------------------------------------------------------------------


def append(connection: Connection, keys: Keys, facts: Iterable[Fact]) -> None:
    """Write ``facts``, in this order; nudge the :class:`Sealer` after the commit.

    Raises:
        ValueError: a value that is not an id or a code (a space, a ``+``, more than 120
            characters), that looks like a telephone number, or that is not a whole number.
    """
    facts = list(facts)
    if not facts:
        return
    rows = []
    for row_id, one in zip(_new_ids(connection, len(facts)), facts, strict=True):
        _refuse_text(one)
        columns = {name: getattr(one, name) for name in _INDEXED}
        body = _encode(_Row(id=row_id, data=one.data, **columns))
        rows.append(columns | {"id": row_id, "text": body.decode(), "mac": _mac(keys.audit, body)})
    connection.execute(_INSERT, rows)
    connection.info[_WRITTEN] = True


def written(connection: Connection) -> bool:
    """Whether :func:`append` wrote any since this was last asked on this connection. Ask at the end
    of a transaction: after it the :class:`Sealer` wants to be nudged."""
    return bool(connection.info.pop(_WRITTEN, False))


def sealed(connection: Connection, after: int, limit: int = BATCH) -> list[SealedFact]:
    """Sealed Facts with ``seq > after``, in order, at most ``limit``."""
    return _readable(_sealed_rows(connection, after, limit))


def _sealed_rows(connection: Connection, after: int, limit: int = BATCH) -> list[_SealedRow]:
    rows = connection.execute(_SEALED, {"after": after, "most": limit})
    return [(seq, body) for seq, body in rows]


def _readable(rows: Iterable[_SealedRow]) -> list[SealedFact]:
    """What can be read of ``rows``: a damaged Fact is for :func:`verify` to find, and
    must not stop the boards."""
    facts = []
    for seq, body in rows:
        try:
            facts.append(SealedFact(seq, _decode_fact(body)))
        except msgspec.MsgspecError:
            log.error("Fact seq %d cannot be read: run `callcenter audit verify`", seq)
    return facts


def last_sealed(connection: Connection) -> int:
    """The newest ``seq``, 0 when nothing is sealed yet."""
    return connection.execute(_LAST_SEALED).scalar_one_or_none() or 0


def _new_ids(connection: Connection, count: int) -> list[int]:
    """Row ids, drawn before the insert because the mac covers them; later ones are greater."""
    if connection.dialect.name == "sqlite":  # we are the only writer
        last = connection.execute(_NEWEST_ID).scalar_one() or 0
        return list(range(last + 1, last + 1 + count))
    return list(connection.execute(_DRAW_IDS, {"count": count}).scalars())


def _refuse_text(one: Fact) -> None:
    fields = {name: getattr(one, name) for name in _INDEXED if name != "at"}
    for place, value in [*fields.items(), *((f"data.{k}", v) for k, v in one.data.items())]:
        if isinstance(value, str) and not _CODE.fullmatch(value):
            raise ValueError(f"Fact {one.kind}: {place} is neither an id nor a code")
        if isinstance(value, str) and place not in fields and _NUMBER_LIKE.fullmatch(value):
            raise ValueError(f"Fact {one.kind}: {place} looks like a telephone number")
        if isinstance(value, float):
            raise ValueError(f"Fact {one.kind}: {place} must be a whole number")


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, b"fact:" + body, "sha256")


def _link(key: bytes, previous: bytes, seq: int, mac: bytes) -> bytes:
    return hmac.digest(key, b"link:" + previous + seq.to_bytes(8, "big") + mac, "sha256")


def _head_mac(key: bytes, seq: int, last: bytes) -> bytes:
    return hmac.digest(key, b"head:" + seq.to_bytes(8, "big") + last, "sha256")


# --- Verifying --------------------------------------------------------------------------------


class Head(msgspec.Struct, frozen=True):
    """The end of the chain as it was exported ``at``; ``hash`` in hex. ``kind`` is ``head``, or
    ``restored``: an older database was put back, and heads beyond its end count no more."""

    kind: str
    seq: int
    hash: str
    at: int


def export_head(connection: Connection, keys: Keys, heads: Journal, now: int) -> Head | None:
    """Sign the end of the chain into ``heads``, on the disk when this returns; None when nothing is
    sealed yet. Seals nothing.

    Raises:
        ValueError: the head in the database is not what we wrote, so it is not signed.
        OSError, JournalBroken: see there.
    """
    return _export(connection, keys, heads, now, "head")


def note_restored(connection: Connection, keys: Keys, heads: Journal, now: int) -> Head | None:
    """An older database was put back, by order: heads beyond its end count no more. The line stays.
    None when no head is beyond it."""
    if last_sealed(connection) >= max((one.seq for one in exported(heads)), default=0):
        return None
    return _export(connection, keys, heads, now, "restored")


def exported(heads: Journal) -> list[Head]:
    """The heads that must be in the chain, oldest first.

    Raises:
        OSError, JournalBroken: see there.
    """
    found: list[Head] = []
    for line in heads.read():
        one = msgspec.convert(line, Head)
        if one.kind == "restored":
            found = [before for before in found if before.seq <= one.seq]
        found.append(one)
    return found


def _export(connection: Connection, keys: Keys, heads: Journal, now: int, kind: str) -> Head | None:
    row = connection.execute(select(fact_head)).first()
    if row is None and kind == "head":
        return None
    seq, last = (0, _ANCHOR) if row is None else (row.seq, row.hash)
    if row is not None and not hmac.compare_digest(row.mac, _head_mac(keys.audit, seq, last)):
        raise ValueError("fact_head: changed, so it is not signed: run `callcenter audit verify`")
    head = Head(kind, seq, last.hex(), now)
    heads.append([msgspec.to_builtins(head)])
    return head


def verify(connection: Connection, keys: Keys, heads: Iterable[Head] = ()) -> Verdict:
    """Check every Fact, the chain, and that ``heads`` are in it; in a stream (memory does not grow
    with their number)."""
    key, seq, last, unsealed = keys.audit, 0, _ANCHOR, 0
    noted = {head.seq: head.hash for head in heads}
    try:
        with _stream(connection, fact.c.seq.is_not(None), fact.c.seq) as rows:
            for row in rows:
                if row.seq != seq + 1:
                    return Verdict(seq, 0, f"seq {seq + 1}: missing")
                seq += 1
                why = _wrong(key, row)
                if why is None:
                    last = _link(key, last, seq, row.mac)
                    if not hmac.compare_digest(last, row.hash):
                        why = "is not what was sealed here (moved, added, or one before removed)"
                    elif noted.get(seq, row.hash.hex()) != row.hash.hex():
                        why = "is not what the exported head says"
                if why is not None:
                    return Verdict(seq, 0, f"seq {seq} (id {row.id}): {why}")
        why = _wrong_head(connection, key, seq, last)
        if why is None and max(noted, default=0) > seq:
            why = f"seq {seq + 1}: missing (a head was exported at seq {max(noted)})"
        if why is not None:
            return Verdict(seq, 0, why)
        with _stream(connection, fact.c.seq.is_(None), fact.c.id) as rows:
            for row in rows:
                unsealed += 1
                why = _wrong(key, row) or (row.hash is not None and "hash was changed") or None
                if why is not None:
                    return Verdict(seq, unsealed, f"id {row.id} (not sealed yet): {why}")
    except OperationalError as error:  # text that is not UTF-8, which SQLite lets stand
        return Verdict(seq, unsealed, f"a row after seq {seq}: cannot be read ({error.orig})")
    return Verdict(seq, unsealed, None)


def _stream(
    connection: Connection, which: ColumnElement[bool], order: ColumnElement[int]
) -> CursorResult[Any]:
    raw = [type_coerce(column, NullType()) for column in fact.c]  # whatever stands there
    statement = select(*raw).where(which).order_by(order)
    return connection.execute(statement, execution_options={"yield_per": BATCH})


def _wrong(key: bytes, row: Row[Any]) -> str | None:
    """Why ``row`` is not what :func:`append` wrote."""
    types = [(row.text, str), (row.mac, bytes), (row.hash, bytes | None)]
    if not all(isinstance(value, type_) for value, type_ in types):
        return "text, mac or hash is of a type that we never write"
    body = row.text.encode()
    if not hmac.compare_digest(_mac(key, body), row.mac):
        return "text or mac was changed, or not written by us"
    written = _decode_row(body)
    if written.id != row.id:
        return "id was changed"
    for name in _INDEXED:
        if getattr(written, name) != getattr(row, name):
            return f"{name} was changed"
    return None


def _wrong_head(connection: Connection, key: bytes, seq: int, last: bytes) -> str | None:
    head = connection.execute(select(fact_head)).first()
    if head is None:
        return None if seq == 0 else "fact_head: removed"
    if not hmac.compare_digest(head.mac, _head_mac(key, head.seq, head.hash)):
        return "fact_head: changed"
    if head.seq > seq:
        return f"seq {seq + 1}: missing"
    if head.seq < seq or head.hash != last:
        return f"seq {seq}: after the end of the chain"
    return None


# --- Sealing ----------------------------------------------------------------------------------


class _Batch(NamedTuple):
    """``before``: the last seq before it; ``rows``: what was sealed."""

    before: int
    rows: list[_SealedRow]


def _seal(connection: Connection, key: bytes) -> _Batch:
    """Number and chain committed Facts that are not yet, at most :data:`BATCH`."""
    before, last = _lock_head(connection, key)
    rows = connection.execute(_UNSEALED, {"most": BATCH}).all()
    if not rows:
        return _Batch(before, [])
    seals, texts, seq = [], [], before
    for row_id, mac, body in rows:
        seq += 1
        last = _link(key, last, seq, mac)
        seals.append({"row": row_id, "seq": seq, "hash": last})
        texts.append((seq, body))
    connection.execute(_SET_SEAL, seals)
    connection.execute(_SET_HEAD, {"seq": seq, "hash": last, "mac": _head_mac(key, seq, last)})
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_notify(:channel, :last)"), {"channel": CHANNEL, "last": str(seq)}
        )
    return _Batch(before, texts)


def _lock_head(connection: Connection, key: bytes) -> tuple[int, bytes]:
    """The end of the chain (seq, hash), locked: whoever holds it is the one sealer."""
    head = connection.execute(_HEAD).first()
    if head is None:
        exclusive(connection, "fact_head")
        head = connection.execute(_HEAD).first()
    if head is None:
        row = {"id": 1, "seq": 0, "hash": _ANCHOR, "mac": _head_mac(key, 0, _ANCHOR)}
        connection.execute(insert(fact_head), row)
        return 0, _ANCHOR
    return head.seq, head.hash


Callback = Callable[[list[SealedFact]], None]


class Sealer:
    """Seals what is committed and tells this process about every sealed Fact, in order.

    Every process runs one; a row lock lets one seal at a time. On PostgreSQL the others hear of
    it by NOTIFY and read on from their own last number.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        self._database = database
        self._key = keys.audit
        self._wanted = asyncio.Event()
        self._subscribers: list[Callback] = []
        self._told: int | None = None
        self._telling = asyncio.Lock()
        self._not_before = 0.0  #: of the event loop's clock

    async def start(self) -> None:
        """Take note of the last sealed number: what comes after it will be told.

        Raises:
            DatabaseAway: see there.
        """
        if self._told is None:
            self._told = await self._database.read(last_sealed)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback`` on the event loop with each batch; gives the way to end it.

        After :meth:`start`: subscribe first, read the state second, and ignore Facts that the
        state already holds (``seq`` up to its :func:`last_sealed`). So nothing is missed.
        """
        self._subscribers.append(callback)

        def unsubscribe() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return unsubscribe

    def nudge(self) -> None:
        """Facts were committed; call it on the event loop."""
        self._wanted.set()

    async def seal(self) -> int:
        """Seal one batch and tell the subscribers; gives how many were sealed.

        Raises:
            DatabaseAway: see there.
        """
        async with self._telling:
            await self.start()
            batch = await self._database.write(partial(_seal, key=self._key))
            if self._told != batch.before:
                await self._read_on()
            elif batch.rows:
                self._tell(batch.rows)
            return len(batch.rows)

    async def run(self) -> None:
        """Seal whenever nudged, until cancelled; what goes wrong is logged and tried again."""
        listener: asyncio.Task[None] | None = None
        if not self._database.sqlite:
            listener = asyncio.create_task(self._listen(), name="facts-listen")
        pause = 0.0
        try:
            while True:
                try:
                    await self._round()
                    pause = 0.0
                except Exception as error:
                    if not isinstance(error, DatabaseAway):
                        log.exception("sealing failed")
                    else:
                        log.warning("sealing waits for the database: %s", error)
                    pause = min(BACK_OFF_S, pause * 2 or 0.1)
                    await asyncio.sleep(pause)
        finally:
            if listener is not None:
                await _end(listener)

    async def _round(self) -> None:
        """Seal all there is, then wait for a nudge, or for Facts that nobody nudged us about."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._not_before - loop.time())
        self._not_before = loop.time() + EVERY_S
        self._wanted.clear()
        while await self.seal() == BATCH:
            pass
        while True:
            try:
                async with asyncio.timeout(IDLE_S):  # wait_for may swallow a cancellation (3.11)
                    await self._wanted.wait()
                return
            except TimeoutError:
                async with self._telling:
                    await self._read_on()
                if await self._database.read(_is_work_left):
                    return

    async def _read_on(self) -> None:
        """Tell what other processes sealed after what we told last."""
        while True:
            rows = await self._database.read(partial(_sealed_rows, after=self._told or 0))
            if rows:
                self._tell(rows)
            if len(rows) < BATCH:
                return

    def _tell(self, rows: list[_SealedRow]) -> None:
        self._told = rows[-1][0]
        facts = _readable(rows)
        for callback in list(self._subscribers):
            try:
                callback(list(facts))
            except Exception:  # one broken page must not blind the others
                log.exception("a subscriber to Facts failed")

    async def _listen(self) -> None:
        """Follow other processes' announcements by one connection, made again when it is lost."""
        import psycopg
        from psycopg.conninfo import make_conninfo

        url = self._database.url.set(drivername="postgresql")
        address = make_conninfo(url.render_as_string(hide_password=False), **POSTGRESQL_CONNECT)
        pause = 0.1
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(address, autocommit=True)
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause = 0.1
                    await self._hear(None)  # what was announced while we did not listen
                    async for note in connection.notifies():
                        await self._hear(int(note.payload))
            except (psycopg.Error, DatabaseAway) as lost:
                log.warning("not listening for Facts of other processes: %s", lost)
            await asyncio.sleep(pause)
            pause = min(BACK_OFF_S, pause * 2)

    async def _hear(self, last: int | None) -> None:
        if last is not None and self._told is not None and last <= self._told:
            return  # our own
        async with self._telling:
            await self.start()
            await self._read_on()


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel ``task`` until it has ended: psycopg uses wait_for, which may swallow it (3.11)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1)


def _is_work_left(connection: Connection) -> bool:
    return connection.execute(_IS_WORK_LEFT).first() is not None
