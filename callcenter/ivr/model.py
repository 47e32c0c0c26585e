"""The files under ``ivr_flows/`` as typed records: what each field means, and its limits.

``docs/flows.md`` is the author's guide to the same. Whether names point at something is checked in
:mod:`callcenter.ivr.check`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from callcenter.topics import Compartment, Priority, Track

#: Nodes in one flow.
NODES = 200
#: Variables in all flows together.
VARIABLES = 14
#: Digits of a variable.
DIGITS = 20


def _pattern(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern, strict=True)


Id = Annotated[str, _pattern(r"^[a-z][a-z0-9_]{0,31}$")]
Name = Annotated[str, _pattern(r"^[a-z][a-z0-9_]{0,23}$")]
Word = Annotated[str, _pattern(r"^[a-z][a-z0-9_]{0,23}$")]
PromptKey = Annotated[str, _pattern(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"), Field(max_length=64)]
Key = Annotated[str, _pattern(r"^[0-9*#]$")]
Language = Annotated[str, _pattern(r"^[a-z]{2}$")]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=2000)]


def _several(value: object) -> object:
    """One prompt may be written without a list."""
    if isinstance(value, str):
        return (value,)
    return value


Prompts = Annotated[
    tuple[PromptKey, ...], BeforeValidator(_several), Field(min_length=1, max_length=8)
]
Tapered = Annotated[tuple[PromptKey, ...], BeforeValidator(_several), Field(max_length=4)]


def _count(least: int, most: int) -> object:
    return Field(ge=least, le=most)


class Record(BaseModel):
    """Frozen; an unknown field is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Node(Record):
    """``note`` is for the reader of the flow."""

    note: Text | None = None


class Say(Node):
    """Say ``prompt`` and go on. With ``barge_in: false`` it is heard to its end."""

    type: Literal["say"]
    prompt: Prompts
    barge_in: StrictBool = True
    next: Id


class Asking(Node):
    """What all questions share. ``attempts``: silences, or wrong keys, until ``on_fail``; the n-th
    one is answered by the n-th (or last) prompt of ``silence`` or ``wrong``."""

    attempts: Annotated[StrictInt, _count(1, 4)] = 3
    silence: Tapered = ("silence.1", "silence.2")
    wrong: Tapered = ("wrong.1", "wrong.2")
    #: Key 0 leads to the flow's ``operator``.
    operator: StrictBool = True
    on_fail: Id


class Option(Record):
    """Spoken as the prompt ``menu.option`` ("Untuk …, tekan …"), unless ``hidden``. ``label`` may
    be left out when there is a ``topic``: its label is said. A ``language``, which has neither, is
    offered in its own words (prompt ``language.offer``) to callers who hear another one. ``when``:
    only then is the option there."""

    label: PromptKey | None = None
    topic: Word | None = None
    language: Language | None = None
    when: Text | None = None
    set: dict[Name, StrictInt | StrictBool | Text] = {}
    hidden: StrictBool = False
    to: Id


class Menu(Asking):
    """Choose by one key. ``*`` says it all again, ``repeats`` times at most (0: there is no such
    key). ``on_silence``: silence is an answer and leads there."""

    type: Literal["menu"]
    prompt: Annotated[Tapered, Field(max_length=8)] = ()
    options: Annotated[dict[Key, Option], Field(min_length=1, max_length=10)]
    repeats: Annotated[StrictInt, _count(0, 9)] = 3
    timeout_s: Annotated[StrictInt, _count(4, 30)] = 6
    on_silence: Id | None = None


class LanguageChoice(Node):
    """Offer other languages, each in its own words (prompt ``language.offer``). Silence, or any
    other key, keeps the language."""

    type: Literal["language"]
    options: Annotated[dict[Key, Language], Field(min_length=1, max_length=8)]
    timeout_s: Annotated[StrictInt, _count(1, 30)] = 3
    next: Id


class Collect(Asking):
    """Digits, into the variable ``save``. 0 alone leads to the operator when ``min`` is above 1,
    and ``*`` alone says the question again, or leads to ``star``. ``confirm`` is a prompt that
    reads the digits back."""

    type: Literal["collect"]
    prompt: Prompts
    save: Name
    min: Annotated[StrictInt, _count(1, DIGITS)]
    max: Annotated[StrictInt, _count(1, DIGITS)]
    finish: Literal["#", "*", ""] = "#"
    first_s: Annotated[StrictInt, _count(4, 60)] = 8
    inter_s: Annotated[StrictInt, _count(1, 30)] = 4
    check: Literal["digits", "case_number"] = "digits"
    regex: Annotated[str, StringConstraints(strict=True, max_length=80)] | None = None
    confirm: Prompts | None = None
    star: Id | None = None
    next: Id


class Hours(Node):
    """Look at a calendar. Without ``holiday``, holidays go to ``closed``."""

    type: Literal["hours"]
    calendar: Id
    open: Id
    closed: Id
    holiday: Id | None = None


class Set(Node):
    """Set variables to expressions; ``forget`` makes variables none. ``speaks``: an agent who
    speaks this language comes first from now on; there need be no prompts in it."""

    type: Literal["set"]
    vars: dict[Name, StrictInt | StrictBool | Text] = {}
    forget: Annotated[tuple[Name, ...], BeforeValidator(_several)] = ()
    speaks: Language | None = None
    next: Id


class When(Record):
    when: Text
    to: Id


class Branch(Node):
    """The first case that is true, or ``else``, also when a value that it needs is none."""

    type: Literal["branch"]
    cases: Annotated[tuple[When, ...], Field(min_length=1, max_length=20)]
    otherwise: Annotated[Id, Field(alias="else")]


class RecordMessage(Node):
    """Record the caller. ``consent`` is a question answered by 1 (yes) or 2 (no, or silence:
    ``on_refuse``) before the beep; ``on_empty``: nothing was said."""

    type: Literal["record"]
    prompt: Prompts
    consent: Prompts | None = None
    max_s: Annotated[StrictInt, _count(5, 600)] = 120
    silence_s: Annotated[StrictInt, _count(2, 30)] = 5
    beep: StrictBool = True
    finish: Literal["#", "*", ""] = "#"
    next: Id
    on_empty: Id
    on_refuse: Id | None = None


class OpenCase(Node):
    """Open a draft about the chosen topic, or ``default_topic``. ``about``: a topic within it that
    is already clear. A call that already has a case keeps it."""

    type: Literal["case"]
    action: Literal["open"]
    default_topic: Word
    about: Word | None = None
    next: Id
    on_fail: Id | None = None


class FindCase(Node):
    """Find a case by the variables ``number`` and ``pin``; the PIN is forgotten at once. With
    ``star``, no number means the newest open case of the telephone that calls."""

    type: Literal["case"]
    action: Literal["find"]
    number: Name
    pin: Name
    star: StrictBool = False
    found: Id
    not_found: Id
    locked: Id
    on_fail: Id | None = None


class RecallDraft(Node):
    """Is there a draft that a call from this telephone left behind, not longer than ``window_h``
    ago? Its caller may be asked whether to go on with it; nothing of it is told."""

    type: Literal["case"]
    action: Literal["recall"]
    window_h: Annotated[StrictInt, _count(1, 168)] = 24
    found: Id
    not_found: Id
    on_fail: Id | None = None


class ResumeCase(Node):
    """Go on with the case whose PIN was given, or with the draft that was recalled."""

    type: Literal["case"]
    action: Literal["resume"]
    window_h: Annotated[StrictInt, _count(1, 168)] = 24
    next: Id
    not_found: Id
    on_fail: Id | None = None


class ActOnCase(Node):
    """Do ``event`` to the call's case in its reporter's name: only for who gave the PIN or opened
    the case in this call. What was just recorded goes with it. ``refused``: it can't be done."""

    type: Literal["case"]
    action: Literal["act"]
    event: Literal["object", "withdraw", "reopen", "confirm", "press", "statement"]
    reason: Word | None = None
    next: Id
    refused: Id
    on_fail: Id | None = None


class ChoosePin(Node):
    """The digits in ``pin`` become the PIN of the case that this call opened; they are forgotten at
    once. ``weak``: the variable ``weakness`` says why not."""

    type: Literal["case"]
    action: Literal["choose_pin"]
    pin: Name
    next: Id
    weak: Id
    on_fail: Id | None = None


class TellCase(Node):
    """Say what is only asked for now and kept nowhere: after ``prompt`` the last public ``note``,
    or ``prompt`` with the slots ``{opened|words}`` (how often) and ``{offices|words}`` of the
    ``openings``. ``nothing``: there is none."""

    type: Literal["case"]
    action: Literal["tell"]
    what: Literal["note", "openings"]
    prompt: Prompts
    next: Id
    nothing: Id
    on_fail: Id | None = None


class AppendCase(Node):
    """Add the recording to the call's case."""

    type: Literal["case"]
    action: Literal["append"]
    next: Id
    on_fail: Id | None = None


class Queue(Node):
    """Wait for an agent. ``while_waiting`` is a flow that is walked meanwhile; ``exits`` are the
    ways out that its ``leave`` nodes name. ``prefer: custodian``: whoever has the call's case in
    hand is asked first, when ready, for a short while. ``nobody``: no agent for the topic is
    signed in. ``resumed`` is said when an agent was lost and the caller waits again.
    ``called_back`` is the flow of callers whose place a ``callback`` node kept, once they answer
    their telephone."""

    type: Literal["queue"]
    default_topic: Word
    priority: Annotated[StrictInt, _count(0, 9)] = 0
    prefer: Literal["custodian"] | None = None
    while_waiting: Id
    called_back: Id | None = None
    max_wait_s: Annotated[StrictInt, _count(30, 7200)] = 900
    resumed: Tapered = ()
    answered: Id
    timeout: Id
    nobody: Id
    exits: dict[Word, Id] = {}
    on_fail: Id | None = None


class AskPosition(Node):
    """Learn the caller's place in the queue: variables ``position`` and ``wait_minutes``."""

    type: Literal["position"]
    next: Id


class WaitMusic(Node):
    """Music for ``seconds``, or until one of ``keys``."""

    type: Literal["wait"]
    seconds: Annotated[StrictInt, _count(5, 300)]
    keys: Annotated[dict[Key, Id], Field(max_length=10)] = {}
    next: Id


class Leave(Node):
    """Leave the queue, by the exit of that name."""

    type: Literal["leave"]
    exit: Word


class Callback(Node):
    """Keep the caller's place in the queue and call them back: leave by the exit of that name.
    ``refused``: their number is withheld, or is none that we call."""

    type: Literal["callback"]
    exit: Word
    refused: Id


class Rejoin(Node):
    """Who was called back wants to talk: they wait on the line, mostly for an agent who is there
    already."""

    type: Literal["rejoin"]


class CallFlow(Node):
    """Walk another flow. Its ``return`` comes to ``next``, or to the exit it names."""

    type: Literal["call"]
    flow: Id
    next: Id
    exits: dict[Word, Id] = {}


class Return(Node):
    """Go back to the flow that called."""

    type: Literal["return"]
    exit: Word | None = None


class Hangup(Node):
    """Say goodbye and hang up."""

    type: Literal["hangup"]
    prompt: Prompts


CaseNode = Annotated[
    OpenCase | FindCase | RecallDraft | ResumeCase | ActOnCase | ChoosePin | TellCase | AppendCase,
    Field(discriminator="action"),
]
AnyNode = Annotated[
    Say
    | Menu
    | LanguageChoice
    | Collect
    | Hours
    | Set
    | Branch
    | RecordMessage
    | CaseNode
    | Queue
    | AskPosition
    | WaitMusic
    | Leave
    | Callback
    | Rejoin
    | CallFlow
    | Return
    | Hangup,
    Field(discriminator="type"),
]


class Variable(Record):
    """``digits``: keyed in, kept as text; ``number``, ``flag``; ``enum``: one of ``of``. A
    ``sensitive`` one is only ever read digit by digit, and compared with none."""

    type: Literal["digits", "number", "flag", "enum"]
    of: Annotated[tuple[Word, ...], Field(max_length=50)] = ()
    sensitive: StrictBool = False
    initial: StrictInt | StrictBool | Word | None = None


class Flow(Record):
    """``operator`` is where key 0 leads, ``on_error`` where the flow goes when a limit is crossed
    or a Need without an exit of its own failed, ``on_hangup`` what is done once the caller is
    gone."""

    spec: Literal[1]
    flow: Id
    note: Text | None = None
    language: Language = "id"
    start: Id
    operator: Id | None = None
    on_error: Id
    on_hangup: Id | None = None
    vars: Annotated[dict[Name, Variable], Field(max_length=VARIABLES)] = {}
    nodes: Annotated[dict[Id, AnyNode], Field(max_length=NODES)]


# --- The other files ---------------------------------------------------------------------------


class Piece(Record):
    """A segment of a prompt: a pause, or a text that may be recorded."""

    pause: Text | None = None
    text: Text | None = None
    audio: Text | None = None


Span = Annotated[
    str, _pattern(r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
]
Spans = Annotated[tuple[Span, ...], Field(max_length=6)]
Date = Annotated[str, _pattern(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Week(Record):
    """The hours of each day: ``["08:00-12:00", "13:00-16:00"]``; a day left out is closed."""

    mon: Spans = ()
    tue: Spans = ()
    wed: Spans = ()
    thu: Spans = ()
    fri: Spans = ()
    sat: Spans = ()
    sun: Spans = ()


class Holidays(Record):
    """Of the ``holidays`` library: an ISO country code, and its categories."""

    country: Annotated[str, _pattern(r"^[A-Z]{2}$")]
    categories: Annotated[tuple[Word, ...], Field(min_length=1)] = ("public",)


class CalendarFile(Record):
    """``exceptions``: a date (``"2026-12-31"``) to its hours, ``[]``: closed."""

    spec: Literal[1]
    calendar: Id
    note: Text | None = None
    timezone: Text | None = None
    weekly: Week
    holidays: Holidays | None = None
    exceptions: dict[Date, Spans] = {}


UnitCode = Annotated[str, _pattern(r"^[A-Z][A-Z0-9_]{0,15}$")]


class Rise(Record):
    """More urgent around a feast."""

    to: Priority
    feast: Literal["idul_fitri"]
    days: Annotated[StrictInt, _count(1, 60)]


class Topic(Record):
    """What a call is about. ``unit`` is the part of the ministry that acts on it.

    Flows know the topics that callers choose. What lies ``within`` one of them is for cases:
    :class:`callcenter.topics.Topic` says what its fields mean.
    """

    label: dict[Language, Text]
    head_start_s: Annotated[StrictInt, _count(0, 86400)] | None = None
    unit: UnitCode
    within: Word | None = None
    track: Track | None = None
    priority: Priority | None = None
    rise: Rise | None = None
    resolve_days: Annotated[StrictInt, _count(1, 250)] | None = None
    compartment: Compartment = Compartment.NORMAL
    also: Annotated[tuple[UnitCode, ...], Field(max_length=4)] = ()


class TopicsFile(Record):
    topics: Annotated[dict[Word, Topic], Field(min_length=1, max_length=60)]
