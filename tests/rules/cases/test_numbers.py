"""Case numbers: the Damm check digit, held against an oracle that was made in another way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases import numbers
from callcenter.ivr import checks

digits = st.text("0123456789", min_size=1, max_size=20)

#: Damm's quasigroup as Wikipedia prints it, used the other way round: the check digit is the one
#: with which the whole runs out at 0.
_TABLE = (
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


def oracle(body: str) -> str:
    def ends_at(text: str) -> str:
        interim = "0"
        for digit in text:
            interim = _TABLE[int(interim)][int(digit)]
        return interim

    (found,) = [digit for digit in "0123456789" if ends_at(body + digit) == "0"]
    return found


def test_published_examples() -> None:
    assert numbers.check_digit("572") == "4"  # Wikipedia
    assert numbers.check_digit("264815162") == "1"  # the number that our documents show
    assert numbers.valid("2648151621")
    assert numbers.groups("2648151621") == "26 4815 1621"


def test_the_table_is_a_weakly_totally_antisymmetric_quasigroup() -> None:
    """What makes it find every wrong digit and every swap (Damm 2004)."""
    table = [[int(digit) for digit in row] for row in _TABLE]
    for row in table:
        assert sorted(row) == list(range(10))
    for column in zip(*table, strict=True):
        assert sorted(column) == list(range(10))
    for c in range(10):
        assert table[c][c] == 0
        for x in range(10):
            for y in range(10):
                if x != y:
                    assert table[table[c][x]][y] != table[table[c][y]][x]


@given(digits)
def test_check_digit_is_the_oracles(body: str) -> None:
    assert numbers.check_digit(body) == oracle(body) == checks.damm(body)


@given(st.integers(2000, 2199), st.text("0123456789", min_size=7, max_size=7))
def test_every_number_is_valid_and_every_single_mistake_is_found(year: int, draw: str) -> None:
    number = numbers.make_number(year, draw)
    assert numbers.valid(number)
    assert checks.is_case_number(number)
    assert number.startswith(f"{year % 100:02d}{draw}")
    for place in range(10):
        for digit in "0123456789":
            if digit != number[place]:
                assert not numbers.valid(number[:place] + digit + number[place + 1 :])
    for place in range(9):
        left, right = number[place], number[place + 1]
        if left != right:
            assert not numbers.valid(number[:place] + right + left + number[place + 2 :])


@given(st.text(max_size=12))
def test_anything_else_is_not_a_number(text: str) -> None:
    right = len(text) == 10 and set(text) <= set("0123456789") and oracle(text[:9]) == text[9]
    assert numbers.valid(text) is right
    assert checks.is_case_number(text) is right


def test_digits_of_other_scripts_are_not_a_number() -> None:
    arabic = "".join(chr(0x0660 + int(digit)) for digit in "2648151621")
    assert arabic.isdigit()
    assert not numbers.valid(arabic)
    assert not numbers.valid("²648151621")


@given(st.integers(2000, 2199), st.text("0123456789", min_size=7, max_size=7))
def test_a_number_is_read_however_it_is_typed(year: int, draw: str) -> None:
    number = numbers.make_number(year, draw)
    for written in (number, numbers.groups(number), numbers.groups(number).replace(" ", "-")):
        assert numbers.typed(f" {written}\n") == number
    assert numbers.typed(number[:9]) is None
    assert numbers.typed(number + "0") is None


def test_what_is_mistyped_is_no_number() -> None:
    for text in ("", "2648151612", "26 4815 162l", "+2648151621", "1916449"):
        assert numbers.typed(text) is None
