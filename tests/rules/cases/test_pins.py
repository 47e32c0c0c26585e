"""PINs: what the employer could guess is refused; guessing is stopped, whether there is a case or
not."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.pins import (
    LIMITS,
    Per,
    Tries,
    Verdict,
    answer,
    choose,
    decide,
    weak,
)

NUMBER = "2648151621"
PHONE = "+62 812-3456-7809"
HOUR, DAY = 3_600_000, 86_400_000

pins = st.text("0123456789", min_size=6, max_size=6)


@pytest.mark.parametrize(
    "pin, why",
    [
        ("12345", "digits"),
        ("1234567", "digits"),
        ("12345a", "digits"),
        ("١٢٣٤٥٦", "digits"),
        ("", "digits"),
        ("000000", "repeat"),
        ("111112", "repeat"),
        ("989898", "repeat"),
        ("372372", "repeat"),
        ("113377", "repeat"),
        ("123456", "run"),
        ("456789", "run"),
        ("567890", "run"),
        ("987654", "run"),
        ("543210", "run"),
        ("170845", "date"),  # 17 August 1945
        ("570845", "date"),  # the same, as a woman's identity number has it
        ("450817", "date"),  # year first
        ("648151", "number"),  # of the case
        ("126151", "number"),  # and backwards
        ("123459", None),
        ("567809", "number"),  # the caller's own
        ("908765", "number"),
        ("739284", None),
        ("809213", None),
    ],
)
def test_weak_pins(pin: str, why: str | None) -> None:
    assert weak(pin, NUMBER, PHONE) == why


def test_about_one_in_eleven_is_weak() -> None:
    chance = random.Random(1)
    drawn = [f"{chance.randrange(10**6):06d}" for _ in range(20_000)]
    share = sum(weak(pin, NUMBER, PHONE) is not None for pin in drawn) / len(drawn)
    assert 1 / 12 < share < 1 / 10


def test_every_birth_date_is_refused() -> None:
    for year in range(0, 100, 9):
        for month in range(1, 13):
            for day in (1, 12, 28):
                for pin in (
                    f"{day:02d}{month:02d}{year:02d}",
                    f"{day + 40:02d}{month:02d}{year:02d}",
                    f"{year:02d}{month:02d}{day:02d}",
                ):
                    assert weak(pin) is not None, pin


@given(st.integers(0, 2**32))
def test_a_pin_that_we_give_is_never_weak(seed: int) -> None:
    chance = random.Random(seed)
    pin = choose(lambda count: "".join(chance.choices("0123456789", k=count)), NUMBER)
    assert weak(pin, NUMBER) is None


def test_a_broken_source_is_found_out() -> None:
    with pytest.raises(RuntimeError):
        choose(lambda count: "1" * count, NUMBER)


# --- how often ----------------------------------------------------------------------------------


def test_the_limits() -> None:
    assert {limit.per: (limit.tries, limit.window_s) for limit in LIMITS} == {
        Per.CALL: (3, None),
        Per.CASE: (5, 86_400),
        Per.CALLER: (20, 3_600),
    }


@pytest.mark.parametrize(
    "tries, expected",
    [
        (Tries(), Verdict(allowed=True)),
        (Tries(call=[1, 2]), Verdict(allowed=True)),
        (Tries(call=[1, 2, 3]), Verdict(allowed=False, per=Per.CALL)),
        (Tries(case=[9] * 4), Verdict(allowed=True)),
        (Tries(case=[9] * 5), Verdict(allowed=False, per=Per.CASE, until=9 + DAY)),
        (Tries(case=[9, 8, 7, 6, 5]), Verdict(allowed=False, per=Per.CASE, until=5 + DAY)),
        (Tries(caller=[9] * 19), Verdict(allowed=True)),
        (Tries(caller=[9] * 20), Verdict(allowed=False, per=Per.CALLER, until=9 + HOUR)),
        (
            Tries(call=[1] * 3, case=[1] * 5, caller=[1] * 20),
            Verdict(allowed=False, per=Per.CASE, until=1 + DAY),
        ),
    ],
)
def test_the_limits_stop_guessing(tries: Tries, expected: Verdict) -> None:
    assert decide(tries, 10) == expected


def test_old_tries_are_forgotten() -> None:
    tries = Tries(case=[0] * 5, caller=[0] * 20)
    assert decide(tries, HOUR - 1).per is Per.CASE
    assert not decide(tries, DAY - 1).allowed
    assert decide(tries, DAY).allowed
    assert decide(Tries(caller=[0] * 20), HOUR).allowed


times = st.lists(st.integers(0, 2 * DAY), max_size=30)


@given(times, times, times, st.integers(0, 3 * DAY))
def test_told_until_when_it_is_so(
    call: list[int], case: list[int], caller: list[int], now: int
) -> None:
    tries = Tries(call, case, caller)
    verdict = decide(tries, now)
    if verdict.allowed:
        assert len(call) < 3
        assert sum(now - DAY < at for at in case) < 5
        assert sum(now - HOUR < at for at in caller) < 20
    elif verdict.until is not None:
        assert decide(tries, verdict.until - 1).allowed is False
        later = decide(Tries((), case, caller), max(verdict.until, now))
        assert later.allowed or (later.until or 0) > verdict.until


@given(times, times, st.integers(0, 3 * DAY), st.booleans())
def test_nobody_hears_whether_there_is_a_case(
    call: list[int], case: list[int], now: int, right: bool
) -> None:
    """A number that nobody has never gets a right PIN; till the right one comes both are told the
    same, and once locked the right one is told the same, too."""
    verdict = decide(Tries(call, case), now)
    nobodys = answer(verdict, right=False)
    assert answer(verdict, right=right) == ("found" if right and verdict.allowed else nobodys)
    assert nobodys in ("unknown", "locked")


def test_pins_are_spread_over_what_is_left() -> None:
    """What was refused is not made up for by a favourite."""
    chance = random.Random(7)
    draws = [
        choose(lambda count: "".join(chance.choices("0123456789", k=count)), NUMBER)
        for _ in range(2_000)
    ]
    assert len(set(draws)) > 1_980
