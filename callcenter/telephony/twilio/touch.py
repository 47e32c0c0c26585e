"""Staying in touch: what exists at Twilio, compared with what we believe.

At the start, and whenever Twilio could not be reached meanwhile, we ask for all calls and rooms
that are ours and tell :class:`~callcenter.line.LineResumed`. Besides we look now and then for what
a lost webhook did not tell: calls that are over, and messages that the fallback document took.
"""

from __future__ import annotations

import asyncio
import datetime as dt

import msgspec
import structlog

from callcenter.db import DatabaseAway
from callcenter.line import LegGone, LineResumed, LiveLeg
from callcenter.telephony.twilio import words
from callcenter.telephony.twilio.house import COMPLETED, House
from callcenter.telephony.twilio.leg import Leg, Seat
from callcenter.telephony.twilio.reports import Reports
from callcenter.telephony.twilio.rest import Call, TwilioAway, TwilioRefused
from callcenter.telephony.twilio.twiml import ROOM_PREFIX, read_label
from callcenter.telephony.twilio.words import Status

log = structlog.get_logger(__name__)

#: Between tries to get in touch, in seconds; doubled up to the last one.
FIRST_S, LAST_S = 1.0, 30.0
SWEEP_S = 30.0
#: A leg this young may not be in Twilio's list yet.
YOUNG_S = 15.0
#: A ring of which Twilio has told nothing in this time did not take place.
UNKNOWN_S = 60.0
MESSAGES_S = 300.0
#: Messages are looked for as far back as this.
MESSAGE_DAYS = 2

_LIVE = ("queued", "ringing", "in-progress")
_NO_TOUCH = (TwilioAway, TwilioRefused, DatabaseAway)


class Found(msgspec.Struct, frozen=True):
    """A call of ours as Twilio lists it. ``seat``: its place in one of our rooms."""

    leg: str
    call: Call
    seat: Seat | None = None

    @property
    def inbound(self) -> bool:
        return self.call.direction == "inbound"

    @property
    def up(self) -> bool:
        return words.status_of(self.call.status) is Status.IN_PROGRESS


class Survey(msgspec.Struct, frozen=True):
    """What exists. ``began``: when we began to look, in seconds of the event loop."""

    began: float
    calls: tuple[Found, ...]
    rooms: frozenset[str]


class Touch:
    """Compares."""

    def __init__(self, house: House, reports: Reports) -> None:
        self._house = house
        self._reports = reports
        self._known: set[str] = set()  #: recordings that are no messages
        #: In touch since the start; webhooks wait for it a little.
        self.resumed = asyncio.Event()

    @property
    def up(self) -> bool:
        """Whether Twilio could be reached when we last tried."""
        return self.resumed.is_set() and not self._house.lost.is_set()

    async def keep(self) -> None:
        """Get in touch, and again whenever it was lost, until cancelled."""
        wait = FIRST_S
        while True:
            self._house.lost.clear()
            try:
                await self.resume()
            except _NO_TOUCH as error:
                self._house.lost.set()
                log.warning("twilio_not_in_touch", why=str(error))
                await asyncio.sleep(wait)
                wait = min(LAST_S, wait * 2)
                continue
            wait = FIRST_S
            self.resumed.set()
            await self._house.lost.wait()
            await asyncio.sleep(FIRST_S)

    # --- everything ---------------------------------------------------------------------------

    async def survey(self) -> Survey:
        """Look at everything.

        Raises:
            TwilioAway, TwilioRefused, DatabaseAway
        """
        house = self._house
        began = asyncio.get_running_loop().time()
        number = house.options.number
        asked = [house.rest.calls(Status=status, To=number) for status in _LIVE]
        asked += [house.rest.calls(Status=status, From=number) for status in _LIVE]
        lists = await asyncio.gather(*asked)
        calls = {call.sid: call for one in lists for call in one}
        rooms, seats, labels = await self._rooms()
        named = await house.names.ours(calls)
        found = []
        for sid, call in calls.items():
            inbound = call.direction == "inbound"
            leg = sid if inbound else named.get(sid) or labels.get(sid) or sid
            found.append(Found(leg, call, seats.get(sid)))
        return Survey(began, tuple(found), frozenset(rooms))

    async def _rooms(self) -> tuple[set[str], dict[str, Seat], dict[str, str]]:
        """Our rooms, who sits where, and the legs' names as the rooms know them."""
        rest = self._house.rest
        rooms: set[str] = set()
        seats: dict[str, Seat] = {}
        labels: dict[str, str] = {}
        lists = await asyncio.gather(
            *(rest.conferences(Status=status) for status in ("init", "in-progress"))
        )
        for conference in (one for found in lists for one in found):
            if not conference.friendly_name.startswith(ROOM_PREFIX):
                continue
            room = conference.friendly_name.removeprefix(ROOM_PREFIX)
            rooms.add(room)
            for one in await rest.participants(conference.sid):
                seats[one.call_sid] = Seat(room, conference.sid, one.hold, one.muted)
                if label := read_label(one.label or ""):
                    labels[one.call_sid] = label[0]
        return rooms, seats, labels

    async def resume(self) -> None:
        """Tell what exists. Raises as :meth:`survey`."""
        house = self._house
        found = await self.survey()
        vanished = await self._vanished(found)
        house.counts.resyncs += 1
        await house.alone()
        try:
            for leg, gone in vanished:
                if not leg.gone:
                    house.legs.end(leg)
                    await house.emit_alone(gone)
            legs = self._merged(found)
            await house.emit_alone(LineResumed("twilio", legs, tuple(sorted(found.rooms))))
        finally:
            house.together()

    async def _vanished(self, found: Survey) -> list[tuple[Leg, LegGone]]:
        """Legs that we believed to be there, and that Twilio says are over, each with why."""
        listed = {one.call.sid for one in found.calls}
        gone = []
        for leg in self._house.legs.all():
            if not leg.sid or leg.sid in listed or leg.seen_at > found.began:
                continue
            status = await self._status(leg.sid)
            if status in words.OVER:
                cause = words.why_gone(
                    status,
                    inbound=leg.inbound,
                    up=leg.up,
                    rang=leg.rang,
                    ended=leg.ended,
                    browser=leg.browser,
                    called=leg.called,
                )
                gone.append((leg, LegGone(leg.id, cause)))
        return gone

    async def _status(self, sid: str) -> Status:
        try:
            return words.status_of((await self._house.rest.call(sid)).status)
        except TwilioRefused as refused:
            if refused.gone:
                return Status.COMPLETED
            raise

    def _merged(self, found: Survey) -> tuple[LiveLeg, ...]:
        """What was listed, and what webhooks told of while we were looking."""
        legs = self._house.legs
        for one in found.calls:
            if legs.was(one.leg) is None:
                self._take_over(one)
        return tuple(
            LiveLeg(leg.id, leg.up, leg.inbound, leg.to, leg.caller)
            for leg in legs.all()
            if leg.arrived or not leg.inbound
        )

    def _take_over(self, one: Found) -> None:
        legs, call = self._house.legs, one.call
        leg = legs.get(one.leg)
        if leg is None:
            leg = legs.add(
                Leg(
                    one.leg,
                    inbound=one.inbound,
                    sid=call.sid,
                    to=words.called_number(call.to) if one.inbound else "",
                    caller=words.caller_number(call.caller) if one.inbound else None,
                    browser=call.to.startswith("client:"),
                )
            )
        leg.up = leg.up or one.up or one.inbound
        leg.arrived = leg.arrived or leg.up
        leg.adopted = False
        leg.seat = one.seat
        if leg.turn is not None and leg.shown < leg.turn.rev and not leg.open:
            leg.turn = None  # it did not reach Twilio: it is given once more

    # --- what was not told --------------------------------------------------------------------

    async def sweep(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._sweep()
            except _NO_TOUCH as error:
                log.warning("twilio_not_swept", why=str(error))

    async def _sweep(self) -> None:
        house = self._house
        now = asyncio.get_running_loop().time()
        old = [leg for leg in house.legs.all() if now - leg.seen_at > YOUNG_S]
        for leg in old:
            if not leg.sid and now - leg.seen_at > UNKNOWN_S:
                await house.over(leg, Status.FAILED)
        known = [leg for leg in old if leg.sid and not leg.gone]
        if not known:
            return
        lists = await asyncio.gather(*(house.rest.calls(Status=status) for status in _LIVE))
        listed = {call.sid for one in lists for call in one}
        for leg in known:
            if leg.sid not in listed:
                await house.look_at(leg)
            elif leg.waiting:
                await house.deliver(leg)

    async def messages(self) -> None:
        """Look for messages that were left with the fallback document, until cancelled."""
        while True:
            await self.resumed.wait()
            try:
                await self.look_for_messages()
            except _NO_TOUCH as error:
                log.warning("twilio_messages_not_read", why=str(error))
            await asyncio.sleep(MESSAGES_S)

    async def look_for_messages(self) -> None:
        """Tell of each once. Raises as :meth:`survey`."""
        house = self._house
        since = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=MESSAGE_DAYS)
        stored = await house.rest.recordings(**{"DateCreated>": since.isoformat()})
        new = [one for one in stored if one.sid not in self._known and one.status == COMPLETED]
        ours = await house.names.ours([one.sid for one in new])
        for one in new:
            if one.sid in ours or one.source != "RecordVerb":
                self._known.add(one.sid)
            elif await self._is_message(one.call_sid or ""):
                seconds = words.seconds(one.duration or "")
                await self._reports.message(one.sid, seconds, one.start_time or "")
                self._known.add(one.sid)

    async def _is_message(self, sid: str) -> bool:
        """Whether the recording's call was a citizen's, and is over: while it lasts, the webhook
        that tells of the recording may still come."""
        if not words.CALL.fullmatch(sid) or self._house.legs.get(sid) is not None:
            return False
        try:
            call = await self._house.rest.call(sid)
        except TwilioRefused:
            return False
        ours = self._house.options.number in (call.to, call.caller)
        return ours and words.status_of(call.status) in words.OVER
