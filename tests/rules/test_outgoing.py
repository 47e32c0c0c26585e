"""Whom we call back, and whom not."""

from __future__ import annotations

import pytest

from callcenter.calls.outgoing import A_DAY_EACH, Outgoing, refusal

OURS = Outgoing(frozenset({"asterisk"}), ("+62",), 500)
MOBILE = "+6281234567890"


def test_a_caller_within_all_limits_is_called_back() -> None:
    assert refusal(OURS, "asterisk", MOBILE, 0) is None
    assert refusal(OURS, "asterisk", MOBILE, A_DAY_EACH - 1) is None


@pytest.mark.parametrize(
    "line, number, today, why",
    [
        ("twilio", MOBILE, 0, "line"),
        ("asterisk", None, 0, "withheld"),
        ("asterisk", "+6591234567", 0, "not_allowed"),  # another country
        ("asterisk", "+628091234567", 0, "not_allowed"),  # premium rate
        ("asterisk", "+62812", 0, "not_allowed"),  # too short to be one
        ("asterisk", "anonymous", 0, "not_allowed"),
        ("asterisk", MOBILE, A_DAY_EACH, "cap"),
    ],
)
def test_anybody_else_is_not(line: str, number: str | None, today: int, why: str) -> None:
    assert refusal(OURS, line, number, today) == why


def test_nobody_is_promised_a_call_that_the_operator_allows_to_none() -> None:
    assert refusal(Outgoing(OURS.lines, OURS.prefixes, 0), "asterisk", MOBILE, 0) == "line"
