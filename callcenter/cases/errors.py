"""Why something can't be done to a case."""

from __future__ import annotations

from collections.abc import Sequence

from callcenter.cases.views import CaseView, Change


class Refused(Exception):
    """What was asked for is not possible now, or not like this; nothing was changed.

    ``code``: of ``statuses.refusal``, ``clocks.guard``, ``assignments.Refusal``,
    ``duplicates.Refusal``, or ``unknown``. ``field``: the one that is wrong, None when it is none.
    """

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code if field is None else f"{field}: {code}")
        self.code = code
        self.field = field


class StaleCase(Exception):
    """Somebody else changed the case since the version that was seen. ``version``: what it is in
    now; ``current``: the case as it is, for its agent; ``changes``: what became different, as far
    as whoever is told may see it."""

    def __init__(
        self,
        case: str,
        version: int,
        current: CaseView | None = None,
        changes: Sequence[Change] = (),
    ) -> None:
        super().__init__("the case was changed meanwhile")
        self.case = case
        self.version = version
        self.current = current
        self.changes = changes


class BadForm(ValueError):
    """A field can't be stored. ``fields``: its name → why."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields
