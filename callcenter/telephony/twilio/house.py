"""What the parts of the Twilio line share: its legs, what it asks of Twilio, how it tells us."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Coroutine

import msgspec
import structlog

from callcenter.db import DatabaseAway
from callcenter.line import (
    Cause,
    Emit,
    Gone,
    LegGone,
    RecordingMade,
    Room,
    RoomEntered,
    Signal,
    Turn,
)
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.addresses import CALLED, FALLBACK, Addresses
from callcenter.telephony.twilio.leg import Leg, Legs, Seat
from callcenter.telephony.twilio.names import Names
from callcenter.telephony.twilio.rest import NOT_IN_PROGRESS, Rest, TwilioAway, TwilioRefused
from callcenter.telephony.twilio.twiml import Twiml
from callcenter.telephony.twilio.words import Status

log = structlog.get_logger(__name__)

#: Between tries to have a Signal committed while the database is away, in seconds.
AGAIN_S = 1.0
#: A call that is only just being answered can't be moved yet: so often, so many seconds apart.
MOVES, MOVE_AGAIN_S = 20, 0.25
#: A recording of a caller who hung up is told of within this, else we look for it.
RECORDING_S = 5.0
#: After we asked for an end, or for a room, look whether it came to pass.
LOOK_S = 3.0
ROOMS_MOST = 5000
#: Twilio's word for a conference that is over, and for a recording that can be fetched.
COMPLETED = "completed"


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How the operator wants it. ``number``: ours, in E.164, also shown to whom we call.

    ``prefixes``: how telephone numbers that may be called begin. ``sms_from``: whom SMS come from,
    ``""`` for nobody.
    """

    account: str
    number: str
    base_url: str
    calls_per_s: float = 1.0
    prefixes: tuple[str, ...] = ("+62",)
    keep_recordings: bool = False
    keep_calls: bool = True
    sms_from: str = ""


class Counts(msgspec.Struct):
    """For whoever looks how the line is doing."""

    resyncs: int = 0
    refused_webhooks: int = 0
    refused_rings: int = 0
    late_webhooks: int = 0
    fallbacks: int = 0


class House:
    """The parts' common ground."""

    def __init__(self, options: Options, rest: Rest, twiml: Twiml, names: Names) -> None:
        self.options = options
        self.rest = rest
        self.twiml = twiml
        self.names = names
        self.addresses = Addresses(options.base_url)
        self.legs = Legs()
        self.counts = Counts()
        #: Rooms that we removed: nobody is sent into them again.
        self.ended_rooms: OrderedDict[str, None] = OrderedDict()
        #: Set when Twilio could not be reached: then everything has to be compared.
        self.lost = asyncio.Event()
        self._emit: Emit | None = None
        self._gate = asyncio.Event()
        self._gate.set()
        self._telling = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- telling ------------------------------------------------------------------------------

    def begin(self, emit: Emit) -> None:
        self._emit = emit

    async def emit(self, signal: Signal) -> Turn | None:
        """Hand ``signal`` over; when it is committed, the Turn that it brought its leg.

        Raises:
            DatabaseAway: nothing is written.
        """
        assert self._emit is not None
        await self._gate.wait()
        self._telling += 1
        self._quiet.clear()
        try:
            return await self._emit(signal)
        finally:
            self._telling -= 1
            if not self._telling:
                self._quiet.set()

    async def alone(self) -> None:
        """Let nobody else tell anything until :meth:`together`; returns when nobody does."""
        self._gate.clear()
        await self._quiet.wait()

    async def emit_alone(self, signal: Signal) -> None:
        """:meth:`emit` for whoever is :meth:`alone`."""
        assert self._emit is not None
        await self._emit(signal)

    def together(self) -> None:
        """The end of :meth:`alone`."""
        self._gate.set()

    async def tell(self, signal: Signal) -> None:
        """Hand over what nobody waits for an answer to: while the database is away, later."""
        try:
            await self.emit(signal)
        except DatabaseAway:
            self.spawn(self._tell_later(signal))

    async def _tell_later(self, signal: Signal) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                await self.emit(signal)
                return
            except DatabaseAway:
                continue

    # --- bringing Turns -----------------------------------------------------------------------

    async def deliver(self, leg: Leg) -> None:
        """Have Twilio perform the leg's newest Turn, by REST.

        Raises:
            TwilioAway: it is asked for again when Twilio is back.
        """
        for _ in range(MOVES):
            turn = leg.turn
            if turn is None or not leg.waiting:
                return
            try:
                if leg.in_room(turn):
                    await self.sit(leg, turn)
                elif isinstance(turn.wait, Gone) and not turn.steps:
                    await self.end(leg)
                else:
                    where = self.addresses.of_leg(leg.id, "turn", turn.rev)
                    await self.rest.move(leg.sid, where, self.fallback(leg))
                return
            except TwilioRefused as refused:
                if refused.gone and leg.in_room(turn):
                    leg.seat = None  # it left the room meanwhile
                elif refused.code != NOT_IN_PROGRESS and not refused.gone:
                    log.warning("twilio_turn_refused", leg=leg.id, why=str(refused))
                await asyncio.sleep(MOVE_AGAIN_S)
            except TwilioAway:
                self.lost.set()
                raise
        self.spawn(self._look_later(leg))

    def fallback(self, leg: Leg) -> str:
        """Where Twilio asks when one of our answers fails."""
        return self.addresses.of_leg(leg.id, FALLBACK, **({CALLED: 1} if leg.called else {}))

    async def sit(self, leg: Leg, turn: Turn) -> None:
        """The leg is in the room already: make it heard, or not, as ``turn`` says.

        Raises:
            TwilioRefused, TwilioAway
        """
        seat, wait = leg.seat, turn.wait
        assert seat is not None
        assert isinstance(wait, Room)
        form: list[tuple[str, str]] = []
        if seat.held != wait.held:
            form.append(("Hold", str(wait.held).lower()))
            if wait.held:
                form += [("HoldUrl", self.twiml.music_address()), ("HoldMethod", "GET")]
        if seat.muted != wait.muted:
            form.append(("Muted", str(wait.muted).lower()))
        if form:
            await self.rest.set_participant(seat.conference, leg.sid, form)
        leg.seat = msgspec.structs.replace(seat, held=wait.held, muted=wait.muted)
        leg.show(turn)
        await self.tell(RoomEntered(leg.id, turn.rev, wait.room))

    async def entered(
        self, leg: Leg, rev: int, room: str, conference: str, *, muted: bool = False
    ) -> None:
        """The leg came into a room, because its Turn ``rev`` said so."""
        async with leg.lock:
            if leg.gone:
                return
            leg.sit(Seat(room, conference, muted=muted))
            turn = leg.turn
            if turn is not None and turn.rev >= rev and leg.in_room(turn):
                if await self._seated(leg, turn):
                    return
            elif turn is not None and turn.rev > rev:
                self.spawn(self._bring_back(leg, turn, conference))
            await self.tell(RoomEntered(leg.id, rev, room))

    async def _seated(self, leg: Leg, turn: Turn) -> bool:
        """Held or muted as ``turn`` wants it, and told; False when Twilio would not."""
        try:
            await self.sit(leg, turn)
        except TwilioRefused as refused:
            log.warning("twilio_seat_refused", leg=leg.id, why=str(refused))
            return False
        except TwilioAway:
            self.lost.set()
            return False
        return True

    async def _bring_back(self, leg: Leg, turn: Turn, conference: str) -> None:
        """It went into a room that it should have left: an old answer was performed late."""
        try:
            there = await self.rest.participants(conference)
        except (TwilioAway, TwilioRefused):
            return
        if leg.turn is turn and any(one.call_sid == leg.sid for one in there):
            leg.shown = min(leg.shown, turn.rev - 1)
            await self.deliver(leg)

    def room_ended(self, room: str) -> None:
        """We removed it."""
        self.ended_rooms[room] = None
        while len(self.ended_rooms) > ROOMS_MOST:
            self.ended_rooms.popitem(last=False)

    # --- the end of a leg ---------------------------------------------------------------------

    async def end(self, leg: Leg) -> None:
        """Hang it up, or stop its ringing. It may have ended by itself.

        Raises:
            TwilioAway
        """
        leg.ended = True
        if not leg.sid:
            return  # not called yet, or nobody knows: what it tells first ends it
        try:
            await self.rest.end(leg.sid)
        except TwilioRefused as refused:
            log.info("twilio_end_refused", leg=leg.id, why=str(refused))
        except TwilioAway:
            self.lost.set()
            raise
        self.spawn(self._look_later(leg))

    async def over(self, leg: Leg, status: Status, sip: str = "") -> None:
        """Twilio says that the call is over."""
        if leg.gone:
            return
        wanted = leg.turn is not None and isinstance(leg.turn.wait, Gone)
        cause = words.why_gone(
            status,
            sip,
            inbound=leg.inbound,
            up=leg.up,
            rang=leg.rang,
            ended=leg.ended or (wanted and status is Status.COMPLETED),
            browser=leg.browser,
            called=leg.called,
        )
        if status is Status.COMPLETED and leg.recording is not None:
            self.spawn(self._last_words(leg, cause))
        else:
            await self.say_gone(leg, cause)

    async def say_gone(self, leg: Leg, cause: Cause) -> None:
        """Its last Signal."""
        async with leg.lock:
            if leg.gone:
                return
            self.legs.end(leg)
            await self.tell(LegGone(leg.id, cause))
        if not self.options.keep_calls and leg.sid:
            self.spawn(self._forget(leg.sid))

    async def _last_words(self, leg: Leg, cause: Cause) -> None:
        """A caller hung up while a recording ran: it is told first, then that they are gone."""
        try:
            async with asyncio.timeout(RECORDING_S):
                await leg.heard.wait()
        except TimeoutError:
            await self._find_recording(leg)
        await self.say_gone(leg, cause)

    async def _find_recording(self, leg: Leg) -> None:
        wanted = leg.recording
        if wanted is None:
            return
        try:
            found = await self.rest.recordings(CallSid=leg.sid)
            taken = await self.names.ours(one.sid for one in found)
        except (TwilioAway, TwilioRefused, DatabaseAway) as error:
            log.warning("twilio_recording_not_found", leg=leg.id, why=str(error))
            return
        for one in found:
            if one.sid not in taken and one.status in ("completed", "processing"):
                length = words.seconds(one.duration or "")
                await self.recorded(leg, *wanted, one.sid, length)
                return

    async def recorded(self, leg: Leg, rev: int, name: str, sid: str, seconds: int) -> Turn | None:
        """A recording was made, or nothing was said (``sid`` empty). Told once.

        Raises:
            DatabaseAway
        """
        if rev in leg.recorded:
            return None
        leg.recorded.add(rev)
        try:
            length = seconds if sid else 0
            if length:
                await self.names.remember(name, sid)
            turn = await self.emit(RecordingMade(leg.id, rev, name, length))
        except BaseException:
            leg.recorded.discard(rev)
            raise
        leg.heard.set()
        if sid and not length:
            self.spawn(self._drop_silence(sid))
        return turn

    async def _drop_silence(self, sid: str) -> None:
        """Nobody asks for a recording of nothing, so nobody would have it deleted."""
        with contextlib.suppress(TwilioRefused, TwilioAway):
            await self.rest.delete_recording(sid)

    async def look_at(self, leg: Leg) -> Status:
        """Ask Twilio how the call stands: what told us that it is over may have been lost."""
        if leg.gone or not leg.sid:
            return Status.OTHER
        try:
            status = words.status_of((await self.rest.call(leg.sid)).status)
        except TwilioRefused as refused:
            status = Status.COMPLETED if refused.gone else Status.OTHER
        except TwilioAway:
            self.lost.set()
            return Status.OTHER
        if status in words.OVER:
            await self.over(leg, status)
        return status

    async def _look_later(self, leg: Leg) -> None:
        await asyncio.sleep(LOOK_S)
        await self.look_at(leg)

    async def _forget(self, sid: str) -> None:
        """Have Twilio delete what it keeps about the call, the caller's number too."""
        for wait in (5, 60, 600):
            await asyncio.sleep(wait)
            try:
                await self.rest.forget_call(sid)
                return
            except TwilioRefused as refused:
                if refused.gone:
                    return
            except TwilioAway:
                continue
        log.warning("twilio_call_not_forgotten")

    # --- beside -------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Do ``work`` beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("twilio_task_failed", exc_info=error)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
