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
    """Find the case that ``number`` (10 digits, check digit right) and ``pin`` open; None: the
    newest open case of whoever has the telephone that this call comes from.

    Answered by :class:`CaseFound`, :class:`CaseNotFound` or :class:`CaseLocked`.
    """

    number: str | None
    pin: str


class RecallDraft(_Word, frozen=True, tag="recall_draft"):
    """Is there a draft that a call from the same number left behind in the last ``window_s``?

    Answered by :class:`DraftKnown` or :class:`CaseNotFound`.
    """

    window_s: int


class ResumeCase(_Word, frozen=True, tag="resume_case"):
    """Go on with ``case``, whose PIN the caller gave; None: with the draft of the same number.

    Answered by :class:`CaseResumed` or :class:`CaseNotFound`.
    """

    case: str | None
    window_s: int


class ActOnCase(_Word, frozen=True, tag="act_on_case"):
    """Do ``event`` (one of :data:`EVENTS`) to ``case`` in the reporter's name, with what was just
    recorded. Answered by :class:`CaseActed` or :class:`CaseRefused`."""

    case: str
    event: str
    reason: str | None = None
    recording: str | None = None
    seconds: int = 0


class ChoosePin(_Word, frozen=True, tag="choose_pin"):
    """Give ``case``, which this call opened, the caller's own PIN.

    Answered by :class:`PinSet` or :class:`PinWeak`.
    """

    case: str
    pin: str


class TellNote(_Word, frozen=True, tag="tell_note"):
    """The last public note of ``case``. Answered by :class:`NoteTold`."""

    case: str


class TellOpenings(_Word, frozen=True, tag="tell_openings"):
    """Who has opened ``case``. Answered by :class:`OpeningsTold`."""

    case: str


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

    ``priority`` 0 is the usual one; a higher one goes first. ``custodian``: whoever has the call's
    case in hand comes first, when ready. ``language``: those who speak it come first.
    """

    topic: str
    priority: int
    custodian: bool = False
    language: str | None = None


class AskCustodian(_Word, frozen=True, tag="ask_custodian"):
    """Who has ``case`` in hand, is ready and knows ``topic``? Answered by :class:`Custodian`."""

    case: str
    topic: str


class AskSpeakers(_Word, frozen=True, tag="ask_speakers"):
    """Who knows ``topic`` and speaks ``language`` is signed in? Answered by :class:`Speakers`."""

    topic: str
    language: str


class LeaveQueue(_Word, frozen=True, tag="leave_queue"):
    """Stop waiting. Answered by :class:`QueueLeft`.

    ``reason`` is ``timeout`` or the name of the exit that the waiting flow left by.
    """

    reason: str


class KeepPlace(_Word, frozen=True, tag="keep_place"):
    """Call the caller back at the number that they call from, in the place that they have now.
    Answered by :class:`PlaceKept` or :class:`PlaceRefused`."""


class Rejoin(_Word, frozen=True, tag="rejoin"):
    """Who was called back is there, and waits on the line. Answered by :class:`QueueJoined`."""


class MayDial(_Word, frozen=True, tag="may_dial"):
    """May the caller's number be called now? Answered by :class:`Dial`."""


class MayCallBody(_Word, frozen=True, tag="may_call_body"):
    """May the body with this code in the directory be called now, and where? Answered by
    :class:`BodyNumber`."""

    body: str


class AskPosition(_Word, frozen=True, tag="ask_position"):
    """Where in the queue is the caller? Answered by :class:`Position`."""


Need = (
    OpenCase
    | FindCase
    | RecallDraft
    | ResumeCase
    | AppendCase
    | ActOnCase
    | ChoosePin
    | TellNote
    | TellOpenings
    | AskStaff
    | JoinQueue
    | AskCustodian
    | AskSpeakers
    | LeaveQueue
    | KeepPlace
    | Rejoin
    | MayDial
    | MayCallBody
    | AskPosition
)

# --- Answers ----------------------------------------------------------------------------------


class CaseOpened(_Word, frozen=True, tag="case_opened"):
    """``number`` has 10 digits, ``pin`` 6. The pin is a secret: the visit forgets it once told."""

    case: str
    number: str
    pin: str


class CaseFound(_Word, frozen=True, tag="case_found"):
    """``status`` is one of :data:`STATUSES` (another one is spoken as ``other``); ``due``: when the
    public may expect the next step; ``late_days``: working days since then. ``head_told``: the
    head of the unit was told that it is late. ``note``: there is a public note. ``can``: the
    :data:`EVENTS` that the reporter may do now."""

    case: str
    number: str
    status: str
    topic: str
    unit: str | None = None
    due: int | None = None
    wait: str | None = None
    late_days: int = 0
    head_told: bool = False
    note: bool = False
    can: tuple[str, ...] = ()


class CaseNotFound(_Word, frozen=True, tag="case_not_found"):
    """No such number, or the wrong PIN: the caller cannot tell which."""


class CaseLocked(_Word, frozen=True, tag="case_locked"):
    """Too many wrong PINs; only an agent can help."""


class DraftKnown(_Word, frozen=True, tag="draft_known"):
    """There is one: it may be offered, and nothing of it told."""


class CaseResumed(_Word, frozen=True, tag="case_resumed"):
    case: str
    topic: str


class CaseAppended(_Word, frozen=True, tag="case_appended"):
    pass


class CaseActed(_Word, frozen=True, tag="case_acted"):
    """How the case stands now: see :class:`CaseFound`. After ``press``, ``due`` is when the unit
    must answer."""

    status: str
    unit: str | None = None
    due: int | None = None
    wait: str | None = None
    late_days: int = 0
    head_told: bool = False
    note: bool = False
    can: tuple[str, ...] = ()


class CaseRefused(_Word, frozen=True, tag="case_refused"):
    """It can't be done (any more). ``reason`` is a code."""

    reason: str


class PinSet(_Word, frozen=True, tag="pin_set"):
    pass


class PinWeak(_Word, frozen=True, tag="pin_weak"):
    """Too easily guessed; ``reason`` is one of :data:`WEAKNESSES`."""

    reason: str


class NoteTold(_Word, frozen=True, tag="note_told"):
    """``text`` None: there is none any more."""

    text: str | None


class OpeningsTold(_Word, frozen=True, tag="openings_told"):
    """``count``: how often; ``offices``: the codes of the units that did. Never who."""

    count: int
    offices: tuple[str, ...] = ()


class Custodian(_Word, frozen=True, tag="custodian"):
    """``agent`` None: nobody, or not ready."""

    agent: str | None


class Speakers(_Word, frozen=True, tag="speakers"):
    """How many are signed in."""

    signed_in: int


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


class PlaceKept(_Word, frozen=True, tag="place_kept"):
    """``call``: the id of the call in which they are called back. ``known``: they were promised
    it before, and have that earlier place."""

    call: str
    known: bool = False


class PlaceRefused(_Word, frozen=True, tag="place_refused"):
    """That number can't be called. ``reason`` is a code, never shown to the caller."""

    reason: str


class Dial(_Word, frozen=True, tag="dial"):
    """``refused``: why not now; None: it may."""

    refused: str | None = None


class BodyNumber(_Word, frozen=True, tag="body_number"):
    """``number`` in E.164; None: it may not be called, and ``refused`` says why."""

    number: str | None
    refused: str | None = None


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
    | DraftKnown
    | CaseResumed
    | CaseAppended
    | CaseActed
    | CaseRefused
    | PinSet
    | PinWeak
    | NoteTold
    | OpeningsTold
    | Staff
    | QueueJoined
    | Custodian
    | Speakers
    | QueueLeft
    | PlaceKept
    | PlaceRefused
    | Dial
    | BodyNumber
    | Position
    | NeedFailed
)

# --- What happened around the flow -------------------------------------------------------------


class Resumed(_Word, frozen=True, tag="resumed"):
    """The agent's leg was lost: the caller is waiting again, with the same entry."""


class CalledBack(_Word, frozen=True, tag="called_back"):
    """The telephone of a caller whose place was kept is answered."""


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
#: What a case may wait for (prompts ``wait.<reason>``).
WAITS = ("reporter", "third_party", "statutory")
#: What a reporter may do to a case by keys.
EVENTS = ("object", "withdraw", "reopen", "confirm", "press", "statement")
#: Why a PIN is refused (prompts ``weakness.<reason>``).
WEAKNESSES = ("digits", "repeat", "run", "date", "number")
