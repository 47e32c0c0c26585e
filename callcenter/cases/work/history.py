"""What a case's Facts say of it: its steps, its statutory periods, tries to reach the reporter, and
the message that was left on a draft."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import msgspec

from callcenter.cases import clocks
from callcenter.cases.clocks import Statute, Step
from callcenter.cases.deadlines import Code
from callcenter.cases.facts import CaseFact
from callcenter.cases.statuses import CaseEvent, CaseStatus

#: The Facts that :func:`fold` reads.
KINDS = (
    CaseFact.CASE_OPENED,
    CaseFact.CASE_MOVED,
    CaseFact.STATUTE_SET,
    CaseFact.CONTACT_TRIED,
    CaseFact.MESSAGE_LEFT,
)
_STEPS = (CaseFact.CASE_OPENED.value, CaseFact.CASE_MOVED.value)


class Past(msgspec.Struct, frozen=True):
    """``contacts``: tries to reach the reporter since something was asked of them. ``message_at``:
    when, while it was a draft, the first message was left."""

    steps: tuple[Step, ...] = ()
    statutes: tuple[Statute, ...] = ()
    contacts: int = 0
    message_at: int | None = None


class _Fact(msgspec.Struct):
    """A Fact as it is stored, without what is not needed here."""

    kind: str
    at: int
    data: dict[str, str | int | bool] = {}


_decode = msgspec.json.Decoder(_Fact).decode


def fold(texts: Iterable[str]) -> Past:
    """The past of one case from the texts of its Facts, oldest first."""
    facts = [_decode(text) for text in texts]
    past = Past()
    for one in facts:
        if one.kind in _STEPS:
            past = with_move(past, one.at, one.data)
        elif one.kind == CaseFact.STATUTE_SET:
            past = with_statute(past, str(one.data["code"]), str(one.data["on"]))
        elif one.kind == CaseFact.MESSAGE_LEFT:
            past = with_message(past, one.at)
        else:
            past = msgspec.structs.replace(past, contacts=past.contacts + 1)
    return past


def with_move(past: Past, at: int, data: Mapping[str, object]) -> Past:
    """After one more event, which a Fact tells with ``data``."""
    (step,) = clocks.fold([(at, data)])
    contacts = 0 if step.event is CaseEvent.NEED_INFO else past.contacts
    return msgspec.structs.replace(past, steps=(*past.steps, step), contacts=contacts)


def with_statute(past: Past, code: str, on: str) -> Past:
    """After a period's first day was told; an empty one takes it back."""
    kept = tuple(one for one in past.statutes if one.code != code)
    if on:
        kept += (Statute(Code(code), dt.date.fromisoformat(on)),)
    return msgspec.structs.replace(past, statutes=kept)


def with_message(past: Past, at: int) -> Past:
    """After a message was left."""
    draft = bool(past.steps) and past.steps[-1].status is CaseStatus.DRAFT
    if not draft or past.message_at is not None:
        return past
    return msgspec.structs.replace(past, message_at=at)


def opened_at(steps: Iterable[Step]) -> int:
    """When it was last opened; 0 when it has no history."""
    found = 0
    for step in steps:
        if found == 0 or step.status is CaseStatus.REOPENED:
            found = step.at
    return found
