"""What a call came to, as its agent says in the wrap-up."""

from __future__ import annotations

import msgspec


class CallOutcome(msgspec.Struct, frozen=True):
    """``case_event`` is what it does to a draft (see ``cases/statuses.py``)."""

    code: str
    label: dict[str, str]
    case_event: str | None = None


OUTCOMES = {
    outcome.code: outcome
    for outcome in (
        CallOutcome("complaint", {"id": "Pengaduan dicatat", "en": "Complaint recorded"}, "file"),
        CallOutcome("information", {"id": "Informasi diberikan", "en": "Advice given"}, "answer"),
        CallOutcome("status", {"id": "Status disampaikan", "en": "Status given"}),
        CallOutcome("dropped", {"id": "Telepon terputus", "en": "Call dropped"}),
        CallOutcome("wrong_number", {"id": "Salah sambung", "en": "Wrong number"}, "abandon"),
        CallOutcome("abusive", {"id": "Telepon iseng", "en": "Nuisance call"}, "abandon"),
    )
}

#: Written when the wrap-up ran out before the agent said anything.
UNSAID = "unsaid"
