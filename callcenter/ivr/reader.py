"""Numbers, digits, keys and dates in words, as they are spoken.

Indonesian: 11 is *sebelas*, 12 to 19 are *… belas*, and one ten, hundred or thousand is *se-*
(*sepuluh, seratus, seribu*). Numbers from 0 to :data:`MOST`; larger ones are read digit by digit.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: The largest number with words of its own.
MOST = 9999
#: Of a text that is free, characters.
FREE_CHARS = 600
_NUMBERS = re.compile(r"[0-9]+")


@dataclass(frozen=True)
class Reader:
    """One language. ``keys`` names the twelve keys of a telephone, ``missing`` is said for a value
    that is not known, ``yes`` and ``no`` for a flag."""

    digits: tuple[str, ...]
    star: str
    hash: str
    minus: str
    missing: str
    months: tuple[str, ...]
    words: Callable[[int], str]
    date_of: Callable[[Reader, dt.date], str]

    def number(self, number: int) -> str:
        """``number`` in words; beyond :data:`MOST` its digits."""
        if number < 0:
            return f"{self.minus} {self.number(-number)}"
        return self.words(number) if number <= MOST else self.spelled(str(number))

    def spelled(self, digits: str) -> str:
        """Digits one by one, in one breath."""
        return " ".join(map(self.key, digits))

    def free(self, text: str) -> str:
        """What somebody wrote, fit to be spoken: numbers in words, no signs that steer a display,
        at most :data:`FREE_CHARS`."""
        shown = "".join(sign if sign.isprintable() else " " for sign in text[:FREE_CHARS])
        return " ".join(_NUMBERS.sub(self._digits, shown).split())

    def _digits(self, found: re.Match[str]) -> str:
        digits = found[0]
        plain = len(digits) <= 4 and (digits == "0" or digits[0] != "0")
        said = self.number(int(digits)) if plain else self.spelled(digits)
        return f" {said} "

    def key(self, key: str) -> str:
        """The name of a telephone key (``0``-``9``, ``*``, ``#``)."""
        if key == "*":
            return self.star
        return self.hash if key == "#" else self.digits[int(key)]

    def date(self, date: dt.date) -> str:
        return self.date_of(self, date)


ID_DIGITS = (
    "nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan",
)  # fmt: skip


def _se(number: int, unit: str) -> str:
    """``seratus``, ``dua ratus``: one of a unit is a prefix."""
    return f"se{unit}" if number == 1 else f"{_indonesian(number)} {unit}"


def _indonesian(number: int) -> str:
    if number < 10:
        return ID_DIGITS[number]
    if number < 20:
        return "sepuluh" if number == 10 else _se(number - 10, "belas")
    size, unit = (10, "puluh") if number < 100 else (100, "ratus")
    if number >= 1000:
        size, unit = 1000, "ribu"
    head, rest = divmod(number, size)
    said = _se(head, unit)
    return f"{said} {_indonesian(rest)}" if rest else said


def _indonesian_date(reader: Reader, date: dt.date) -> str:
    day, month = reader.number(date.day), reader.months[date.month - 1]
    return f"{day} {month} {reader.number(date.year)}"


EN_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
EN_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
EN_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
    "eighteenth", "nineteenth", "twentieth",
)  # fmt: skip


def _english(number: int) -> str:
    if number < 20:
        return EN_SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return f"{EN_TENS[tens - 2]}-{EN_SMALL[rest]}" if rest else EN_TENS[tens - 2]
    size, unit = (100, "hundred") if number < 1000 else (1000, "thousand")
    head, rest = divmod(number, size)
    said = f"{_english(head)} {unit}"
    if not rest:
        return said
    return f"{said} and {_english(rest)}" if rest < 100 else f"{said}, {_english(rest)}"


def _english_date(reader: Reader, date: dt.date) -> str:
    if date.day <= 20:
        day = EN_ORDINALS[date.day - 1]
    elif date.day == 30:
        day = "thirtieth"
    else:
        day = f"{EN_TENS[date.day // 10 - 2]}-{EN_ORDINALS[date.day % 10 - 1]}"
    return f"the {day} of {reader.months[date.month - 1]}, {reader.number(date.year)}"


READERS: Mapping[str, Reader] = {
    "id": Reader(
        digits=ID_DIGITS,
        star="bintang",
        hash="pagar",
        minus="minus",
        missing="tidak diketahui",
        months=(
            "Januari", "Februari", "Maret", "April", "Mei", "Juni", "Juli", "Agustus",
            "September", "Oktober", "November", "Desember",
        ),
        words=_indonesian,
        date_of=_indonesian_date,
    ),
    "en": Reader(
        digits=EN_SMALL[:10],
        star="star",
        hash="hash",
        minus="minus",
        missing="not known",
        months=(
            "January", "February", "March", "April", "May", "June", "July", "August",
            "September", "October", "November", "December",
        ),
        words=_english,
        date_of=_english_date,
    ),
}  # fmt: skip
