"""Numbers in words: against the rules of each language, read backwards by another method."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.reader import MOST, READERS

INDONESIAN, ENGLISH = READERS["id"], READERS["en"]
UNITS = {word: value for value, word in enumerate(INDONESIAN.digits)}


def parse_indonesian(words: str) -> int:
    """Words to a number, by multiplying and adding from left to right."""
    total, part = 0, 0
    sizes = {"belas": 10, "puluh": 10, "ratus": 100, "ribu": 1000}
    for word in words.split():
        if word in UNITS:
            part = UNITS[word]
            total += part
            continue
        head, size = (1, word.removeprefix("se")) if word.startswith("se") else (None, word)
        if head is None:
            total -= part
            if size == "ribu":
                total, part = (total + part) * 1000, 0
                continue
        value = head if head is not None else part
        assert value >= 1
        assert head == 1 or value >= 2, f"{words}: one of a unit is se-"
        total += value + 10 if size == "belas" else value * sizes[size]
        part = 0
    return total


def test_every_indonesian_number_reads_back() -> None:
    for number in range(MOST + 1):
        words = INDONESIAN.number(number)
        assert parse_indonesian(words) == number, words
        assert "satu belas" not in words
        assert "satu puluh" not in words
        assert "satu ratus" not in words
        assert not words.startswith("satu ribu")


@pytest.mark.parametrize(
    "number, indonesian, english",
    [
        (0, "nol", "zero"),
        (10, "sepuluh", "ten"),
        (11, "sebelas", "eleven"),
        (12, "dua belas", "twelve"),
        (19, "sembilan belas", "nineteen"),
        (20, "dua puluh", "twenty"),
        (21, "dua puluh satu", "twenty-one"),
        (100, "seratus", "one hundred"),
        (101, "seratus satu", "one hundred and one"),
        (111, "seratus sebelas", "one hundred and eleven"),
        (999, "sembilan ratus sembilan puluh sembilan", "nine hundred and ninety-nine"),
        (1000, "seribu", "one thousand"),
        (1001, "seribu satu", "one thousand and one"),
        (1111, "seribu seratus sebelas", "one thousand, one hundred and eleven"),
        (2026, "dua ribu dua puluh enam", "two thousand and twenty-six"),
        (9010, "sembilan ribu sepuluh", "nine thousand and ten"),
        (10000, "satu nol nol nol nol", "one zero zero zero zero"),
        (-3, "minus tiga", "minus three"),
    ],
)
def test_numbers(number: int, indonesian: str, english: str) -> None:
    assert INDONESIAN.number(number) == indonesian
    assert ENGLISH.number(number) == english


def test_no_two_numbers_sound_the_same() -> None:
    for reader in READERS.values():
        assert len({reader.number(number) for number in range(MOST + 1)}) == MOST + 1


@given(st.text("0123456789*#", min_size=1, max_size=20))
def test_spelled_digits_are_one_word_each(keys: str) -> None:
    for reader in READERS.values():
        names = {reader.key(key): key for key in "0123456789*#"}
        assert len(names) == 12
        assert "".join(names[word] for word in reader.spelled(keys).split()) == keys


def test_dates() -> None:
    assert INDONESIAN.date(dt.date(2026, 8, 17)) == "tujuh belas Agustus dua ribu dua puluh enam"
    assert ENGLISH.date(dt.date(2026, 8, 17)) == (
        "the seventeenth of August, two thousand and twenty-six"
    )
    days = {ENGLISH.date(dt.date(2026, 1, day)) for day in range(1, 32)}
    assert len(days) == 31
    assert ENGLISH.date(dt.date(2026, 1, 31)).startswith("the thirty-first of")
    assert ENGLISH.date(dt.date(2026, 1, 22)).startswith("the twenty-second of")
    assert ENGLISH.date(dt.date(2026, 1, 30)).startswith("the thirtieth of")
