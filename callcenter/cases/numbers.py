"""Case numbers and PINs: ``YY NNNN NNNC`` with a Damm check digit, and six secret digits."""

from __future__ import annotations

#: The quasigroup of order 10 that H. M. Damm gives (thesis, 2004): it finds every single wrong
#: digit and every swap of neighbours.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)

NUMBER_DIGITS = 10
PIN_DIGITS = 6


def check_digit(digits: str) -> str:
    """The Damm check digit of a string of decimal digits."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return str(interim)


def valid(number: str) -> bool:
    """Whether ``number`` is ten ASCII digits whose check digit is right."""
    return (
        len(number) == NUMBER_DIGITS
        and number.isascii()
        and number.isdigit()
        and check_digit(number) == "0"
    )


def make_number(year: int, draw: str) -> str:
    """A case number from the year and seven random digits."""
    body = f"{year % 100:02d}{draw}"
    return body + check_digit(body)


def groups(number: str) -> str:
    """``2648151621`` as it is spoken and written: ``26 4815 1621``."""
    return f"{number[:2]} {number[2:6]} {number[6:]}"


def typed(text: str) -> str | None:
    """The number in what somebody typed, as ``26 4815 1621`` or ``26-4815-1621``; None when its
    digits are not ten or its check digit is wrong, so that nothing need be looked up."""
    number = "".join(sign for sign in text if not (sign.isspace() or sign in "-–.‑"))
    return number if valid(number) else None
