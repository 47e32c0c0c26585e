"""The variables that flows may use, and the ways each may be read aloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from callcenter.ivr.expressions import Kind
from callcenter.ivr.model import Variable
from callcenter.ivr.needs import STATUSES, WAITS, WEAKNESSES
from callcenter.ivr.prompts import Read


@dataclass(frozen=True)
class Known:
    """A variable. ``values``: those of an enum. ``prompted``: its words are prompts, with
    ``<name>.other`` for a value that is not listed (unless ``closed``)."""

    kind: Kind
    reads: frozenset[Read]
    sensitive: bool = False
    values: tuple[str, ...] | None = None
    prompted: bool = False
    closed: bool = False


_DIGITS = frozenset({Read.DIGITS, Read.CASE_NUMBER, Read.PIN})
_NUMBER = frozenset({Read.NUMBER})
_WORDS = frozenset({Read.WORDS})
_NONE: frozenset[Read] = frozenset()


def declared(variable: Variable) -> Known:
    """What a flow's own declaration means."""
    match variable.type:
        case "number":
            return Known(Kind.NUMBER, _NUMBER)
        case "flag":
            return Known(Kind.FLAG, _NONE)
        case "enum":
            return Known(Kind.TEXT, _WORDS, values=variable.of, prompted=True, closed=True)
    reads = _DIGITS - {Read.CASE_NUMBER} if variable.sensitive else _DIGITS
    return Known(Kind.TEXT, reads, sensitive=variable.sensitive)


def builtin(
    topics: Iterable[str], languages: Iterable[str], units: Iterable[str]
) -> Mapping[str, Known]:
    """The variables that every flow has (:data:`callcenter.ivr.walk.BUILTINS`)."""
    number = Known(Kind.NUMBER, _NUMBER)
    flag = Known(Kind.FLAG, _NONE)
    return {
        "topic": Known(Kind.TEXT, _WORDS, values=tuple(topics)),
        "language": Known(Kind.TEXT, _WORDS, values=tuple(languages), prompted=True, closed=True),
        "case": flag,
        "case_number": Known(Kind.TEXT, frozenset({Read.CASE_NUMBER, Read.DIGITS})),
        "pin": Known(Kind.TEXT, frozenset({Read.PIN}), sensitive=True),
        "status": Known(Kind.TEXT, _WORDS, values=STATUSES, prompted=True),
        "unit": Known(Kind.TEXT, _WORDS, values=tuple(units), prompted=True),
        "due": Known(Kind.NUMBER, frozenset({Read.DATE})),
        "wait": Known(Kind.TEXT, _WORDS, values=WAITS, prompted=True),
        "late_days": number,
        "head_told": flag,
        "public_note": flag,
        "may_object": flag,
        "may_withdraw": flag,
        "may_reopen": flag,
        "may_confirm": flag,
        "may_press": flag,
        "may_add": flag,
        "weakness": Known(Kind.TEXT, _WORDS, values=WEAKNESSES, prompted=True),
        "position": number,
        "wait_minutes": number,
        "recorded_s": number,
    }
