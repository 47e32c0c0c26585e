"""The JSON of the desk: cases in lists, one case, and what is done to it.

A field of a case that somebody may not see is missing, and not null. Times are UTC epoch
milliseconds; days are ISO. Names of staff stand where the store has ids.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from callcenter.cases.desk.service import MOST_PAGES
from callcenter.cases.desk.writing import MINUTES, Contact, Form
from callcenter.cases.statuses import CaseStatus
from callcenter.cases.texts import NAME_CHARS, NARRATIVE_CHARS, NOTE_CHARS, SUMMARY_CHARS
from callcenter.web.documents import (
    Body,
    CaseCall,
    CaseRecording,
    Code,
    Document,
    Language,
    Line,
    Words,
)

#: Which signs a text may have is one rule for all that is typed: ``cases/texts.py:wrong``.
Narrative = Annotated[str, Field(max_length=NARRATIVE_CHARS)]
Note = Annotated[str, Field(max_length=NOTE_CHARS)]
Name = Annotated[str, Field(max_length=NAME_CHARS)]
Day = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$")]
Number = Annotated[str, StringConstraints(pattern=r"^[0-9]{10}$")]
#: Nobody searches for more.
QUERY_CHARS: Final = 100
Version = Annotated[int, Field(ge=1, le=2**31)]


def _minute(given: int | str) -> int | Literal[""]:
    """Of a day; an empty text empties the field."""
    if isinstance(given, int) and 0 <= given <= MINUTES:
        return given
    if given == "":
        return ""
    raise ValueError(f"0 to {MINUTES} minutes since midnight, or an empty text")


# Not a union of both: the field that is wrong would have a name for each.
Minute = Annotated[int | str, AfterValidator(_minute)]

# --- lists ------------------------------------------------------------------------------------


class DeskList(Document):
    """Both are counted up to 1,000, which stands for that many or more."""

    list: Literal["mine", "unit", "triage", "to_phone", "all"]
    count: int
    late: int


class Colleague(Document):
    id: str
    name: str


class DeskDocument(Document):
    """What waits for me. ``officers``: those of my unit, to whom a case can be assigned."""

    unit: str | None
    unit_name: str | None
    head: bool
    lists: list[DeskList]
    officers: list[Colleague]


class DeskRow(Document):
    """``late_days``: working days since the earliest running clock was due; ``accepted``: an
    officer of the unit has it; ``wait``: what a waiting case waits for."""

    number: str
    topic: str
    status: str
    wait: str | None
    unit: str
    officer: str | None
    priority: str
    opened_at: int
    updated_at: int
    due_at: int | None
    late_days: int
    accepted: bool
    compartment: str
    custodian: str | None
    calls: int


class DeskPage(Document):
    """``total``: as in :class:`DeskList`. Only so many rows can be paged through. ``more``: a
    search did not look at all that there may be; one word more may find others."""

    cases: list[DeskRow]
    total: int
    more: bool
    page: int


class SearchBody(Body):
    """``query``: a number or its beginning (four digits at least), a reporter's whole name or
    telephone number, or words that must all stand in the case. ``list``: in which one."""

    query: Annotated[Line, Field(max_length=QUERY_CHARS)]
    of: Literal["mine", "unit", "triage", "to_phone", "all"] = Field("all", alias="list")
    status: Annotated[CaseStatus | None, Field(strict=False)] = None
    topic: Code | None = None
    page: Annotated[int, Field(ge=1, le=MOST_PAGES)] = 1


# --- one case ---------------------------------------------------------------------------------


class Possible(Document):
    """An event that I may do now. ``needs``, ``optional``: its fields; ``reasons``: code → what the
    reporter hears, null where any code does."""

    event: str
    needs: list[str]
    optional: list[str]
    reasons: dict[str, Words] | None


class ClockDocument(Document):
    """``used``: 1.0 is the due moment; ``standing``: it does not run now."""

    kind: str
    unit: str | None
    started: int
    due: int
    stopped: int | None
    standing: bool
    used: float
    late_days: int


class StatuteDocument(Document):
    """A period that a law gives, with its first and last day."""

    code: str
    on: str
    until: str


class RouteDocument(Document):
    """Where the rules would send it. ``way``: assign, refer or triage."""

    unit: str
    way: str
    why: str
    also: list[str]


class Reference(Document):
    """A body outside that has the case, and its own number for it."""

    system: str
    ref: str | None
    at: int
    result_at: int | None


class AssignmentDocument(Document):
    """``better``: the unit that was named instead."""

    unit: str
    state: str
    hop: int
    by: str | None
    officer: str | None
    reason: str | None
    better: str | None
    sent_at: int
    phone_from: int
    answered_at: int | None
    ended_at: int | None
    instruction: str | None = None


class LinkedCase(Document):
    """Another case. ``what`` it is to this one: parent, child, merged_into, merged_from or
    same_person."""

    number: str
    topic: str
    status: str
    unit: str
    opened_at: int
    what: str


class TimelineEntry(Document):
    """``text``: of a note, where it may be seen."""

    at: int
    kind: str
    by: str | None
    data: dict[str, str | int | bool]
    text: str | None = None


class Phone(Body):
    """``shared``: others answer it, an employer's say: nobody calls or writes there."""

    number: Annotated[str, Field(min_length=3, max_length=40)]
    shared: bool = False


class SafeContact(Body):
    """How the reporter may be reached. Hours in minutes since midnight in ``zone`` (an IANA name);
    those of calls where they are others. Null or missing: it stays as it is; an empty text empties
    it."""

    may_message: bool | None = None
    may_call: bool | None = None
    safe_from: Minute | None = None
    safe_until: Minute | None = None
    call_from: Minute | None = None
    call_until: Minute | None = None
    zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]{0,40}$")] | None = None
    language: Language | None = None


class CaseAttachment(Document):
    """``size`` in bytes."""

    id: str
    name: str
    kind: Literal["pdf", "jpeg", "png", "webp"]
    size: int
    by: str | None
    at: int


class CaseFile(Document):
    """One case as far as I may see it. Only ``number``, ``may`` and ``can`` are always there: what
    was moved out of my sight has nothing else.

    ``may``: group of fields → ``see`` or ``change``. ``opened_until``: until when I see what I
    opened with a reason. ``call_at``: from when on the reporter may be rung up; missing: never.
    """

    number: str
    may: dict[str, Literal["see", "change"]]
    can: list[Possible]
    opened_until: int | None = None
    version: int | None = None
    status: str | None = None
    wait: str | None = None
    channel: str | None = None
    topic: str | None = None
    track: str | None = None
    priority: str | None = None
    compartment: str | None = None
    anonymous: bool | None = None
    secret: bool | None = None
    gathers: bool | None = None
    unit: str | None = None
    officer: str | None = None
    custodian: str | None = None
    language: str | None = None
    province: str | None = None
    regency: str | None = None
    incident_on: str | None = None
    workers: int | None = None
    outcome: str | None = None
    opened_at: int | None = None
    updated_at: int | None = None
    due_at: int | None = None
    late_days: int | None = None
    public_note: str | None = None
    clocks: list[ClockDocument] | None = None
    statutes: list[StatuteDocument] | None = None
    route: RouteDocument | None = None
    references: list[Reference] | None = None
    narrative: str | None = None
    summary: str | None = None
    employer: str | None = None
    name: str | None = None
    minor: bool | None = None
    phones: list[Phone] | None = None
    safe_contact: SafeContact | None = None
    call_at: int | None = None
    assignments: list[AssignmentDocument] | None = None
    linked: list[LinkedCase] | None = None
    calls: list[CaseCall] | None = None
    attachments: list[CaseAttachment] | None = None
    recordings: list[CaseRecording] | None = None
    timeline: list[TimelineEntry] | None = None


# --- what is done to it -----------------------------------------------------------------------


class Writing(Body):
    """What is written down; a field that is missing or null stays as it is, an empty text empties
    it."""

    topic: Code | None = None
    province: Annotated[str, StringConstraints(pattern=r"^([0-9]{2})?$")] | None = None
    regency: Annotated[str, StringConstraints(pattern=r"^([0-9]{4})?$")] | None = None
    incident_on: Day | None = None
    workers: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    secret: bool | None = None
    narrative: Narrative | None = None
    summary: Annotated[str, Field(max_length=SUMMARY_CHARS)] | None = None
    employer: Name | None = None
    name: Name | None = None
    minor: bool | None = None
    phones: Annotated[list[Phone], Field(max_length=5)] | None = None
    safe_contact: SafeContact | None = None
    statutes: dict[Code, Day] | None = None

    def form(self, phones: dict[str, bool] | None) -> Form:
        """The same for the case store. ``phones``: in E.164."""
        given = self.model_dump(include=set(Form.__struct_fields__) - {"phones", "safe_contact"})
        contact = None
        if self.safe_contact is not None:
            contact = Contact(**self.safe_contact.model_dump())
        return Form(**given, phones=phones, safe_contact=contact)


class SaveBody(Writing):
    """``version``: the one that was seen. 409 ``stale`` says who changed what since. ``anonymous``
    takes the person, the voice and the number off the case for ever. ``copy``: the periods of law
    of a case that gathers others go to each of them, too."""

    version: Version
    copied: bool = Field(False, alias="copy")
    anonymous: Literal[True] | None = None


class IntakeBody(Writing):
    """A case without a call. ``channel``: how it came. ``gathers``: other reporters' complaints are
    joined under it."""

    channel: Literal["phone", "walk_in", "letter", "email", "web", "message"]
    topic: Code
    language: Language = "id"
    anonymous: bool = False
    gathers: bool = False


class Opened(Document):
    """Number and PIN of a new case. The PIN is shown this once."""

    number: str
    pin: str


class MoveBody(Body):
    """An event of ``cases/statuses.py``, or ``assign`` with ``officer``. ``fields``: what it needs,
    such as reason, unit, target, their_id, other, public_note, wait, instruction, outcome. ``pin``:
    told by the reporter, for what only they may do, such as withdraw, object, confirm, reopen.
    ``copy``: what is done to a case that gathers others (verify, route, accept, wait, resume,
    follow_up) is done to each of them that stands ready for it."""

    event: Code
    copied: bool = Field(False, alias="copy")
    version: Version
    pin: Annotated[str, StringConstraints(pattern=r"^[0-9]{4,8}$")] | None = None
    fields: Annotated[
        dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")], Note],
        Field(max_length=10, default_factory=dict),
    ]


class NoteBody(Body):
    """``public``: what the reporter is told; ``contact``: somebody tried to reach them. ``copy``: a
    public note of a case that gathers others goes to each of them, too."""

    kind: Literal["internal", "to_unit", "public", "contact"]
    text: Note
    copied: bool = Field(False, alias="copy")


class MergeBody(Body):
    """``into``: the case that goes on. ``same_person``: the two have one reporter, says whoever
    asked them."""

    into: Number
    version: Version
    same_person: bool = False


class ParentBody(Body):
    """``parent``: the case that gathers others; null: it is joined under none any more."""

    parent: Number | None


class ChildrenBody(Body):
    """Cases to be joined under one that gathers them."""

    children: Annotated[list[Number], Field(min_length=1, max_length=200)]


class Duplicates(Document):
    """``same``: perhaps one reporter's; ``mass``: many reporters', to be joined under ``parent``,
    the case that gathers them (null: it has to be opened first); ``person``: other cases of
    somebody with this name and number."""

    class Suggestion(Document):
        kind: Literal["same", "mass", "person"]
        parent: str | None
        cases: list[LinkedCase]

    suggestions: list[Suggestion]


class GlassBody(Body):
    """Why I must see what I may not: in words, and as a code."""

    emergency: Literal["danger", "law", "reporter"]
    reason: Note


# --- who there is -----------------------------------------------------------------------------


class UnitDocument(Document):
    """``external``: cases are referred to it and not assigned. ``phone``: of its desk."""

    code: str
    name: str
    level: str
    parent: str | None
    provinces: list[str]
    regency: str | None
    powers: list[str]
    phone: str | None
    external: bool


class UnitsDocument(Document):
    """``provinces``: code → name; ``triage``: the unit that looks at new cases."""

    units: list[UnitDocument]
    provinces: dict[str, str]
    triage: str


class PhoneNumber(Document):
    dial: str
    show: str
    reach: str
    verified: bool


class BodyDocument(Document):
    """A body outside. ``unit``: its code among the units, where cases are referred to it."""

    code: str
    label: Words
    numbers: list[PhoneNumber]
    topics: list[str]
    hours: str
    emergency: bool
    unit: str | None


class DirectoryDocument(Document):
    bodies: list[BodyDocument]
