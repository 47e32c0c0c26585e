"""What each figure means. One definition for the board and for every report.

The words: a caller is *answered* when an agent's leg is up and both are in the room (not when
somebody clicks), *abandoned* when it hangs up while waiting. Who leaves the queue by a key or a
time limit is neither. A caller who is answered, loses the agent and waits again was answered once.
"""

from __future__ import annotations

from typing import Final

import msgspec

#: The promise that the service level measures: 80 % within 20 s is the usual target.
TARGET_MS: Final = 20_000
#: Who hangs up before this hardly waited: wrong number, changed mind. Counted, shown, left out of
#: the rates.
SHORT_ABANDON_MS: Final = 5_000


class Counts(msgspec.Struct):
    """Sums over some stretch of time. An event belongs to the stretch in which it happened, so a
    caller who arrives at 09:59 and is answered at 10:01 is in two hours."""

    arrived: int = 0  #: calls, whatever became of them
    queued: int = 0  #: callers who entered the queue
    answered: int = 0
    answered_in_target: int = 0  #: ... after at most TARGET_MS in the queue
    abandoned: int = 0
    abandoned_short: int = 0  #: ... in less than SHORT_ABANDON_MS
    left: int = 0  #: left the queue by a key or a time limit
    callbacks: int = 0  #: callers who hung up and keep their place, to be called back
    called_back: int = 0  #: ... and were reached
    given_up: int = 0  #: ... and were not, however often they were called
    messages: int = 0  #: messages left
    cases: int = 0  #: complaints opened
    waited_ms: int = 0  #: sum over the answered
    longest_wait_ms: int = 0  #: over the answered and the abandoned

    def add(self, other: Counts) -> None:
        """Take another stretch into this one."""
        for field in self.__struct_fields__:
            if field != "longest_wait_ms":
                setattr(self, field, getattr(self, field) + getattr(other, field))
        self.longest_wait_ms = max(self.longest_wait_ms, other.longest_wait_ms)


def average_wait_s(counts: Counts) -> float | None:
    """Average speed of answer: mean time from entering the queue to being answered, over the
    answered only, in seconds; None when nobody was answered.

    Waits of callers who gave up are left out; ``longest_wait_s`` shows them.
    """
    if not counts.answered:
        return None
    return round(counts.waited_ms / counts.answered / 1000, 1)


def longest_wait_s(counts: Counts) -> int | None:
    """The longest time in the queue of anybody answered or abandoned, in whole seconds; None when
    there was nobody. Who still waits is on the board by name of topic, not in here."""
    if not counts.answered + counts.abandoned:
        return None
    return counts.longest_wait_ms // 1000


def service_level(counts: Counts) -> float | None:
    """Answered within TARGET_MS / (answered + abandoned - short abandons), 0..1; None of nobody.
    Who is called back is in neither: nobody waits on the line.

    Definitions that also count quick hang-ups as served reward bad service; this one does not.
    """
    offered = counts.answered + counts.abandoned - counts.abandoned_short
    return round(counts.answered_in_target / offered, 4) if offered else None


def abandon_rate(counts: Counts) -> float | None:
    """(Abandoned - short abandons) / (answered + abandoned - short abandons), 0..1; None of
    nobody. Who left by a key or a time limit is shown beside it, not in it."""
    offered = counts.answered + counts.abandoned - counts.abandoned_short
    return round((counts.abandoned - counts.abandoned_short) / offered, 4) if offered else None
