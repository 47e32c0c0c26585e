"""Read flow files: either a :class:`FlowSet`, or every error in them at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from callcenter.ivr.flowset import FlowSet


@dataclass(frozen=True, order=True)
class FlowError:
    """One mistake: ``line`` counts from 1, ``field`` is a dotted path (``nodes.topic.next``)."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


class FlowErrors(Exception):
    """The files are refused; ``errors`` lists every reason, in the order of files and lines."""

    def __init__(self, errors: Iterable[FlowError]) -> None:
        self.errors = tuple(sorted(errors))
        super().__init__("\n".join(map(str, self.errors)))


def load(folder: Path, topics: frozenset[str] | None = None) -> FlowSet:
    """The flows in ``folder`` (``flows/*.yaml prompts/*.yaml calendars/*.yaml topics.yaml``).

    ``topics``: the codes that the application knows; None: those of ``topics.yaml``.

    Raises:
        FlowErrors: with all errors of all files.
    """
    raise NotImplementedError


def parse(sources: Mapping[str, str], topics: frozenset[str] | None = None) -> FlowSet:
    """The same from stored sources (:attr:`FlowSet.sources`)."""
    raise NotImplementedError
