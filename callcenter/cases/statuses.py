"""The life of a case as a table."""

from __future__ import annotations

from enum import StrEnum


class CaseStatus(StrEnum):
    DRAFT = "draft"  #: it has its number, and nobody has saved anything yet
    NEW = "new"  #: a complaint, waiting to be looked at
    ANSWERED = "answered"  #: information was given; nothing else was asked
    CLOSED = "closed"
    ABANDONED = "abandoned"  #: a draft that nobody came back to


#: (status, event) → status. A pair that is not here is refused without any change.
CASE_TABLE: dict[tuple[CaseStatus, str], CaseStatus] = {
    (CaseStatus.DRAFT, "file"): CaseStatus.NEW,
    (CaseStatus.DRAFT, "answer"): CaseStatus.ANSWERED,
    (CaseStatus.DRAFT, "abandon"): CaseStatus.ABANDONED,
    (CaseStatus.NEW, "file"): CaseStatus.NEW,
    (CaseStatus.NEW, "answer"): CaseStatus.ANSWERED,
    (CaseStatus.NEW, "close"): CaseStatus.CLOSED,
    (CaseStatus.ANSWERED, "file"): CaseStatus.NEW,
    (CaseStatus.ANSWERED, "close"): CaseStatus.CLOSED,
}


class CallRole(StrEnum):
    """What a call was to a case."""

    OPENED = "opened"
    CONTINUED = "continued"
    STATUS_QUERY = "status_query"
    MENTIONED = "mentioned"


def after(status: CaseStatus, event: str) -> CaseStatus | None:
    """The status after ``event``, or None when the table refuses it."""
    return CASE_TABLE.get((status, event))
