"""Whom we call back. Whoever could have us call anywhere would have us pay, or pester others. Pure.

Only the number that a caller comes from is called, never one that they key in.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import phonenumbers

from callcenter.line import Line
from callcenter.settings import Settings

#: Calls to one number in a day, whatever asks for them.
A_DAY_EACH = 6
DAY_MS = 86_400_000

#: Its telephones are only pages.
SIMULATOR = "simulator"
_DEAR = (phonenumbers.PhoneNumberType.PREMIUM_RATE, phonenumbers.PhoneNumberType.SHARED_COST)


class Outgoing(msgspec.Struct, frozen=True):
    """What the operator allows. ``lines``: those that can call a telephone; ``prefixes``: how the
    numbers begin (E.164); ``a_day``: calls in 24 hours, on all lines together."""

    lines: frozenset[str]
    prefixes: tuple[str, ...]
    a_day: int


def allowed(settings: Settings, lines: Mapping[str, Line]) -> Outgoing:
    """What the settings allow on the lines that there are."""
    dial = (name for name, line in lines.items() if line.capabilities.phone or name == SIMULATOR)
    return Outgoing(frozenset(dial), settings.callback_prefixes, settings.callbacks_a_day)


def refusal(outgoing: Outgoing, line: str, number: str | None, today_each: int) -> str | None:
    """Why a caller is not called back, None: they are. ``number``: in E.164, None when withheld;
    ``today_each``: how often it was called in the last 24 hours."""
    if line not in outgoing.lines or outgoing.a_day == 0:
        return "line"
    if number is None:
        return "withheld"
    if not number.startswith(outgoing.prefixes):
        return "not_allowed"
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "not_allowed"
    if not phonenumbers.is_possible_number(parsed) or phonenumbers.number_type(parsed) in _DEAR:
        return "not_allowed"
    return "cap" if today_each >= A_DAY_EACH else None
