"""Check digits and patterns."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.checks import DAMM, compile_regex, damm, is_case_number


def test_damm_is_a_quasigroup_that_finds_single_errors_and_swaps() -> None:
    """The two properties of Damm's dissertation (2004), checked over the whole table."""
    table = [[int(digit) for digit in row] for row in DAMM]
    for row in table:
        assert sorted(row) == list(range(10))
    for column in zip(*table, strict=True):
        assert sorted(column) == list(range(10))
    for digit in range(10):
        assert table[digit][digit] == 0
    for start in range(10):
        for one in range(10):
            for other in range(one):
                assert table[table[start][one]][other] != table[table[start][other]][one]


def test_known_check_digits() -> None:
    assert damm("572") == "4"
    assert damm("264815162") == "1"
    assert is_case_number("2648151621")


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_noticed(body: str, place: int, digit: int) -> None:
    number = body + damm(body)
    assert is_case_number(number)
    wrong = number[:place] + str(digit) + number[place + 1 :]
    assert is_case_number(wrong) == (wrong == number)


@pytest.mark.parametrize(
    "digits", ["", "264815162", "26481516210", "264815162a", "２６４８１５１６２１"]
)
def test_what_is_no_case_number(digits: str) -> None:
    assert not is_case_number(digits)


def test_patterns() -> None:
    assert compile_regex(r"08\d{8,11}").fullmatch("081234567890")
    assert compile_regex("(1|2)[0-9]{3}?".removesuffix("?")).fullmatch("2026")
    assert compile_regex("[13-5]?7").fullmatch("47")


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\d+)+",
        r"\d*",
        r"(1{1,9}){1,9}",
        r"(1?)?",
        "a",
        "(?i)1",
        "[[0-9]",
        "[9-0]",
        "(1",
        "1{9,2}",
        r"\w",
        "1{1}{1}",
        "1?2?3?4?5?",
        "",
    ],
)
def test_patterns_that_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_regex(pattern)


def test_no_allowed_pattern_is_slow() -> None:
    worst = compile_regex(r"\d{0,20}\d{0,20}\d{0,20}\d{0,20}1(2|3)")
    started = time.perf_counter()
    assert not worst.fullmatch("4" * 20)
    assert time.perf_counter() - started < 1
