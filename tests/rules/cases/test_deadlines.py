"""The limits: the shipped ones are those of the requirements, and mistakes are told all at once."""

from __future__ import annotations

import re

import pytest
import yaml

from callcenter.cases import deadlines
from callcenter.cases.deadlines import Code, Measure
from callcenter.cases.files import FileError
from tests.rules.cases.given import DEADLINES, FOLDER

TEXT = (FOLDER / deadlines.FILE).read_text(encoding="utf-8")

WANTED = {
    Code.DRAFT: "24 clock_hours",
    Code.ACKNOWLEDGE: "1 working_days",
    Code.ON_CALL: "15 clock_minutes",
    Code.ON_CALL_TIMES: "16 times",
    Code.VERIFY: "3 working_days",
    Code.VERIFY_URGENT: "1 working_days",
    Code.ACCEPT: "5 working_days",
    Code.UNACCEPTED: "2 working_days",
    Code.REPEAT: "8 working_hours",
    Code.PRESS: "1 working_days",
    Code.CALLBACK: "30 working_days",
    Code.NO_REPLY: "10 working_days",
    Code.CONTACTS: "2 times",
    Code.SILENCE: "10 working_days",
    Code.REOPEN: "60 working_days",
    Code.DECLINES: "2 times",
    Code.HOPS: "3 times",
    Code.RESOLVE_INFO: "5 working_days",
    Code.RESOLVE_OTHER: "14 working_days",
    Code.RESOLVE_INSPECTION: "60 working_days",
    Code.INFORMATION: "10 working_days",
    Code.INFORMATION_LONGER: "7 working_days",
    Code.BIPARTITE: "30 working_days",
    Code.CHOOSE_FORUM: "7 working_days",
    Code.MEDIATION: "30 working_days",
    Code.ADVICE_REPLY: "10 working_days",
    Code.AGREEMENT: "3 working_days",
    Code.COURT: "50 working_days",
    Code.NOTICE_1: "30 days",
    Code.NOTICE_2: "14 days",
    Code.BREACH: "72 clock_hours",
    Code.CONSENT_WITHDRAWN: "72 clock_hours",
    Code.RESTRICTION: "72 clock_hours",
    Code.WARN_ASSIGNEE: "75 percent",
    Code.WARN_HEAD: "100 percent",
    Code.WARN_DIRECTORATE: "200 percent",
    Code.WARN_REPORTER: "80 percent",
    Code.REOPENED: "2 times",
    Code.DAYS_AHEAD: "90 days",
}


def test_the_shipped_limits() -> None:
    assert {code: f"{one.value} {one.measure}" for code, one in DEADLINES.items()} == WANTED
    assert WANTED.keys() == set(Code)


def test_what_was_not_read_says_so() -> None:
    unread = {code for code, limit in DEADLINES.items() if not limit.verified}
    assert unread == {Code.COURT, Code.NOTICE_1, Code.NOTICE_2}
    from_memory = {code for code, limit in DEADLINES.items() if "memory" in limit.source}
    assert from_memory == unread


def test_what_stands_still_while_the_reporter_is_asked() -> None:
    """What counts a unit's time does; what counts the reporter's own does not, nor a law's."""
    assert {code for code, limit in DEADLINES.items() if limit.pauses} == {
        Code.VERIFY,
        Code.VERIFY_URGENT,
        Code.RESOLVE_INFO,
        Code.RESOLVE_OTHER,
        Code.RESOLVE_INSPECTION,
        Code.INFORMATION,
    }


def test_no_number_of_a_limit_stands_in_the_code() -> None:
    """The rules hold no number that is not zero, one, a percent or a unit of time."""
    for name in ("clocks", "escalation", "statuses"):
        code = (FOLDER.parent / "callcenter" / "cases" / f"{name}.py").read_text()
        code = re.sub(r'""".*?"""|#.*', "", code, flags=re.DOTALL)
        numbers = set(re.findall(r"(?<![\w.])\d[\d_]*\b", code))
        assert numbers <= {"0", "1", "100", "60_000", "3_600_000", "311"}, name


def changed(**limits: dict[str, object] | None) -> str:
    """The shipped file with other fields in these limits; None: without the limit."""
    tree = yaml.safe_load(TEXT)
    for name, fields in limits.items():
        if fields is None:
            del tree["limits"][name]
        else:
            tree["limits"][name] = tree["limits"].get(name, {}) | fields
    return yaml.safe_dump(tree)


def mistakes(text: str) -> list[str]:
    with pytest.raises(FileError) as refused:
        deadlines.load(text)
    return list(refused.value.mistakes)


def test_a_file_as_written_is_taken() -> None:
    assert deadlines.load(changed()) == DEADLINES
    three = deadlines.load(changed(verify={"value": 3, "measure": "working_hours"}))
    assert three[Code.VERIFY].measure is Measure.WORKING_HOURS


def test_every_mistake_is_told_at_once() -> None:
    told = mistakes(
        changed(
            draft={"value": "soon"},
            verify={"value": 0},
            accept=None,
            mediation={"measure": "clock_hours"},
            declines={"measure": "working_days", "pauses": True},
            contacts={"pauses": True},
            court={"source": " "},
            warn_assignee={"value": 100},
            tea={"value": 3, "measure": "times", "source": "x", "verified": True},
            press={"colour": "red"},
        )
    )
    for place, why in {
        "limits.draft": "Expected `int`",
        "limits.verify.value": "1 to 1000",
        "limits.accept": "is missing",
        "limits.mediation.measure": "one of working_days, days",
        "limits.declines.measure": "one of times",
        "limits.contacts.pauses": "only time can stand still",
        "limits.court.source": "say where the number comes from",
        "limits": "each should be larger",
        "limits.tea": "no such limit",
        "limits.press": "unknown field",
    }.items():
        hits = [one for one in told if one.startswith(f"cases/deadlines.yaml: {place}: ")]
        assert len(hits) == 1, (place, told)
        assert why in hits[0], hits
    assert len(told) == 10


@pytest.mark.parametrize(
    "text", ["", "[]", "limits: 3", "limits: {draft", "a: 1\na: 2", "limits:\n"]
)
def test_what_is_no_such_file(text: str) -> None:
    assert all(one.startswith("cases/deadlines.yaml: ") for one in mistakes(text))


def test_a_section_too_many() -> None:
    assert mistakes(TEXT + "\nmore: {}\n") == [
        "cases/deadlines.yaml: more: there is no such section"
    ]
