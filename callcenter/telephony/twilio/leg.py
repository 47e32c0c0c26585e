"""What we know of a leg between two webhooks. The truth lies with Twilio and in the database."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from callcenter.line import Recording, Room, Turn
from callcenter.telephony.twilio import words

#: Legs that ended are remembered, so that what comes late about them is not news.
GONE_MOST = 5000


class Seat(msgspec.Struct, frozen=True):
    """A leg's place in a conference. ``conference``: what Twilio calls the room."""

    room: str
    conference: str
    held: bool = False
    muted: bool = False


class Leg:
    """``sid``: what Twilio calls it, ``""`` until it says so; a citizen's is the leg's own name.

    ``seen_at``: when we first heard of it, in seconds of the event loop.
    """

    def __init__(
        self,
        leg: str,
        *,
        inbound: bool,
        sid: str = "",
        to: str = "",
        caller: str | None = None,
        up: bool = False,
        browser: bool = False,
        called: bool = False,
    ) -> None:
        self.id = leg
        self.inbound = inbound
        self.called = called  #: a citizen whom we call
        self.sid = sid
        self.to = to
        self.caller = caller
        self.up = up
        self.browser = browser
        self.rang = False
        self.arrived = False  #: CallArrived or LegAnswered is committed
        self.adopted = False  #: an earlier process knew it, or nobody
        self.ended = False  #: we asked for the end
        self.gone = False
        self.turn: Turn | None = None
        self.shown = 0  #: the rev of the newest Turn that Twilio was given
        self.open = 0  #: webhooks under way whose answer will be performed
        self.seat: Seat | None = None
        self.recorded: set[int] = set()  #: the revs whose RecordingMade is told
        self.idle = 0  #: how often it asked in vain
        self.failures = 0  #: fetches that failed since a Turn was shown
        self.seen_at = asyncio.get_running_loop().time()
        self.lock = asyncio.Lock()  #: one webhook, one report after the other
        self.news = asyncio.Event()  #: a Turn came
        self.begun = asyncio.Event()  #: Twilio has the newest Turn
        self.heard = asyncio.Event()  #: how its recording came out is known

    def note(self, turn: Turn | None) -> bool:
        """Take ``turn`` if it is newer than the one there is."""
        if turn is None or (self.turn is not None and turn.rev <= self.turn.rev):
            return False
        self.turn = turn
        self.failures = 0
        self.heard.clear()
        self.begun.clear()
        self.news.set()
        return True

    def show(self, turn: Turn) -> None:
        """Twilio was given ``turn``."""
        self.shown = max(self.shown, turn.rev)
        if turn is self.turn and (self.in_room(turn) or not isinstance(turn.wait, Room)):
            self.begun.set()

    def sit(self, seat: Seat) -> None:
        """It is in a room."""
        self.seat = seat
        if self.turn is not None and self.in_room(self.turn):
            self.begun.set()

    @property
    def citizen(self) -> bool:
        """Whether it is a citizen's: such a one is not left alone when we fail."""
        return self.inbound or self.called

    @property
    def waiting(self) -> bool:
        """Whether its newest Turn has still to reach Twilio, and nothing is bringing it."""
        unsent = self.turn is not None and self.turn.rev > self.shown
        return unsent and self.up and not (self.open or self.ended or self.gone)

    def in_room(self, turn: Turn) -> bool:
        """Whether ``turn`` wants it where it is already."""
        wait, seat = turn.wait, self.seat
        return seat is not None and isinstance(wait, Room) and seat.room == wait.room

    def misses(self, turn: Turn) -> bool:
        """Whether ``turn`` is what it should do, and it is not in the room that it names."""
        return not self.gone and self.turn is turn and not self.in_room(turn)

    @property
    def recording(self) -> tuple[int, str] | None:
        """The rev and the name of the recording that its Turn asks for and nobody told of yet."""
        turn = self.turn
        if turn is None or not isinstance(turn.wait, Recording) or turn.rev in self.recorded:
            return None
        return turn.rev, turn.wait.name


class Legs:
    """The legs that are there, and for a while those that were."""

    def __init__(self) -> None:
        self._there: dict[str, Leg] = {}
        self._gone: OrderedDict[str, Leg] = OrderedDict()

    def all(self) -> list[Leg]:
        return list(self._there.values())

    def get(self, leg: str) -> Leg | None:
        """The leg, if it is there."""
        return self._there.get(leg)

    def was(self, leg: str) -> Leg | None:
        """The leg, if it was there and is gone."""
        return self._gone.get(leg)

    def add(self, leg: Leg) -> Leg:
        self._there[leg.id] = leg
        return leg

    def end(self, leg: Leg) -> None:
        """It is gone."""
        leg.gone = True
        self._there.pop(leg.id, None)
        self._gone[leg.id] = leg
        while len(self._gone) > GONE_MOST:
            self._gone.popitem(last=False)

    def adopt(self, name: str, sid: str) -> Leg | None:
        """The leg; made when we have not heard of it (an earlier process has), None when it is
        gone."""
        if name in self._gone:
            return None
        leg = self._there.get(name)
        if leg is None:
            inbound = words.CALL.fullmatch(name) is not None
            leg = self.add(Leg(name, inbound=inbound, sid=sid or (name if inbound else "")))
            leg.adopted = True
        leg.sid = leg.sid or sid
        return leg
