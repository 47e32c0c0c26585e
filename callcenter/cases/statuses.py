"""The life of a case as a table: what may happen to it, by whom, with what, and how it is told.

The statuses and ways are those of SP4N-LAPOR! (verify, pass on, *bukan wewenang*, postpone,
archive) with what a hotline adds: a draft that a dropped call comes back to, objecting, reopening
and withdrawing by PIN. Nothing is deleted in silence: a case that is refused says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from callcenter.cases.deadlines import Code


class CaseStatus(StrEnum):
    DRAFT = "draft"  #: it has its number; nobody has saved anything yet, or triage is not at work
    NEW = "new"  #: a complaint, waiting to be looked at
    VERIFYING = "verifying"  #: triage looks at it
    NEEDS_INFO = "needs_info"  #: triage asked the reporter something
    ROUTED = "routed"  #: sent to a unit that has not accepted it yet
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"  #: see :class:`WaitReason`
    FOLLOWED_UP = "followed_up"  #: the unit did its part; the reporter may object
    ANSWERED = "answered"  #: information was given; nothing else was asked
    CLOSED = "closed"
    REJECTED = "rejected"  #: with a reason that the reporter hears
    REFERRED_OUT = "referred_out"  #: handed to a body outside the ministry
    REOPENED = "reopened"
    MERGED = "merged"  #: goes on as another case of the same reporter
    WITHDRAWN = "withdrawn"  #: by its reporter
    ABANDONED = "abandoned"  #: a draft that nobody came back to


_S = CaseStatus

#: Nothing has to happen any more. Only reopening leads out.
FINAL = frozenset({_S.CLOSED, _S.REJECTED, _S.REFERRED_OUT, _S.MERGED, _S.WITHDRAWN, _S.ABANDONED})


class WaitReason(StrEnum):
    REPORTER = "reporter"  #: clocks stand still
    THIRD_PARTY = "third_party"  #: clocks go on
    STATUTORY = "statutory"  #: a period that a law gives runs instead


class CaseEvent(StrEnum):
    FILE = "file"  #: what happened was written down or spoken
    ANSWER = "answer"
    ABANDON = "abandon"
    VERIFY = "verify"  #: triage takes it up
    NEED_INFO = "need_info"
    REPLY = "reply"  #: the reporter told what was asked
    NO_REPLY = "no_reply"
    ROUTE = "route"
    ACCEPT = "accept"
    DECLINE = "decline"  #: *bukan wewenang*: names a better unit
    RECALL = "recall"  #: triage takes it back from a unit
    RETURN = "return"  #: a unit that had accepted gives it back
    FORWARD = "forward"  #: a unit passes it on to another
    WAIT = "wait"
    RESUME = "resume"
    FOLLOW_UP = "follow_up"
    OBJECT = "object"
    CONFIRM = "confirm"
    SILENCE = "silence"  #: the reporter said nothing to it for long enough
    REJECT = "reject"
    REFER = "refer"
    RESULT = "result"  #: the body outside told its number and what came of it
    MERGE = "merge"
    WITHDRAW = "withdraw"
    PURSUE = "pursue"  #: the unit goes on in the public interest, as a case without reporter
    REOPEN = "reopen"


class Actor(StrEnum):
    AGENT = "agent"
    TRIAGE = "triage"
    OFFICER = "officer"  #: of the unit that has the case
    HEAD = "head"  #: of that unit; while it is with triage, triage's
    SUPERVISOR = "supervisor"
    REPORTER = "reporter"  #: whoever gave the PIN, by keys, on the page or to an agent
    SYSTEM = "system"  #: a clock


class Field(StrEnum):
    """What an event must carry."""

    REASON = "reason"  #: a code; see :data:`REASONS`
    UNIT = "unit"
    TARGET = "target"  #: a body of the directory
    OTHER = "other"  #: another case
    THEIR_ID = "their_id"  #: the number that the body outside gave it
    PUBLIC_NOTE = "public_note"  #: what the reporter is told
    WAIT = "wait"  #: a :class:`WaitReason`
    OUTCOME = "outcome"  #: an :class:`Outcome`, where the unit can say


class Outcome(StrEnum):
    """What came of a complaint: for the count of what the ministry reached, not for its reporter,
    who is told in words."""

    FULFILLED = "fulfilled"  #: the worker was given what was owed
    AGREEMENT = "agreement"  #: worker and employer have agreed in writing
    NOTICE = "notice"  #: an inspection notice was issued
    ADVICE = "advice"  #: a mediator has advised
    UNFOUNDED = "unfounded"  #: nothing wrong was found
    INFORMED = "informed"  #: information was what was needed


class Move(msgspec.Struct, frozen=True):
    """Where an event leads. ``by``: who may do it, and the limit that binds them in doing so (see
    :func:`callcenter.cases.clocks.guard`), None: none."""

    to: CaseStatus
    by: Mapping[Actor, Code | None]
    needs: tuple[Field, ...] = ()


_E, _A, _F = CaseEvent, Actor, Field


def _free(*actors: Actor) -> dict[Actor, Code | None]:
    return dict.fromkeys(actors)


_TAKERS = _free(_A.AGENT, _A.TRIAGE, _A.OFFICER, _A.REPORTER)
_TRIAGE = _free(_A.TRIAGE, _A.HEAD)
_UNIT = _free(_A.OFFICER, _A.HEAD)
_BY_PIN = _free(_A.REPORTER)
_CLOCK: dict[Actor, Code | None] = {_A.SYSTEM: Code.DRAFT}
_REOPEN: dict[Actor, Code | None] = {_A.REPORTER: Code.REOPEN, _A.SUPERVISOR: None}
_SILENCE: dict[Actor, Code | None] = {_A.SYSTEM: Code.SILENCE}

#: (status, event) → what becomes of it. A pair that is not here is refused without any change.
CASE_TABLE: dict[tuple[CaseStatus, CaseEvent], Move] = {
    (_S.DRAFT, _E.FILE): Move(_S.NEW, _TAKERS | _CLOCK),
    (_S.DRAFT, _E.ANSWER): Move(_S.ANSWERED, _free(_A.AGENT)),
    (_S.DRAFT, _E.ABANDON): Move(_S.ABANDONED, _free(_A.AGENT) | _CLOCK),
    # Somebody came back to it after all: called back after days, or cut off for long.
    (_S.ABANDONED, _E.FILE): Move(_S.NEW, _free(_A.AGENT, _A.REPORTER)),
    (_S.NEW, _E.FILE): Move(_S.NEW, _TAKERS),
    (_S.NEW, _E.ANSWER): Move(_S.ANSWERED, _free(_A.AGENT)),
    (_S.NEW, _E.VERIFY): Move(_S.VERIFYING, _TRIAGE),
    (_S.VERIFYING, _E.NEED_INFO): Move(_S.NEEDS_INFO, _TRIAGE, (_F.PUBLIC_NOTE,)),
    (_S.VERIFYING, _E.ROUTE): Move(
        _S.ROUTED, {_A.TRIAGE: Code.DECLINES, _A.HEAD: None}, (_F.UNIT,)
    ),
    (_S.VERIFYING, _E.ANSWER): Move(_S.ANSWERED, _TRIAGE, (_F.PUBLIC_NOTE,)),
    (_S.VERIFYING, _E.REJECT): Move(_S.REJECTED, _TRIAGE, (_F.REASON,)),
    (_S.VERIFYING, _E.REFER): Move(_S.REFERRED_OUT, _TRIAGE, (_F.TARGET,)),
    (_S.VERIFYING, _E.MERGE): Move(_S.MERGED, _TRIAGE, (_F.OTHER,)),
    (_S.NEEDS_INFO, _E.REPLY): Move(_S.VERIFYING, _free(_A.REPORTER, _A.AGENT)),
    (_S.NEEDS_INFO, _E.NO_REPLY): Move(_S.CLOSED, {_A.SYSTEM: Code.NO_REPLY}),
    (_S.ROUTED, _E.ACCEPT): Move(_S.IN_PROGRESS, _UNIT),
    (_S.ROUTED, _E.DECLINE): Move(_S.VERIFYING, _UNIT, (_F.REASON, _F.UNIT)),
    (_S.ROUTED, _E.RECALL): Move(_S.VERIFYING, _free(_A.TRIAGE, _A.SUPERVISOR), (_F.REASON,)),
    (_S.IN_PROGRESS, _E.RECALL): Move(_S.VERIFYING, _free(_A.TRIAGE, _A.SUPERVISOR), (_F.REASON,)),
    (_S.IN_PROGRESS, _E.RETURN): Move(_S.VERIFYING, _UNIT, (_F.REASON,)),
    (_S.IN_PROGRESS, _E.FORWARD): Move(_S.ROUTED, _UNIT, (_F.REASON, _F.UNIT)),
    (_S.IN_PROGRESS, _E.WAIT): Move(_S.WAITING, _UNIT, (_F.WAIT,)),
    (_S.IN_PROGRESS, _E.FOLLOW_UP): Move(_S.FOLLOWED_UP, _UNIT, (_F.PUBLIC_NOTE,)),
    (_S.IN_PROGRESS, _E.MERGE): Move(_S.MERGED, _free(_A.OFFICER, _A.HEAD, _A.TRIAGE), (_F.OTHER,)),
    (_S.WAITING, _E.RESUME): Move(_S.IN_PROGRESS, _UNIT),
    (_S.WAITING, _E.REPLY): Move(_S.IN_PROGRESS, _free(_A.REPORTER, _A.AGENT)),
    (_S.FOLLOWED_UP, _E.CONFIRM): Move(_S.CLOSED, _BY_PIN),
    (_S.FOLLOWED_UP, _E.SILENCE): Move(_S.CLOSED, _SILENCE),
    (_S.FOLLOWED_UP, _E.OBJECT): Move(_S.IN_PROGRESS, _BY_PIN),
    (_S.ANSWERED, _E.FILE): Move(_S.NEW, _TAKERS),  # there was more to it than a question
    (_S.ANSWERED, _E.CONFIRM): Move(_S.CLOSED, _BY_PIN),
    (_S.ANSWERED, _E.SILENCE): Move(_S.CLOSED, _SILENCE),
    (_S.ANSWERED, _E.OBJECT): Move(_S.IN_PROGRESS, _BY_PIN),
    (_S.CLOSED, _E.REOPEN): Move(_S.REOPENED, _REOPEN, (_F.REASON,)),
    (_S.REJECTED, _E.REOPEN): Move(_S.REOPENED, _REOPEN, (_F.REASON,)),
    (_S.REFERRED_OUT, _E.REOPEN): Move(_S.REOPENED, _REOPEN, (_F.REASON,)),
    (_S.REFERRED_OUT, _E.RESULT): Move(_S.REFERRED_OUT, _TRIAGE, (_F.THEIR_ID, _F.PUBLIC_NOTE)),
    (_S.REOPENED, _E.VERIFY): Move(_S.VERIFYING, _TRIAGE),
    # The case stays withdrawn, which is what its reporter hears; the unit goes on with a new one
    # that has no reporter and no PIN.
    (_S.WITHDRAWN, _E.PURSUE): Move(
        _S.WITHDRAWN, _free(_A.HEAD, _A.SUPERVISOR), (_F.REASON, _F.OTHER)
    ),
}
CASE_TABLE |= {
    (status, _E.WITHDRAW): Move(_S.WITHDRAWN, _BY_PIN) for status in _S if status not in FINAL
}


def after(status: CaseStatus, event: str) -> CaseStatus | None:
    """The status after ``event``, or None when the table refuses it."""
    move = _move(status, event)
    return None if move is None else move.to


def refusal(
    status: CaseStatus,
    event: str,
    actor: Actor,
    fields: Mapping[str, str],
    wait: WaitReason | None = None,
    *,
    message: bool = False,
) -> str | None:
    """Why ``actor`` can't do ``event`` now, or None.

    ``wait``: what a WAITING case waits for; ``message``: somebody left one on a draft. Codes:
    ``not_now`` (the table has no such way), ``not_yours`` (somebody else may), ``missing_…`` and
    ``wrong_…`` (a field). A limit that binds the actor is another matter: see :attr:`Move.by`.
    """
    move = _move(status, event)
    if move is None:
        return "not_now"
    # Words of the reporter's do not end a wait for somebody else.
    told_another = wait is not WaitReason.REPORTER
    if status is CaseStatus.WAITING and event == CaseEvent.REPLY and told_another:
        return "not_now"
    if message and event == CaseEvent.ABANDON:  # it has not been heard yet
        return "not_now"
    if actor not in move.by:
        return "not_yours"
    for needed in move.needs:
        value = fields.get(needed, "").strip()
        if not value:
            return f"missing_{needed}"
        if value not in _allowed(event, needed, value):
            return f"wrong_{needed}"
    return None


def _move(status: CaseStatus, event: str) -> Move | None:
    try:
        return CASE_TABLE.get((status, CaseEvent(event)))
    except ValueError:
        return None


def _allowed(event: str, field: Field, value: str) -> frozenset[str]:
    if field is Field.WAIT:
        return frozenset(WaitReason)
    if field is Field.REASON and event in REASONS:
        return frozenset(REASONS[CaseEvent(event)])
    return frozenset({value})


# --- how it is told -------------------------------------------------------------------------------

#: A text in each language, ``id`` and ``en``.
Text = Mapping[str, str]


class Wording(msgspec.Struct, frozen=True):
    """``lapor``: the word of LAPOR!, one of belum, proses, selesai, ditunda, dihapus."""

    text: Text
    lapor: str


def _said(indonesian: str, english: str, lapor: str) -> Wording:
    return Wording({"id": indonesian, "en": english}, lapor)


#: For pages and messages; what callers hear is ``status.…`` of the prompts.
WORDING: Mapping[CaseStatus, Wording] = {
    _S.DRAFT: _said("Terdaftar, masih bisa dilengkapi", "Registered, can be added to", "belum"),
    _S.NEW: _said("Diterima, menunggu pemeriksaan", "Received, waiting to be checked", "belum"),
    _S.VERIFYING: _said("Sedang kami periksa", "Being checked", "belum"),
    _S.NEEDS_INFO: _said(
        "Menunggu keterangan dari Anda", "Waiting for information from you", "ditunda"
    ),
    _S.ROUTED: _said(
        "Diteruskan kepada bagian yang berwenang", "Passed to the office in charge", "proses"
    ),
    _S.IN_PROGRESS: _said("Sedang ditangani", "Being handled", "proses"),
    _S.WAITING: _said(
        "Sedang ditangani, menunggu pihak lain", "Being handled, waiting for others", "ditunda"
    ),
    _S.FOLLOWED_UP: _said(
        "Sudah ditindaklanjuti, menunggu tanggapan Anda",
        "Followed up, waiting for what you say to it",
        "proses",
    ),
    _S.ANSWERED: _said("Sudah dijawab", "Answered", "proses"),
    _S.CLOSED: _said("Selesai", "Closed", "selesai"),
    _S.REJECTED: _said(
        "Tidak dapat kami lanjutkan, ada alasannya",
        "Cannot be taken further, for a reason that we give",
        "dihapus",
    ),
    # Somebody still works on these two: not here, or under another number.
    _S.REFERRED_OUT: _said(
        "Diserahkan kepada lembaga lain yang berwenang",
        "Handed to another authority in charge",
        "proses",
    ),
    _S.MERGED: _said(
        "Digabungkan dengan pengaduan Anda yang lain",
        "Joined with another complaint of yours",
        "proses",
    ),
    _S.REOPENED: _said(
        "Dibuka kembali, menunggu pemeriksaan", "Opened again, waiting to be checked", "belum"
    ),
    _S.WITHDRAWN: _said("Ditarik kembali", "Withdrawn", "dihapus"),
    _S.ABANDONED: _said("Belum lengkap dan tidak dilanjutkan", "Not completed", "dihapus"),
}

#: What a WAITING case is told as, where :data:`WORDING` would not be true.
_WAITING: Mapping[WaitReason, Text] = {
    WaitReason.REPORTER: WORDING[CaseStatus.NEEDS_INFO].text,
    WaitReason.STATUTORY: {
        "id": "Dalam tahap yang waktunya ditetapkan undang-undang",
        "en": "In a step whose time is set by law",
    },
}

#: The reasons that a reporter hears, by code. Other events' reasons are the units' own business.
REASONS: Mapping[CaseEvent, Mapping[str, Text]] = {
    _E.REJECT: {
        "not_labour": {"id": "Bukan masalah ketenagakerjaan", "en": "Not a matter of work"},
        "too_vague": {
            "id": "Keterangannya belum cukup untuk ditindaklanjuti",
            "en": "Too little is known to act on it",
        },
        "in_court": {
            "id": "Sedang diperiksa atau sudah diputus pengadilan",
            "en": "A court is deciding it, or has decided it",
        },
        "not_serious": {
            "id": "Bukan pengaduan yang sungguh-sungguh",
            "en": "Not meant as a complaint",
        },
    },
    _E.REOPEN: {
        "unsolved": {"id": "Masalahnya belum selesai", "en": "The problem is not solved"},
        "new_facts": {"id": "Ada keterangan baru", "en": "There is something new"},
        "review": {"id": "Ditinjau kembali oleh pengawas", "en": "A supervisor looks at it again"},
    },
}


def told(status: CaseStatus, wait: WaitReason | None = None) -> Text:
    """What the public is told of a case, in each language."""
    if status is CaseStatus.WAITING and wait is not None and wait in _WAITING:
        return _WAITING[wait]
    return WORDING[status].text


def open311(status: CaseStatus) -> str:
    """``open`` or ``closed``: all that Open311 knows."""
    return "closed" if status in FINAL else "open"


class Channel(StrEnum):
    """How a complaint came to us. Only what comes by telephone may have a call of ours."""

    PHONE = "phone"
    WALK_IN = "walk_in"
    LETTER = "letter"
    EMAIL = "email"
    WEB = "web"
    MESSAGE = "message"  #: a short one: SMS, WhatsApp


class CallRole(StrEnum):
    """What a call was to a case; what says most comes first."""

    OPENED = "opened"
    CONTINUED = "continued"
    STATUS_QUERY = "status_query"
    MENTIONED = "mentioned"
