"""The outbox: kept until done, and found again by the next process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from callcenter.db import Database
from callcenter.db.outbox import Pending, done, put, unclaimed_or_orphaned


def ring(id_: str, at: int, owner: str | None, line: str = "asterisk") -> Callable[..., None]:
    def run(connection: Connection) -> None:
        put(
            connection,
            id=id_,
            line=line,
            leg="leg-1",
            once=True,
            body=b'{"type":"ring_leg"}',
            claimed_by=owner,
            at=at,
        )

    return run


def found(database: Database, owner: str, *lines: str) -> list[str]:
    rows = database.write_sync(lambda c: unclaimed_or_orphaned(c, lines or ["asterisk"], owner))
    return [row.id for row in rows]


def test_the_next_process_finds_what_the_last_left_oldest_first(database: Database) -> None:
    for id_, at, owner in [("b", 2, "old"), ("a", 3, "old"), ("c", 1, None)]:
        database.write_sync(ring(id_, at, owner))
    assert found(database, "old") == ["c"]
    assert found(database, "new") == ["c", "b", "a"]
    assert found(database, "new") == []
    assert found(database, "newer") == ["c", "b", "a"]


def test_a_row_comes_back_whole_and_says_who_had_it(database: Database) -> None:
    database.write_sync(ring("a", 5, "old"))
    (row,) = database.write_sync(lambda c: unclaimed_or_orphaned(c, ["asterisk"], "new"))
    body = b'{"type":"ring_leg"}'
    assert row == Pending("a", "asterisk", "leg-1", True, body, "old", 5)


def test_only_the_lines_that_we_serve(database: Database) -> None:
    database.write_sync(ring("a", 1, "old"))
    database.write_sync(ring("t", 2, "old", line="twilio"))
    assert found(database, "new", "twilio", "simulator") == ["t"]
    assert found(database, "new", "asterisk") == ["a"]


def test_what_is_done_is_gone_and_done_twice_is_nothing(database: Database) -> None:
    for id_ in ("a", "b"):
        database.write_sync(ring(id_, 1, "p"))
    database.write_sync(lambda c: done(c, ["a", "never there"]))
    database.write_sync(lambda c: done(c, ["a"]))
    database.write_sync(lambda c: done(c, []))
    assert found(database, "q") == ["b"]


def test_the_same_command_is_not_put_twice(database: Database) -> None:
    database.write_sync(ring("a", 1, "p"))
    with pytest.raises(IntegrityError):
        database.write_sync(ring("a", 2, "p"))


def test_a_decision_that_was_rolled_back_asks_nothing(database: Database) -> None:
    def decide(connection: Connection) -> None:
        ring("a", 1, "p")(connection)
        raise LookupError

    with pytest.raises(LookupError):
        database.write_sync(decide)
    assert found(database, "q") == []
