"""How long a caller will wait: said only when there is enough to go by. Pure."""

from __future__ import annotations

from collections.abc import Sequence

#: With fewer talks to go by nothing is said.
FEWEST_TALKS = 5
#: A longer estimate than this is not worth saying.
LONGEST_S = 3600


def wait_s(position: int, agents: int, talks_ms: Sequence[int], wrap_up_s: int) -> int | None:
    """Seconds until the caller at ``position`` (from 1) is answered, or None: not known.

    The mean time that an agent is busy with a caller, times the callers before this one and this
    one itself, over the ``agents`` who are signed in for the topic (the classic estimate: handle
    time x position / agents). ``talks_ms`` are the latest talks.
    """
    if agents < 1 or len(talks_ms) < FEWEST_TALKS:
        return None
    handle_s = sum(talks_ms) / len(talks_ms) / 1000 + wrap_up_s
    estimate = round(handle_s * position / agents)
    return estimate if estimate <= LONGEST_S else None
