"""What is counted of a month, on both databases."""

from __future__ import annotations

from functools import partial

from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.clock import Given, id_from
from callcenter.db import Database
from callcenter.db.keys import Keys
from callcenter.stats import service as stats
from callcenter.stats.open_data import Counted
from callcenter.topics import Compartment
from tests.db.work import Desk

ACME, OTHER = b"a" * 16, b"o" * 16
NORMAL = Compartment.NORMAL


def test_complaints_are_counted(database: Database, keys: Keys) -> None:
    desk = Desk(database, keys)
    start, end = desk.now, desk.now + 1_000

    def counted() -> set[Counted]:
        found = desk.do(partial(stats.complaints, start=start, end=end))
        assert len(set(found)) == len(found)
        return set(found)

    def filed(at: int = 0, topic: str = "thr", **fields: object) -> str:
        desk.now = start + at
        case = desk.filed(topic, None)
        desk.set(case, **({"province": "32"} | fields))
        return case

    desk.open("draft")
    filed(-1)
    filed(1_000)
    assert counted() == set()
    filed(999, employer_hash=ACME)
    filed(5, employer_hash=ACME)
    filed(province=None)
    filed(topic="pekerja_anak")
    withdrawn = filed(employer_hash=OTHER)
    desk.move(withdrawn, CaseEvent.WITHDRAW, Actor.REPORTER)
    merged = filed(employer_hash=ACME)
    desk.set(merged, status="merged", merged_into=filed(-1, employer_hash=ACME))
    desk.set(filed(employer_hash=ACME), status="abandoned")
    found = {
        Counted("thr", "32", NORMAL, ACME, 2),
        Counted("thr", None, NORMAL, None, 1),
        Counted("pekerja_anak", "32", Compartment.SENSITIVE, None, 1),
        Counted("thr", "32", NORMAL, OTHER, 1),
    }
    assert counted() == found
    # Each of those that are joined is a complaint, about the employer of all, and what gathers
    # them is none. As long as there is nobody else, it is.
    parent = filed(topic="upah", gathers=True, employer_hash=ACME)
    assert counted() == found | {Counted("upah", "32", NORMAL, ACME, 1)}
    for spelled in (ACME, OTHER, None):
        filed(topic="upah", parent=parent, employer_hash=spelled)
    assert counted() == found | {Counted("upah", "32", NORMAL, ACME, 3)}


def test_what_is_withdrawn_is_one_complaint_or_none(database: Database, keys: Keys) -> None:
    desk = Desk(database, keys)
    start = desk.now
    draft, _, _ = desk.open("draft")
    desk.move(draft, CaseEvent.WITHDRAW, Actor.REPORTER)  # nobody went on with it
    withdrawn, pursued = desk.filed("thr", "32"), desk.filed("thr", "32")
    desk.move(withdrawn, CaseEvent.WITHDRAW, Actor.REPORTER)

    def counted() -> int:
        desk.now += 1_000
        found = desk.do(partial(stats.complaints, start=start, end=desk.now))
        return sum(one.cases for one in found)

    assert counted() == 2
    # The unit goes on with it under another number.
    desk.set(pursued, reporter=None)
    other = str(desk.row(pursued)["number"])
    desk.move(withdrawn, CaseEvent.PURSUE, Actor.HEAD, reason="public_interest", other=other)
    assert counted() == 1


def test_ids_tell_when() -> None:
    now = 1_790_000_000_000
    ids = sorted(Given(at).id() for at in (now - 1, now, now + 1))
    assert ids[0] < id_from(now) < ids[1] < id_from(now + 1) < ids[2]
