"""What Twilio tells besides: how a call stands, who is in a room, how a recording came out.

Nobody waits for the answer. Reports come in any order, or not at all: they are compared with what
is known, never counted.
"""

from __future__ import annotations

import asyncio
import email.utils
import time

import msgspec
import structlog

from callcenter.db import DatabaseAway
from callcenter.line import LegRinging, MessageLeft
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.house import AGAIN_S, COMPLETED, House
from callcenter.telephony.twilio.leg import Leg
from callcenter.telephony.twilio.twiml import ROOM_PREFIX, read_label
from callcenter.telephony.twilio.webhooks import Kind, Webhook
from callcenter.telephony.twilio.words import Status

log = structlog.get_logger(__name__)


class Reports:
    """Hears the webhooks whose answer Twilio does not perform."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def hear(self, hook: Webhook) -> None:
        match hook.kind:
            case Kind.STATUS:
                await self._status(hook)
            case Kind.ROOMS:
                await self._room(hook)
            case Kind.RECORDING:
                await self._recording(hook)
            case Kind.MESSAGE:
                await self._message(hook)

    # --- calls --------------------------------------------------------------------------------

    async def _status(self, hook: Webhook) -> None:
        leg = self._house.legs.adopt(hook.leg, hook.sid)
        if leg is None:
            return
        leg.browser = leg.browser or hook.form.get("To", "").startswith("client:")
        if leg.ended and hook.status in words.LIVE:
            self._house.spawn(self._house.end(leg))  # we did not know its name until now
        elif hook.status in words.OVER:
            await self._house.over(leg, hook.status, hook.form.get("SipResponseCode", ""))
        elif hook.status is Status.RINGING and not leg.inbound:
            await self.rings(leg)

    async def rings(self, leg: Leg) -> None:
        """Its telephone rings."""
        async with leg.lock:
            if leg.rang or leg.up or leg.gone:
                return
            leg.rang = True
            await self._house.tell(LegRinging(leg.id))

    # --- rooms --------------------------------------------------------------------------------

    async def _room(self, hook: Webhook) -> None:
        """One address serves all rooms: whoever comes first decides who is told."""
        form = hook.form
        label = read_label(form.get("ParticipantLabel", ""))
        room = form.get("FriendlyName", "")
        conference = form.get("ConferenceSid", "")
        if label is None or not room.startswith(ROOM_PREFIX):
            return
        if not words.CONFERENCE.fullmatch(conference) or not words.NAME.fullmatch(label[0]):
            return
        leg = self._house.legs.adopt(label[0], hook.sid)
        if leg is None:
            return
        name = room.removeprefix(ROOM_PREFIX)
        muted = form.get("Muted") == "true"
        match form.get("StatusCallbackEvent", ""):
            case "participant-join":
                leg.up = True
                await self._house.entered(leg, label[1], name, conference, muted=muted)
            case "participant-leave":
                if leg.seat is not None and leg.seat.conference == conference:
                    leg.seat = None
            case "participant-hold" | "participant-unhold" as held:
                self._sits(leg, conference, held=held == "participant-hold")
            case "participant-mute" | "participant-unmute" as mute:
                self._sits(leg, conference, muted=mute == "participant-mute")

    def _sits(self, leg: Leg, conference: str, **how: bool) -> None:
        if leg.seat is not None and leg.seat.conference == conference:
            leg.seat = msgspec.structs.replace(leg.seat, **how)

    # --- recordings ---------------------------------------------------------------------------

    async def _recording(self, hook: Webhook) -> None:
        name = hook.query.get("name", "")
        house = self._house
        if hook.rev is None or not words.NAME.fullmatch(name):
            return
        leg = house.legs.adopt(hook.leg, hook.sid) or house.legs.was(hook.leg)
        if leg is None:
            return
        if hook.form.get("RecordingStatus") != COMPLETED or not hook.recording:
            leg.heard.set()  # nothing was said
            return
        length = words.seconds(hook.form.get("RecordingDuration", ""))
        try:
            async with leg.lock:
                leg.note(await house.recorded(leg, hook.rev, name, hook.recording, length))
        except DatabaseAway:
            house.spawn(self._later(hook))

    async def _message(self, hook: Webhook) -> None:
        """A message was left with the fallback document."""
        if not hook.recording:
            return
        try:
            await self.message(
                hook.recording,
                words.seconds(hook.form.get("RecordingDuration", "")),
                hook.form.get("RecordingStartTime", ""),
            )
        except DatabaseAway:
            self._house.spawn(self._later(hook))

    async def message(self, sid: str, seconds: int, began: str) -> None:
        """Tell of the message ``sid``, unless a flow asked for that recording.

        Raises:
            DatabaseAway
        """
        if seconds and not await self._house.names.ours([sid]):
            at = _millis(began) or round(time.time() * 1000) - seconds * 1000
            await self._house.emit(MessageLeft("twilio", sid, seconds, at))

    async def _later(self, hook: Webhook) -> None:
        await asyncio.sleep(AGAIN_S)
        await self.hear(hook)


def _millis(date: str) -> int | None:
    """A date as Twilio writes it, in UTC milliseconds."""
    try:
        return round(email.utils.parsedate_to_datetime(date).timestamp() * 1000)
    except ValueError:
        return None
