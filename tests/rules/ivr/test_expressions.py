"""Expressions: what they mean, against Python itself; and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.expressions import (
    LARGEST,
    BadExpression,
    Kind,
    NoValue,
    compile_expression,
)
from callcenter.ivr.visit import Value

KINDS = {"n": Kind.NUMBER, "m": Kind.NUMBER, "t": Kind.TEXT, "f": Kind.FLAG}
VALUES: dict[str, Value] = {"n": 3, "m": -2, "t": "abc", "f": True}


def value(text: str, values: dict[str, Value] | None = None) -> Value:
    return compile_expression(text, KINDS).run((values or VALUES).get)


numbers = st.recursive(
    st.sampled_from(["n", "m"]) | st.integers(0, 99).map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["+", "-"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        )
        | inner.map(lambda text: f"(-{text})")
    ),
    max_leaves=6,
)
flags = st.recursive(
    st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join)
    | st.sampled_from(["f", "true", "false", "t == 'abc'", "t in ('a', 'abc')", "n not in (3, 4)"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        )
        | inner.map(lambda text: f"not ({text})")
        | st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) if ({p[1]}) else ({p[2]})")
    ),
    max_leaves=6,
)


@given(flags | numbers)
def test_means_what_python_means(text: str) -> None:
    words = {"true": True, "false": False, **VALUES}
    expected = eval(text, {"__builtins__": {}}, words)  # the oracle, on text made above
    if len(text) <= 500:
        assert value(text) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("t == none", False),
        ("none", None),
        ("len(t) == 3 and starts_with(t, 'ab')", True),
        ("t if f else none", "abc"),
        ("'x' if false else t", "abc"),
        ("-n", -3),
    ],
)
def test_words_and_functions(text: str, expected: Value) -> None:
    assert value(text) == expected


@pytest.mark.parametrize("text", ["n < 3", "n + 1", "-n", "len(t)", "starts_with(t, 'a')"])
def test_a_missing_value_is_told(text: str) -> None:
    with pytest.raises(NoValue):
        value(text, {"n": None, "t": None})
    assert value("n == none", {"n": None}) is True


def test_numbers_end() -> None:
    with pytest.raises(NoValue):
        value("n + n", {"n": LARGEST})
    with pytest.raises(BadExpression):
        value(str(LARGEST + 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "n *",
        "n * 2",
        "n ** 9999999",
        "n % 2",
        "9 if n else 1",
        "f + 1",
        "t < 'b'",
        "t == 3",
        "n == 'abc'",
        "zzz",
        "t.upper()",
        "t[0]",
        "__import__('os')",
        "(lambda: 1)()",
        "[n for n in (1, 2)]",
        "f'{n}'",
        "True",
        "None",
        "1.5",
        "n in ()",
        "n in t",
        "n in ('a', 'b')",
        "t in (none, 'a')",
        "1 < n < 5",
        "n is m",
        "len(n)",
        "len(t, t)",
        "not n",
        "n and f",
        "t if f else 3",
        "n := 3",
        "print(t)",
        "'a' + 'b'",
        "(" * 300 + "n" + ")" * 300,
        "n" + " + n" * 200,
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        compile_expression(text, KINDS)


def test_deep_but_short_is_no_harm() -> None:
    assert value("not " * 100 + "f") is True


@given(st.text(max_size=60))
def test_any_text_is_refused_or_compiled(text: str) -> None:
    try:
        compile_expression(text, KINDS)
    except BadExpression:
        pass
