"""What an event carries, by :class:`~callcenter.cases.statuses.Field`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from callcenter.cases import statuses
from callcenter.cases.errors import Refused
from callcenter.cases.statuses import CaseEvent, CaseStatus, Field, Outcome, WaitReason

_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")


def reason(fields: Mapping[str, str]) -> str | None:
    """The code of a reason, None when there is none.

    Raises:
        Refused: it is no code.
    """
    code = fields.get(Field.REASON, "").strip()
    if code and not _REASON.fullmatch(code):
        raise Refused("wrong_reason", Field.REASON)
    return code or None


def outcome(fields: Mapping[str, str]) -> str | None:
    """What came of it, None where nobody can say.

    Raises:
        Refused: there is no such outcome.
    """
    code = fields.get(Field.OUTCOME, "").strip()
    if code and code not in set(Outcome):
        raise Refused("wrong_outcome", Field.OUTCOME)
    return code or None


def some(status: CaseStatus, event: CaseEvent) -> dict[str, str]:
    """Fields that would do: to know whether an event is possible at all."""
    entry = statuses.CASE_TABLE.get((status, event))
    some = {needed.value: "x" for needed in (entry.needs if entry else ())}
    if event in statuses.REASONS:
        some[Field.REASON] = next(iter(statuses.REASONS[event]))
    return some | {Field.WAIT.value: WaitReason.REPORTER.value}
