"""What passes a phone line: Signals come in, Turns and Commands go out.

Every phone network (``asterisk``, ``twilio``, ``simulator``) is a :class:`Line`. A line turns its
network's words into Signals at its door and performs what we ask; it decides nothing.

Four rules hold on every line, and ``tests/lines`` checks them on each:

1. Nothing that we ask returns anything. What became of it comes back later as a Signal.
2. A leg has one newest :class:`Turn`. A higher ``rev`` replaces a lower one at once, wherever it
   stands; a lower or equal one is ignored. A Signal that answers a Turn names its ``rev``. The Turn
   of a leg that rings is kept until it is answered (a simulated phone answers by it).
3. A Turn is a whole document: say the steps in order, then wait for exactly one thing. Performed
   again it starts from its beginning.
4. A leg may vanish between any two lines. :class:`LegGone` is its last Signal; whatever is asked
   of it afterwards is answered by nothing.

Times are UTC epoch milliseconds (``at``, ``*_ms``) or whole seconds (``*_s``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

import msgspec


class _Word(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """A frozen, tagged record; ``type`` names it in JSON."""


# --- Turn: what a leg hears -------------------------------------------------------------------


class Say(_Word, frozen=True, tag="say"):
    """Speak ``text`` in ``language`` (``id``, ``en``). Numbers are already spelled out in words.

    A line may keep the sound of a text for ever, so a secret (a PIN) is said digit by digit.
    """

    text: str
    language: str


class Play(_Word, frozen=True, tag="play"):
    """Play a recorded prompt; ``text`` says the same and is spoken where ``audio`` is missing.

    ``audio`` is a path below the flows' ``audio/`` folder, without an extension.
    """

    audio: str
    text: str
    language: str


class Pause(_Word, frozen=True, tag="pause"):
    ms: int


Step = Say | Play | Pause

# --- Turn: what a leg waits for ---------------------------------------------------------------


class Keys(_Word, frozen=True, tag="keys"):
    """Digits. Answered by :class:`DigitsEntered`, or :class:`Silence` when none came.

    ``first_ms`` counts from the end of the steps, ``inter_ms`` from the latest key. Complete when
    ``most`` digits are in, when a key of ``finish`` is pressed (it is not part of the digits), or
    when ``inter_ms`` passes. With ``barge_in`` a key stops the steps and counts.
    """

    most: int
    first_ms: int = 5000
    inter_ms: int = 3000
    finish: str = ""
    barge_in: bool = True


class PromptsEnd(_Word, frozen=True, tag="prompts_end"):
    """The end of the steps, or a key if ``barge_in``. Answered by :class:`PromptsEnded`."""

    barge_in: bool = True


class Recording(_Word, frozen=True, tag="recording"):
    """Record the leg. Answered by :class:`RecordingMade`, also when the caller hangs up meanwhile.

    ``name`` is the recording's key on the line; it carries no personal data.
    """

    name: str
    most_s: int = 120
    silence_s: int = 5
    finish: str = "#"
    beep: bool = True


class Music(_Word, frozen=True, tag="music"):
    """Hold music until a key of ``keys`` (:class:`DigitsEntered`) or ``seconds`` have passed
    (:class:`Silence`); without end when ``seconds`` is None."""

    seconds: int | None = None
    keys: str = ""


class Room(_Word, frozen=True, tag="room"):
    """Talk with everybody in ``room``, which exists as soon as somebody is in it.

    Answered by :class:`RoomEntered`. ``held``: in the room, but hearing music and not heard.
    """

    room: str
    held: bool = False
    muted: bool = False


class Gone(_Word, frozen=True, tag="gone"):
    """Hang up after the steps. Answered by :class:`LegGone`."""


Wait = Keys | PromptsEnd | Recording | Music | Room | Gone


class Turn(_Word, frozen=True, tag="turn"):
    """What ``leg`` does next: ``steps`` in order, then ``wait``."""

    leg: str
    rev: int
    steps: tuple[Step, ...]
    wait: Wait


# --- Commands: asked of the outside, and not a Turn -------------------------------------------


class DeviceKind(StrEnum):
    """What an agent answers with; and a citizen whom we call."""

    BROWSER = "browser"  #: the console's softphone; answering it accepts
    SIP = "sip"  #: a SIP address; answering it accepts
    PHONE = "phone"  #: a telephone number; accepts by pressing 1, so no voicemail takes a citizen
    SIMULATED = "simulated"  #: the simulator's: answered by the click in the console
    CALLER = "caller"  #: the telephone of the citizen of a call, called back; no agent has it


class Device(_Word, frozen=True, tag="device"):
    """``address``: an agent id (browser, simulated), ``sip:…``, or an E.164 number.

    Of a ``caller`` it is the id of the call as long as it is kept, and the number only for the line
    that dials it: a citizen's number is written in one place. Empty: it is not known any more.
    """

    kind: DeviceKind
    address: str


class RingLeg(_Word, frozen=True, tag="ring_leg"):
    """Ring ``device`` as the new leg ``leg`` (*once*: never asked again after an unknown result).

    Answered by :class:`LegRinging`, :class:`LegAnswered`, :class:`LegGone` or :class:`Refused`;
    :class:`LegQueued` before these where it has to wait. Where a Turn is kept for it, what answers
    that Turn may stand for :class:`LegAnswered`.
    The line stops ringing by itself after ``most_s``. A ``caller`` who can't ever be rung at that
    number is :class:`Refused` with ``FAILED``.
    """

    leg: str
    device: Device
    most_s: int = 45


class EndLeg(_Word, frozen=True, tag="end_leg"):
    """Hang the leg up, whatever it does (*state*)."""

    leg: str


class EndRoom(_Word, frozen=True, tag="end_room"):
    """Remove the room; legs in it stay up and silent (*state*)."""

    room: str


class DropRecording(_Word, frozen=True, tag="drop_recording"):
    """Delete a recording at the line, once we hold it ourselves (*state*)."""

    name: str


Command = RingLeg | EndLeg | EndRoom | DropRecording

# --- Signals: something happened --------------------------------------------------------------


class Cause(StrEnum):
    """Why a leg is gone, or why we were refused. A line maps its network's words to these."""

    HUNG_UP = "hung_up"  #: that party hung up
    ENDED = "ended"  #: we ended it
    BUSY = "busy"
    DECLINED = "declined"
    NO_ANSWER = "no_answer"  #: it rang and nobody came
    UNREACHABLE = "unreachable"  #: it never rang: not registered, unknown, silent
    LOST = "lost"  #: the network or the phone vanished while it was up
    RESTARTED = "restarted"  #: the phone network was restarted under it
    FAILED = "failed"  #: anything else


class CallArrived(_Word, frozen=True, tag="call_arrived"):
    """A citizen calls. ``caller`` is the number as the network gave it, None when withheld."""

    leg: str
    line: str
    to: str
    caller: str | None = None


class DigitsEntered(_Word, frozen=True, tag="digits_entered"):
    leg: str
    rev: int
    digits: str


class Silence(_Word, frozen=True, tag="silence"):
    """Nothing was pressed in the time that the Turn gave."""

    leg: str
    rev: int


class PromptsEnded(_Word, frozen=True, tag="prompts_ended"):
    leg: str
    rev: int


class RecordingMade(_Word, frozen=True, tag="recording_made"):
    """``seconds`` 0: nothing was said."""

    leg: str
    rev: int
    name: str
    seconds: int


class RoomEntered(_Word, frozen=True, tag="room_entered"):
    leg: str
    rev: int
    room: str


class LegQueued(_Word, frozen=True, tag="leg_queued"):
    """The line takes only so many rings a second: the network is asked in ``seconds``."""

    leg: str
    seconds: int


class LegRinging(_Word, frozen=True, tag="leg_ringing"):
    leg: str


class LegAnswered(_Word, frozen=True, tag="leg_answered"):
    leg: str


class LegGone(_Word, frozen=True, tag="leg_gone"):
    leg: str
    cause: Cause


class LegReturned(_Word, frozen=True, tag="leg_returned"):
    """The network looked after the leg while we could not, and gives it back: it needs its Turn."""

    leg: str


class Refused(_Word, frozen=True, tag="refused"):
    """The line would not do what we asked of ``leg``. ``rev`` names the Turn, None a Command."""

    leg: str
    cause: Cause
    rev: int | None = None


class DeviceChanged(_Word, frozen=True, tag="device_changed"):
    """An agent's softphone came or went. ``agent`` is the agent id."""

    agent: str
    up: bool


class MessageLeft(_Word, frozen=True, tag="message_left"):
    """A message that the network took while we were away. ``name`` keys it on the line."""

    line: str
    name: str
    seconds: int
    at: int


class LiveLeg(_Word, frozen=True, tag="live_leg"):
    """A leg as the network sees it now. ``inbound``: a citizen's; ``to``, ``caller`` as arrived."""

    leg: str
    up: bool
    inbound: bool
    to: str = ""
    caller: str | None = None


class LineResumed(_Word, frozen=True, tag="line_resumed"):
    """We are in touch again: these legs and rooms exist, and no others."""

    line: str
    legs: tuple[LiveLeg, ...]
    rooms: tuple[str, ...]


Signal = (
    CallArrived
    | DigitsEntered
    | Silence
    | PromptsEnded
    | RecordingMade
    | RoomEntered
    | LegQueued
    | LegRinging
    | LegAnswered
    | LegGone
    | LegReturned
    | Refused
    | DeviceChanged
    | MessageLeft
    | LineResumed
)

# --- The line ---------------------------------------------------------------------------------


class Capabilities(_Word, frozen=True, tag="capabilities"):
    """What a line can do; ``docs/lines.md`` prints the table."""

    type_ahead: bool  #: keys pressed before the wait begins are kept
    measured_ring: bool  #: LegRinging comes from the phone itself
    two_timeouts: bool  #: ``first_ms`` and ``inter_ms`` are kept apart
    whisper: bool
    browser: bool  #: the console's softphone
    sip: bool
    phone: bool
    survives_us: bool  #: calls stay up while our process is away


Emit = Callable[[Signal], Awaitable[Turn | None]]


class Line(Protocol):
    """A phone network.

    ``emit`` must be awaited in the order in which things happened to one leg; it returns when the
    Signal is committed, and raises nothing that the line could mend. Its answer is the Turn that
    the Signal brought its own leg, if any; that Turn is performed all the same, so a line that can
    do nothing with it there ignores it.
    """

    name: str
    capabilities: Capabilities

    async def start(self, emit: Emit) -> None:
        """Begin; returns at once. The first Signal is a :class:`LineResumed`."""

    async def stop(self) -> None:
        """Let go of everything. Live legs stay as they are where the network allows it."""

    async def perform(self, turn: Turn) -> None:
        """Do ``turn`` if it is newer than what the leg does. Returns when it has begun."""

    async def do(self, command: Command) -> None:
        """Carry ``command`` out, or emit :class:`Refused`."""

    async def fetch_recording(self, name: str) -> bytes:
        """The recording as a WAV file.

        Raises:
            LookupError: the line does not know it.
            ConnectionError: the line is away; ask again.
        """


def encode(word: msgspec.Struct) -> bytes:
    """``word`` as JSON."""
    return msgspec.json.encode(word)


#: JSON to a Signal, a Turn or a Command; raise ``msgspec.ValidationError``.
decode_signal = msgspec.json.Decoder(Signal).decode
decode_turn = msgspec.json.Decoder(Turn).decode
decode_command = msgspec.json.Decoder(Command).decode
