"""A lost PIN and a code that is sent to a telephone in the case, on both databases."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from sqlalchemy import select

from callcenter.cases import pins, tables
from callcenter.cases.tries import service as tries
from callcenter.cases.tries.service import CODE_S, NewPin
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from callcenter.messages import tables as message_tables
from tests.db.test_post import OFFICE, OWN, Office

NOBODYS = "2648151621"


@pytest.fixture
def office(database: Database, keys: Keys) -> Office:
    return Office(database, keys)


def asked(office: Office, number: str, call: str = "c1") -> str | None:
    """An agent asks for a code in ``call``."""
    given = Given(office.now)
    return office.do(
        lambda conn: tries.send_code(
            conn, office.keys, given.again(), office.rules, call=call, by="sari", number=number
        )
    )


def told(office: Office, number: str, code: str, call: str = "c1") -> NewPin | str:
    """The caller says ``code``."""
    given = Given(office.now)
    return office.do(
        lambda conn: tries.recover_by_code(
            conn, office.keys, given.again(), call=call, by="sari", number=number, code=code
        )
    )


def code_of(office: Office) -> str:
    """The code that went out now."""
    ((recipient, text),) = office.sms()
    assert recipient == OWN
    (code,) = re.findall(r"[0-9]{6}", text)
    return str(code)


def other(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def named(office: Office, *phones: str, **more: object) -> tuple[str, str]:
    """A case with a reporter, and its number."""
    case = office.filed()
    office.person(case, *phones, **more)
    office.sent()
    return case, office.row(case)["number"]


def test_who_reads_the_code_out_has_a_new_pin(office: Office) -> None:
    case, number = named(office)
    assert asked(office, number) is None
    code = code_of(office)
    found = told(office, number, code)
    assert isinstance(found, NewPin)
    assert office.row(case)["pin_hash"] == office.keys.pin_hash(case, found.pin)
    assert told(office, number, code) == "unknown"  # once
    # Neither the code nor the PIN stands anywhere to be read.
    rows = office.do(
        lambda conn: [
            *conn.execute(select(fact.c.text)).all(),
            *conn.execute(select(tables.pin_code)).all(),
            *conn.execute(select(tables.pin_attempt)).all(),
            *conn.execute(select(message_tables.message)).all(),
        ]
    )
    assert code not in str(rows)
    assert found.pin not in str(rows)


def test_a_code_is_good_for_ten_minutes_and_three_tries(office: Office) -> None:
    _, number = named(office)
    asked(office, number)
    code = code_of(office)
    office.now += CODE_S * 1000
    assert told(office, number, code) == "unknown"
    asked(office, number, "c2")
    code = code_of(office)
    for call in ("c3", "c4", "c5"):  # each in another call, so that it is the code that is over
        assert told(office, number, other(code), call) == "unknown"
    assert told(office, number, code, "c6") == "unknown"
    # A newer one is good again, and counted with those before.
    asked(office, number, "c6")
    assert told(office, number, code_of(office), "c7") == "locked"


def test_whom_nobody_may_write_to_is_told_like_a_number_that_nobody_has(office: Office) -> None:
    _, hushed = named(office, may_message=False)
    _, shared = named(office, OFFICE, shared=(OFFICE,))
    local = dt.datetime.fromtimestamp(office.now / 1000, office.rules.counting.home.zone)
    start = (local.hour + 3) % 24 * 60
    _, later = named(office, safe_from=start, safe_until=start + 60)
    anonymous = office.filed()
    office.person(anonymous)
    office.set(anonymous, anonymous=True)
    hidden = office.row(anonymous)["number"]
    for place, number in enumerate((hushed, shared, later, hidden, NOBODYS)):
        assert asked(office, number, f"c{place}") is None
        assert told(office, number, "135790", f"c{place}") == "unknown"
    assert office.sms() == []
    for _ in range(pins.CALL_TRIES):
        assert asked(office, NOBODYS, "again") is None
    assert asked(office, hushed, "again") == "locked"
