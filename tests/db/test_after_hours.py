"""Messages left while triage is not at work, on both databases: filed when it opens."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.cases import tables
from callcenter.cases.clocks import Kind
from callcenter.cases.errors import Refused
from callcenter.cases.service import CaseForm, CaseView
from callcenter.cases.statuses import Actor, CaseEvent
from callcenter.db import Database
from callcenter.db.keys import Keys
from tests.db.test_cases import DAY_MS
from tests.db.work import Desk
from tests.rules.cases.given import at

E, A = CaseEvent, Actor
#: Friday of Idul Fitri in the evening; triage opens again on the Wednesday after joint leave.
LEFT, OPENING = at("2026-03-20 21:00"), at("2026-03-25 08:00")
MINUTE_MS = 60_000


@pytest.fixture
def desk(database: Database, keys: Keys) -> Desk:
    made = Desk(database, keys)
    made.now = LEFT
    return made


def left(desk: Desk, topic: str = "upah") -> tuple[str, str, str]:
    """A draft with a message; its id, number and PIN."""
    opened = desk.open(topic=topic)
    desk.now += MINUTE_MS
    desk.message(opened[0])
    return opened


def moves(desk: Desk, case: str) -> list[tuple[str, str, int]]:
    """What happened to a case, by whom, when."""
    texts = [text for kind, text in desk.said(case) if kind == "case_moved"]
    found = [msgspec.json.decode(text) for text in texts]
    return [(one["data"]["event"], one["data"]["actor"], one["at"]) for one in found]


def test_it_stays_a_draft_until_triage_opens(desk: Desk) -> None:
    case, number, pin = left(desk)
    due = at("2026-03-25 16:00")
    row = desk.row(case)
    assert (row["status"], row["priority"], row["due_at"]) == ("draft", "P1", due)
    assert desk.next_look(case) == OPENING  # nothing before: nobody is told, nothing abandoned
    desk.until(OPENING - 1)
    found = desk.find(number, pin)
    assert isinstance(found, CaseView)
    assert (found.status, desk.standing(case).due) == ("draft", due)
    desk.until(OPENING)
    row = desk.row(case)
    assert (row["status"], row["unit"], row["due_at"]) == ("new", "PTSA", due)
    assert desk.due(case) == due
    assert moves(desk, case) == [("file", "system", OPENING)]
    assert desk.all(tables.escalation, case) == []


def test_a_server_that_was_away_files_it_late(desk: Desk) -> None:
    """Not later than anybody touches it; whether or not its timer is still there."""
    case, number, _ = left(desk)
    desk.forget_timers()
    desk.now = OPENING + 90 * MINUTE_MS
    assert desk.standing(case).number == number
    desk.look(case)
    desk.look(case)
    assert desk.row(case)["status"] == "new"
    assert moves(desk, case) == [("file", "system", desk.now)]
    (verify,) = [one for one in desk.clocks(case) if one.kind is Kind.VERIFY]
    assert (verify.started, verify.due) == (LEFT, at("2026-03-25 16:00"))


@pytest.mark.parametrize("when", ["2026-03-25 08:00", "2026-06-08 15:59"])
def test_while_triage_is_at_work_it_is_filed_at_once(desk: Desk, when: str) -> None:
    desk.now = at(when) - MINUTE_MS
    case, _, _ = left(desk)
    assert moves(desk, case) == [("file", "reporter", at(when))]


def test_life_in_danger_does_not_wait(desk: Desk) -> None:
    case, _, _ = left(desk, "kecelakaan")
    assert (desk.row(case)["status"], desk.row(case)["priority"]) == ("new", "P0")
    # Nor does what turns out to be danger.
    case, _, _ = desk.open("call-2", "k3")
    desk.message(case, "call-2")
    assert desk.row(case)["status"] == "draft"
    desk.save(case, CaseForm(1, topic="kecelakaan"))
    assert desk.row(case)["status"] == "new"


def test_an_agent_who_writes_it_down_files_it(desk: Desk) -> None:
    case, _, _ = left(desk)
    desk.now += 60 * MINUTE_MS
    desk.save(case, CaseForm(1, employer="PT Maju"))
    assert desk.row(case)["status"] == "draft"
    desk.save(case, CaseForm(2, narrative="THR belum dibayar."))
    assert moves(desk, case) == [("file", "agent", desk.now)]
    desk.until(OPENING)
    assert len(moves(desk, case)) == 1


def test_an_agent_can_not_give_up_what_nobody_has_heard(desk: Desk) -> None:
    case, _, _ = left(desk)
    with pytest.raises(Refused, match="not_now"):
        desk.move(case, E.ABANDON, A.AGENT, "sari")
    desk.finish("call-1", "abandon")
    assert desk.row(case)["status"] == "draft"
    desk.until(OPENING)
    assert desk.row(case)["status"] == "new"


def test_its_reporter_may_withdraw_it(desk: Desk) -> None:
    case, _, _ = left(desk)
    assert E.WITHDRAW in desk.standing(case).can
    desk.move(case, E.WITHDRAW, A.REPORTER)
    assert (desk.row(case)["due_at"], desk.next_look(case)) == (None, None)
    desk.until(OPENING + 30 * DAY_MS)
    assert desk.row(case)["status"] == "withdrawn"


def test_who_wants_to_be_anonymous_meanwhile_is(desk: Desk) -> None:
    case, number, pin = left(desk)
    desk.save(case, CaseForm(1, anonymous=True))
    desk.until(OPENING)
    row = desk.row(case)
    assert (row["status"], row["anonymous"], row["reporter"]) == ("new", True, None)
    found = desk.find(number, pin)
    assert isinstance(found, CaseView)
    assert found.anonymous


def test_more_messages_change_nothing_and_a_later_one_is_as_ever(desk: Desk) -> None:
    case, _, _ = left(desk)
    desk.now += DAY_MS
    desk.message(case, "call-2")
    assert (desk.row(case)["status"], desk.next_look(case)) == ("draft", OPENING)
    desk.until(OPENING + 12 * 60 * MINUTE_MS)
    version = desk.row(case)["version"]
    desk.message(case, "call-3")
    assert (desk.row(case)["status"], desk.row(case)["version"]) == ("new", version)
    assert len(moves(desk, case)) == 1


def test_what_somebody_was_only_told_the_number_of_is_abandoned(desk: Desk) -> None:
    case, _, _ = desk.open()
    desk.until(LEFT + DAY_MS)
    assert desk.row(case)["status"] == "abandoned"
    desk.until(OPENING)
    assert desk.row(case)["status"] == "abandoned"


@pytest.mark.parametrize("how", ["message", "agent"])
def test_who_comes_back_to_an_abandoned_draft_is_heard(desk: Desk, how: str) -> None:
    """Whoever kept a place is called back within days; and who was cut off comes back late."""
    case, _, _ = desk.open()
    desk.until(LEFT + 2 * DAY_MS)
    assert desk.row(case)["status"] == "abandoned"
    if how == "message":
        desk.message(case)
    else:
        desk.save(case, CaseForm(desk.row(case)["version"], narrative="Upah belum dibayar"))
    assert desk.row(case)["status"] == "new"
    assert moves(desk, case)[1:] == [("file", "agent" if how == "agent" else "reporter", desk.now)]
    assert desk.row(case)["due_at"] == at("2026-03-25 16:00")
    desk.until(OPENING)
    assert desk.row(case)["status"] == "new"


# --- whatever happens -----------------------------------------------------------------------------

acts = st.lists(
    st.tuples(st.sampled_from(["message", "save", "topic", "dropped", "look"]), st.integers(0, 3)),
    max_size=4,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 6 * 24), acts)
def test_a_message_is_never_lost_and_being_late_changes_nothing(
    sqlite_desk: Desk, hour: int, script: list[tuple[str, int]]
) -> None:
    """Around Idul Fitri, with days between the acts; once as it happens, once by a server that is
    away whenever nobody acts."""
    ends = []
    for late in (False, True):
        desk = sqlite_desk
        desk.forget_timers()
        desk.now = at("2026-03-18 00:00") + hour * 60 * MINUTE_MS
        opening, begun = desk.rules.counting.home.opening(desk.now), desk.now
        call = f"call-{len(desk.facts())}"
        case, _, _ = desk.open(call)
        desk.message(case, call)
        for act, days in script:
            then = desk.now + days * DAY_MS
            if late:
                desk.now = then
            else:
                desk.until(then)
            _act(desk, case, call, act)
            row = desk.row(case)
            assert row["due_at"] == desk.due(case)
            assert row["status"] == "new" or desk.now < opening
        ends.append((desk.row(case)["status"], desk.row(case)["due_at"]))
        desk.until(begun + 10 * DAY_MS)
        assert desk.row(case)["status"] == "new"
        assert len(moves(desk, case)) >= 1
    assert ends[0] == ends[1]


def _act(desk: Desk, case: str, call: str, act: str) -> None:
    if act in ("save", "topic"):
        desk.look(case)  # a page shows what it is before anybody writes
    match act:
        case "message":
            desk.message(case, f"{call}-later")
        case "save":
            form = CaseForm(desk.row(case)["version"], narrative=f"THR {desk.now}")
            desk.save(case, form)
        case "topic":
            desk.save(case, CaseForm(desk.row(case)["version"], topic="lembur"))
        case "dropped":
            desk.finish(call, "abandon")
        case _:
            desk.look(case)


@pytest.fixture
def sqlite_desk(sqlite_url: str, keys: Keys) -> Iterator[Desk]:
    database = Database(sqlite_url)
    yield Desk(database, keys)
    database.close_sync()
