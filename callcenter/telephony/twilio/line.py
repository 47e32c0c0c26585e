"""The Twilio line: webhooks become Signals, Turns become TwiML or REST requests.

A citizen's leg is named by Twilio (its CallSid), an agent's by us. What a leg does next is the
answer to its own webhook (``answers.py``); legs that did not ask are moved by REST (``house.py``).
What Twilio reports besides is heard in ``reports.py``; ``touch.py`` compares after we were away.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping

import structlog

from callcenter.db import DatabaseAway
from callcenter.line import (
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
    LegQueued,
    Refused,
    RingLeg,
    Turn,
)
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.addresses import CALLED, Addresses
from callcenter.telephony.twilio.answers import Answers
from callcenter.telephony.twilio.devices import Devices
from callcenter.telephony.twilio.house import AGAIN_S, COMPLETED, LOOK_S, Counts, House, Options
from callcenter.telephony.twilio.leg import Leg
from callcenter.telephony.twilio.names import Names
from callcenter.telephony.twilio.reports import Reports
from callcenter.telephony.twilio.rest import NO_NUMBER, Access, Rest, TwilioAway, TwilioRefused
from callcenter.telephony.twilio.rings import Rings
from callcenter.telephony.twilio.signature import Secrets
from callcenter.telephony.twilio.sounds import Sounds
from callcenter.telephony.twilio.touch import Touch
from callcenter.telephony.twilio.twiml import ROOM_PREFIX, Speech, Twiml
from callcenter.telephony.twilio.webhooks import BadWebhook, Request, read
from callcenter.telephony.twilio.words import Status

log = structlog.get_logger(__name__)

#: Webhooks that come while we are still comparing wait for it, this long after the start.
RESUME_S = 5.0
#: Twilio asks for a Turn within this after it was told to, in seconds.
BEGUN_S = 2.0
#: A recording that Twilio has not finished is asked for so often, so many seconds apart.
READY_TRIES, READY_S = 8, 1.0
_LOST = ("absent", "failed", "deleted")
#: How often we look whether a telephone rings that has not said so.
RING_LOOKS = 2
XML = "text/xml; charset=utf-8"


def capabilities(*, browser: bool) -> Capabilities:
    """What the line can do; ``browser``: with an API key, which agents' browsers need."""
    return Capabilities(
        type_ahead=False,
        measured_ring=True,
        two_timeouts=False,
        whisper=False,
        browser=browser,
        sip=True,
        phone=True,
        survives_us=True,
    )


class TwilioLine:
    """One Twilio account and its number as a :class:`callcenter.line.Line`.

    Args:
        options: see there.
        access: to its REST API.
        secrets: what its webhooks are signed with.
        names: the book of our names and Twilio's.
        sounds: what Twilio fetches to play.
        speech: how each language is spoken.
        key: an API key and its secret, with which agents may answer in their browsers.
    """

    name = "twilio"

    def __init__(
        self,
        options: Options,
        access: Access,
        secrets: Secrets,
        *,
        names: Names,
        sounds: Sounds | None = None,
        speech: Mapping[str, Speech] | None = None,
        key: tuple[str, str] | None = None,
    ) -> None:
        self.capabilities = capabilities(browser=key is not None)
        self.devices: Devices | None = None
        if key is not None:
            self.devices = Devices(options.account, *key, changed=self._device_changed)
        self.sounds = sounds or Sounds()
        twiml = Twiml(Addresses(options.base_url), speech=speech, recorded=self.sounds.name)
        self._secrets = secrets
        self._house = House(options, Rest(access), twiml, names)
        self._answers = Answers(self._house)
        self._reports = Reports(self._house)
        self._touch = Touch(self._house, self._reports)
        self._patience = 0.0
        self._rings = Rings(options.calls_per_s, self._ring)

    @property
    def counts(self) -> Counts:
        """How the line is doing."""
        return self._house.counts

    @property
    def up(self) -> bool:
        """Whether Twilio can be reached, as far as we know."""
        return self._touch.up

    @property
    def resumed(self) -> asyncio.Event:
        """Set once what exists was told; webhooks wait for it a little."""
        return self._touch.resumed

    # --- the line -----------------------------------------------------------------------------

    async def start(self, emit: Emit) -> None:
        """Begin; returns at once. :class:`~callcenter.line.LineResumed` follows."""
        house = self._house
        self._patience = asyncio.get_running_loop().time() + RESUME_S
        house.begin(emit)
        await house.rest.open()
        for work in (
            self._touch.keep(),
            self._touch.sweep(),
            self._touch.messages(),
            self._rings.run(),
            self._make_music(),
        ):
            house.spawn(work)
        if self.devices is not None:
            house.spawn(self.devices.run())

    async def _make_music(self) -> None:
        """Before the first caller waits for it."""
        await self.sounds.get("music.wav")

    async def stop(self) -> None:
        """Let go. Calls stay up at Twilio; its next webhook finds whoever is there."""
        await self._house.stop()
        await self._house.rest.close()

    async def perform(self, turn: Turn) -> None:
        """Do ``turn`` if it is newer than what the leg does. Nothing for a leg that is gone.

        Raises:
            ConnectionError: Twilio is away; it is done once it is back.
        """
        leg = self._house.legs.get(turn.leg)
        if leg is None or not leg.note(turn):
            return
        await self._house.deliver(leg)
        if leg.up and not leg.ended:
            await self._begun(leg)

    async def _begun(self, leg: Leg) -> None:
        """Twilio asks for the Turn, or is being answered with it."""
        try:
            async with asyncio.timeout(BEGUN_S):
                await leg.begun.wait()
        except TimeoutError:
            return  # what was asked once is not asked again here: a sweep does that

    async def do(self, command: Command) -> None:
        """Carry ``command`` out, or emit :class:`~callcenter.line.Refused`.

        Raises:
            ConnectionError: Twilio is away; a state may be asked for again.
        """
        match command:
            case RingLeg():
                await self._ask_to_ring(command)
            case EndLeg():
                await self._end_leg(command.leg)
            case EndRoom():
                await self._end_room(command.room)
            case DropRecording():
                await self._drop_recording(command.name)

    async def fetch_recording(self, name: str) -> bytes:
        """The recording as a WAV file.

        Raises:
            LookupError: Twilio does not know it.
            ConnectionError: Twilio is away, or has not finished it; ask again.
        """
        sid = await self._recording(name)
        if sid is None:
            raise LookupError(name)
        for _ in range(READY_TRIES):
            try:
                return await self._house.rest.sound(sid)
            except TwilioRefused as refused:
                if not refused.gone:
                    raise ConnectionError(str(refused)) from refused
            await self._not_ready(name, sid)
            await asyncio.sleep(READY_S)
        raise ConnectionError(f"recording {name} is not ready")

    async def _not_ready(self, name: str, sid: str) -> None:
        """Is it only not finished, or is there no such recording?"""
        try:
            stored = await self._house.rest.recording(sid)
        except TwilioRefused as refused:
            raise LookupError(name) from refused
        if stored.status in _LOST:
            raise LookupError(name)

    # --- what Twilio asks ---------------------------------------------------------------------

    async def sound(self, name: str) -> tuple[str, bytes] | None:
        """The media type and the bytes of what Twilio plays; None: no such sound."""
        return await self.sounds.get(name)

    async def webhook(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Answer a request that says it is Twilio's: status, media type, body.

        ``target``: path and query as they were sent. ``headers``: names in lower case.
        """
        options = self._house.options
        try:
            hook = read(
                Request(method, target, headers, body),
                base=options.base_url,
                account=options.account,
                secrets=self._secrets,
            )
        except BadWebhook as bad:
            self.counts.refused_webhooks += 1
            log.warning("twilio_webhook_refused", why=str(bad), status=bad.status)
            return bad.status, "text/plain", b""
        if not self._touch.resumed.is_set():
            await self._resuming()
        if hook.kind.performed:
            return 200, XML, await self._answers.of(hook)
        await self._reports.hear(hook)
        return 204, "text/plain", b""

    async def _resuming(self) -> None:
        """We have only just begun: what exists is told first, unless that takes too long."""
        try:
            async with asyncio.timeout_at(self._patience):
                await self._touch.resumed.wait()
        except TimeoutError:
            return

    # --- Commands -----------------------------------------------------------------------------

    async def _ask_to_ring(self, command: RingLeg) -> None:
        """Queue the ring; Twilio takes only so many a second."""
        house = self._house
        if house.legs.get(command.leg) is not None or house.legs.was(command.leg) is not None:
            return
        browser = command.device.kind is DeviceKind.BROWSER
        called = command.device.kind is DeviceKind.CALLER
        to = words.destination(command.device, house.options.prefixes)
        if to is None or (browser and self.devices is None):
            house.counts.refused_rings += 1
            log.warning("twilio_may_not_ring", leg=command.leg, kind=command.device.kind)
            # A device may be mended; a number that we may not call stays one.
            await house.tell(Refused(command.leg, Cause.FAILED if called else Cause.UNREACHABLE))
            return
        house.legs.add(Leg(command.leg, inbound=False, browser=browser, called=called))
        wait_s = math.ceil(self._rings.put(command))
        if wait_s > 0:
            await house.tell(LegQueued(command.leg, wait_s))

    async def _ring(self, command: RingLeg) -> None:
        house = self._house
        leg = house.legs.get(command.leg)
        to = words.destination(command.device, house.options.prefixes)
        if leg is None or to is None:
            return
        where = house.addresses.of_leg
        try:
            sid = await house.rest.ring(
                # The agent's page finds the call that belongs to its offer by this.
                to=f"{to}?leg={leg.id}" if leg.browser else to,
                caller=house.options.number,
                url=where(leg.id, "answered", **({CALLED: 1} if leg.called else {})),
                fallback=house.fallback(leg),
                status=where(leg.id, "status"),
                most_s=command.most_s,
            )
        except TwilioRefused as refused:
            # Twilio's own words name the number.
            log.warning("twilio_ring_refused", leg=leg.id, code=refused.code)
            for_good = leg.called and refused.code in NO_NUMBER
            await self._refused(leg, Cause.FAILED if for_good else Cause.UNREACHABLE)
            return
        except TwilioAway as away:
            house.lost.set()
            log.warning("twilio_ring_unknown", leg=leg.id, why=str(away))
            if not away.sent:
                await self._refused(leg)
            return  # sent: never again; what it tells, or a timer, decides
        leg.sid = leg.sid or sid
        await house.names.remember(leg.id, sid)
        if leg.ended:
            await house.end(leg)
        else:
            house.spawn(self._look_at_ring(leg))

    async def _look_at_ring(self, leg: Leg) -> None:
        """Does it ring? What tells us may be lost, and then nobody seems to be there."""
        for _ in range(RING_LOOKS):
            await asyncio.sleep(LOOK_S)
            if leg.rang or leg.up or leg.gone or leg.ended:
                return
            if await self._house.look_at(leg) is Status.RINGING:
                await self._reports.rings(leg)

    async def _refused(self, leg: Leg, cause: Cause = Cause.UNREACHABLE) -> None:
        house = self._house
        house.counts.refused_rings += 1
        house.legs.end(leg)
        await house.tell(Refused(leg.id, cause))

    async def _end_leg(self, name: str) -> None:
        house = self._house
        leg = house.legs.get(name)
        if leg is None and house.legs.was(name) is None:
            sid = name if words.CALL.fullmatch(name) else await house.names.theirs(name)
            leg = None if sid is None else house.legs.adopt(name, sid)
        if leg is None:
            return
        if self._rings.withdraw(name):
            house.legs.end(leg)
            await house.tell(LegGone(name, Cause.ENDED))
            return
        await house.end(leg)

    async def _end_room(self, room: str) -> None:
        house = self._house
        house.room_ended(room)
        try:
            for one in await house.rest.conferences(FriendlyName=ROOM_PREFIX + room):
                if one.status != COMPLETED:
                    await house.rest.end_conference(one.sid)
        except TwilioRefused as refused:
            log.info("twilio_room_end_refused", room=room, why=str(refused))
        except TwilioAway:
            house.lost.set()
            raise

    async def _drop_recording(self, name: str) -> None:
        house = self._house
        if house.options.keep_recordings:
            return
        sid = await self._recording(name)
        if sid is None:
            return
        try:
            await house.rest.delete_recording(sid)
        except TwilioRefused as refused:
            if not refused.gone:
                raise ConnectionError(str(refused)) from refused
        await house.names.forget(name)

    async def _recording(self, name: str) -> str | None:
        """Twilio's name of a recording; a message that was left with the fallback has no other."""
        return name if words.RECORDING.fullmatch(name) else await self._house.names.theirs(name)

    # --- agents' browsers ---------------------------------------------------------------------

    def _device_changed(self, agent: str, up: bool) -> None:
        self._house.spawn(self._tell_device(agent, up))

    async def _tell_device(self, agent: str, up: bool) -> None:
        """Until it is committed, or has changed again."""
        while self.devices is not None and self.devices.up(agent) == up:
            try:
                await self._house.emit(DeviceChanged(agent, up))
                return
            except DatabaseAway:
                await asyncio.sleep(AGAIN_S)
