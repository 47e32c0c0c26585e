"""What is measured, and how it is shown: a table for people, JSON for machines."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence

import msgspec

#: Of the table, characters.
WIDTH = 118


class Figure(msgspec.Struct, frozen=True):
    """One line of the table.

    ``values``: name → number in ``unit``; the empty name is shown without one. ``samples``: how
    many times it was measured, 0 where that says nothing. ``note``: what to know while reading.
    """

    name: str
    values: Mapping[str, float | None]
    unit: str
    samples: int = 0
    note: str = ""


class Part(msgspec.Struct, frozen=True):
    """The figures of one part of the run; ``failed`` says why there are no more of them."""

    title: str
    figures: tuple[Figure, ...] = ()
    failed: str | None = None
    took_s: float = 0.0


class Run(msgspec.Struct, frozen=True):
    """A whole run, as it is written to the JSON file. ``began_at``: UTC epoch milliseconds."""

    began_at: int
    took_s: float
    machine: Mapping[str, str]
    parts: tuple[Part, ...]


def one(name: str, value: float | None, unit: str, note: str = "", samples: int = 0) -> Figure:
    """A figure of one number."""
    return Figure(name, {"": value}, unit, samples, note)


def spread(name: str, times_s: Sequence[float], note: str = "") -> Figure:
    """p50 and p99 of ``times_s`` (seconds), in milliseconds. p99 of few samples is the largest."""
    values = {
        "p50": _rounded(quantile(times_s, 0.5) * 1000) if times_s else None,
        "p99": _rounded(quantile(times_s, 0.99) * 1000) if times_s else None,
    }
    return Figure(name, values, "ms", len(times_s), note)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of ``values`` do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _rounded(value: float) -> float:
    """Three digits that say something."""
    return float(f"{value:.3g}")


def table(run: Run) -> Iterable[str]:
    """The lines of the table."""
    yield ""
    for name, text in run.machine.items():
        yield f"  {name:12} {text}"
    width = max((len(figure.name) for part in run.parts for figure in part.figures), default=20)
    for part in run.parts:
        yield ""
        yield f"{part.title}  ({part.took_s:.0f} s)"
        for figure in part.figures:
            numbers = "   ".join(_number(name, figure) for name in figure.values)
            samples = f"  n={figure.samples}" if figure.samples else ""
            line = f"  {figure.name:{width}}  {numbers} {figure.unit}{samples}"
            short = len(line) + len(figure.note) < WIDTH
            yield f"{line}  {figure.note}".rstrip() if short else line
            if not short:
                yield from textwrap.wrap(
                    figure.note, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
                )
        if part.failed is not None:
            yield f"  FAILED: {part.failed}"
    yield ""
    yield f"The whole run took {run.took_s:.0f} s."


def _number(name: str, figure: Figure) -> str:
    value = figure.values[name]
    shown = "-" if value is None else f"{value:,.3f}" if value < 1 else f"{value:,.1f}"
    if value is not None and value >= 100:
        shown = f"{value:,.0f}"
    return f"{name} {shown}" if name else shown
