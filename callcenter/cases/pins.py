"""PINs: which are too easily guessed, and how often one may guess.

The one who would like to guess is the employer. An employer has the worker's identity card, and so
the birth date, and the telephone number; so a PIN made of them is refused as ``654321`` is. Of
the million PINs about one in eleven is weak, which leaves enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.numbers import PIN_DIGITS

_RUNS: Final = ("01234567890", "09876543210")
#: A PIN that is drawn is weak once in eleven times; so many in a row never.
_DRAWS: Final = 200


class Weakness(StrEnum):
    """Why a PIN is refused; each is a prompt."""

    DIGITS = "digits"  #: not six digits
    REPEAT = "repeat"  #: one or two different digits, or a part again and again
    RUN = "run"  #: one after the other
    DATE = "date"  #: a birth date, as people or the identity card write it
    NUMBER = "number"  #: digits of the case's or the caller's own number


def weak(pin: str, number: str = "", phone: str = "") -> Weakness | None:
    """Why ``pin`` is refused, or None.

    ``number``: the case's; ``phone``: the caller's, digits in any spelling, where it is known.
    """
    if len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        return Weakness.DIGITS
    if len(set(pin)) <= 2 or pin == pin[:3] * 2 or pin == pin[:2] * 3 or _pairs(pin):
        return Weakness.REPEAT
    if any(pin in run for run in _RUNS):
        return Weakness.RUN
    if _date(pin):
        return Weakness.DATE
    known = "".join(sign for sign in phone if sign.isdigit())
    if any(pin in own or pin[::-1] in own for own in (number, known)):
        return Weakness.NUMBER
    return None


def _pairs(pin: str) -> bool:
    """``112233``."""
    return all(pin[place] == pin[place + 1] for place in (0, 2, 4))


def _date(pin: str) -> bool:
    """Day, month, year or year, month, day. An identity number has the first within it, with 40
    added to the day of a woman."""
    first, month, last = int(pin[:2]), int(pin[2:4]), int(pin[4:])
    if not 1 <= month <= 12:
        return False
    return 1 <= first <= 31 or 41 <= first <= 71 or 1 <= last <= 31


def choose(draw: Callable[[int], str], number: str) -> str:
    """A PIN that is not weak. ``draw(count)`` gives random digits.

    Raises:
        RuntimeError: the source gives weak ones without end, so it is not random.
    """
    for _ in range(_DRAWS):
        pin = draw(PIN_DIGITS)
        if weak(pin, number) is None:
            return pin
    raise RuntimeError("the source of random digits is broken")


# --- how often ----------------------------------------------------------------------------------


class Per(StrEnum):
    """What is counted."""

    CALL = "call"
    CASE = "case"
    CALLER = "caller"


class Limit(msgspec.Struct, frozen=True):
    """So many wrong PINs in ``window_s``; None: for as long as it lasts."""

    per: Per
    tries: int
    window_s: int | None


CASE_TRIES: Final = 5
CALLER_TRIES: Final = 20
CALL_TRIES: Final = 3
LIMITS: Final = (
    Limit(Per.CASE, CASE_TRIES, 86_400),
    Limit(Per.CALLER, CALLER_TRIES, 3_600),
    Limit(Per.CALL, CALL_TRIES, None),
)


class Tries(msgspec.Struct, frozen=True):
    """When PINs were refused, epoch ms, in any order: in this call, for this case number (also one
    that nobody has), from this caller's number (none when it is withheld)."""

    call: Sequence[int] = ()
    case: Sequence[int] = ()
    caller: Sequence[int] = ()


class Verdict(msgspec.Struct, frozen=True):
    """``until``: epoch ms; None: until the call is over."""

    allowed: bool
    per: Per | None = None
    until: int | None = None


def decide(tries: Tries, now: int) -> Verdict:
    """Whether one more PIN may be tried.

    Nothing in here knows whether there is such a case, so an unknown number is locked as a known
    one is. Where several limits are reached, the one that lasts longest is told.
    """
    reached = []
    for limit in LIMITS:
        times: Sequence[int] = getattr(tries, limit.per.value)
        if limit.window_s is not None:
            window_ms = limit.window_s * 1000
            times = [at for at in times if now - window_ms < at]
        if len(times) >= limit.tries:
            # Free again when so many have grown old that fewer than `tries` are left.
            last = sorted(times)[-limit.tries]
            until = None if limit.window_s is None else last + limit.window_s * 1000
            reached.append(Verdict(allowed=False, per=limit.per, until=until))
    return max(reached, key=lambda one: one.until or 0, default=Verdict(allowed=True))


def answer(verdict: Verdict, *, right: bool) -> str:
    """What is said after a try: ``found``, ``unknown`` (no such number, or a wrong PIN) or
    ``locked``, where not even the right PIN is heard."""
    if not verdict.allowed:
        return "locked"
    return "found" if right else "unknown"
