"""Timers: due in order, moved, cancelled, and each handled once."""

from __future__ import annotations

from collections.abc import Callable

from callcenter.db import Connection, Database
from callcenter.db.timers import Timer, cancel_timer, due, next_due, set_timer, take


def test_due_in_order_up_to_now(database: Database) -> None:
    def story(connection: Connection) -> None:
        assert next_due(connection) is None
        for ref, at in [("c", 300), ("a", 100), ("b", 200)]:
            set_timer(connection, "offer", ref, at)
        assert next_due(connection) == 100
        assert [one.ref for one in due(connection, 200)] == ["a", "b"]
        assert [one.ref for one in due(connection, 999, limit=1)] == ["a"]
        assert due(connection, 99) == []
        assert due(connection, 100) == [Timer("offer:a", "offer", "a", 100)]

    database.write_sync(story)


def test_a_later_call_moves_it_and_cancel_removes_it(database: Database) -> None:
    def story(connection: Connection) -> None:
        set_timer(connection, "match", "upah", 500)
        set_timer(connection, "match", "upah", 200)
        set_timer(connection, "wrap_up", "upah", 300)
        assert [(one.kind, one.due_at) for one in due(connection, 999)] == [
            ("match", 200),
            ("wrap_up", 300),
        ]
        cancel_timer(connection, "match", "upah")
        cancel_timer(connection, "match", "never set")
        assert [one.kind for one in due(connection, 999)] == ["wrap_up"]

    database.write_sync(story)


def test_what_was_moved_after_the_look_is_not_taken(database: Database) -> None:
    database.write_sync(lambda connection: set_timer(connection, "offer", "o", 100))
    (seen,) = database.read_sync(lambda connection: due(connection, 100))
    database.write_sync(lambda connection: set_timer(connection, "offer", "o", 900))
    assert not database.write_sync(lambda connection: take(connection, seen))
    assert database.read_sync(next_due) == 900


def test_a_timer_is_taken_once(database_url: str, open_database: Callable[[str], Database]) -> None:
    first, second = open_database(database_url), open_database(database_url)
    first.write_sync(lambda connection: set_timer(connection, "offer", "o", 100))
    (seen,) = second.read_sync(lambda connection: due(connection, 100))
    taken = [one.write_sync(lambda connection: take(connection, seen)) for one in (first, second)]
    assert taken == [True, False]


def test_a_timer_whose_handling_failed_is_still_due(database: Database) -> None:
    database.write_sync(lambda connection: set_timer(connection, "offer", "o", 100))

    def handle(connection: Connection) -> None:
        (one,) = due(connection, 100)
        assert take(connection, one)
        raise LookupError("no such offer")

    try:
        database.write_sync(handle)
    except LookupError:
        pass
    assert database.read_sync(next_due) == 100
