"""How a reporter may be reached: never by a telephone that others answer, only within the hours
that they gave, and not at night where they gave none. Pure."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from callcenter.messages import rules
from callcenter.messages.rules import Allowed, Hours

#: Hours of whoever gave none, in minutes since midnight: nobody is woken.
DAYTIME: Final = (7 * 60, 21 * 60)

#: Minutes since midnight, None: not said.
Minute = int | None


class Contact(msgspec.Struct, frozen=True):
    """``phones`` in E.164, without those that others answer, an employer's say. ``written`` and
    ``called``: from when until when, in ``zone``."""

    phones: tuple[str, ...]
    may_message: bool
    may_call: bool
    written: tuple[Minute, Minute] = (None, None)
    called: tuple[Minute, Minute] = (None, None)
    zone: str | None = None


def to_write(contact: Contact, home: str) -> Hours:
    """When the reporter may be written to. ``home``: the zone of whoever named none that there
    is."""
    return _hours(contact.written, contact.zone, home)


def to_call(contact: Contact, home: str) -> Hours:
    """When somebody may ring the reporter up: as it was said of calls, or else of messages."""
    said = contact.called if any(one is not None for one in contact.called) else contact.written
    return _hours(said, contact.zone, home)


def _hours(said: tuple[Minute, Minute], zone: str | None, home: str) -> Hours:
    start, end = (one if one is not None else day for one, day in zip(said, DAYTIME, strict=True))
    return Hours(start, end, zone if zone and _known(zone) else home)


def _known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        return False
    return True


def number(contact: Contact, allowed: Allowed) -> str | None:
    """The telephone that is written to; one that we may write to comes first. None: none may be."""
    if not contact.may_message or not contact.phones:
        return None
    ours = (one for one in contact.phones if rules.may_answer(allowed, one))
    return next(ours, contact.phones[0])


def call_at(contact: Contact, home: str, now: int) -> int | None:
    """From when on somebody may ring the reporter up: ``now``, or later; None: never."""
    if not contact.may_call or not contact.phones:
        return None
    return rules.next_within(to_call(contact, home), now)
