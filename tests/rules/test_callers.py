"""Callers' numbers as networks give them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.calls.callers import normalise


@pytest.mark.parametrize(
    "raw,number",
    [
        ("+62 811-1234-567", "+628111234567"),
        ("08111234567", "+628111234567"),
        ("628111234567", "+628111234567"),
        ("+60 3-8000 8000", "+60380008000"),
        ("(021) 525 5733", "+62215255733"),
        ("anonymous", None),
        ("Anonymous", None),
        (" unavailable ", None),
        ("", None),
        (None, None),
        ("sip:nobody", None),
    ],
)
def test_one_spelling_for_each_number(raw: str | None, number: str | None) -> None:
    assert normalise(raw) == number


def test_what_is_no_number_keeps_its_digits_at_most() -> None:
    assert normalise("112") in ("112", "+62112")
    assert len(normalise("9" * 100) or "") <= 21


@given(st.text(max_size=60))
def test_any_text_at_all(raw: str) -> None:
    found = normalise(raw)
    assert found is None or re.fullmatch(r"\+?[0-9]{1,20}", found)
    assert found is None or normalise(found) is not None


@given(st.integers(10**6, 10**11).map(lambda number: f"+62{number}"))
def test_a_number_is_its_own_spelling(number: str) -> None:
    found = normalise(number)
    assert found is not None
    assert normalise(found) == found
