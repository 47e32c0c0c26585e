"""Complaints in a database, as many as years of work leave behind.

A few dozen are made by the services of the case store, step by step. All others are copies of
their rows, each with ids, a number, keys, a story and an employer of its own, and a time of its
own in the past three years: finished ones anywhere, open ones in the past month.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, create_engine, insert, select, text

from callcenter.calls.tables import call as call_table
from callcenter.cases import numbers, tables, words
from callcenter.cases.places import place_of
from callcenter.cases.reporters import service as reporters
from callcenter.cases.service import CaseForm
from callcenter.cases.statuses import FINAL, Actor, CaseEvent, CaseStatus
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.database import parse_url
from callcenter.db.facts import _head_mac
from callcenter.db.keys import DataKey, Keys, unlock
from callcenter.db.migrate import upgrade
from callcenter.db.tables import fact, fact_head
from tests.db.work import Desk

MODELS: Final = 64
#: Of them, still open.
OPEN: Final = 8
#: The unit that the officer of the measurement is in has one case in four.
UNIT: Final = "P32"
UNITS: Final = (UNIT, "P31", "P33", "P34", "P35", "P36", "P51", "P73")
TOPICS: Final = ("upah_tunggak", "thr", "lembur", "kontrak", "k3_bahaya", "jamsos_daftar")
YEARS_MS: Final = 3 * 365 * 86_400_000
MONTH_MS: Final = 30 * 86_400_000
#: Different words, the n-th as often as 1/n; words of one story; employers.
VOCABULARY: Final = 20_000
STORY_WORDS: Final = 40
EMPLOYERS: Final = 5_000
ROWS_AT_ONCE: Final = 5_000

#: Encrypted columns: whose key, and the name of the place.
_SEALED: Final = {
    ("case_record", "narrative"): ("case", "case.narrative"),
    ("case_record", "employer"): ("case", "case.employer"),
    ("case_version", "body"): ("case", "case_version.body"),
    ("case_note", "sealed"): ("case", "case_note.sealed"),
    ("assignment", "instruction"): ("case", "assignment.instruction"),
    ("reporter", "name"): ("reporter", "reporter.name"),
    ("reporter_phone", "number"): ("reporter", "reporter.number"),
}
#: A file that is being filled may be lost.
_FAST: Final = ("foreign_keys=OFF", "synchronous=OFF", "cache_size=-2000000", "temp_store=MEMORY")
_EPOCH_MS: Final = 10**12  #: integers above it are moments
Rows = dict[Table, list[dict[str, Any]]]


class Model(msgspec.Struct, frozen=True):
    """A case with all its rows, those of its call and its reporter; encrypted columns in clear."""

    case: str
    open: bool
    opened_at: int
    compartment: str
    rows: Rows
    ids: tuple[str, ...]


def story_word(number: int) -> str:
    """The ``number``-th word of the vocabulary: letters only, no two alike."""
    syllables = ("ba", "ci", "du", "ke", "lo", "ma", "ni", "pu", "ra", "so")
    return "".join(syllables[int(digit)] for digit in f"{number:05d}")


def fill(url: str, secret: str, cases: int, now: int, seed: int = 1) -> None:
    """Migrate the database ``url`` and put ``cases`` complaints into it. ``secret``: hex."""
    upgrade(url)
    database = Database(url, readers=1)
    keys = unlock(database, secret, Path(os.devnull))
    database.close_sync()
    rng = random.Random(seed)
    models = _models(keys, now)
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        rebuild = _without_indexes(connection)
        facts = 0
        copies = _copies(models, keys, rng, cases, now)
        while some := list(islice(copies, ROWS_AT_ONCE)):
            merged: Rows = {}
            for rows in some:
                for table, more in rows.items():
                    merged.setdefault(table, []).extend(more)
            for row in merged[fact]:
                facts += 1
                row |= {"id": facts, "seq": facts, "hash": row["mac"]}
            for table in sorted(merged, key=_ORDER.index):
                _insert(connection, table, merged[table])
        last = bytes(32)
        head = {"id": 1, "seq": facts, "hash": last, "mac": _head_mac(keys.audit, facts, last)}
        connection.execute(insert(fact_head), head)
        for statement in rebuild:
            connection.exec_driver_sql(statement)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # As autovacuum would have done long ago; SQLite has no such thing.
        vacuum = "VACUUM (ANALYZE)" if connection.dialect.name == "postgresql" else "ANALYZE"
        connection.exec_driver_sql(vacuum)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def _without_indexes(connection: Connection) -> list[str]:
    """Make the tables quick to fill; gives the statements that make them whole again.

    Millions of rows in no order, one by one into indexes larger than PostgreSQL's memory, take
    long. Made afterwards the indexes are the same, and every key is checked all the same.
    """
    if connection.dialect.name == "sqlite":
        for pragma in _FAST:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        return []
    names = [table.name for table in _ORDER]
    again = [
        "SET LOCAL maintenance_work_mem = '1GB'",
        f"SELECT setval('fact_id_seq', (SELECT max(id) FROM {fact.name}))",
    ]
    found = connection.execute(_CONSTRAINTS, {"names": names}).all()
    for name, table, _ in found:
        connection.exec_driver_sql(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
    alone = connection.execute(_INDEXES, {"names": names}).all()
    for name, _ in alone:
        connection.exec_driver_sql(f'DROP INDEX "{name}"')
    again += [definition for _, definition in alone]
    # Keys before what refers to them: the other way round than they were dropped.
    again += [
        f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'
        for name, table, definition in reversed(found)
    ]
    return again


#: Those that refer to a key before the keys.
_CONSTRAINTS: Final = text("""
    SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint,
      (SELECT CAST(:names AS regclass[]) AS filled) AS these
    WHERE contype IN ('f', 'p', 'u') AND (conrelid = ANY (filled) OR confrelid = ANY (filled))
    ORDER BY contype = 'f' DESC, oid""")
_INDEXES: Final = text(
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY (:names) ORDER BY indexname"
)


# --- models ---------------------------------------------------------------------------------------

#: Rows go in in this order, because some refer to others.
_ORDER: Final = [
    tables.reporter, tables.reporter_phone, tables.case, tables.case_topic, tables.case_version,
    tables.note, tables.assignment, tables.case_word, call_table, tables.call_case, fact,
]  # fmt: skip


def _models(keys: Keys, now: int) -> list[Model]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/models.db"
        upgrade(url)
        database = Database(url, readers=1)
        desk = Desk(database, keys)
        desk.now = now
        try:
            made = [_lived(desk, number) for number in range(MODELS)]
            return database.read_sync(lambda conn: [_model(conn, keys, case) for case in made])
        finally:
            database.close_sync()


def _lived(desk: Desk, number: int) -> str:
    """A case that has come as far as the ``number``-th is to come."""
    event, actor = CaseEvent, Actor
    unit = UNIT if number % 4 == 0 else UNITS[number % len(UNITS)]
    case = desk.filed(TOPICS[number % len(TOPICS)], unit[1:])
    form = CaseForm(
        2,
        narrative="Tiga bulan tidak dibayar.",
        employer="PT Maju",
        reporter_name="Budi Santoso",
    )
    desk.save(case, form)
    desk.do(
        lambda conn: reporters.save(
            conn,
            desk.keys,
            Given(desk.now),
            case=case,
            by="sari",
            form=reporters.Form(phones=(f"+6281234567{number:03d}",)),
        )
    )
    steps: list[tuple[CaseEvent, Actor, str | None, dict[str, str]]] = [
        (event.VERIFY, actor.TRIAGE, "tri", {}),
        (event.ROUTE, actor.TRIAGE, "tri", {"unit": unit, "instruction": "Mohon segera."}),
        (event.ACCEPT, actor.OFFICER, "officer", {}),
        (event.FOLLOW_UP, actor.OFFICER, "officer", {"public_note": "Sudah diperiksa."}),
        (event.CONFIRM, actor.REPORTER, None, {}),
    ]
    for what, who, by, fields in steps if number >= OPEN else steps[: 1 + number // 2]:
        desk.now += 60_000
        desk.move(case, what, who, by, None, **fields)
    return case


def _model(connection: Connection, keys: Keys, case: str) -> Model:
    def of(table: Table, column: str, value: object) -> list[dict[str, Any]]:
        found = connection.execute(select(table).where(table.c[column] == value))
        return [dict(row._mapping) for row in found]

    (row,) = of(tables.case, "id", case)
    rows: Rows = {tables.case: [row]}
    for table in _ORDER:
        if "case" in table.c:
            rows[table] = of(table, "case", case)
    rows[tables.reporter] = of(tables.reporter, "id", row["reporter"])
    rows[tables.reporter_phone] = of(tables.reporter_phone, "reporter", row["reporter"])
    rows[call_table] = [
        one for link in rows[tables.call_case] for one in of(call_table, "id", link["call"])
    ]
    opened = {
        "case": keys.open(row["key"], f"case:{case}"),
        "reporter": keys.open(rows[tables.reporter][0]["key"], f"reporter:{row['reporter']}"),
    }
    for table, some in rows.items():
        for each in some:
            for column, value in each.items():
                if value and (place := _SEALED.get((table.name, column))):
                    each[column] = opened[place[0]].decrypt(value, place[1])
    ids = {case, row["reporter"]}
    ids |= {each["id"] for table in (tables.note, tables.assignment) for each in rows[table]}
    ids |= {each["id"] for each in rows[call_table]}
    return Model(
        case,
        CaseStatus(row["status"]) not in FINAL,
        row["opened_at"],
        row["compartment"],
        rows,
        tuple(ids),
    )


# --- copies ---------------------------------------------------------------------------------------


def _copies(
    models: Sequence[Model], keys: Keys, rng: random.Random, cases: int, now: int
) -> Iterator[Rows]:
    chances = list(accumulate(1 / number for number in range(1, VOCABULARY + 1)))
    vocabulary = [story_word(number) for number in range(VOCABULARY)]
    hashes: dict[str, bytes] = {}
    for count in range(cases):
        model = models[count % len(models)]
        at = now - rng.randrange(MONTH_MS if model.open else YEARS_MS) - 600_000
        story = " ".join(rng.choices(vocabulary, cum_weights=chances, k=STORY_WORDS))
        employer = f"PT Usaha {story_word(rng.randrange(EMPLOYERS))}"
        yield _copy(model, keys, hashes, count, at, story, employer)


def _copy(
    model: Model,
    keys: Keys,
    hashes: dict[str, bytes],
    count: int,
    at: int,
    story: str,
    employer: str,
) -> Rows:
    given = Given(at, seed=count.to_bytes(8, "big"))
    new = {old: given.id() for old in model.ids}
    case, reporter = new[model.case], new[model.rows[tables.reporter][0]["id"]]
    sealers: dict[str, tuple[DataKey, bytes]] = {
        "case": keys.make(f"case:{case}"),
        "reporter": keys.make(f"reporter:{reporter}"),
    }
    shift = at - model.opened_at
    copied: Rows = {}
    for table, rows in model.rows.items():
        copied[table] = [_shifted(row, table, new, shift, sealers) for row in rows]
    (row,) = copied[tables.case]
    year = dt.datetime.fromtimestamp(at / 1000, dt.UTC).year
    row["number"] = numbers.make_number(year, f"{count * 7_919 % 10**7:07d}")
    sealer = sealers["case"][0]
    row |= {
        "key": sealers["case"][1],
        "narrative": sealer.encrypt(story.encode(), "case.narrative"),
        "employer": sealer.encrypt(employer.encode(), "case.employer"),
        "place": place_of(CaseStatus(row["status"]), row["due_at"], row["updated_at"]),
        "employer_hash": keys.word_hash("employer", words.employer(employer)),
    }
    copied[tables.reporter][0] |= {
        "key": sealers["reporter"][1],
        "name_hash": keys.word_hash("person", f"budi santoso {count}"),
    }
    for phone in copied[tables.reporter_phone]:
        phone["number_hash"] = keys.number_hash(f"+62{count:011d}")
    for word in {*story.split(), *employer.lower().split()[1:]}:
        if word not in hashes:
            hashes[word] = keys.word_hash(f"word:{model.compartment}", word)[:8]
        copied[tables.case_word].append({"word": hashes[word], "case": case, "field": "n"})
    for one in copied[fact]:
        for old, ours in new.items():
            one["text"] = one["text"].replace(old, ours)
    return copied


def _shifted(
    row: dict[str, Any],
    table: Table,
    new: dict[str, str],
    shift: int,
    sealers: dict[str, tuple[DataKey, bytes]],
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for column, value in row.items():
        if isinstance(value, int) and value > _EPOCH_MS:
            made[column] = value + shift
        elif isinstance(value, str):
            made[column] = new.get(value, value)
        elif value and (place := _SEALED.get((table.name, column))):
            made[column] = sealers[place[0]][0].encrypt(value, place[1])
        else:
            made[column] = value
    return made


# --- rows into tables -----------------------------------------------------------------------------


def _insert(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    """As fast as the database takes them."""
    columns = [column.name for column in table.columns]
    values = (tuple(row[name] for name in columns) for row in rows)
    names = ", ".join(f'"{name}"' for name in columns)
    raw = connection.connection.cursor()
    if connection.dialect.name == "postgresql":
        with raw.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
            for one in values:
                copy.write_row(one)
    else:
        holes = ", ".join("?" * len(columns))
        raw.executemany(f'INSERT INTO "{table.name}" ({names}) VALUES ({holes})', list(values))
