"""What may happen to a webhook on its way, made to happen to the one that a test names.

Webhooks are numbered in the order in which Twilio has a reason to send them, from 0. Media that
Play fetches is not counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What happens to one webhook."""

    REPEAT = "repeat"  #: the answer is lost on its way; the same request again, this answer counts
    LATE_COPY = "late_copy"  #: it arrives, and once more after its successor
    DELAY = "delay"  #: held back until its successor was answered
    DROP_ONCE = "drop_once"  #: the first attempt reaches nobody; Twilio tries again
    DROP = "drop"  #: no attempt reaches anybody
    LOSE_ANSWER = "lose_answer"  #: it is carried out, but Twilio never hears the answer
    SERVER_ERROR = "server_error"  #: a proxy on the way answers 502


@dataclass
class Chaos:
    """``plan``: index of a webhook -> its fault. ``choose`` decides where the plan says nothing.

    ``before`` is awaited before a webhook is sent (-1: before media is fetched): the place to kill
    the application between two.
    ``hold_s``: how long a delayed webhook waits for a successor that does not come; it must stay
    below the 15 s that a webhook may take.
    """

    plan: dict[int, Fault] = field(default_factory=dict)
    choose: Callable[[int, str, dict[str, str]], Fault | None] | None = None
    before: Callable[[int], Awaitable[None]] | None = None
    hold_s: float = 5.0

    def fault(self, index: int, url: str, params: dict[str, str]) -> Fault | None:
        """The fault of webhook ``index``."""
        if index in self.plan:
            return self.plan[index]
        return self.choose(index, url, params) if self.choose else None
