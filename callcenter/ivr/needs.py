"""What a flow must know, or have done, before it can go on: Needs and their Answers.

A :class:`~callcenter.ivr.engine.Step` with a Need is answered in the same transaction, and the
engine is stepped again with the Answer. Every Need has the Answers named in its docstring, and any
Need may be answered by :class:`NeedFailed`.

Times are UTC epoch milliseconds; ``*_s`` are whole seconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class _Word(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """A frozen, tagged record; ``type`` names it in JSON."""


# --- Needs ------------------------------------------------------------------------------------


class OpenCase(_Word, frozen=True, tag="open_case"):
    """Open a draft for this call. Answered by :class:`CaseOpened`."""

    topic: str
    language: str


class FindCase(_Word, frozen=True, tag="find_case"):
    """Find the case that ``number`` (10 digits, check digit right) and ``pin`` open.

    Answered by :class:`CaseFound`, :class:`CaseNotFound` or :class:`CaseLocked`.
    """

    number: str
    pin: str


class AppendCase(_Word, frozen=True, tag="append_case"):
    """Add this call's message to ``case``. Answered by :class:`CaseAppended`.

    ``recording`` is the name that the line gave it, None when there is none.
    """

    case: str
    recording: str | None
    seconds: int


class AskStaff(_Word, frozen=True, tag="ask_staff"):
    """Who could take a call about ``topic`` now? Answered by :class:`Staff`."""

    topic: str


class JoinQueue(_Word, frozen=True, tag="join_queue"):
    """Wait for an agent. Answered by :class:`QueueJoined`.

    ``priority`` 0 is the usual one; a higher one goes first.
    """

    topic: str
    priority: int


class LeaveQueue(_Word, frozen=True, tag="leave_queue"):
    """Stop waiting. Answered by :class:`QueueLeft`.

    ``reason`` is ``timeout`` or the name of the exit that the waiting flow left by.
    """

    reason: str


class AskPosition(_Word, frozen=True, tag="ask_position"):
    """Where in the queue is the caller? Answered by :class:`Position`."""


Need = OpenCase | FindCase | AppendCase | AskStaff | JoinQueue | LeaveQueue | AskPosition

# --- Answers ----------------------------------------------------------------------------------


class CaseOpened(_Word, frozen=True, tag="case_opened"):
    """``number`` has 10 digits, ``pin`` 6. The pin is a secret: the visit forgets it once told."""

    case: str
    number: str
    pin: str


class CaseFound(_Word, frozen=True, tag="case_found"):
    """``status`` is one of :data:`STATUSES` (another one is spoken as ``other``); ``due``: when the
    public may expect the next step."""

    case: str
    number: str
    status: str
    topic: str
    unit: str | None = None
    due: int | None = None


class CaseNotFound(_Word, frozen=True, tag="case_not_found"):
    """No such number, or the wrong PIN: the caller cannot tell which."""


class CaseLocked(_Word, frozen=True, tag="case_locked"):
    """Too many wrong PINs; only an agent can help."""


class CaseAppended(_Word, frozen=True, tag="case_appended"):
    pass


class Staff(_Word, frozen=True, tag="staff"):
    """``waiting`` callers are before this one; ``wait_s`` None: not known."""

    signed_in: int
    ready: int
    waiting: int
    wait_s: int | None = None


class QueueJoined(_Word, frozen=True, tag="queue_joined"):
    """``position`` counts from 1."""

    entry: str
    position: int


class QueueLeft(_Word, frozen=True, tag="queue_left"):
    pass


class Position(_Word, frozen=True, tag="position"):
    """``position`` counts from 1; ``wait_s`` None: not known."""

    position: int
    wait_s: int | None = None


class NeedFailed(_Word, frozen=True, tag="need_failed"):
    """The store could not do it. ``reason`` is a code, never shown to the caller."""

    reason: str


Answer = (
    CaseOpened
    | CaseFound
    | CaseNotFound
    | CaseLocked
    | CaseAppended
    | Staff
    | QueueJoined
    | QueueLeft
    | Position
    | NeedFailed
)

# --- What happened around the flow -------------------------------------------------------------


class Resumed(_Word, frozen=True, tag="resumed"):
    """The agent's leg was lost: the caller is waiting again, with the same entry."""


class TalkEnded(_Word, frozen=True, tag="talk_ended"):
    """The talk with the agent is over; ``by``: who hung up first."""

    by: Literal["agent", "caller"]


#: The statuses of a case that flows have words for (prompts ``status.<status>``).
STATUSES = (
    "draft",
    "new",
    "verifying",
    "needs_info",
    "routed",
    "in_progress",
    "waiting",
    "followed_up",
    "answered",
    "closed",
    "rejected",
    "referred_out",
    "reopened",
    "merged",
    "withdrawn",
    "abandoned",
)
