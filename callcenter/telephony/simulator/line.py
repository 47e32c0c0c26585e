"""A phone network inside our process: its phones are moved by HTTP, a terminal, or a test.

What takes time on a telephone takes time here too (``paced``): a prompt lasts as long as it would
be spoken, and a caller who presses nothing is silent after the time that the Turn gives. Without
``paced`` prompts end at once and nothing happens by itself.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import struct
from collections.abc import Awaitable, Callable

import msgspec

from callcenter import line
from callcenter.calls.callers import normalise
from callcenter.clock import Clock
from callcenter.line import Cause, Emit

log = logging.getLogger(__name__)

#: Spoken Indonesian, letters a second (espeak-ng -s 140 measured: 25 words in 16 s).
LETTERS_PER_S = 12
BEEP_MS = 500
#: What one call is remembered to have heard.
HEARD_MOST = 500
#: Ended calls are remembered this long, so that a page can show how they ended.
ENDED_S = 600
CALLS_MOST = 2000
#: What could not be written is told again after this.
TELL_AGAIN_MS = 1000
#: Keys that are typed ahead.
KEYS_MOST = 40
#: Who types a message has so much longer than who speaks one.
TYPING_S = 60
#: A body of the directory picks up after so long, unless somebody plays it.
BODY_ANSWERS_MS = 8000
#: How the numbers begin that may be called, unless the operator says otherwise.
PREFIXES = ("+62",)
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")

#: A sound file's address for a text in a language, or None when there is no voice.
Sound = Callable[[str, str], str | None]


class Heard(msgspec.Struct, frozen=True):
    """Something said to the caller; ``n`` counts from 1."""

    n: int
    text: str
    language: str
    sound: str | None


class _Phone:
    """One simulated telephone: of a citizen who calls or is called back, of a body of the
    directory, or an agent's."""

    def __init__(self, leg: str, *, inbound: bool, to: str = "", caller: str | None = None) -> None:
        self.leg = leg
        self.inbound = inbound
        self.to = to
        self.caller = caller
        self.state = "ringing"
        self.turn: line.Turn | None = None
        self.keys = ""
        self.heard: list[Heard] = []
        self.said = ""
        self.room: str | None = None
        self.ended_at = 0
        self.answered = 0  #: the rev of the Turn that a Signal has answered
        self.spoken_until = 0  #: when the steps of the Turn have been said
        self.address = ""  #: of an agent's device; the number of whom we call
        self.called = False  #: somebody outside whom we call
        self.kept: line.Turn | None = None  #: for when it is answered
        self.timer: asyncio.Task[None] | None = None


class SimulatorLine:
    """The simulator as a :class:`~callcenter.line.Line`, and the hands that move its phones."""

    name = "simulator"
    capabilities = line.Capabilities(
        type_ahead=True,
        measured_ring=True,
        two_timeouts=True,
        whisper=False,
        browser=False,
        sip=False,
        phone=False,
        survives_us=False,
    )

    def __init__(
        self,
        clock: Clock,
        *,
        paced: bool = True,
        rings: bool = True,
        patience_s: int = 0,
        sound: Sound | None = None,
        prefixes: tuple[str, ...] = PREFIXES,
    ) -> None:
        """``rings``: a phone that we call rings by itself; otherwise :meth:`ring` makes it.

        ``patience_s`` is added to the silence that ends a recording: who types what they say is
        slower than who speaks.
        """
        self._clock = clock
        self._paced = paced
        self._rings = rings
        self._patience_s = patience_s
        self._sound: Sound = sound or (lambda _text, _language: None)
        self._prefixes = prefixes
        self._phones: dict[str, _Phone] = {}
        self._recordings: dict[str, str] = {}
        self._emit: Emit | None = None
        #: Told the leg when a phone outside rings. Who wants to answer it sets this.
        self.on_called: Callable[[str], None] = lambda _leg: None

    # --- the Line -----------------------------------------------------------------------------

    async def start(self, emit: Emit) -> None:
        self._emit = emit
        legs = tuple(
            line.LiveLeg(phone.leg, phone.state == "up", phone.inbound, phone.to, phone.caller)
            for phone in self._phones.values()
            if phone.state != "gone"
        )
        rooms = {phone.room for phone in self._phones.values() if phone.room is not None}
        await emit(line.LineResumed(self.name, legs, tuple(sorted(rooms))))

    async def stop(self) -> None:
        for phone in self._phones.values():
            self._stop_timer(phone)
        self._emit = None

    async def perform(self, turn: line.Turn) -> None:
        phone = self._phones.get(turn.leg)
        if phone is None or phone.state == "gone":
            return
        if phone.turn is not None and turn.rev <= phone.turn.rev:
            return
        if phone.called and phone.state != "up":
            if phone.kept is None or turn.rev > phone.kept.rev:
                phone.kept = turn
            return
        if phone.state != "up":
            # The agent clicked: the console is the telephone, and it is picked up.
            phone.state = "up"
        phone.turn = turn
        phone.said = ""
        phone.room = None
        self._stop_timer(phone)
        self._hear(phone, turn.steps)
        await self._begin_wait(phone, turn)

    async def do(self, command: line.Command) -> None:
        match command:
            case line.RingLeg():
                await self._asked(command)
            case line.EndLeg():
                found = self._phones.get(command.leg)
                if found is not None:
                    await self._gone(found, Cause.ENDED)
            case line.EndRoom():
                for found in self._phones.values():
                    if found.room == command.room:
                        found.room = None
            case line.DropRecording():
                self._recordings.pop(command.name, None)

    async def _asked(self, command: line.RingLeg) -> None:
        """Ring an agent's console, or a phone outside, if there may be one."""
        device = command.device
        citizen = device.kind is line.DeviceKind.CALLER
        called = citizen or device.kind is line.DeviceKind.PHONE
        if called and not (
            _E164.fullmatch(device.address) and device.address.startswith(self._prefixes)
        ):
            cause = Cause.FAILED if citizen else Cause.UNREACHABLE
            await self._tell(line.Refused(command.leg, cause))
            return
        if not called and device.kind is not line.DeviceKind.SIMULATED:
            await self._tell(line.Refused(command.leg, Cause.UNREACHABLE))
            return
        if command.leg in self._phones:
            return
        phone = _Phone(command.leg, inbound=False)
        phone.state = "asked"
        phone.address, phone.called = device.address, called
        engaged = citizen and self._engaged(device.address)
        self._phones[command.leg] = phone
        if engaged:
            await self._gone(phone, Cause.BUSY)
            return
        if called and not citizen and self._rings:
            self._later(phone, BODY_ANSWERS_MS, self._pick_up)
        else:
            self._later(phone, command.most_s * 1000, self._no_answer)
        if self._rings:
            await self._ring(phone)

    def _engaged(self, number: str) -> bool:
        """Whether the citizen with ``number`` is on the phone."""
        return any(
            phone.state != "gone" and number in (phone.address, normalise(phone.caller))
            for phone in self._phones.values()
        )

    async def fetch_recording(self, name: str) -> bytes:
        """A WAV file of silence that carries what was typed as its comment."""
        if name not in self._recordings:
            raise LookupError(name)
        said = self._recordings[name]
        return _wav(said, _spoken_s(said))

    # --- the hands ----------------------------------------------------------------------------

    async def call(self, from_: str | None, to: str) -> str:
        """A citizen calls; gives the id of the call."""
        self._forget_old()
        leg = secrets.token_hex(16)
        phone = _Phone(leg, inbound=True, to=to, caller=from_)
        phone.state = "up"
        self._phones[leg] = phone
        await self._tell(line.CallArrived(leg, self.name, to, from_))
        return leg

    async def keys(self, id: str, keys: str) -> None:  # noqa: A002
        """Press ``keys``, one after the other.

        Raises:
            LookupError: no such call, or it is over.
        """
        phone = self._up(id)
        phone.keys = (phone.keys + keys)[-KEYS_MOST:]
        await self._press(phone)

    async def silence(self, id: str) -> None:  # noqa: A002
        """Let the time that the caller has for keys pass. Raises LookupError as :meth:`keys`."""
        await self._silent(self._up(id))

    async def hang_up(self, id: str) -> None:  # noqa: A002
        """The caller hangs up; a second time changes nothing. Raises LookupError: no such call."""
        if id not in self._phones:
            raise LookupError(id)
        await self._gone(self._phones[id], Cause.HUNG_UP)

    async def speak(self, id: str, text: str) -> None:  # noqa: A002
        """Say ``text``; while a recording runs it is recorded. Raises LookupError as
        :meth:`keys`."""
        phone = self._up(id)
        phone.said = f"{phone.said} {text}".strip()
        if phone.turn is not None and isinstance(phone.turn.wait, line.Recording):
            await self._recorded(phone)

    def rung(self, number: str) -> str | None:
        """The leg that rings at ``number`` (E.164), outside, now."""
        for phone in self._phones.values():
            if phone.called and phone.address == number and phone.state in ("asked", "ringing"):
                return phone.leg
        return None

    async def pick_up(self, id: str) -> None:  # noqa: A002
        """Whom the hotline calls outside answers. Raises LookupError: it does not ring."""
        await self._pick_up(self._called(id))

    async def busy(self, id: str) -> None:  # noqa: A002
        """Whom the hotline calls outside is on the phone. Raises as :meth:`pick_up`."""
        await self._gone(self._called(id), Cause.BUSY)

    async def ring(self, address: str) -> None:
        """The phone that we call at ``address`` begins to ring. Raises LookupError: we do not."""
        await self._ring(self._at(address))

    async def answer(self, address: str) -> None:
        """That phone is picked up. Raises as :meth:`ring`."""
        await self._pick_up(self._at(address))

    async def decline(self, address: str, cause: Cause = Cause.DECLINED) -> None:
        """That phone does not take the call. Raises as :meth:`ring`."""
        await self._gone(self._at(address), cause)

    async def put_down(self, address: str) -> None:
        """That phone hangs up. Raises as :meth:`ring`."""
        await self._gone(self._at(address), Cause.HUNG_UP)

    async def lose(self, leg: str) -> None:
        """The phone vanishes without a word, as when its network fails."""
        await self._gone(self._phones[leg], Cause.LOST)

    def view(self, id: str, after: int = 0) -> dict[str, object]:  # noqa: A002
        """What the caller's phone shows, and what it heard since number ``after``.

        Raises:
            LookupError: no such call.
        """
        if id not in self._phones:
            raise LookupError(id)
        phone = self._phones[id]
        waits = phone.turn is not None and phone.state == "up"
        return {
            "state": "ringing" if phone.state == "asked" else phone.state,
            "heard": [msgspec.to_builtins(heard) for heard in phone.heard if heard.n > after],
            "line": self.name,
            "wait": phone.turn.wait.__struct_config__.tag if phone.turn and waits else None,
            "from": phone.caller,
            "to": phone.address or phone.to,
        }

    def live(self) -> list[str]:
        """The legs that are up or ringing."""
        return [phone.leg for phone in self._phones.values() if phone.state != "gone"]

    # --- what a phone does --------------------------------------------------------------------

    def _hear(self, phone: _Phone, steps: tuple[line.Step, ...]) -> None:
        for step in steps:
            if isinstance(step, line.Pause):
                continue
            sound = self._sound(step.text, step.language)
            n = phone.heard[-1].n + 1 if phone.heard else 1
            phone.heard.append(Heard(n, step.text, step.language, sound))
        del phone.heard[:-HEARD_MOST]

    async def _begin_wait(self, phone: _Phone, turn: line.Turn) -> None:
        spoken = self._spoken_ms(turn.steps)
        phone.spoken_until = self._clock.now() + (spoken if self._paced else 0)
        wait = turn.wait
        match wait:
            case line.Keys():
                self._later(phone, spoken + wait.first_ms, self._silent)
            case line.PromptsEnd():
                self._later(phone, spoken, self._prompts_ended, by_itself=True)
            case line.Recording():
                quiet_s = wait.most_s
                if wait.silence_s:
                    quiet_s = min(wait.silence_s + self._patience_s, wait.most_s)
                beep = BEEP_MS if wait.beep else 0
                self._later(phone, spoken + beep + quiet_s * 1000, self._recorded)
            case line.Music() if wait.seconds is not None:
                self._later(phone, spoken + wait.seconds * 1000, self._silent)
            case line.Room():
                phone.room = wait.room
                await self._answer(phone, line.RoomEntered(phone.leg, turn.rev, wait.room))
            case line.Gone():
                self._later(phone, spoken, self._ended, by_itself=True)
        if phone.keys:
            await self._press(phone)

    async def _press(self, phone: _Phone) -> None:
        """Give the wait what it takes of the keys; the rest is typed ahead for the next one."""
        turn = phone.turn
        if turn is None or phone.answered == turn.rev:
            return
        match turn.wait:
            case line.Keys(barge_in=False) if self._clock.now() < phone.spoken_until:
                phone.keys = ""
            case line.Keys():
                if _complete(phone.keys, turn.wait) or not self._paced:
                    await self._digits(phone)
                else:
                    self._later(phone, turn.wait.inter_ms, self._digits)
            case line.Music():
                key = next((key for key in phone.keys if key in turn.wait.keys), "")
                phone.keys = ""
                if key:
                    await self._answer(phone, line.DigitsEntered(phone.leg, turn.rev, key))
            case line.PromptsEnd() if turn.wait.barge_in:
                phone.keys = phone.keys[1:]
                await self._prompts_ended(phone)
            case line.Recording():
                finished = any(key in turn.wait.finish for key in phone.keys)
                phone.keys = ""
                if finished:
                    await self._recorded(phone)
            case line.Room() | line.Gone():
                phone.keys = ""

    async def _digits(self, phone: _Phone) -> None:
        """The keys so far are the answer."""
        if phone.turn is None or not isinstance(phone.turn.wait, line.Keys):
            return
        wait = phone.turn.wait
        digits = ""
        while phone.keys and len(digits) < wait.most:
            key, phone.keys = phone.keys[0], phone.keys[1:]
            if key in wait.finish:
                break
            digits += key
        await self._answer(phone, line.DigitsEntered(phone.leg, phone.turn.rev, digits))

    async def _silent(self, phone: _Phone) -> None:
        turn = phone.turn
        if turn is None:
            return
        if isinstance(turn.wait, line.Keys) and phone.keys:
            await self._digits(phone)
        elif isinstance(turn.wait, line.Keys | line.Music):
            await self._answer(phone, line.Silence(phone.leg, turn.rev))
        elif isinstance(turn.wait, line.Recording):
            await self._recorded(phone)

    async def _prompts_ended(self, phone: _Phone) -> None:
        if phone.turn is not None:
            await self._answer(phone, line.PromptsEnded(phone.leg, phone.turn.rev))

    async def _recorded(self, phone: _Phone) -> None:
        turn = phone.turn
        if turn is None or not isinstance(turn.wait, line.Recording):
            return
        name, said = turn.wait.name, phone.said
        said = said[: turn.wait.most_s * LETTERS_PER_S]
        if said:
            self._recordings[name] = said
        phone.said = ""
        await self._answer(phone, line.RecordingMade(phone.leg, turn.rev, name, _spoken_s(said)))

    async def _answer(self, phone: _Phone, signal: line.Signal) -> None:
        """Tell what became of the Turn, once."""
        turn = phone.turn
        if turn is None or phone.answered == turn.rev or phone.state != "up":
            return
        phone.answered = turn.rev
        self._stop_timer(phone)
        await self._tell(signal)

    async def _ring(self, phone: _Phone) -> None:
        if phone.state == "asked":
            phone.state = "ringing"
            await self._tell(line.LegRinging(phone.leg))
            if phone.called:
                self.on_called(phone.leg)

    async def _pick_up(self, phone: _Phone) -> None:
        if phone.state in ("asked", "ringing"):
            self._stop_timer(phone)
            phone.state = "up"
            await self._tell(line.LegAnswered(phone.leg))
            if phone.kept is not None:
                await self.perform(phone.kept)

    async def _no_answer(self, phone: _Phone) -> None:
        if phone.state == "ringing":
            await self._gone(phone, Cause.NO_ANSWER)
        elif phone.state == "asked":
            await self._gone(phone, Cause.UNREACHABLE)

    async def _ended(self, phone: _Phone) -> None:
        await self._gone(phone, Cause.ENDED)

    async def _gone(self, phone: _Phone, cause: Cause) -> None:
        if phone.state == "gone":
            return
        if phone.state == "up":
            await self._recorded(phone)
        phone.state = "gone"
        phone.room = None
        phone.ended_at = self._clock.now()
        self._stop_timer(phone)
        gone = line.LegGone(phone.leg, cause)
        try:
            await self._tell(gone)
        except Exception:
            # Whatever kept it from being written: that a phone is gone must be told.
            phone.timer = asyncio.create_task(self._tell_later(gone))
            phone.timer.add_done_callback(_log_failure)
            raise

    async def _tell_later(self, gone: line.LegGone) -> None:
        while self._emit is not None:
            await self._clock.sleep_until(self._clock.now() + TELL_AGAIN_MS)
            try:
                await self._tell(gone)
            except Exception:
                log.warning("%s is gone, and that can't be written yet", gone.leg, exc_info=True)
            else:
                return

    # --- the machinery ------------------------------------------------------------------------

    async def _tell(self, signal: line.Signal) -> None:
        if self._emit is None:
            raise ConnectionError("the simulator is not running")
        await self._emit(signal)

    def _at(self, address: str) -> _Phone:
        """The phone at ``address`` that is asked, rings or is up."""
        for phone in self._phones.values():
            if phone.address == address and phone.state != "gone":
                return phone
        raise LookupError(address)

    def _called(self, id: str) -> _Phone:  # noqa: A002
        """The phone of a citizen that rings."""
        phone = self._phones.get(id)
        if phone is None or not phone.called or phone.state not in ("asked", "ringing"):
            raise LookupError(id)
        return phone

    def _up(self, id: str) -> _Phone:  # noqa: A002
        phone = self._phones.get(id)
        if phone is None or phone.state != "up":
            raise LookupError(id)
        return phone

    def _spoken_ms(self, steps: tuple[line.Step, ...]) -> int:
        return sum(
            step.ms if isinstance(step, line.Pause) else len(step.text) * 1000 // LETTERS_PER_S
            for step in steps
        )

    def _later(
        self,
        phone: _Phone,
        after_ms: int,
        what: Callable[[_Phone], Awaitable[None]],
        *,
        by_itself: bool = False,
    ) -> None:
        """Do ``what`` to the phone after a while, unless something else happens to it first.

        Without pace only what happens ``by_itself`` happens, and that at once.
        """
        self._stop_timer(phone)
        if not self._paced and not by_itself:
            return
        at = self._clock.now() + (after_ms if self._paced else 0)

        async def wait() -> None:
            await self._clock.sleep_until(at)
            # From here on it must not be cancelled: it has begun to happen.
            phone.timer = None
            await what(phone)

        phone.timer = asyncio.create_task(wait(), name=f"simulator-{phone.leg}")
        phone.timer.add_done_callback(_log_failure)

    def _stop_timer(self, phone: _Phone) -> None:
        if phone.timer is not None:
            phone.timer.cancel()
            phone.timer = None

    def _forget_old(self) -> None:
        """Ended calls go after a while; nobody may fill the memory with calls."""
        before = self._clock.now() - ENDED_S * 1000
        for leg, phone in list(self._phones.items()):
            if phone.state == "gone" and phone.ended_at < before:
                del self._phones[leg]
        if len(self._phones) >= CALLS_MOST:
            raise ConnectionError(f"more than {CALLS_MOST} simulated calls")


def _complete(keys: str, wait: line.Keys) -> bool:
    return len(keys) >= wait.most or any(key in wait.finish for key in keys)


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a simulated phone failed", exc_info=error)


def _spoken_s(said: str) -> int:
    return -(-len(said) // LETTERS_PER_S)


def _wav(comment: str, seconds: int) -> bytes:
    """8 kHz silence with ``comment`` in its ICMT chunk (RIFF INFO)."""
    text = comment.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    info = b"INFO" + b"ICMT" + struct.pack("<I", len(text)) + text
    data = b"\0\0" * 8000 * seconds
    body = (
        b"WAVE"
        + b"fmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
        + b"LIST"
        + struct.pack("<I", len(info))
        + info
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
