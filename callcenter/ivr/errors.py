"""How flow files are refused: every mistake, with its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class FlowError:
    """One mistake: ``line`` counts from 1, ``field`` is a dotted path (``nodes.topic.next``)."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.message}"


class FlowErrors(Exception):
    """The files are refused; ``errors`` lists every reason, in the order of files and lines."""

    def __init__(self, errors: Iterable[FlowError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(map(str, self.errors)))
