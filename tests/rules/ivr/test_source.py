"""Strict YAML: what is read, what is refused, and at which line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.ivr.source import DEPTH, FILE_CHARS, Document, read


def errors(text: str) -> list[str]:
    return [str(error) for error in read("f.yaml", text)[1]]


def test_plain_values_and_their_lines() -> None:
    document, found = read("f.yaml", 'a: 1\nb:\n  - "no"\n  - {c: true, d: null, e: 1.5}\nf: -3\n')
    assert not found
    assert document.data == {"a": 1, "b": ["no", {"c": True, "d": None, "e": 1.5}], "f": -3}
    assert document.lines[("b", 1, "c")] == 4
    assert document.lines[("f",)] == 5
    assert document.error(("b", 1, "zzz", "y"), "x").line == 4


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3: a: the key is there twice"),
        ("a:\n  1: x", 'f.yaml:2: a: put the key in quotes: "1"'),
        ("a:\n  no: x", 'f.yaml:2: a: put the key in quotes: "no"'),
        ("a: no", 'f.yaml:1: a: YAML would not read this as written; put it in quotes: "no"'),
        ("a: 012", 'f.yaml:1: a: YAML would not read this as written; put it in quotes: "012"'),
        ("a: 8:30", 'f.yaml:1: a: YAML would not read this as written; put it in quotes: "8:30"'),
        (
            "a: 2026-12-31",
            'f.yaml:1: a: YAML would not read this as written; put it in quotes: "2026-12-31"',
        ),
        ("a: !!python/object:os.system x", "f.yaml:1: a: tags are not used here"),
        ("a: !x {b: 1}", "f.yaml:1: a: tags are not used here (!x)"),
        ("a: &x 1\nb: *x", "f.yaml:1: a: anchors and aliases are not used here"),
        ("a: *x", "f.yaml:1: a: anchors and aliases are not used here"),
        ("<<: {a: 1}", 'f.yaml:1: put the key in quotes: "<<"'),
        ("a: 1\n---\nb: 2", "f.yaml:2: one document a file"),
        ("a: [1, 2", "f.yaml:2: not YAML: did not find expected ',' or ']'"),
        ("a:\n\tb: 1", "f.yaml:2: not YAML: found character that cannot start any token"),
        ("? [a]\n: b", "f.yaml:1: a key must be a word"),
        ("a: \x07", "f.yaml:1: a character that YAML does not allow"),
        ("[" * 50, f"nested deeper than {DEPTH} levels"),
        ("a: " + "x" * FILE_CHARS, f"f.yaml:1: longer than {FILE_CHARS} characters"),
    ],
)
def test_refused(text: str, expected: str) -> None:
    assert any(expected in error for error in errors(text)), errors(text)


def test_several_mistakes_at_once() -> None:
    assert len(errors("1: a\nb: no\nc: 8:00\nb: 2")) == 4


def test_an_enormous_nesting_is_no_harm() -> None:
    assert errors("[" * 200_000)
    assert errors("{a: " * 60_000)


@given(st.text(max_size=80))
def test_any_text_gives_a_document(text: str) -> None:
    document, _ = read("f.yaml", text)
    assert isinstance(document, Document)


@given(st.text("ab:- \n[]{},&*!#|>\"'?\t", max_size=60))
def test_any_almost_yaml_gives_a_document(text: str) -> None:
    assert isinstance(read("f.yaml", text)[0], Document)
