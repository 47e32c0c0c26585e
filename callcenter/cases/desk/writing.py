"""What is written down of a case at the desk, and how its plain fields are checked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from callcenter.cases import texts
from callcenter.cases.clocks import Statute
from callcenter.cases.deadlines import STATUTES, Code
from callcenter.cases.errors import BadForm
from callcenter.cases.reporters.service import Minute
from callcenter.cases.rules import Rules

MINUTES: Final = 24 * 60
#: Nobody reports for more.
WORKERS_MOST: Final = 10_000_000
_REGENCY: Final = re.compile(r"[1-9][0-9]{3}")
_HOURS: Final = ("safe_from", "safe_until", "call_from", "call_until")


class Contact(msgspec.Struct, frozen=True):
    """How a reporter may be reached; None leaves as it is, an empty text empties. Hours in minutes
    since midnight in ``zone``, an IANA name."""

    may_message: bool | None = None
    may_call: bool | None = None
    safe_from: Minute = None
    safe_until: Minute = None
    call_from: Minute = None
    call_until: Minute = None
    zone: str | None = None
    language: str | None = None


class Form(msgspec.Struct, frozen=True):
    """None leaves a field as it is; an empty text empties it. ``phones``: E.164 → whether others
    answer it. ``statutes``: a period that a law gives → the day on which it began (ISO), or empty:
    it did not. ``anonymous``: it becomes so, for ever."""

    topic: str | None = None
    province: str | None = None
    regency: str | None = None
    incident_on: str | None = None
    workers: int | None = None
    secret: bool | None = None
    anonymous: bool | None = None
    language: str | None = None
    narrative: str | None = None
    summary: str | None = None
    employer: str | None = None
    name: str | None = None
    minor: bool | None = None
    phones: Mapping[str, bool] | None = None
    safe_contact: Contact | None = None
    statutes: Mapping[str, str] | None = None

    def named(self) -> list[str]:
        """The fields that are given."""
        return [name for name in self.__struct_fields__ if getattr(self, name) is not None]

    def begun(self, known: Iterable[Statute]) -> Iterator[tuple[Code, str]]:
        """The statutory periods that begin on another day than before."""
        before = {one.code.value: one.on.isoformat() for one in known}
        for code, on in (self.statutes or {}).items():
            if on != before.get(code, ""):
                yield Code(code), on


def plain(form: Form, rules: Rules, today: dt.date) -> dict[str, Any]:
    """The plain columns that ``form`` gives.

    Raises:
        BadForm: with every field that can't be stored, also those of the person.
    """
    wrong: dict[str, str] = {}
    columns: dict[str, Any] = {
        name: one
        for name in ("secret", "language", "workers")
        if (one := getattr(form, name)) is not None
    }
    if form.anonymous:
        columns["anonymous"] = True
    if (summary := form.summary) is not None:
        if why := texts.wrong(summary, texts.SUMMARY_CHARS):
            wrong["summary"] = why
        columns["summary"] = summary or None
    if form.workers is not None and not 0 <= form.workers <= WORKERS_MOST:
        wrong["workers"] = f"0 to {WORKERS_MOST}"
    columns |= _places(form, rules, wrong)
    if form.incident_on is not None:
        day = _day(form.incident_on)
        if form.incident_on and (day is None or day > today):
            wrong["incident_on"] = "a day as 2026-03-13, not in the future"
        columns["incident_on"] = day
    wrong |= _wrong_statutes(form.statutes or {}, today)
    if form.safe_contact is not None and (why := _wrong_contact(form.safe_contact)):
        wrong["safe_contact"] = why
    if wrong:
        raise BadForm(wrong)
    return columns


def _places(form: Form, rules: Rules, wrong: dict[str, str]) -> dict[str, str | None]:
    """The place of work. A regency tells its province."""
    columns: dict[str, str | None] = {}
    for name, where in (("province", _province), ("regency", _regency)):
        if (code := getattr(form, name)) is not None:
            columns[name] = code or None
            if code and (why := where(code, rules)):
                wrong[name] = why
    regency = columns.get("regency")
    if regency and not regency.startswith(columns.setdefault("province", regency[:2]) or ""):
        wrong["regency"] = "lies in another province"
    return columns


def _province(code: str, rules: Rules) -> str | None:
    return None if code in rules.units.provinces else "no such province"


def _regency(code: str, rules: Rules) -> str | None:
    known = _REGENCY.fullmatch(code) and code[:2] in rules.units.provinces
    return None if known else "four digits, the first two those of a province"


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _wrong_statutes(statutes: Mapping[str, str], today: dt.date) -> dict[str, str]:
    for code, on in statutes.items():
        if code not in STATUTES:
            return {"statutes": f"there is no period {code}"}
        day = _day(on)
        if on and (day is None or day > today):
            return {"statutes": f"{code}: a day as 2026-03-13, not in the future"}
    return {}


def _wrong_contact(contact: Contact) -> str | None:
    hours = [one for name in _HOURS if isinstance(one := getattr(contact, name), int)]
    if any(not 0 <= one <= MINUTES for one in hours):
        return f"hours: 0 to {MINUTES} minutes since midnight"
    if contact.zone:
        try:
            ZoneInfo(contact.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return "zone: no such time zone"
    return None
