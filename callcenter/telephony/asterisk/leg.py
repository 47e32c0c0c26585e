"""One leg: a channel of Asterisk, driven through its Turn.

The deciding is in ``turns.py``. Here are the two lanes of a leg, what we ask of Asterisk and what
we report, each in order and neither waiting for the other, and the timer.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable
from functools import partial
from io import BytesIO
from typing import Protocol

import structlog

from callcenter.db import DatabaseAway
from callcenter.line import Cause, LegAnswered, LegGone, Refused, RoomEntered, Signal, Turn
from callcenter.line import Recording as RecordingWait
from callcenter.telephony.asterisk.ari import AriAway, AriRefused, Requests, segment
from callcenter.telephony.asterisk.events import Event, Key, LiveRecording
from callcenter.telephony.asterisk.lanes import Lane
from callcenter.telephony.asterisk.turns import (
    ALONE,
    MUSIC,
    Action,
    GoTo,
    Guard,
    HangUp,
    Media,
    Place,
    Player,
    StartPlaying,
    StartRecording,
    StopPlaying,
    StopRecording,
    Tell,
)

log = structlog.get_logger(__name__)

#: Where the dialplan apologises, in the context that callers came from.
NET = "away"
#: Where it takes a citizen who answered our call.
CONTEXT, CALLED = "incoming", "called"
AGAIN_S = 1.0  #: between tries to have a Signal committed while the database is away
STUCK_S = 10.0  #: a Signal that takes this long: nobody looks after the caller any more
STASIS_LIMIT_S = 2.0
#: Playbacks of an earlier life of a Turn are looked for under this many ids.
LIVES = 4
GONE_STATUS = 404


class House(Protocol):
    """What a leg needs of the line it is on."""

    guard_s: int
    music: str  #: the holding bridge

    @property
    def ari(self) -> Requests: ...

    async def media(self, turn: Turn) -> Media: ...

    async def open_room(self, room: str, *, anew: bool = False) -> None: ...

    async def emit(self, signal: Signal) -> None: ...


class Leg:
    """``inbound``: a citizen who called, with ``to`` and ``caller`` as the call arrived;
    ``called``: a citizen whom we call."""

    def __init__(
        self,
        house: House,
        leg: str,
        *,
        inbound: bool,
        called: bool = False,
        to: str = "",
        caller: str | None = None,
        up: bool = False,
    ) -> None:
        self.id = leg
        self.inbound = inbound
        self.called = called
        self.to = to
        self.caller = caller
        self.up = up
        self.softphone_of: str | None = None  #: the agent whose browser it is
        self.rang = False
        self.ended = False  #: we asked for the end
        self.gone = False
        self.hanging_up: Event | None = None  #: what told us that it is about to go
        self.net = inbound  #: the dialplan's net is under it: it came to us from there
        self.entering = False  #: called, answered, and on its way through the dialplan to us
        self.away = False  #: in the dialplan's net, not with us
        self.arrived = False  #: CallArrived, or of one whom we called LegAnswered, is committed
        self.failed = False  #: a Signal of it could not be committed, and no Turn came since
        self.guarded = inbound  #: the dialplan set the guard before it gave us the call
        self.bridge: str | None = None
        self.muted = False
        self.player = Player(leg)
        self.started = asyncio.Event()  #: it is in Stasis: it can be dialled
        self._house = house
        self._path = f"/channels/{segment(leg)}"
        self._wanted = -1
        self._kept: Turn | None = None  #: of a phone that rings: for when it is answered
        self._taken_over = False
        self._last_key: Key | None = None
        self._asks = Lane(f"asks {leg}")
        self._tells = Lane(f"tells {leg}")
        self._timer: asyncio.TimerHandle | None = None

    # --- Turns --------------------------------------------------------------------------------

    async def perform(self, turn: Turn) -> None:
        """Begin ``turn`` unless it is no newer than what is wanted already."""
        if turn.rev <= self._wanted or self.gone or self.away:
            return
        self._wanted = turn.rev
        if (not self.inbound and not self.up) or self.entering:
            self._kept = turn
            return
        await self._begin(turn)
        await self._asks.done()

    def answered(self) -> None:
        """A phone that we rang was answered: it does the Turn that was kept for it, or asks for
        one."""
        self.up = True
        if self._kept is None:
            self.tell(LegAnswered(self.id), then=self.has_arrived)
        else:
            self.arrived = True  # what answers that Turn says so
            self._asks.put(partial(self._begin, self._kept))
            self._kept = None

    def has_arrived(self) -> None:
        self.arrived = True

    def enter(self) -> None:
        """Have a citizen who answered our call pass through the dialplan: a channel that we made
        has none under it, and would be hung up where one that called us is looked after."""
        self.entering = True
        self._asks.put(self._into_dialplan)

    async def _into_dialplan(self) -> None:
        where = {"context": CONTEXT, "extension": CALLED}
        try:
            await self._house.ari.post(f"{self._path}/continue", **where)
        except AriAway as error:
            log.warning("asterisk_not_asked", leg=self.id, what="enter", why=str(error))
        except AriRefused as error:
            if error.status != GONE_STATUS:
                log.warning("asterisk_refused", leg=self.id, what="enter", why=str(error))
                self.entering = False
                self.answered()  # without a net, then

    def entered(self) -> None:
        """The dialplan gave it to us: its net is under it from now on."""
        self.entering = False
        self.net = self.guarded = True

    async def _begin(self, turn: Turn) -> None:
        again, self._taken_over = self._taken_over, False
        media = await self._house.media(turn)
        if again:
            await self._silence_earlier_life(turn)
            if isinstance(turn.wait, RecordingWait) and await self._is_recording(turn.wait.name):
                media = Media()  # it goes on; the prompt must not be in it
        if not self._still_wants(turn):
            return  # a newer one came while the sounds were made
        self.failed = False
        self.act(self.player.begin(turn, media, self._now()))

    def _still_wants(self, turn: Turn) -> bool:
        return self._wanted == turn.rev and not self.gone and not self.away

    def take_over(self, bridge: str | None, rooms: frozenset[str]) -> None:
        """It was here before we came (back): whatever it did, its Turn is to be performed again."""
        self._asks.clear()
        self._set_timer(None)
        life = (int(self.player.attempt) + 1) % LIVES
        place = MUSIC if bridge == self._house.music else ALONE
        if bridge is not None and bridge in rooms:
            place = Place(room=bridge, muted=self.muted)
        self.player = Player(self.id, attempt=str(life), place=place)
        self.bridge = bridge
        self.guarded = self.net and not place.talking
        self._wanted, self._kept, self._taken_over = -1, None, True
        self.away = self.failed = False

    def room_is_gone(self) -> None:
        """The room it was in was removed; it stays up and hears nothing."""
        self.bridge = None
        self.player.place = ALONE
        self.act([Guard(on=True)])

    async def _silence_earlier_life(self, turn: Turn) -> None:
        """Stop what an earlier process was playing; it would be heard before what we play."""
        ids = [f"{self.id}.{rev}.{n}" for rev in (turn.rev, turn.rev - 1) for n in range(LIVES)]
        await asyncio.gather(
            *(self._house.ari.delete(f"/playbacks/{segment(name)}") for name in ids),
            return_exceptions=True,  # most of them never were
        )

    async def _is_recording(self, name: str) -> bool:
        try:
            path = f"/recordings/live/{segment(name)}"
            return (await self._house.ari.get(path, LiveRecording)).state == "recording"
        except (AriRefused, AriAway):
            return False

    # --- What happened ------------------------------------------------------------------------

    def key(self, key: Key) -> None:
        earlier, self._last_key = self._last_key, key
        if not key.is_echo_of(earlier):
            self.act(self.player.key(key.digit, self._now()))

    def played(self, playback: str) -> None:
        self.act(self.player.played(playback, self._now()))

    def recorded(self, recording: LiveRecording) -> None:
        self.act(self.player.recorded(recording.name, seconds_of(recording)))

    def recording_failed(self, name: str) -> None:
        if name in self.player.recording_names():
            self.act(self.player.recorded(name, 0))

    def leave(self) -> None:
        """It is gone, or with the net: no timers, nothing more to ask."""
        self._asks.clear()
        self._set_timer(None)

    # --- Doing it -----------------------------------------------------------------------------

    def act(self, actions: list[Action]) -> None:
        """Put ``actions`` into their lanes, and set the timer."""
        for action in actions:
            if isinstance(action, Tell):
                self.tell(action.signal)
            elif not self.gone:
                self._asks.put(partial(self._ask, action))
        self._set_timer(self.player.deadline)

    def tell(self, signal: Signal, then: Callable[[], None] | None = None) -> None:
        """Report ``signal`` after those before it; ``then`` when it is committed."""

        async def report() -> None:
            while True:
                try:
                    await self._house.emit(signal)
                    break
                except DatabaseAway:
                    if self._is_left_alone_by(signal):
                        self.failed = True
                        await self._to_the_net()
                        raise
                    await asyncio.sleep(AGAIN_S)  # nobody waits for the answer, so it can wait
                except Exception:
                    # The caller is in nobody's hands: let the guard run out, the net will say so.
                    self.failed = True
                    raise
            if then is not None:
                then()

        self._tells.put(report)

    def _is_left_alone_by(self, signal: Signal) -> bool:
        """Whether a citizen hears nothing more until ``signal`` is answered."""
        if self.gone or self.away or not self.net or self.player.place.talking:
            return False
        return not isinstance(signal, RoomEntered | LegGone)

    async def _to_the_net(self) -> None:
        """Have the dialplan apologise at once; it gives the caller back."""
        try:
            await self._house.ari.post(f"{self._path}/continue", extension=NET)
        except (AriRefused, AriAway) as error:
            log.warning("not_given_back", leg=self.id, why=str(error))  # the guard will do it

    async def in_stasis(self) -> None:
        """Wait until a created channel is under our control: before that, dialling it is refused
        (seen on a busy machine). Goes on after a while: the event may be lost."""
        try:
            async with asyncio.timeout(STASIS_LIMIT_S):
                await self.started.wait()
        except TimeoutError:
            log.warning("stasis_start_missed", leg=self.id)

    @property
    def looked_after(self) -> bool:
        """Whether what it did last was heard by somebody."""
        return not self.failed and self._tells.busy_s < STUCK_S

    async def settle(self) -> None:
        """Wait for what was asked and reported so far."""
        await self._asks.done()
        await self._tells.done()

    async def stop(self) -> None:
        self._set_timer(None)
        await self._asks.stop()
        await self._tells.stop()

    async def _ask(self, action: Action) -> None:
        try:
            await self._carry_out(action)
        except AriAway as error:
            # After the reconnect everything is compared and performed again.
            log.warning(
                "asterisk_not_asked", leg=self.id, what=type(action).__name__, why=str(error)
            )
        except AriRefused as error:
            self._refused(action, error)

    def _refused(self, action: Action, error: AriRefused) -> None:
        if self.gone or self.ended or self.hanging_up or error.status == GONE_STATUS:
            return  # it vanished between two lines; LegGone is on its way
        log.warning("asterisk_refused", leg=self.id, what=type(action).__name__, why=str(error))
        if isinstance(action, StartPlaying):
            self.played(action.playback)  # go on without the prompt
        elif isinstance(action, StartRecording | GoTo | HangUp):
            self.tell(Refused(self.id, Cause.FAILED, action.rev))

    async def _carry_out(self, action: Action) -> None:
        ari = self._house.ari
        match action:
            case StartPlaying():
                media = [f"sound:{file}" for file in action.media]
                path = f"{self._path}/play/{segment(action.playback)}"
                await ari.post(path, {"media": media})
            case StopPlaying():
                await _unless_gone(ari.delete(f"/playbacks/{segment(action.playback)}"))
            case StartRecording():
                await self._record(action.recording)
            case StopRecording():
                path = f"/recordings/live/{segment(action.name)}/stop"
                await _unless_gone(ari.post(path))
            case GoTo():
                await self._go(action.place)
                if action.arrived is not None and not self.gone:
                    self.tell(action.arrived)
            case Guard():
                await self.guard(on=action.on)
            case HangUp():
                await self.hang_up()

    async def _record(self, recording: RecordingWait) -> None:
        try:
            await self._house.ari.post(
                f"{self._path}/record",
                name=recording.name,
                format="wav",
                maxDurationSeconds=recording.most_s,
                maxSilenceSeconds=recording.silence_s,
                ifExists="fail",
                terminateOn="#" if recording.finish == "#" else "none",
            )
        except AriRefused as error:
            if error.status != 409:
                raise
            # The name is a key: it is running already (we were restarted), or it is stored.
            if not await self._is_recording(recording.name):
                sound = await self._house.ari.fetch(
                    f"/recordings/stored/{segment(recording.name)}/file"
                )
                self.act(self.player.recorded(recording.name, wav_seconds(sound)))

    async def _go(self, place: Place) -> None:
        """Be in the bridge of ``place``. Adding twice would interrupt the talk: compare first."""
        target = self._house.music if place == MUSIC else place.room
        if (target, place.muted) == (self.bridge, self.muted):
            return
        # A channel that is moved from bridge to bridge arrives after the answer; one that left
        # first enters at once.
        if self.bridge is not None:
            await self._leave_bridge()
        if target is not None:
            await self._enter(target, place)
        self.bridge, self.muted = target, place.muted

    async def _leave_bridge(self) -> None:
        assert self.bridge is not None
        path = f"/bridges/{segment(self.bridge)}/removeChannel"
        try:
            await self._house.ari.post(path, channel=self.id)
        except AriRefused as error:
            if error.status not in (GONE_STATUS, 409, 422):  # not in it any more
                raise

    async def _enter(self, bridge: str, place: Place) -> None:
        path = f"/bridges/{segment(bridge)}/addChannel"
        if not place.talking:
            # The role brings the music, for each channel in its own codec. Music of the bridge
            # itself would be one more channel, which leaves when it is alone.
            await self._house.ari.post(path, channel=self.id, role="holding_participant")
            return
        await self._house.open_room(bridge)
        # Muted as it enters: muting one that is in the bridge was without effect 1 time in 20.
        muted = "true" if place.muted else "false"
        try:
            await self._house.ari.post(path, channel=self.id, mute=muted)
        except AriRefused as error:
            if error.status != GONE_STATUS:
                raise
            # The room (or the channel: then this fails again) was removed meanwhile.
            await self._house.open_room(bridge, anew=True)
            await self._house.ari.post(path, channel=self.id, mute=muted)

    async def guard(self, *, on: bool) -> None:
        """Set the time after which the dialplan takes the leg from us, anew, or clear it."""
        if not self.net:
            return  # no dialplan stands under it: it would be hung up
        self.guarded = on
        value = self._house.guard_s if on else 0
        await self._house.ari.post(
            f"{self._path}/variable", variable="TIMEOUT(absolute)", value=value
        )

    async def hang_up(self) -> None:
        self.ended = True
        await _unless_gone(self._house.ari.delete(self._path))

    # --- Time ---------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(asyncio.get_running_loop().time() * 1000)

    def _set_timer(self, deadline: int | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline is not None and not self.gone:
            loop = asyncio.get_running_loop()
            # One millisecond late rather than early: the player compares whole milliseconds.
            self._timer = loop.call_at((deadline + 1) / 1000, self._tick)

    def _tick(self) -> None:
        self.act(self.player.tick(self._now()))


async def _unless_gone(request: Awaitable[None]) -> None:
    """Ask for the end of something that may have ended by itself."""
    try:
        await request
    except AriRefused as error:
        if error.status != GONE_STATUS:
            raise


def seconds_of(recording: LiveRecording) -> int:
    """How long ``recording`` is; 0 when nobody spoke. Less than a second counts as one."""
    if recording.talking_duration == 0:
        return 0
    return max(1, recording.duration or 0)


def wav_seconds(sound: bytes) -> int:
    """How long a WAV file lasts, rounded up; 0 when it is none."""
    try:
        with wave.open(BytesIO(sound)) as opened:
            frames: int = opened.getnframes()
            rate: int = opened.getframerate()
    except (wave.Error, EOFError):
        return 0
    return -(-frames // rate)
