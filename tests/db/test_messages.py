"""Messages in the store: put, asked for once, what became of them, who wants none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, event, select, update

from callcenter import resources
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.keys import FORGOTTEN, Keys
from callcenter.db.tables import fact
from callcenter.messages import rules, service, tables, texts
from callcenter.messages.model import Channel, Event, Letter, Reason, State
from callcenter.messages.rules import Allowed, Hours
from callcenter.messages.service import About

CITIZEN = "+628111000111"
NUMBER = "26-4815-1621"
NOW = 1_000_000
HOUR = 3_600_000
ALLOWED = Allowed(frozenset({Channel.SMS, Channel.EMAIL}), ("+62",), 40)
TEXTS = texts.load((resources.flows() / texts.FILE).read_text(encoding="utf-8"))
SID = "SM" + "0" * 32


class Store:
    """Messages in a database."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self.keys = keys

    def put(
        self,
        now: int = NOW,
        recipient: str | None = CITIZEN,
        channel: Channel = Channel.SMS,
        call: str = "call",
        allowed: Allowed = ALLOWED,
        hours: Hours | None = None,
    ) -> Reason | None:
        given = Given(now)
        return self.database.write_sync(
            lambda conn: service.put(
                conn,
                self.keys,
                given.again(),
                allowed,
                channel=channel,
                template="case_number",
                language="id",
                recipient=recipient,
                params={"number": NUMBER},
                about=About(call=call, case="case", agent="sari"),
                hours=hours,
            )
        )

    def asked(self, now: int = NOW, most: int = 10) -> list[Letter]:
        return self.database.write_sync(
            lambda conn: service.asked(conn, self.keys, now, TEXTS, most)
        )

    def looked(self, now: int, most: int = 10) -> list[Letter]:
        return self.database.write_sync(
            lambda conn: service.to_look_at(conn, self.keys, now, TEXTS, most)
        )

    def became(self, message: str, what: Event, now: int = NOW, **more: Any) -> bool:
        return self.database.write_sync(
            lambda conn: service.became(conn, self.keys, now, message, what, **more)
        )

    def postpone(self, message: str, now: int) -> bool:
        given = Given(now)
        return self.database.write_sync(
            lambda conn: service.postpone(conn, self.keys, given.again(), message, 20429)
        )

    def wrote(
        self, text: str, now: int = NOW, number: str = CITIZEN, message: str = SID
    ) -> str | None:
        return self.database.write_sync(
            lambda conn: service.written_to_us(
                conn,
                self.keys,
                now,
                number=number,
                message=message,
                word=rules.word(text),
                answer=True,
            )
        )

    def rows(self) -> list[Any]:
        return self.database.read_sync(lambda conn: list(conn.execute(select(tables.message))))

    def row(self) -> Any:
        (only,) = self.rows()
        return only

    def facts(self) -> list[str]:
        wanted = select(fact.c.kind).order_by(fact.c.id)
        return self.database.read_sync(lambda conn: list(conn.execute(wanted).scalars()))


@pytest.fixture
def store(database: Database, keys: Keys) -> Store:
    return Store(database, keys)


# --- put ------------------------------------------------------------------------------------------


def test_a_message_is_put_asked_for_and_delivered(store: Store) -> None:
    assert store.put() is None
    assert store.database.read_sync(service.next_due) == NOW
    (letter,) = store.asked(NOW + 5)
    assert letter.recipient == CITIZEN
    assert letter.text == TEXTS.text("case_number", "id", {"number": NUMBER})
    assert letter.asked_at == NOW + 5
    assert store.asked(NOW + HOUR) == []
    for what in (Event.ACCEPT, Event.SEND, Event.DELIVER):
        assert store.became(letter.id, what, provider_id=SID)
        assert not store.became(letter.id, what, provider_id=SID)
    row = store.row()
    assert (row.state, row.provider_id, row.next_at, row.attempts) == ("delivered", SID, None, 1)
    assert store.facts() == ["message_put", "message_sent", "message_delivered"]


def test_nobody_who_reads_the_rows_learns_whom_it_is_for(store: Store) -> None:
    store.put()
    seen = repr(tuple(store.row()))
    assert CITIZEN[1:] not in seen
    assert NUMBER not in seen
    assert store.row().recipient_hash == store.keys.number_hash(CITIZEN)


def test_what_is_rolled_back_is_never_sent(store: Store) -> None:
    def fails(conn: Connection) -> None:
        service.put(
            conn,
            store.keys,
            Given(NOW),
            ALLOWED,
            channel=Channel.SMS,
            template="case_number",
            language="id",
            recipient=CITIZEN,
            params={"number": NUMBER},
            about=About(),
        )
        raise KeyError

    with pytest.raises(KeyError):
        store.database.write_sync(fails)
    assert store.asked() == []


def test_what_may_not_be_sent_is_kept_with_its_reason(store: Store) -> None:
    assert store.put(recipient=None) is Reason.NO_NUMBER
    assert store.put(recipient="+6581234567") is Reason.NOT_ALLOWED
    assert store.put(channel=Channel.WHATSAPP) is Reason.NO_SENDER
    assert {row.state for row in store.rows()} == {"refused"}
    assert store.asked() == []
    assert store.facts() == ["message_refused"] * 3


def test_not_too_many_to_one_number_nor_in_all(store: Store) -> None:
    told = [store.put() for _ in range(rules.A_DAY_EACH + 2)]
    assert told == [None] * rules.A_DAY_EACH + [Reason.CAP] * 2
    many = [store.put(recipient=f"+62811{n:07d}") for n in range(ALLOWED.a_day)]
    assert many.count(None) == ALLOWED.a_day - rules.A_DAY_EACH
    assert store.put(NOW + rules.DAY_S * 1000 + 1) is None


def test_the_newest_of_a_call_and_case(store: Store) -> None:
    def latest(call: str) -> Any:
        return store.database.read_sync(
            lambda conn: service.latest(conn, call=call, case="case", template="case_number")
        )

    assert latest("call") is None
    store.put(recipient=None)
    assert latest("call").failed
    assert latest("call").reason is Reason.NO_NUMBER
    store.put(NOW + 1)
    assert latest("call").state is State.WAITING
    assert not latest("call").failed
    assert latest("another") is None


def test_it_is_sent_within_its_hours_however_late_it_gets_its_turn(store: Store) -> None:
    hours = Hours(2 * 60, 4 * 60, "UTC")
    store.put(now=0, hours=hours)
    assert store.asked(2 * HOUR - 1) == []
    assert store.database.read_sync(service.next_due) == 2 * HOUR
    assert store.asked(4 * HOUR) == []  # nobody was here
    assert store.database.read_sync(service.next_due) == 26 * HOUR
    (letter,) = store.asked(28 * HOUR - 1)
    store.postpone(letter.id, 28 * HOUR - 1)
    assert store.asked(29 * HOUR) == []
    assert len(store.asked(50 * HOUR)) == 1


def test_what_is_over_before_it_was_sent_is_not_sent(store: Store) -> None:
    def withdraw(case: str, *templates: str) -> None:
        store.database.write_sync(
            lambda conn: service.withdraw(conn, store.keys, NOW, case=case, templates=templates)
        )

    store.put()
    withdraw("another", "case_number")
    withdraw("case", "case_news")
    assert store.row().state == "waiting"
    withdraw("case", "case_news", "case_number")
    assert (store.row().state, store.row().reason) == ("refused", "needless")
    assert store.asked(NOW + HOUR) == []
    store.put(NOW + 1)
    (letter,) = store.asked(NOW + 1)
    withdraw("case", "case_number")
    assert store.became(letter.id, Event.ACCEPT, provider_id=SID)


# --- asked once -----------------------------------------------------------------------------------


def test_two_processes_never_take_the_same(
    database_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    first, second = (Store(open_database(database_url), keys) for _ in range(2))
    for _ in range(6):
        first.put()
    taken = [*first.asked(most=3), *second.asked(), *first.asked()]
    assert len({letter.id for letter in taken}) == len(taken) == 6


def test_what_was_asked_for_and_not_answered_is_looked_for(store: Store) -> None:
    store.put()
    (letter,) = store.asked()
    look_at = NOW + rules.LOOK_S * 1000
    assert store.looked(look_at - 1) == []
    (seen,) = store.looked(look_at)
    assert (seen.id, seen.asked_at, seen.provider_id) == (letter.id, NOW, None)
    assert store.looked(look_at) == []
    assert store.asked(look_at + HOUR) == []
    assert len(store.looked(look_at + HOUR)) == 1


def test_one_that_was_forgotten_stops_nobody(store: Store) -> None:
    store.put()
    store.put(recipient="+628111000222")
    first = store.rows()[0].id
    change = update(tables.message).where(tables.message.c.id == first).values(key=FORGOTTEN)
    store.database.write_sync(lambda conn: conn.execute(change))
    (letter,) = store.asked()
    assert letter.id != first
    assert {row.id: row.state for row in store.rows()} == {first: "failed", letter.id: "asked"}


def test_tried_again_until_it_has_failed_too_often(store: Store) -> None:
    store.put()
    now, tries = NOW, 0
    while letters := store.asked(now):
        tries += 1
        assert store.postpone(letters[0].id, now)
        now += HOUR
    assert tries == len(rules.AGAIN_S) + 1
    row = store.row()
    assert (row.state, row.error_code, row.next_at) == ("failed", 20429, None)
    assert store.facts() == ["message_put", "message_failed"]


def test_what_waits_again_and_was_sent_after_all_is_not_sent_again(store: Store) -> None:
    store.put()
    (letter,) = store.asked()
    store.postpone(letter.id, NOW)
    assert store.became(letter.id, Event.SEND, provider_id=SID)
    assert store.asked(NOW + HOUR) == []


def test_what_nobody_can_tell_ends_there_until_it_is_told_after_all(store: Store) -> None:
    store.put()
    (letter,) = store.asked()
    assert store.became(letter.id, Event.LOSE)
    assert store.asked(NOW + HOUR) == store.looked(NOW + HOUR) == []
    assert store.became(letter.id, Event.DELIVER, provider_id=SID)
    assert store.row().state == "delivered"


def test_another_message_of_the_provider_is_not_ours(store: Store) -> None:
    store.put()
    (letter,) = store.asked()
    assert store.became(letter.id, Event.ACCEPT, provider_id=SID)
    assert not store.became(letter.id, Event.DELIVER, provider_id="SM" + "1" * 32)
    assert not store.became("no-such-message", Event.DELIVER, provider_id=SID)
    known = store.database.read_sync(lambda conn: service.known(conn, [SID, "SM2"]))
    assert known == {SID}


def test_one_of_which_nothing_more_is_told_is_looked_at_twice(store: Store) -> None:
    store.put()
    (letter,) = store.asked()
    store.became(letter.id, Event.SEND, provider_id=SID)
    seen = []
    for minutes in range(0, 200, 5):
        seen += [minutes for _ in store.looked(NOW + minutes * 60_000)]
    assert seen == [5, 60]


# --- who wants none, and who writes ---------------------------------------------------------------


def test_stop_is_respected_also_for_what_waits(store: Store) -> None:
    store.put()
    assert store.wrote("berhenti") == "stop_confirmed"
    assert store.asked() == []
    assert (store.row().state, store.row().reason) == ("refused", "opted_out")
    assert store.put() is Reason.OPTED_OUT
    assert store.put(recipient="+628111000222") is None
    store.wrote("MULAI", NOW + 1, message="SM2")
    assert store.put() is None
    kinds = store.facts()
    assert kinds.count("opted_out") == kinds.count("opted_in") == 1


def test_whoever_writes_is_answered_once_an_hour(store: Store) -> None:
    told = [store.wrote("halo", NOW + n * 60_000, message=f"SM{n}") for n in range(60)]
    assert told == ["how_to_ask", *[None] * 59]
    assert store.wrote("halo", NOW + HOUR, message="SM60") == "how_to_ask"


def test_ten_texts_at_once_are_answered_once(store: Store) -> None:
    with ThreadPoolExecutor(10) as pool:
        told = list(pool.map(lambda n: store.wrote("halo", message=f"SM{n}"), range(10)))
    assert sorted(told, key=str) == [None] * 9 + ["how_to_ask"]


def test_a_storm_from_many_numbers_is_not_paid_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "ANSWERS", 5)
    told = [store.wrote("x", number=f"+62812{n:07d}", message=f"SM{n}") for n in range(8)]
    assert told == ["how_to_ask"] * 5 + [None] * 3
    assert store.wrote("x", number="+628120000000", message="SM0") == "how_to_ask"
    assert store.wrote("x", NOW + HOUR, message="SM9") == "how_to_ask"


def test_what_is_told_twice_is_answered_alike(store: Store) -> None:
    assert store.wrote("halo") == store.wrote("halo", NOW + 9000) == "how_to_ask"
    assert store.wrote("halo", NOW + 9000, message="SM2") is None


def test_whoever_stopped_is_not_answered(store: Store) -> None:
    store.wrote("STOP")
    assert store.wrote("halo", NOW + 2 * HOUR, message="SM2") is None


def test_nothing_of_it_is_kept_longer_than_it_is_needed(store: Store) -> None:
    for n in range(5):
        store.wrote("halo", NOW + n, number=f"+6281100000{n}", message=f"SM{n}")
    store.wrote("halo", NOW + 2 * HOUR, message="SM9")
    wanted = select(tables.answered)
    rows = store.database.read_sync(lambda conn: list(conn.execute(wanted)))
    assert [row.writer_hash for row in rows] == [store.keys.number_hash(CITIZEN)]
    assert store.facts() == []


def test_known_and_unknown_numbers_cost_the_same(store: Store) -> None:
    """The same statements, whether or not there ever was a message to the number."""
    store.put()

    def statements(number: str) -> list[str]:
        seen: list[str] = []
        engine = store.database._write_engine

        def note(_conn: object, _cursor: object, text: str, *_: object) -> None:
            seen.append(text)

        event.listen(engine, "before_cursor_execute", note)
        try:
            assert store.wrote("Apa kabar?", number=number) == "how_to_ask"
        finally:
            event.remove(engine, "before_cursor_execute", note)
        return seen

    known = statements(CITIZEN)
    assert len(known) > 3
    assert statements("+628999999999") == known


def test_no_statement_looks_at_every_message(
    sqlite_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    store = Store(open_database(sqlite_url), keys)
    seen: dict[str, Any] = {}

    def note(
        _conn: object, _cursor: object, text: str, given: Any, _context: object, _many: bool
    ) -> None:
        seen.setdefault(text, given)

    for engine in (store.database._write_engine, store.database._read_engine):
        event.listen(engine, "before_cursor_execute", note)
    store.put()
    (letter,) = store.asked()
    store.became(letter.id, Event.ACCEPT, provider_id=SID)
    store.looked(NOW + HOUR)
    store.wrote("berhenti")
    store.wrote("mulai", message="SM2")
    store.put()
    store.database.write_sync(
        lambda conn: service.withdraw(
            conn, store.keys, NOW, case="case", templates=["case_number", "case_news"]
        )
    )
    store.database.read_sync(service.next_due)
    store.database.read_sync(lambda conn: service.known(conn, [SID]))
    store.database.read_sync(
        lambda conn: service.latest(conn, call="call", case="case", template="case_number")
    )

    def plans(conn: Connection) -> list[str]:
        cursor = conn.connection.cursor()
        return [
            step[3]
            for text, given in seen.items()
            if text.startswith(("SELECT", "UPDATE", "DELETE"))
            for step in cursor.execute(f"EXPLAIN QUERY PLAN {text}", given or ()).fetchall()
        ]

    found = store.database.read_sync(plans)
    assert len([step for step in found if step.startswith("SEARCH message")]) >= 9
    ours = ("SCAN message", "SCAN answered_writer", "SCAN opted_out")
    scans = [step for step in found if step.startswith(ours)]
    assert not [step for step in scans if "ix_message_due" not in step]
