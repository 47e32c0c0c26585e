"""What makes digits that a caller keyed in right or wrong, before anybody looks them up."""

from __future__ import annotations

import re

#: The quasigroup of order 10 by H. Michael Damm (dissertation, Marburg 2004); the digits
#: with their check digit run through it end at 0.
DAMM = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)
#: A case number, digits.
CASE_NUMBER_DIGITS = 10


def damm(digits: str) -> str:
    """The check digit of ``digits``; 0 when they already end with the right one."""
    row = 0
    for digit in digits:
        row = int(DAMM[row][int(digit)])
    return str(row)


def is_case_number(digits: str) -> bool:
    """Ten digits, the last of them right."""
    return (
        len(digits) == CASE_NUMBER_DIGITS
        and digits.isascii()
        and digits.isdigit()
        and damm(digits) == "0"
    )


#: Quantifiers in a ``regex``: with 20 digits and no nesting, matching stays short.
QUANTIFIERS = 4
_SIMPLE = re.compile(
    r"(?:[0-9]|\\d|\[(?:[0-9](?:-[0-9])?)+\]|\((?!\?)|\)|\||\?|\{[0-9]{1,2}(?:,[0-9]{1,2})?\})+\Z"
)


def compile_regex(pattern: str) -> re.Pattern[str]:
    """A pattern over digits: ``08\\d{8,11}``, ``(1|2)[0-9]{3}``.

    Only digits, ``\\d``, ``[…]``, ``(…|…)``, ``?`` and ``{n,m}`` on single digits, so that no
    pattern can make a match slow.

    Raises:
        ValueError: it is not such a pattern; the message says why.
    """
    if not _SIMPLE.match(pattern):
        raise ValueError("a pattern holds digits, \\d, [0-9], (1|2), ? and {1,3} only")
    if re.search(r"\)[?{]|[?}][?{]", pattern):
        raise ValueError("no ? or {…} after a group or after another one")
    if len(re.findall(r"[?{]", pattern)) > QUANTIFIERS:
        raise ValueError(f"more than {QUANTIFIERS} of ? and {{…}}")
    try:
        return re.compile(pattern, re.ASCII)
    except (re.error, OverflowError) as bad:
        raise ValueError(f"not a pattern: {bad}") from None
