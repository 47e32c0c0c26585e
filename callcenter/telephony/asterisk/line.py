"""The Asterisk line: ARI's words become Signals, Turns and Commands become requests.

A citizen's leg is named by Asterisk (its channel id), an agent's by us. Each leg is a
:class:`~callcenter.telephony.asterisk.leg.Leg`; here is what concerns all of them: who gets which
event, ringing and ending, the guard, what to do after a reconnect, and the messages that the
dialplan took while we were away.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import structlog

from callcenter.db import DatabaseAway
from callcenter.line import (
    CallArrived,
    Capabilities,
    Cause,
    Command,
    DeviceChanged,
    DeviceKind,
    DropRecording,
    Emit,
    EndLeg,
    EndRoom,
    LegGone,
    LegReturned,
    LegRinging,
    LineResumed,
    LiveLeg,
    MessageLeft,
    Pause,
    Play,
    Recording,
    Refused,
    RingLeg,
    Say,
    Signal,
    Turn,
)
from callcenter.telephony.asterisk.ari import Access, Ari, AriAway, AriRefused, segment
from callcenter.telephony.asterisk.causes import cause_of
from callcenter.telephony.asterisk.devices import LOOK_EVERY_S, Devices
from callcenter.telephony.asterisk.events import Channel, Event, StoredRecording, key_of
from callcenter.telephony.asterisk.leg import AGAIN_S, GONE_STATUS, Leg, wav_seconds
from callcenter.telephony.asterisk.resync import Found, Survey, messages_of, survey
from callcenter.telephony.asterisk.turns import Media
from callcenter.telephony.asterisk.words import called_number, caller_number
from callcenter.voice import Sound, Voice

log = structlog.get_logger(__name__)

Work = Callable[[], Awaitable[None]]

#: Seconds after which the dialplan takes a caller from us unless we say that we are well; we say
#: so three times as often.
GUARD_S = 30
MESSAGES_EVERY_S = 30.0
SETTLE_S = 5.0  #: for what must be told before a LineResumed
#: What agents' telephones may begin with unless the operator says otherwise: Indonesia.
PREFIXES = ("+62", "0")


class Counts(msgspec.Struct):
    """For the metrics page."""

    missing_sounds: int = 0
    resyncs: int = 0
    failed_signals: int = 0
    refused_rings: int = 0


class AsteriskLine:
    """One Asterisk as a :class:`callcenter.line.Line`. ``devices`` is for signing agents in."""

    name = "asterisk"

    def __init__(
        self,
        access: Access,
        voice: Voice,
        *,
        ws: str,
        trunk: str | None = None,
        guard_s: int = GUARD_S,
        prefixes: tuple[str, ...] = PREFIXES,
    ) -> None:
        self.capabilities = Capabilities(
            type_ahead=True,
            measured_ring=True,
            two_timeouts=True,
            whisper=False,
            browser=True,
            sip=True,
            phone=trunk is not None,
            survives_us=True,
        )
        self.counts = Counts()
        self.guard_s = guard_s
        self.music = f"{access.app}-music"
        self.ari = Ari(
            access, on_event=self._event, on_up=self._connected, on_down=self._disconnected
        )
        self.devices = Devices(
            self.ari,
            app=access.app,
            ws=ws,
            trunk=trunk,
            prefixes=prefixes,
            changed=self._device_changed,
            replaced=self._device_replaced,
        )
        self._access = access
        self._voice = voice
        self._emit: Emit | None = None
        self._legs: dict[str, Leg] = {}
        self._rooms: set[str] = set()
        self._startup_time: str | None = None
        self._resumed = False  #: compared since the latest connect
        self._told_messages: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # --- The line -----------------------------------------------------------------------------

    async def start(self, emit: Emit) -> None:
        """Begin to connect; returns at once. :class:`LineResumed` follows each connect."""
        self._emit = emit
        await self.ari.start()
        self._spawn(self._keep_guards)
        self._spawn(self._look_for_messages)
        self._spawn(self._look_at_devices)

    async def stop(self) -> None:
        """Let go. Calls stay up in Asterisk, callers in the dialplan's care."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for leg in list(self._legs.values()):
            await leg.stop()
        await self.ari.stop()

    async def perform(self, turn: Turn) -> None:
        """Do ``turn`` if it is newer than what the leg does. Nothing for a leg that is gone."""
        leg = self._legs.get(turn.leg)
        if leg is not None:
            await leg.perform(turn)

    async def do(self, command: Command) -> None:
        """Carry ``command`` out, or emit :class:`Refused`.

        Raises:
            ConnectionError: Asterisk is away; a state may be asked for again.
        """
        try:
            match command:
                case RingLeg():
                    await self._ring(command)
                case EndLeg():
                    await self._end_leg(command.leg)
                case EndRoom():
                    await self._end_room(command.room)
                case DropRecording():
                    await self._ask_end(f"/recordings/stored/{segment(command.name)}")
        except AriRefused as error:
            log.warning("asterisk_refused", command=type(command).__name__, why=str(error))

    async def fetch_recording(self, name: str) -> bytes:
        """The recording as a WAV file.

        Raises:
            LookupError: Asterisk does not know it.
            ConnectionError: Asterisk is away; ask again.
        """
        try:
            return await self.ari.fetch(f"/recordings/stored/{segment(name)}/file")
        except AriRefused as error:
            raise LookupError(name) from error

    # --- What legs need -----------------------------------------------------------------------

    async def emit(self, signal: Signal) -> None:
        """Hand ``signal`` over; returns when it is committed."""
        assert self._emit is not None
        try:
            await self._emit(signal)
        except Exception:
            self.counts.failed_signals += 1
            raise

    async def media(self, turn: Turn) -> Media:
        """The steps of ``turn`` as files that exist: a missing one alone would end a playback in a
        millisecond, and is skipped here."""
        made = await asyncio.gather(*(self._sound(step) for step in turn.steps))
        sounds = [sound for sound in made if sound is not None]
        self.counts.missing_sounds += len(made) - len(sounds)
        if isinstance(turn.wait, Recording) and turn.wait.beep:
            beep = await self._voice.beep()
            sounds += [beep] if beep else []
        return Media(
            tuple(str(sound.stem.absolute()) for sound in sounds), sum(s.ms for s in sounds)
        )

    async def _sound(self, step: Say | Play | Pause) -> Sound | None:
        match step:
            case Say():
                return await self._voice.say(step.text, step.language)
            case Play():
                return await self._voice.play(step.audio, step.text, step.language)
            case Pause():
                return await self._voice.pause(step.ms)

    async def open_room(self, room: str, *, anew: bool = False) -> None:
        """Make the bridge ``room`` unless it is there; ``anew``: it was there and is gone."""
        if room in self._rooms and not anew:
            return
        await self._make_bridge(room, "mixing")
        self._rooms.add(room)

    async def _make_bridge(self, bridge: str, kind: str) -> None:
        try:
            await self.ari.post(f"/bridges/{segment(bridge)}", type=kind, name=self._access.app)
        except AriRefused as error:
            if error.status != 409:  # it is there
                raise

    # --- Commands -----------------------------------------------------------------------------

    async def _ring(self, command: RingLeg) -> None:
        """Create and dial. Never originate: with our process gone an agent who answers that is
        hung up, while a created leg stays and is taken over."""
        dialled = self.devices.dial_string(command.device)
        if command.leg in self._legs:
            return
        kind = command.device.kind
        leg = Leg(self, command.leg, inbound=False, called=kind is DeviceKind.CALLER)
        if kind is DeviceKind.BROWSER:
            leg.softphone_of = command.device.address
        if dialled is None:
            self.counts.refused_rings += 1
            log.warning("may_not_ring", leg=command.leg, kind=kind)
            # A device may be mended; a number that we may not call stays one.
            leg.tell(Refused(command.leg, Cause.FAILED if leg.called else Cause.UNREACHABLE))
            return
        if not self._resumed:
            # It would be missed in the comparison that is under way.
            leg.tell(Refused(command.leg, Cause.UNREACHABLE))
            return
        self._legs[command.leg] = leg
        try:
            await self.ari.post(
                "/channels/create",
                {"variables": _variables(leg)},
                endpoint=dialled,
                app=self._access.app,
                channelId=command.leg,
            )
            await leg.in_stasis()
            await self.ari.post(f"/channels/{segment(command.leg)}/dial", timeout=command.most_s)
        except AriRefused as error:
            if leg.gone:
                return  # it failed at once, and said why by itself
            self.counts.refused_rings += 1
            log.warning("ring_refused", leg=command.leg, why=str(error))
            leg.gone = True
            self._legs.pop(command.leg, None)
            leg.tell(Refused(command.leg, Cause.UNREACHABLE))
            await self._ask_end(f"/channels/{segment(command.leg)}")
        except AriAway as error:
            if error.sent:
                # Nobody knows whether it rings: never again; a reconnect or a timer will tell.
                log.warning("ring_unknown", leg=command.leg, why=str(error))
                return
            self._legs.pop(command.leg, None)
            leg.tell(Refused(command.leg, Cause.UNREACHABLE))

    async def _end_leg(self, name: str) -> None:
        leg = self._legs.get(name)
        if leg is not None:
            await leg.hang_up()
            if leg.away or leg.entering:  # nobody will tell us
                self._gone(leg, None)
        else:
            await self._ask_end(f"/channels/{segment(name)}")

    async def _end_room(self, room: str) -> None:
        self._rooms.discard(room)
        await self._ask_end(f"/bridges/{segment(room)}")
        for leg in self._legs.values():
            if leg.bridge == room:
                leg.room_is_gone()

    async def _ask_end(self, path: str) -> None:
        """Ask for the end of something, which may have ended by itself."""
        try:
            await self.ari.delete(path)
        except AriRefused as error:
            if error.status != GONE_STATUS:
                raise

    # --- Events -------------------------------------------------------------------------------

    def _event(self, event: Event) -> None:
        match event.type:
            case "StasisStart" if event.channel is not None:
                self._started(event.channel)
            case "PlaybackFinished" if event.playback is not None:
                if leg := self._target(event.playback.target_uri):
                    leg.played(event.playback.id)
            case "RecordingFinished" | "RecordingFailed" if event.recording is not None:
                if leg := self._target(event.recording.target_uri):
                    if event.type == "RecordingFinished":
                        leg.recorded(event.recording)
                    else:
                        leg.recording_failed(event.recording.name)
            case "Dial" if event.peer is not None:
                if leg := self._legs.get(event.peer.id):
                    self._rings(leg, event.dialstatus == "RINGING", event.dialstatus == "ANSWER")
            case _ if event.channel is not None:
                if leg := self._legs.get(event.channel.id):
                    self._of_leg(leg, event, event.channel)
            case _:
                self.devices.hear(event)

    def _of_leg(self, leg: Leg, event: Event, channel: Channel) -> None:
        match event.type:
            case "ChannelDtmfReceived":
                leg.key(key_of(event))
            case "ChannelStateChange":
                self._rings(leg, channel.state == "Ringing", channel.up)
            case "ChannelHangupRequest":
                leg.hanging_up = leg.hanging_up or event
            case "ChannelDestroyed":
                self._gone(leg, event)
            case "StasisEnd":
                self._left(leg)

    def _target(self, uri: str) -> Leg | None:
        return self._legs.get(uri.removeprefix("channel:"))

    def _started(self, channel: Channel) -> None:
        """A channel came under our control."""
        leg = self._legs.get(channel.id)
        to = called_number(channel.channelvars.get("CC_TO", ""))
        if leg is None:
            leg = Leg(
                self,
                channel.id,
                inbound=bool(to),
                to=to,
                caller=caller_number(channel.caller.number),
                up=channel.up,
            )
            self._legs[channel.id] = leg
        elif leg.entering and not leg.away and not leg.arrived:
            leg.entered()
            leg.answered()
            return
        elif leg.away or leg.entering:
            leg.leave()
            leg.entered()
            leg.take_over(None, frozenset())
        else:
            leg.started.set()  # one that we made, or one found when we connected
            return
        if leg.arrived:
            leg.tell(LegReturned(leg.id))
        elif leg.inbound:
            arrived = CallArrived(leg.id, self.name, leg.to, leg.caller)
            leg.tell(arrived, then=leg.has_arrived)
        elif leg.called:
            leg.answered()

    def _rings(self, leg: Leg, ringing: bool, answered: bool) -> None:
        """A phone that we called rings, or was answered. Both are told once, whoever says it
        first."""
        if leg.inbound or leg.up or leg.entering:
            return
        if ringing and not leg.rang:
            leg.rang = True
            leg.tell(LegRinging(leg.id))
        if answered and leg.called:
            leg.enter()
        elif answered:
            leg.answered()

    def _left(self, leg: Leg) -> None:
        """A channel left our control. A citizen's that nobody hung up was taken by the dialplan
        because we were hung; it is given back, or leaves a message."""
        if leg.hanging_up is not None or leg.ended:
            if leg.net:  # nothing more is told about it
                self._gone(leg, leg.hanging_up)
        elif leg.net:
            leg.away = True
            leg.guarded = False
            leg.leave()

    def _gone(self, leg: Leg, event: Event | None, why: Cause | None = None) -> None:
        """It is gone, for the reason that ``event`` gives or ``why``."""
        if leg.gone:
            return
        leg.gone = True
        leg.leave()
        self._legs.pop(leg.id, None)
        asked = leg.hanging_up
        soft = asked.cause if asked is not None and asked.soft else None
        hard = event if event is not None and not event.soft else None
        known = cause_of(
            hard.cause if hard else None,
            hard.tech_cause if hard else None,
            soft=soft,
            answered=leg.up,
            rang=leg.rang,
            ended=leg.ended,
            called=leg.called,
        )
        gone = LegGone(leg.id, why or known)
        if leg.inbound or leg.called or gone.cause in (Cause.HUNG_UP, Cause.ENDED):
            leg.tell(gone)
        else:
            # Whoever lost it takes the softphone for gone, too; it may be back already.
            leg.tell(gone, then=lambda: self._spawn(partial(self.devices.look, again=True)))

    # --- Connecting ---------------------------------------------------------------------------

    async def _connected(self) -> None:
        """Compare with what exists, before anything that happens next is heard."""
        self.counts.resyncs += 1
        await self._make_bridge(self.music, "holding")
        found = await survey(self.ari, self._access.app, self.music)
        restarted = self._startup_time not in (None, found.startup_time)
        self._startup_time = found.startup_time
        self._told_messages.clear()
        self._rooms = set(found.rooms)
        vanished = self._compare(found, restarted)
        with contextlib.suppress(TimeoutError):  # the database is away: so says the next line too
            async with asyncio.timeout(SETTLE_S):
                await asyncio.gather(*(leg.settle() for leg in vanished))
        self.devices.forget_events()
        if restarted:
            await self.devices.push_again()
        self._resumed = True
        legs = tuple(_live(leg) for leg in found.legs)
        await self.emit(LineResumed(self.name, legs, tuple(sorted(found.rooms))))
        # Their time may be nearly up: nobody renewed it while we were away.
        self._spawn(self._renew_guards)
        self._spawn(self.devices.look)
        self._spawn(self._tell_messages)

    def _compare(self, found: Survey, restarted: bool) -> list[Leg]:
        """Take over the legs that are there; the answer: those that are not any more."""
        there = {leg.leg: leg for leg in found.legs}
        vanished = [leg for leg in self._legs.values() if leg.id not in there]
        for leg in vanished:
            self._gone(leg, None, Cause.RESTARTED if restarted else Cause.LOST)
        for seen in there.values():
            leg = self._legs.get(seen.leg) or Leg(
                self, seen.leg, inbound=seen.inbound, to=seen.to, caller=seen.caller
            )
            leg.called, leg.net = seen.called, seen.net
            leg.entering = False
            leg.take_over(seen.bridge, found.rooms)
            leg.softphone_of = seen.softphone_of
            leg.up, leg.away, leg.arrived = seen.up, seen.away, seen.up
            self._legs[seen.leg] = leg
            if seen.called and seen.up and not seen.net and seen.bridge is None:
                leg.enter()  # it was answered while nobody looked
        return vanished

    def _disconnected(self) -> None:
        """Asterisk keeps the calls; what we remember counts only after the next comparison."""
        self._resumed = False
        for leg in self._legs.values():
            leg.leave()

    # --- Beside the calls ---------------------------------------------------------------------

    async def _keep_guards(self) -> None:
        while True:
            await asyncio.sleep(self.guard_s / 3)
            if self.ari.up:
                await self._renew_guards()

    async def _renew_guards(self) -> None:
        """Say that we are well, for each caller who hears only us; look after those in the net."""
        for leg in list(self._legs.values()):
            try:
                if leg.away or leg.entering:
                    await self._look_after(leg)
                elif leg.guarded and leg.looked_after and not leg.gone:
                    await leg.guard(on=True)
            except (AriRefused, AriAway):
                continue  # it is going, or the connection is

    async def _look_after(self, leg: Leg) -> None:
        """Does the dialplan still mean to give ``leg`` back?"""
        try:
            channel = await self.ari.get(f"/channels/{segment(leg.id)}", Channel)
        except AriRefused as error:
            if error.status == GONE_STATUS and (leg.away or leg.entering):
                self._gone(leg, None, None if leg.ended else Cause.HUNG_UP)
            return
        if channel.channelvars.get("CC_NET") == "message" and (leg.away or leg.entering):
            self._gone(leg, None, Cause.FAILED)

    async def _look_for_messages(self) -> None:
        while True:
            await asyncio.sleep(MESSAGES_EVERY_S)
            await self._tell_messages()

    async def _tell_messages(self) -> None:
        """Report each message that the dialplan took; once, until we are connected anew."""
        if not self.ari.up:
            return
        try:
            stored = await self.ari.get("/recordings/stored", list[StoredRecording])
            channels = await self.ari.get("/channels", list[Channel])
            for name, at in messages_of(stored, channels):
                if name not in self._told_messages:
                    seconds = wav_seconds(await self.fetch_recording(name))
                    await self.emit(MessageLeft(self.name, name, seconds, at))
                    self._told_messages.add(name)
        except (AriRefused, ConnectionError, LookupError) as error:
            log.warning("messages_not_read", why=str(error))

    async def _look_at_devices(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.ari.up:
                await self.devices.look()
            else:
                self.devices.all_down()

    def _device_replaced(self, agent: str) -> None:
        """The agent's page was loaded anew: the talk that was in the old one can't be heard there.
        Its RTP would be missed only some 20 seconds later."""
        for leg in list(self._legs.values()):
            if leg.softphone_of == agent and leg.up and not leg.gone:
                self._gone(leg, None, Cause.LOST)
                self._spawn(partial(self._ask_end, f"/channels/{segment(leg.id)}"))

    def _device_changed(self, agent: str, up: bool) -> None:
        self._spawn(partial(self._tell_device, agent, up))

    async def _tell_device(self, agent: str, up: bool) -> None:
        """Until it is committed, or has changed again."""
        while self.devices.up(agent) == up:
            try:
                await self.emit(DeviceChanged(agent, up))
                return
            except DatabaseAway:
                await asyncio.sleep(AGAIN_S)

    def _spawn(self, work: Work) -> None:
        task = asyncio.create_task(_logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Work) -> None:
    try:
        await work()
    except Exception:
        log.exception("asterisk_task_failed")


def _live(found: Found) -> LiveLeg:
    return LiveLeg(found.leg, found.up, found.inbound, found.to, found.caller)


def _variables(leg: Leg) -> dict[str, str]:
    """What a leg that we ring is made with. The agent's page finds the call that belongs to its
    offer by a header; a citizen's leg is known again by its variable. No carrier, and nobody behind
    one, is told a leg's name."""
    if leg.called:
        return {"CC_CALLED": "asked"}
    return {"PJSIP_HEADER(add,X-Leg)": leg.id} if leg.softphone_of is not None else {}
