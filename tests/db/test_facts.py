"""Facts: written with the decision, sealed in one order, and never changed unseen."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from operator import methodcaller
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, insert, select, update

from callcenter.db import Database
from callcenter.db.facts import (
    Fact,
    SealedFact,
    Sealer,
    Verdict,
    append,
    export_head,
    exported,
    last_sealed,
    note_restored,
    sealed,
    verify,
)
from callcenter.db.journal import Journal, JournalBroken
from callcenter.db.keys import Keys
from callcenter.db.tables import fact, fact_head

FACTS = [
    Fact("call_arrived", 1_000, call="c1", data={"line": "asterisk", "withheld": False}),
    Fact("queued", 1_001, call="c1", entry="e1", data={"topic": "upah"}),
    Fact("offered", 1_002, call="c1", entry="e1", offer="o1", agent="a1"),
    Fact("answered", 1_003, call="c1", entry="e1", offer="o1", agent="a1", data={"waited_ms": 9}),
    Fact("case_saved", 1_004, agent="a1", case="k1", data={"fields": "topic,narrative"}),
    Fact("call_ended", 1_005, call="c1", data={"stage": "talk"}),
]


async def write(database: Database, keys: Keys, *facts: Fact) -> None:
    await database.write(lambda connection: append(connection, keys, facts))


# --- Written ----------------------------------------------------------------------------------


async def test_facts_are_read_back_as_they_were_in_their_order(
    database: Database, keys: Keys
) -> None:
    await write(database, keys, *FACTS)
    assert await database.read(last_sealed) == 0
    assert await database.read(lambda c: sealed(c, 0)) == []
    assert await Sealer(database, keys).seal() == len(FACTS)
    expected = [SealedFact(seq, one) for seq, one in enumerate(FACTS, 1)]
    assert await database.read(lambda c: sealed(c, 0)) == expected
    assert await database.read(lambda c: sealed(c, 2, limit=3)) == expected[2:5]
    assert await database.read(last_sealed) == len(FACTS)
    assert await database.read(lambda c: verify(c, keys)) == Verdict(len(FACTS), 0, None)


async def test_facts_of_a_transaction_that_failed_were_never_true(
    database: Database, keys: Keys
) -> None:
    def decide(connection: Connection) -> None:
        append(connection, keys, FACTS)
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(decide)
    await write(database, keys, FACTS[0])
    assert await Sealer(database, keys).seal() == 1


async def test_nothing_is_written_for_no_facts(database: Database, keys: Keys) -> None:
    await write(database, keys)
    assert await Sealer(database, keys).seal() == 0
    assert await database.read(lambda c: verify(c, keys)) == Verdict(0, 0, None)


@pytest.mark.parametrize(
    "bad",
    [
        Fact("queued", 1, call="c", data={"who": "Ibu Sari"}),
        Fact("queued", 1, call="c", data={"from": "+628111"}),
        Fact("queued", 1, call="c", data={"from": "08123456789"}),
        Fact("queued", 1, call="Jl. Gatot Subroto"),
        Fact("queued", 1, case="a" * 121),
        Fact("two words", 1),
        Fact("queued", 1, data={"narrative": "é"}),
        Fact("queued", 1, data={"waited": 1.5}),  # type: ignore[dict-item]
    ],
)
async def test_what_is_no_id_or_code_is_refused(bad: Fact, database: Database, keys: Keys) -> None:
    with pytest.raises(ValueError, match="Fact"):
        await write(database, keys, FACTS[0], bad)
    assert await Sealer(database, keys).seal() == 0


def test_the_first_version_s_rows_verify_for_ever(database: Database, keys: Keys) -> None:
    """What was written once must be readable by every later version."""

    def restore(connection: Connection) -> Verdict:
        body = '{"at":1000,"call":"c1","data":{"topic":"upah"},"id":7,"kind":"queued"}'
        row = {"id": 7, "kind": "queued", "at": 1000, "call": "c1", "text": body, "seq": 1}
        row |= {"mac": bytes.fromhex(FIRST_MAC), "hash": bytes.fromhex(FIRST_HASH)}
        connection.execute(insert(fact), row)
        head = {"id": 1, "seq": 1, "hash": row["hash"], "mac": bytes.fromhex(FIRST_HEAD)}
        connection.execute(insert(fact_head), head)
        return verify(connection, keys)

    assert database.write_sync(restore) == Verdict(1, 0, None)


FIRST_MAC = "24320a6acf4df3d85d64260fb73e8dcfa2fd7ea680d1f2d7699ca3f4b3df8561"
FIRST_HASH = "b6ac61a9a2c539ab19a6dd930f92caae1d316c3a5b048366d74062536930c436"
FIRST_HEAD = "57a1278fbf25e9e6a3b212f464eb4a7c450d7aa4dee0a4fd9cca3b60c75de331"


# --- Verified ---------------------------------------------------------------------------------


class _Undo(Exception):
    pass


def after(database: Database, keys: Keys, *tampering: Callable[[Connection], object]) -> Verdict:
    """What :func:`verify` finds after ``tampering``, which is then undone."""
    found: list[Verdict] = []

    def run(connection: Connection) -> None:
        for step in tampering:
            step(connection)
        found.append(verify(connection, keys))
        raise _Undo

    with pytest.raises(_Undo):
        database.write_sync(run)
    return found[0]


def edit(seq: int, /, **values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(
        update(fact).where(fact.c.seq == seq).values(values)
    )


def remove(seq: int) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(delete(fact).where(fact.c.seq == seq))


@pytest.fixture
def full(database: Database, keys: Keys) -> Database:
    """Six sealed Facts (seq 1-6, id 1-6), and one that is not sealed yet (id 7)."""
    import asyncio

    database.write_sync(lambda c: append(c, keys, FACTS))
    asyncio.run(Sealer(database, keys).seal())
    database.write_sync(lambda c: append(c, keys, [FACTS[0]]))
    assert database.read_sync(lambda c: verify(c, keys)) == Verdict(6, 1, None)
    return database


EDITS: dict[str, list[object]] = {
    "id": [99, -1],
    "kind": ["abandoned", ""],
    "at": [0, 1_000_000],
    "call": ["c2", None, ""],
    "entry": ["e2", None],
    "offer": ["o2", None],
    "agent": ["a2", None],
    "case": ["k2", None],
    "text": ["{}", "", "nonsense", '{"at":1000,"id":1,"kind":"queued"}'],
    "mac": [bytes(32), b""],
    "hash": [bytes(32), b""],
}


@pytest.mark.parametrize("column", EDITS)
def test_an_edited_column_is_found_and_named(column: str, full: Database, keys: Keys) -> None:
    rows = {row.seq: row for row in full.read_sync(lambda c: c.execute(select(fact)).all())}
    for seq in range(1, 7):
        for value in EDITS[column]:
            if getattr(rows[seq], column) == value:
                continue
            verdict = after(full, keys, edit(seq, **{column: value}))
            assert verdict.bad is not None, (seq, value)
            assert verdict.bad.startswith(f"seq {seq} (id "), (seq, value, verdict)


def test_every_column_is_tried_above() -> None:
    assert {*EDITS, "seq"} == {column.name for column in fact.c}


def test_a_removed_row_is_named(full: Database, keys: Keys) -> None:
    for seq in range(1, 7):
        assert after(full, keys, remove(seq)).bad == f"seq {seq}: missing"


def test_a_removed_end_is_named(full: Database, keys: Keys) -> None:
    assert after(full, keys, remove(6), remove(5)).bad == "seq 5: missing"
    everything = [remove(seq) for seq in range(1, 7)]
    assert after(full, keys, *everything).bad == "seq 1: missing"


def test_an_end_that_was_made_fit_without_the_key_is_found(full: Database, keys: Keys) -> None:
    def cut(connection: Connection) -> None:
        fifth = connection.execute(select(fact.c.hash).where(fact.c.seq == 5)).scalar_one()
        connection.execute(update(fact_head).values(seq=5, hash=fifth))

    assert after(full, keys, remove(6), cut).bad == "fact_head: changed"
    assert after(full, keys, lambda c: c.execute(delete(fact_head))).bad == "fact_head: removed"


def renumber(by: int, first: int) -> Callable[[Connection], None]:
    """Move the numbers from ``first`` on, one by one so that none is ever taken."""

    def run(connection: Connection) -> None:
        last = connection.execute(select(func.max(fact.c.seq))).scalar_one()
        for seq in range(first, last + 1) if by < 0 else range(last, first - 1, -1):
            edit(seq, seq=seq + by)(connection)

    return run


def test_removed_and_the_gap_closed_is_found(full: Database, keys: Keys) -> None:
    for seq in range(1, 6):
        verdict = after(full, keys, remove(seq), renumber(-1, seq + 1))
        assert verdict.bad is not None
        assert verdict.bad.startswith(
            f"seq {seq} (id {seq + 1}): is not what was sealed here (moved, added"
        )


def test_an_inserted_row_is_found(full: Database, keys: Keys) -> None:
    def copy_of(connection: Connection, source: int, **changes: object) -> None:
        row = connection.execute(select(fact).where(fact.c.seq == source)).mappings().one()
        connection.execute(insert(fact), {**row, **changes})

    for place in range(1, 7):
        verdict = after(
            full,
            keys,
            renumber(+1, place),
            partial(copy_of, source=place + 1, id=50, seq=place),
        )
        assert verdict.bad == f"seq {place} (id 50): id was changed"
    at_the_end = after(full, keys, lambda c: copy_of(c, 6, id=50, seq=7))
    assert at_the_end.bad == "seq 7 (id 50): id was changed"


def test_a_row_that_we_wrote_but_did_not_seal_there_is_found(full: Database, keys: Keys) -> None:
    def seal_it(connection: Connection) -> None:
        connection.execute(update(fact).where(fact.c.id == 7).values(seq=7, hash=bytes(32)))

    verdict = after(full, keys, seal_it)
    assert verdict.bad is not None
    assert verdict.bad.startswith("seq 7 (id 7): is not what was sealed")


def test_swapped_rows_are_found_whatever_moves_along(full: Database, keys: Keys) -> None:
    def swap(columns: list[str], one: int, two: int) -> Callable[[Connection], None]:
        def run(connection: Connection) -> None:
            rows = {
                row["seq"]: {name: row[name] for name in columns}
                for row in connection.execute(select(fact)).mappings()
            }
            edit(one, seq=-1, hash=b"", id=-1)(connection)
            edit(two, **{"id": two, **rows[one], "seq": two})(connection)
            edit(-1, **{"id": one, **rows[two], "seq": one})(connection)

        return run

    content = [column.name for column in fact.c if column.name not in ("seq", "hash")]
    for columns in (content, [*content, "hash"], ["text", "mac"], ["text"], ["mac"], ["hash"]):
        for one, two in [(1, 2), (2, 5), (1, 6), (5, 6)]:
            verdict = after(full, keys, swap(columns, one, two))
            assert verdict.bad is not None, (columns, one, two)
            assert verdict.bad.startswith(f"seq {one} (id "), (columns, verdict)


@pytest.mark.parametrize("column", sorted({*EDITS} - {"hash"}))
def test_every_column_of_an_unsealed_row_is_checked_too(
    column: str, full: Database, keys: Keys
) -> None:
    row = full.read_sync(lambda c: c.execute(select(fact).where(fact.c.id == 7)).one())
    for value in EDITS[column]:
        if getattr(row, column) == value:
            continue

        def change(connection: Connection, value: object = value) -> None:
            connection.execute(update(fact).where(fact.c.id == 7).values({column: value}))

        verdict = after(full, keys, change)
        assert verdict.bad is not None, value
        assert verdict.bad.startswith("id "), (value, verdict)
        assert "(not sealed yet): " in verdict.bad
        assert verdict.rows == 6


def test_an_added_unsealed_row_is_found(full: Database, keys: Keys) -> None:
    def add(connection: Connection) -> None:
        row = connection.execute(select(fact).where(fact.c.id == 7)).mappings().one()
        connection.execute(insert(fact), {**row, "id": 8})

    assert after(full, keys, add) == Verdict(6, 2, "id 8 (not sealed yet): id was changed")


# --- Exported heads ---------------------------------------------------------------------------


@pytest.fixture
def heads(tmp_path: Path, keys: Keys) -> Journal:
    return Journal(tmp_path / "heads" / "heads.jsonl", keys.journal)


def export(database: Database, keys: Keys, heads: Journal, now: int = 1) -> None:
    assert database.read_sync(lambda c: export_head(c, keys, heads, now)) is not None


def back_to(seq: int, keys: Keys) -> Callable[[Connection], None]:
    """Make the chain end at ``seq``, as who has the whole older end of it would."""

    def run(connection: Connection) -> None:
        last = connection.execute(select(fact.c.hash).where(fact.c.seq == seq)).scalar_one()
        connection.execute(delete(fact).where((fact.c.seq > seq) | fact.c.seq.is_(None)))
        mac = hmac.digest(keys.audit, b"head:" + seq.to_bytes(8, "big") + last, "sha256")
        connection.execute(update(fact_head).values(seq=seq, hash=last, mac=mac))

    return run


def test_a_cut_off_end_is_found_by_an_exported_head(
    full: Database, keys: Keys, heads: Journal
) -> None:
    assert full.read_sync(lambda c: verify(c, keys, exported(heads))) == Verdict(6, 1, None)
    export(full, keys, heads)
    assert full.read_sync(lambda c: verify(c, keys, exported(heads))) == Verdict(6, 1, None)
    assert full.read_sync(lambda c: len(sealed(c, 0))) == 6  # it seals nothing
    full.write_sync(back_to(4, keys))
    assert full.read_sync(lambda c: verify(c, keys)) == Verdict(4, 0, None)
    verdict = full.read_sync(lambda c: verify(c, keys, exported(heads)))
    assert verdict.bad == "seq 5: missing (a head was exported at seq 6)"


def test_an_end_that_was_written_anew_is_found_by_an_exported_head(
    full: Database, keys: Keys, heads: Journal
) -> None:
    import asyncio

    export(full, keys, heads)
    full.write_sync(back_to(4, keys))
    full.write_sync(lambda c: append(c, keys, FACTS[:3]))
    asyncio.run(Sealer(full, keys).seal())
    assert full.read_sync(lambda c: verify(c, keys)).bad is None
    verdict = full.read_sync(lambda c: verify(c, keys, exported(heads)))
    assert verdict.bad is not None
    assert verdict.bad.startswith("seq 6 (id ")
    assert verdict.bad.endswith("is not what the exported head says")


def test_a_backup_that_was_put_back_by_order_is_on_record(
    full: Database, keys: Keys, heads: Journal
) -> None:
    export(full, keys, heads)
    assert full.read_sync(lambda c: note_restored(c, keys, heads, 2)) is None
    full.write_sync(back_to(4, keys))
    assert full.read_sync(lambda c: note_restored(c, keys, heads, 2)) is not None
    assert full.read_sync(lambda c: verify(c, keys, exported(heads))) == Verdict(4, 0, None)
    assert [(one.kind, one.seq) for one in exported(heads)] == [("restored", 4)]
    assert [line["seq"] for line in heads.read()] == [6, 4]


def test_a_head_that_is_not_ours_is_not_signed(full: Database, keys: Keys, heads: Journal) -> None:
    full.write_sync(lambda c: c.execute(update(fact_head).values(seq=5)))
    with pytest.raises(ValueError, match="changed"):
        full.read_sync(lambda c: export_head(c, keys, heads, 1))
    assert heads.read() == []


def test_an_exported_head_that_was_edited_is_not_believed(
    full: Database, keys: Keys, heads: Journal
) -> None:
    export(full, keys, heads)
    heads.path.write_bytes(heads.path.read_bytes().replace(b'"seq":6', b'"seq":4'))
    with pytest.raises(JournalBroken, match="line 1"):
        exported(heads)


def test_another_secret_verifies_nothing(full: Database) -> None:
    verdict = full.read_sync(lambda c: verify(c, Keys.from_root(bytes(32))))
    assert verdict.bad is not None
    assert verdict.bad.startswith("seq 1 (id 1): text or mac was changed")


def test_values_of_a_type_that_we_never_write_are_found(
    sqlite_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    """SQLite lets anything stand in any column."""
    import asyncio

    database = open_database(sqlite_url)
    database.write_sync(lambda c: append(c, keys, FACTS))
    asyncio.run(Sealer(database, keys).seal())
    for column in ["kind", "at", "call", "text", "mac", "hash", "seq"]:
        for value in ["'text'", "x'ff00'", "1.5", "7777", "CAST(x'ff' AS TEXT)"]:
            change = f"UPDATE fact SET {column} = {value} WHERE id = 4"
            verdict = after(database, keys, methodcaller("exec_driver_sql", change))
            assert verdict.bad is not None, change
            if column != "seq":  # then it stands somewhere else, and so does the first bad row
                assert ("after seq" if "CAST" in value else "seq 4") in verdict.bad


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_no_change_of_a_column_goes_unseen(data: st.DataObject, full: Database, keys: Keys) -> None:
    column = data.draw(st.sampled_from(sorted({*EDITS} - {"id"})))
    seq = data.draw(st.integers(1, 6))
    drawn: st.SearchStrategy[object] = st.text(
        st.characters(exclude_characters="\0", codec="utf-8"), max_size=200
    )
    if column in ("mac", "hash"):
        drawn = st.binary(max_size=64)
    elif column == "at":
        drawn = st.integers(-(2**63), 2**63 - 1)
    value = data.draw(drawn)
    before = full.read_sync(
        lambda c: c.execute(select(fact.c[column]).where(fact.c.seq == seq)).scalar_one()
    )
    verdict = after(full, keys, edit(seq, **{column: value}))
    if value == before:
        assert verdict.bad is None
    else:
        assert verdict.bad is not None
        assert verdict.bad.startswith(f"seq {seq} (id {seq}): ")


def test_many_facts_are_verified_in_a_stream(database: Database, keys: Keys) -> None:
    import asyncio

    many = [Fact("queued", at, call=f"c{at}", data={"topic": "upah"}) for at in range(2_500)]
    database.write_sync(lambda c: append(c, keys, many))
    sealer = Sealer(database, keys)

    async def seal_all() -> list[int]:
        return [await sealer.seal() for _ in range(4)]

    assert asyncio.run(seal_all()) == [1000, 1000, 500, 0]
    assert database.read_sync(lambda c: verify(c, keys)) == Verdict(2_500, 0, None)
    verdict = after(database, keys, edit(2_222, at=0))
    assert verdict.bad == "seq 2222 (id 2222): at was changed"
