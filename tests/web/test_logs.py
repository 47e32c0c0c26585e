"""Logs hold no personal data, whoever writes them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from callcenter.web import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Where all logs of the test go."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def last(written: io.StringIO) -> dict[str, object]:
    line: dict[str, object] = json.loads(written.getvalue().splitlines()[-1])
    return line


@pytest.mark.parametrize(
    "said",
    [
        "+6281112345678",
        "6281112345678",
        "0811-1234-5678",
        "0811 1234 5678",
        "(021)5255733",
        "2498765432",
        "24 9876 5432",
        "123456",
    ],
)
def test_what_looks_like_a_number_of_somebody_is_blotted_out(
    written: io.StringIO, said: str
) -> None:
    digits = "".join(filter(str.isdigit, said))
    structlog.get_logger("t").warning("call from " + said, detail=[said], other={"x": said})
    logging.getLogger("library").warning("INVITE sip:%s@host", said)
    try:
        raise ValueError(said)
    except ValueError:
        logging.getLogger("library").exception("failed with %r", said)
    told = written.getvalue()
    assert digits[-6:] not in told
    assert said not in told


@pytest.mark.parametrize("field", ["caller", "number", "pin", "narrative", "password", "username"])
def test_some_fields_are_never_written(written: io.StringIO, field: str) -> None:
    structlog.get_logger("t").info("event", **{field: "Siti"})
    assert last(written)[field] == "[private]"


def test_ids_counts_and_times_stay(written: io.StringIO) -> None:
    made = "0199a1b2c3d4e5f60718293a4b5c6d7e"
    structlog.get_logger("t").info("event", call=made, seq=1234567, took_ms=12.5, ok=True)
    line = last(written)
    assert (line["call"], line["seq"], line["took_ms"], line["ok"]) == (made, 1234567, 12.5, True)
    assert line["event"] == "event"
    assert line["level"] == "info"
    assert str(line["timestamp"]).startswith("20")


def test_a_log_line_is_one_line_whatever_is_in_it(written: io.StringIO) -> None:
    logging.getLogger("library").warning("first\nsecond \u2028 third")
    assert len(written.getvalue().splitlines()) <= 2
    assert written.getvalue().count("\n") == 1
