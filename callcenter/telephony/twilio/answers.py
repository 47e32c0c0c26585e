"""What Twilio is answered when it asks what a leg shall do: the leg's newest Turn.

A webhook that answers the newest Turn brings a Signal, and the Turn that follows from it is the
answer. One that comes again gets the same bytes; one that answers an older Turn is sent to the
newest, because an old menu must not run on a live call.
"""

from __future__ import annotations

import asyncio

import structlog

from callcenter.db import DatabaseAway
from callcenter.line import (
    CallArrived,
    Cause,
    DigitsEntered,
    Keys,
    LegAnswered,
    LegReturned,
    Music,
    PromptsEnded,
    Refused,
    Room,
    Signal,
    Silence,
    Turn,
)
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.addresses import CALLED, VOICE
from callcenter.telephony.twilio.house import COMPLETED, LOOK_S, House
from callcenter.telephony.twilio.leg import Leg
from callcenter.telephony.twilio.rest import TwilioAway, TwilioRefused
from callcenter.telephony.twilio.twiml import ROOM_PREFIX
from callcenter.telephony.twilio.webhooks import Kind, Webhook

log = structlog.get_logger(__name__)

#: Twilio waits 15 s in all, a second try included.
ANSWER_S = 8.0
#: A Turn that is decided just now is waited for this long.
NEWS_S = 0.5
#: A leg that gets no Turn asks so often, ``HOLD_S`` apart, before it is hung up.
IDLE_MOST = 12
#: Spoken, letters a second: slower than people and machines speak.
LETTERS_PER_S = 8
#: Fetches of one Turn that may fail before the caller is asked to leave a message.
FAILURES = 2


class Answers:
    """Answers the webhooks whose answer Twilio performs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._twiml = house.twiml

    async def of(self, hook: Webhook) -> bytes:
        """The document that Twilio shall perform."""
        house = self._house
        if hook.kind is Kind.THANKS:
            return self._twiml.thanks()
        leg = house.legs.adopt(hook.leg, hook.sid)
        if leg is None:
            return await self._after_the_end(hook)
        late = hook.rev is not None and hook.rev < leg.shown
        house.counts.late_webhooks += late
        # Whoever brings a Turn meanwhile leaves it to our answer, unless nobody will perform that.
        leg.open += not late
        try:
            async with asyncio.timeout(ANSWER_S), leg.lock:
                return await self._in_turn(leg, hook)
        except TimeoutError:
            log.warning("twilio_answer_late", leg=leg.id, webhook=hook.kind)
            return self._wait(leg)
        except DatabaseAway:
            return self._away(leg, hook)
        finally:
            leg.open -= not late

    async def _in_turn(self, leg: Leg, hook: Webhook) -> bytes:
        if leg.gone:
            return await self._after_the_end(hook)
        if hook.status in words.OVER:
            await self._recorded(leg, hook)
            return self._twiml.nothing()
        await self._learn(leg, hook)
        if hook.kind is Kind.FALLBACK:
            refused = self._failed(leg, hook)
            if refused is not None:
                return refused
        await self._hear(leg, hook)
        if leg.turn is None:
            await self._ask(leg)
        if leg.turn is None and _expects(leg):
            await self._news(leg)
        return self._document(leg, hook)

    async def _learn(self, leg: Leg, hook: Webhook) -> None:
        """What the webhook says by merely coming."""
        leg.up = True
        leg.called = leg.called or CALLED in hook.query
        if hook.kind is Kind.LEFT:
            leg.seat = None
        if hook.kind in (Kind.VOICE, Kind.FALLBACK) and leg.inbound:
            leg.to = leg.to or words.called_number(hook.form.get("To", ""))
            leg.caller = leg.caller or words.caller_number(hook.form.get("From", ""))
        if hook.kind is Kind.MUSIC and leg.turn is None:
            await self._ask(leg)  # only the Turn says which keys count

    async def _ask(self, leg: Leg) -> None:
        """An earlier process was told of the leg; which Turn has it?"""
        if leg.adopted:
            leg.note(await self._house.emit(LegReturned(leg.id)))
            leg.adopted = leg.turn is None

    async def _news(self, leg: Leg) -> None:
        try:
            async with asyncio.timeout(NEWS_S):
                await leg.news.wait()
        except TimeoutError:
            pass

    # --- Signals ------------------------------------------------------------------------------

    async def _hear(self, leg: Leg, hook: Webhook) -> None:
        """Tell what the webhook says, and note the Turn that it brings."""
        if hook.kind is Kind.RECORDED:
            leg.note(await self._recorded(leg, hook))
            return
        signal = self._signal(leg, hook)
        if signal is None:
            return
        leg.note(await self._house.emit(signal))
        leg.arrived = leg.arrived or isinstance(signal, CallArrived | LegAnswered)

    async def _recorded(self, leg: Leg, hook: Webhook) -> Turn | None:
        name = hook.query.get("name", "")
        if hook.kind is not Kind.RECORDED or hook.rev is None or not words.NAME.fullmatch(name):
            return None
        if not hook.recording and hook.status in words.OVER:
            return None  # how it came out is told elsewhere
        length = words.seconds(hook.form.get("RecordingDuration", ""))
        # A key, or "hangup": then it was no silence that ended it, however short it is.
        ended = hook.form.get("Digits", "")
        if not ended and length <= words.seconds(hook.query.get("quiet", "")):
            length = 0
        return await self._house.recorded(leg, hook.rev, name, hook.recording, length)

    def _signal(self, leg: Leg, hook: Webhook) -> Signal | None:
        new = not leg.arrived and leg.turn is None
        if hook.kind is Kind.VOICE or (hook.kind is Kind.FALLBACK and leg.inbound):
            return CallArrived(leg.id, "twilio", leg.to, leg.caller) if new else None
        if hook.kind is Kind.ANSWERED or (hook.kind is Kind.FALLBACK and new):
            told = leg.arrived or leg.ended or leg.inbound
            return None if told else LegAnswered(leg.id)
        if hook.rev is None or (leg.turn is not None and hook.rev < leg.turn.rev):
            return None
        match hook.kind:
            case Kind.KEYS:
                pressed = _within(hook.digits, leg.turn, hook.rev)
                return DigitsEntered(leg.id, hook.rev, pressed) if pressed else self._silence(hook)
            case Kind.MUSIC:
                return self._in_music(leg, hook)
            case Kind.ENDED:
                return PromptsEnded(leg.id, hook.rev)
            case Kind.LEFT:
                return self._left(leg, hook)
            case _:
                return None

    def _silence(self, hook: Webhook) -> Silence:
        assert hook.rev is not None
        return Silence(hook.leg, hook.rev)

    def _in_music(self, leg: Leg, hook: Webhook) -> Signal | None:
        assert hook.rev is not None
        wait = leg.turn.wait if leg.turn is not None else None
        key = hook.digits[-1:]
        if key:
            counts = isinstance(wait, Music) and key in wait.keys
            return DigitsEntered(leg.id, hook.rev, key) if counts else None
        return self._silence(hook) if "over" in hook.query else None

    def _left(self, leg: Leg, hook: Webhook) -> Signal | None:
        """It was to be in a room, and is not. When it is we who removed the room, that is all."""
        turn = leg.turn
        if turn is None or turn.rev != hook.rev or not isinstance(turn.wait, Room):
            return None
        if turn.wait.room in self._house.ended_rooms:
            return None
        return Refused(leg.id, Cause.LOST, turn.rev)

    # --- documents ----------------------------------------------------------------------------

    def _document(self, leg: Leg, hook: Webhook) -> bytes:
        """What the leg does now."""
        turn = leg.turn
        if leg.ended:
            return self._twiml.hang_up()
        if turn is None:
            return self._wait(leg) if _expects(leg) else self._twiml.hang_up()
        if hook.rev is not None and hook.kind is not Kind.TURN and hook.rev + 1 < turn.rev:
            return self._twiml.redirect(self._address(leg, "turn", turn.rev))
        leg.show(turn)
        if isinstance(turn.wait, Room):
            if turn.wait.room in self._house.ended_rooms or (
                hook.kind in (Kind.LEFT, Kind.SILENT) and hook.rev == turn.rev
            ):
                return self._twiml.silence(self._address(leg, "silent", turn.rev))
            self._house.spawn(self._look_for(leg, turn))
        if hook.kind is Kind.MUSIC and hook.rev == turn.rev and isinstance(turn.wait, Music):
            return self._twiml.music_again(turn)
        return self._twiml.turn(turn)

    def _wait(self, leg: Leg) -> bytes:
        """Nothing, for a while."""
        rev = leg.turn.rev if leg.turn is not None else 0
        leg.idle += leg.turn is None
        return self._twiml.silence(self._address(leg, "turn", rev))

    def _address(self, leg: Leg, what: str, rev: int) -> str:
        return self._house.addresses.of_leg(leg.id, what, rev)

    async def _after_the_end(self, hook: Webhook) -> bytes:
        """The leg is gone. A recording that is told of only now is kept all the same."""
        leg = self._house.legs.was(hook.leg)
        if leg is not None:
            await self._recorded(leg, hook)
        return self._twiml.hang_up()

    # --- when things break --------------------------------------------------------------------

    def _failed(self, leg: Leg, hook: Webhook) -> bytes | None:
        """One of our answers did not reach Twilio, or was no good: once more, but not for ever."""
        self._house.counts.fallbacks += 1
        leg.failures += 1
        code = hook.form.get("ErrorCode", "")
        log.warning("twilio_fallback", leg=leg.id, error=words.keys(code), tries=leg.failures)
        if leg.failures <= FAILURES:
            return None
        return self._twiml.take_message() if leg.citizen else self._twiml.hang_up()

    def _away(self, leg: Leg, hook: Webhook) -> bytes:
        """The database is away: apologise at once, try again, then take a message."""
        if not leg.citizen:
            return self._wait(leg)
        if "try" in hook.query:
            return self._twiml.take_message()
        if leg.inbound and leg.turn is None and not leg.arrived:
            return self._twiml.apology(f"{self._house.addresses.of(VOICE)}?try=1")
        rev = leg.turn.rev if leg.turn is not None else 0
        again = self._house.addresses.of_leg(leg.id, "turn", rev, **{"try": 1})
        return self._twiml.apology(again)

    async def _look_for(self, leg: Leg, turn: Turn) -> None:
        """Is it in its room? What tells us may be lost, and so may our answer be."""
        assert isinstance(turn.wait, Room)
        said = sum(len(getattr(step, "text", "")) for step in turn.steps)
        await asyncio.sleep(LOOK_S + said / LETTERS_PER_S)
        if not leg.misses(turn):
            return
        try:
            seat = await self._find(leg, turn.wait.room)
            if not leg.misses(turn):
                return
            if seat is not None:
                await self._house.entered(leg, turn.rev, turn.wait.room, seat)
            elif turn.wait.room not in self._house.ended_rooms:
                leg.shown = min(leg.shown, turn.rev - 1)
                await self._house.deliver(leg)
        except TwilioRefused as refused:
            log.warning("twilio_room_not_seen", leg=leg.id, why=str(refused))
        except TwilioAway:
            self._house.lost.set()

    async def _find(self, leg: Leg, room: str) -> str | None:
        """The conference that the leg is in, if it is that room."""
        rest = self._house.rest
        for one in await rest.conferences(FriendlyName=ROOM_PREFIX + room):
            if one.status != COMPLETED and any(
                participant.call_sid == leg.sid for participant in await rest.participants(one.sid)
            ):
                return one.sid
        return None


def _expects(leg: Leg) -> bool:
    """Whether a Turn may still come for a leg that has none: not for one that nobody knows."""
    return leg.arrived and (leg.inbound or not leg.adopted) and leg.idle < IDLE_MOST


def _within(digits: str, turn: Turn | None, rev: int) -> str:
    """``digits`` as far as ``turn`` wants them. Twilio knows one finishing key, a Turn several."""
    if turn is None or turn.rev != rev or not isinstance(turn.wait, Keys):
        return digits
    ends = [at for at, key in enumerate(digits) if key in turn.wait.finish]
    return digits[: min([*ends, turn.wait.most])]
