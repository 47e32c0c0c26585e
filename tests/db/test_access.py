"""Whoever asks gets all that is held on them, and nothing of anybody else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from callcenter.calls.access import service as access
from callcenter.calls.vault.service import Kind
from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.reporters import service as reporters
from callcenter.cases.service import CaseForm
from callcenter.cases.statuses import CallRole
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys
from callcenter.messages import service as messages
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed
from tests.db.stored import add_agents
from tests.db.test_vault import NUMBER, OTHER, House
from tests.rules.cases.kit import shipped_rules

RULES = shipped_rules()


@pytest.fixture
def house(database: Database, keys: Keys, tmp_path: Path) -> House:
    return House(database, keys, tmp_path)


def export(house: House, case: str) -> dict[str, Any]:
    given = Given(house.now)
    document = house.do(
        lambda conn: access.export(conn, house.keys, given.again(), RULES, case, by="dewi")
    )
    found: dict[str, Any] = json.loads(json.dumps(document))  # it is a file in the end
    return found


def note(house: House, case: str, kind: NoteKind, text: str, by: str | None) -> None:
    given = Given(house.now)
    house.do(
        lambda conn: work.note(
            conn, house.keys, given.again(), RULES, case=case, kind=kind, text=text, by=by
        )
    )


def write_to(house: House, case: str, number: str) -> None:
    given = Given(house.now)
    allowed = Allowed(frozenset({Channel.SMS}), ("+62",), 100)
    about = messages.About(case=case)
    house.do(
        lambda conn: messages.put(
            conn, house.keys, given.again(), allowed, channel=Channel.SMS, template="case_number",
            language="id", recipient=number, params={"number": f"to {number[-4:]}"}, about=about,
        )
    )  # fmt: skip


def read(house: House, case: str, who: str) -> None:
    house.do(
        lambda conn: append(
            conn, house.keys, [Fact(CaseFact.CASE_READ, house.now, case=case, agent=who)]
        )
    )


def story(house: House) -> tuple[str, str, str]:
    """A person with two cases, whose union rang for them once; and somebody else. Their ids."""
    house.do(lambda conn: add_agents(conn, ["sari", "dewi"]))
    first = house.complaint()
    second = house.complaint("call-2", name="SITI ")
    ours = house.reporter(first)
    given = Given(house.now)
    house.do(lambda conn: reporters.join(conn, house.keys, given, case=second, reporter=ours))
    house.call_from("call-3", OTHER)
    house.do(
        lambda conn: cases.link(
            conn, house.keys, house.now, call="call-3", case=first, role=CallRole.CONTINUED
        )
    )
    house.call_from("call-4", OTHER)
    theirs, _, _ = house.open("call-4")
    form = CaseForm(1, narrative="Rahasia orang lain", employer="CV Rival", reporter_name="Budi")
    house.do(
        lambda conn: cases.save(
            conn, house.keys, Given(house.now), RULES, case=theirs, agent="sari", form=form,
            caller=OTHER,
        )
    )  # fmt: skip
    for number in (NUMBER, OTHER):
        write_to(house, first, number)
    return first, second, theirs


def test_all_cases_of_the_person_and_what_was_said(house: House) -> None:
    first, second, _ = story(house)
    note(house, first, NoteKind.PUBLIC, "Kami sedang memeriksa", "sari")
    note(house, first, NoteKind.REPORTER, "Sudah dibayar separuh", None)
    note(house, first, NoteKind.INTERNAL, "Pak Joko curiga", "sari")
    house.save(first, CaseForm(house.load(first).version, narrative="Upah belum dibayar lunas"))
    for who in ("sari", "dewi", "sari"):
        read(house, first, who)
    found = export(house, first)
    assert found["person"]["name"] == "Siti"
    assert found["person"]["phones"] == [NUMBER]
    assert [one["number"] for one in found["cases"]] == [
        house.load(case).number for case in (first, second)
    ]
    one = found["cases"][0]
    assert (one["narrative"], one["employer"]) == ("Upah belum dibayar lunas", "PT Maju")
    assert one["told_to_you"][0]["text"] == "Kami sedang memeriksa"
    assert one["said_by_you"][0]["text"] == "Sudah dibayar separuh"
    assert one["notes_left_out"] == 2  # one is of the fixture
    assert {"narrative": "Upah belum dibayar"}.items() <= one["earlier"][-1].items()
    assert one["opened_by"] == {"times": 3, "offices": ["hotline"]}
    assert [call["number"] for call in one["calls"]] == [NUMBER, None]
    assert [message["recipient"] for message in one["messages"]] == [NUMBER]
    assert [sound["name"] for sound in one["recordings"]] == ["r-call-1"]
    assert [(one["name"], base64.b64decode(one["base64"])) for one in one["attachments"]] == [
        ("slip gaji.pdf", b"%PDF-1.7 Siti")
    ]
    assert "case_opened" in {event["what"] for event in one["what_happened"]}
    assert len(found["left_out"]) >= 7
    again = export(house, second)["cases"]
    assert [(case["number"], case["opened_by"]["times"]) for case in again] == [
        (one["number"], 3), (house.load(second).number, 0),
    ]  # fmt: skip


def test_nothing_of_anybody_else(house: House) -> None:
    first, _, theirs = story(house)
    text = json.dumps(export(house, first), ensure_ascii=False)
    number = str(house.load(theirs).number)
    for marker in ("Rahasia", "Rival", "Budi", OTHER, OTHER[3:], OTHER[-4:], number, theirs):
        assert marker not in text
    for staff in ("sari", "dewi", "Pak Joko"):
        assert staff not in text
    for secret in ("pin_hash", "number_hash", house.keys.number_hash(NUMBER)):
        assert secret not in text


def test_it_is_on_the_record_of_each_case(house: House) -> None:
    first, second, theirs = story(house)
    export(house, first)
    told = [json.loads(text) for kind, text in house.facts() if kind == CaseFact.EXPORTED.value]
    assert {one["case"] for one in told} == {first, second}
    assert {one["agent"] for one in told} == {"dewi"}
    assert told[0]["data"] == {"cases": 2, "reporter": house.reporter(first)}
    assert theirs not in {one["case"] for one in told}


def test_of_an_anonymous_reporter_the_case_alone(house: House) -> None:
    case = house.complaint()
    house.anonymise(case)
    found = export(house, case)
    assert found["person"] is None
    assert [one["narrative"] for one in found["cases"]] == ["Upah belum dibayar"]
    assert NUMBER not in json.dumps(found)
    assert "Siti" not in json.dumps(found)


def test_of_a_forgotten_case_there_is_nothing_to_hand_out(house: House) -> None:
    case = house.complaint()
    house.set(tables.case, case, status="closed")
    house.forget(Kind.CASE, case)
    with pytest.raises(access.Forgotten):
        export(house, case)
    with pytest.raises(LookupError):
        export(house, "none")
    assert CaseFact.EXPORTED.value not in {kind for kind, _ in house.facts()}
