"""The JSON that passes the door: bodies that come in, documents that go out.

Bodies are strict: an unknown field, a wrong type or a control character is refused. Documents are
whole, in the shape that the pages know. Times are UTC epoch milliseconds unless the name ends in
``_s`` or ``_ms``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from callcenter.cases.service import CaseForm, CaseView
from callcenter.cases.texts import NAME_CHARS, NARRATIVE_CHARS

_LINE_BREAKS: Final = frozenset("\n\t\r")


def no_control(text: str) -> str:
    """``text``, or ValueError when it holds control characters."""
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        raise ValueError("no control characters")
    return text


def no_control_but_line_breaks(text: str) -> str:
    """The same for text of several lines."""
    no_control("".join(sign for sign in text if sign not in _LINE_BREAKS))
    return text


Line = Annotated[str, AfterValidator(no_control)]
Text = Annotated[str, AfterValidator(no_control_but_line_breaks)]
#: An id or a code, as they stand in paths.
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]
Language = Literal["id", "en"]
Words = dict[str, str]  #: a label: language -> text


class Body(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Document(BaseModel):
    """What we send: the fields named here, and no others that a view may have."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(Document):
    """Why a request was refused. Of a case that others changed meanwhile: ``current`` for its
    agent, ``version`` and ``changes`` for the desk."""

    class Error(Document):
        code: str
        message: str
        fields: dict[str, str] | None = None
        current: CaseDraft | None = None
        version: int | None = None
        changes: list[CaseChange] | None = None

    error: Error


class CaseChange(Document):
    """What somebody changed: field → what it was and what it is now, as far as I may see it."""

    version: int
    at: int
    by: str | None
    fields: dict[str, tuple[str | int | bool | None, str | int | bool | None]]


class Done(Document):
    """It is done; what became of it comes with the next live document."""

    done: Literal[True] = True


# --- people -----------------------------------------------------------------------------------


class SignInBody(Body):
    username: Annotated[Line, Field(min_length=1, max_length=64)]
    password: Annotated[str, Field(min_length=1, max_length=256)]


class LanguageBody(Body):
    language: Language


class AccountDocument(Document):
    id: str
    username: str
    name: str
    role: Literal["agent", "supervisor", "officer", "admin"]
    language: Language


class Me(Document):
    """Who is signed in. ``csrf`` goes into the header X-CSRF-Token of everything that changes."""

    account: AccountDocument
    csrf: str


class StaffMember(AccountDocument):
    device_kind: str | None
    active: bool
    permissions: list[str]


class Staff(Document):
    accounts: list[StaffMember]


# --- agent ------------------------------------------------------------------------------------


class StateBody(Body):
    state: Literal["ready", "paused"]
    reason: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")] | None = None


class OutcomeBody(Body):
    outcome: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]


class CaseBody(Body):
    """What the agent wrote; a field that is missing stays as it is. ``number``: of another case
    that was opened in this call."""

    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{10}$")] | None = None
    version: Annotated[int, Field(ge=1, le=2**31)]
    topic: Code | None = None
    narrative: Annotated[Text, Field(max_length=NARRATIVE_CHARS)] | None = None
    reporter_name: Annotated[Line, Field(max_length=NAME_CHARS)] | None = None
    employer: Annotated[Line, Field(max_length=NAME_CHARS)] | None = None
    #: The reporter wants to be: name, numbers and voice are forgotten, and there is no way back.
    anonymous: Literal[True] | None = None

    def form(self) -> CaseForm:
        """The same for the case store."""
        return CaseForm(
            version=self.version,
            topic=self.topic,
            narrative=self.narrative,
            reporter_name=self.reporter_name,
            employer=self.employer,
            anonymous=self.anonymous,
        )


class BringInBody(Body):
    """A body of the directory, by its code there."""

    code: Code


class AnotherBody(Body):
    """What the caller's other matter is about."""

    topic: Code


class TopicDocument(Document):
    code: str
    label: Words


class TopicChoice(TopicDocument):
    """``within``: the topic that callers choose, where this one is for cases alone."""

    within: str | None = None


class SoftphoneAccount(Document):
    """How the browser registers as a telephone, as long as the sign-in lasts."""

    uri: str
    username: str
    password: str
    ws: str
    rings_on: str | None = None


class VoiceAccountDocument(Document):
    """How the browser registers at Twilio, until ``expires_at``; a new one comes in good time."""

    identity: str
    token: str
    expires_at: int


class DeviceDocument(Document):
    """``account``: on a SIP line; ``voice``: on Twilio."""

    kind: Literal["browser", "sip", "phone", "simulated"]
    up: bool
    account: SoftphoneAccount | None = None
    voice: VoiceAccountDocument | None = None


class PhoneBody(Body):
    """Whether the page's telephone is registered at Twilio."""

    up: bool


class AgentDocument(Document):
    id: str
    name: str
    state: Literal["offline", "paused", "ready", "offered", "talking", "wrap_up"]
    since: int
    reason: str | None
    topics: list[TopicDocument]
    device: DeviceDocument


class OfferDocument(Document):
    id: str
    call: str
    topic: TopicDocument
    language: str | None
    caller: str | None
    line: str
    waited_ms: int
    offered_at: int
    rang_at: int | None
    expires_at: int | None
    leg: str | None = None
    callback: bool = False
    tries: int = 0


class CaseDraft(Document):
    """A case as its agent writes it; ``pin`` until the call is wrapped up."""

    number: str
    pin: str | None
    topic: str
    status: str
    narrative: str
    reporter_name: str
    employer: str
    anonymous: bool
    version: int


class MessageBody(Body):
    """How the case number is sent to the caller."""

    channel: Literal["sms", "whatsapp"]


class LostPinBody(Body):
    """What a caller who lost the PIN says of the case. "" is not said. ``code``: that they were
    sent; with it nothing else is needed."""

    number: Annotated[Line, Field(max_length=20)]
    code: Annotated[str, StringConstraints(pattern=r"^([0-9]{6})?$")] = ""
    name: Annotated[Line, Field(max_length=NAME_CHARS)] = ""
    phone: Annotated[Line, Field(max_length=40)] = ""
    employer: Annotated[Line, Field(max_length=NAME_CHARS)] = ""


class CodeBody(Body):
    """Whose reporter is sent a code."""

    number: Annotated[Line, Field(max_length=20)]


class NewPinDocument(Document):
    """It is shown this once."""

    number: str
    pin: str


class SentMessage(Document):
    """``reason``: why it was refused."""

    channel: str
    state: str
    reason: str | None


class TellingDocument(Document):
    """Whether the case number can be sent to the caller, and what became of it.

    ``channels``: those that can be used now; none while a message is on its way or has arrived.
    """

    channels: list[str]
    latest: SentMessage | None


class HelpfulBody(Document):
    """A body outside that may help with what the call is about."""

    code: str
    label: Words
    numbers: list[str]
    hours: str
    call: str | None = None


class JoinedBody(Document):
    """The body that is brought into the talk, and since when it rings or talks."""

    code: str
    label: Words
    state: Literal["ringing", "talking"]
    since: int


class CallDocument(Document):
    id: str
    state: Literal["connecting", "dialling", "talking", "held", "ended"]
    since: int
    answered_at: int | None
    caller: str | None
    line: str
    topic: TopicDocument | None
    language: str | None
    chose: list[str]
    leg: str | None
    case: CaseDraft | None
    others: list[CaseDraft]
    bodies: list[HelpfulBody] = []
    joined: JoinedBody | None = None
    message: TellingDocument | None = None


class WrapUpDocument(Document):
    call: str
    since: int
    until: int
    case: CaseDraft | None
    others: list[CaseDraft]
    message: TellingDocument | None = None


class OutcomeDocument(Document):
    code: str
    label: Words


class AgentToday(Document):
    answered: int
    missed: int


class Console(Document):
    """All that an agent's console shows, up to sealed Fact ``seq``."""

    seq: int
    agent: AgentDocument
    offer: OfferDocument | None
    call: CallDocument | None
    wrap_up: WrapUpDocument | None
    outcomes: list[OutcomeDocument]
    today: AgentToday

    def calls(self) -> list[str]:
        """The ids of the calls that it shows."""
        shown = [self.offer.call] if self.offer else []
        shown += [self.call.id] if self.call else []
        return shown + ([self.wrap_up.call] if self.wrap_up else [])


def case_of(view: CaseView) -> dict[str, object]:
    """A case for its agent, as plain JSON: :class:`CaseDraft`."""
    return {name: getattr(view, name) for name in CaseDraft.model_fields}


# --- board ------------------------------------------------------------------------------------


class WaitingDocument(Document):
    entry: str
    topic: str
    since: int
    state: Literal["waiting", "offered"]


class TopicLoad(TopicDocument):
    waiting: int
    longest_since: int | None
    ready: int


class BoardAgent(Document):
    id: str
    name: str
    state: str
    since: int
    topic: str | None
    reason: str | None


class OwedDocument(Document):
    """Somebody who is to be called back, in the place that they have had ``since``."""

    entry: str
    topic: str
    since: int
    state: str
    tries: int


class TodayDocument(Document):
    """Since local midnight; ``callcenter/stats/metrics.py`` defines each figure."""

    arrived: int
    answered: int
    abandoned: int
    abandoned_short: int
    left: int
    callbacks: int
    called_back: int
    given_up: int
    messages: int
    cases: int
    in_ivr: int
    talking: int
    longest_wait_s: int | None
    average_wait_s: float | None
    service_level: float | None
    abandon_rate: float | None


class HourDocument(Document):
    hour: int
    arrived: int
    answered: int
    abandoned: int


class BoardDocument(Document):
    """The supervisor's board at ``at``, up to sealed Fact ``seq``."""

    seq: int
    at: int
    waiting: list[WaitingDocument]
    callbacks: list[OwedDocument]
    topics: list[TopicLoad]
    agents: list[BoardAgent]
    today: TodayDocument
    by_hour: list[HourDocument]


# --- cases ------------------------------------------------------------------------------------


class CaseCall(Document):
    id: str
    role: str
    at: int
    line: str
    lasted_s: int | None
    agent: str | None


class CaseRecording(Document):
    name: str
    seconds: int
    at: int


# --- simulator --------------------------------------------------------------------------------


class CallBody(Body):
    """``from`` missing or null: the caller withholds the number."""

    caller: Annotated[Line, Field(max_length=40, min_length=1)] | None = Field(None, alias="from")
    to: Annotated[Line, Field(max_length=40, min_length=1)]


class KeysBody(Body):
    keys: Annotated[str, Field(pattern=r"^[0-9*#]{1,40}$")]


class SpeakBody(Body):
    text: Annotated[Text, Field(min_length=1, max_length=2000)]


class Dialled(Document):
    call: str


class Rung(Document):
    """``call``: that rings at the number now; None: none does."""

    call: str | None


class HeardDocument(Document):
    n: int
    text: str
    language: str
    sound: str | None


class SimulatedCall(Document):
    state: Literal["ringing", "up", "gone"]
    heard: list[HeardDocument]
    line: str
    wait: str | None
    caller: str | None = Field(alias="from")
    to: str


# --- the process ------------------------------------------------------------------------------


class Alive(Document):
    status: Literal["alive"] = "alive"


class Ready(Document):
    """``checks``: what was looked at -> ``ok``, or what is wrong with it.

    ``trunk_reachable``: whether the carrier answers Asterisk. It makes nothing ready or not: calls
    on other lines, and those under way, need none.
    """

    ready: bool
    checks: dict[str, str]
    trunk_reachable: Literal["yes", "no", "unknown"] = "unknown"
