"""Where a case stands in lists: one number, so that every list is read along an index.

First what is due, by its moment; then what is open and has nothing due, the latest change first;
then what is over, the latest change first.
"""

from __future__ import annotations

from typing import Final

from callcenter.cases.statuses import FINAL, CaseStatus

#: Later than any moment, epoch ms.
_NEVER: Final = 10**15
#: All that is open stands before this.
OVER: Final = 15 * 10**14


def place_of(status: CaseStatus, due_at: int | None, updated_at: int) -> int:
    """Smaller comes first."""
    if status in FINAL and due_at is None:
        return 2 * _NEVER - updated_at
    return _NEVER - updated_at if due_at is None else due_at
