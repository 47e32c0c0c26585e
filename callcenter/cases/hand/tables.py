"""The rows beside a case: how they are read and written, and what they are to the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update

from callcenter.cases import tables
from callcenter.cases.assignments import Assignment, AssignmentState
from callcenter.cases.clocks import Kind
from callcenter.cases.deadlines import Code
from callcenter.cases.duplicates import Complaint
from callcenter.cases.escalation import Escalation, Level
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import FINAL, CaseStatus
from callcenter.cases.work import history
from callcenter.db.tables import fact
from callcenter.topics import Compartment, upper

#: In the column of the clock: the inspectorate is told of a case.
CASE: Final = "case"
_PERCENT: Final = {
    Level.ASSIGNEE: Code.WARN_ASSIGNEE,
    Level.HEAD: Code.WARN_HEAD,
    Level.DIRECTORATE: Code.WARN_DIRECTORATE,
}

# Made once: to make a statement anew costs several times what it takes to run.
FACTS = (
    select(fact.c.text)
    .where(fact.c.case == bindparam("of"), fact.c.kind.in_([kind.value for kind in history.KINDS]))
    .order_by(fact.c.id)
)
CHAIN = (
    select(tables.assignment)
    .where(tables.assignment.c.case == bindparam("of"))
    .order_by(tables.assignment.c.hop)
)
TOLD = select(tables.escalation).where(tables.escalation.c.case == bindparam("of"))
PRESSED = (
    select(tables.reminder)
    .where(tables.reminder.c.case == bindparam("of"), tables.reminder.c.answered_at.is_(None))
    .order_by(tables.reminder.c.due_at)
)
SET_CASE = update(tables.case).where(tables.case.c.id == bindparam("of"))
INSERT_ASSIGNMENT = insert(tables.assignment)
SET_ASSIGNMENT = update(tables.assignment).where(tables.assignment.c.id == bindparam("of"))
INSERT_NOTE = insert(tables.note)
INSERT_TOLD = insert(tables.escalation)
INSERT_REMINDER = insert(tables.reminder)
ANSWER_REMINDERS = update(tables.reminder).where(
    tables.reminder.c.case == bindparam("of"), tables.reminder.c.answered_at.is_(None)
)
OUTSIDE = (
    select(tables.external_ref)
    .where(tables.external_ref.c.case == bindparam("of"))
    .order_by(tables.external_ref.c.at.desc())
)


def complaint(rules: Rules, row: Mapping[str, Any]) -> Complaint:
    """What is compared of a case with others. Nobody but us sees the keyed hash of an employer."""
    return Complaint(
        case=row["id"],
        opened_at=row["opened_at"],
        topic=upper(rules.topics, row["topic"]),
        employer=(row["employer_hash"] or b"").hex(),
        reporter=row["reporter"],
        anonymous=row["anonymous"],
        compartment=Compartment(row["compartment"]),
        merged=row["merged_into"] is not None,
        joined=row["parent"],
        parent=row["gathers"],
        over=CaseStatus(row["status"]) in FINAL,
    )


def escalation_of(row: Row[Any]) -> Escalation:
    level = Level(row.to_role)
    return Escalation(
        level,
        None if row.clock == CASE else Kind(row.clock),
        row.started,
        row.unit or None,
        row.level if level is Level.ON_CALL else 0,
    )


def level_of(one: Escalation, rules: Rules) -> int:
    """What the column ``level`` says of it: percent of the clock, or which one on call."""
    return rules.deadlines[_PERCENT[one.level]].value if one.level in _PERCENT else one.count


def assignment_of(row: Row[Any]) -> Assignment:
    return Assignment(
        unit=row.unit,
        sent_at=row.sent_at,
        state=AssignmentState(row.state),
        officer=None if row.state == AssignmentState.DECLINED.value else row.officer,
        reason=row.reason,
        better=row.better,
    )
