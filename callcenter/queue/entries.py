"""An entry is one caller waiting; an offer asks one agent to take it. Both are tables."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from callcenter.line import Cause

#: A second of head start for each of the largest priority steps is the longest anybody starves.
MOST_HEAD_START_S = 3600
#: What one step of priority in a flow is worth.
PRIORITY_S = 300

#: An offer that rings this long is a miss, counted from the phone's own ringing.
RING_S = 15
#: A phone that has not begun to ring by then can't be reached. That is not a miss.
UNRUNG_S = 10
#: From accepting to both being in the room; after that the offer has failed.
JOIN_S = 10
#: An agent who missed or declined an entry is not asked for the same one again before that.
SAME_AGENT_S = 30
#: How long a caller whose agent's phone vanished is kept for that agent, and one who comes about a
#: case for who has that in hand.
RESERVED_S = 20
#: How long only those are asked who speak the caller's language.
LANGUAGE_S = 60

#: So often whoever keeps a place is called; then it is given up.
MOST_TRIES = 3
#: They are not called sooner than this: they still hear that they will be, and would be busy.
FIRST_CALL_S = 15
#: Their telephone rings so long.
DIAL_S = 45
#: And so long their agent waits for them in the room: for the ringing, and for what is heard then.
DIALLED_S = DIAL_S + 45
#: They are called again after so long where it was busy, and where nobody answered.
BUSY_AGAIN_S = 180
MISSED_AGAIN_S = 900
#: Where we may not call for now (a day's calls are used up), it is tried again after so long.
NOT_NOW_AGAIN_S = 3600
#: A place is kept so long: over a weekend.
KEPT_S = 96 * 3600


class EntryState(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    ANSWERED = "answered"
    ABANDONED = "abandoned"
    LEFT = "left"


class OfferState(StrEnum):
    PENDING = "pending"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    WITHDRAWN = "withdrawn"


OPEN_OFFERS = (OfferState.PENDING, OfferState.ACCEPTED)
OPEN_ENTRIES = (EntryState.WAITING, EntryState.OFFERED)

#: (state, event) → state. A pair that is not here is refused without any change.
ENTRY_TABLE: dict[tuple[EntryState, str], EntryState] = {
    (EntryState.WAITING, "offer"): EntryState.OFFERED,
    (EntryState.WAITING, "abandon"): EntryState.ABANDONED,
    (EntryState.WAITING, "leave"): EntryState.LEFT,
    (EntryState.OFFERED, "offer_over"): EntryState.WAITING,
    (EntryState.OFFERED, "answer"): EntryState.ANSWERED,
    (EntryState.OFFERED, "abandon"): EntryState.ABANDONED,
    (EntryState.OFFERED, "leave"): EntryState.LEFT,
    (EntryState.ANSWERED, "agent_lost"): EntryState.WAITING,
}

#: (state, event) → state of an offer. The last four are final.
OFFER_TABLE: dict[tuple[OfferState, str], OfferState] = {
    (OfferState.PENDING, "accept"): OfferState.ACCEPTED,
    (OfferState.PENDING, "decline"): OfferState.DECLINED,
    (OfferState.PENDING, "time_out"): OfferState.TIMED_OUT,
    (OfferState.PENDING, "withdraw"): OfferState.WITHDRAWN,
    (OfferState.ACCEPTED, "answer"): OfferState.ANSWERED,
    (OfferState.ACCEPTED, "decline"): OfferState.DECLINED,
    (OfferState.ACCEPTED, "time_out"): OfferState.TIMED_OUT,
    (OfferState.ACCEPTED, "withdraw"): OfferState.WITHDRAWN,
}


class Entry(msgspec.Struct, frozen=True):
    """One caller waiting.

    ``rank`` is constant and decides the order: ``entered_at`` less the topic's head start, in
    epoch milliseconds, smallest first. ``reserved_for`` keeps it for one agent until
    ``reserved_until``, ``language`` for those who speak it until ``language_until``.

    ``callback``: the caller hung up and is called back, not before ``call_from``; ``tries``: how
    often they were.
    """

    id: str
    call: str
    line: str
    topic: str
    rank: int
    entered_at: int
    state: EntryState = EntryState.WAITING
    reserved_for: str | None = None
    reserved_until: int = 0
    language: str | None = None
    language_until: int = 0
    callback: bool = False
    tries: int = 0
    call_from: int = 0

    def after(self, event: str) -> Entry | None:
        """This entry after ``event``, or None when the table refuses it."""
        state = ENTRY_TABLE.get((self.state, event))
        return None if state is None else msgspec.structs.replace(self, state=state)

    def kept_for(self, agent: str, now: int, talked_ms: int) -> Entry:
        """At the front, for ``agent`` first: their talk was cut off, and is no time of waiting."""
        return msgspec.structs.replace(
            self,
            rank=front_rank(self.rank),
            entered_at=self.entered_at + talked_ms,
            reserved_for=agent,
            reserved_until=now + RESERVED_S * 1000,
        )


class Offer(msgspec.Struct, frozen=True):
    """One agent asked to take one entry; ``leg`` is the agent's phone that rings for it."""

    id: str
    entry: str
    call: str
    agent: str
    leg: str
    created_at: int
    state: OfferState = OfferState.PENDING
    rang_at: int | None = None
    ended_at: int | None = None

    @property
    def open(self) -> bool:
        return self.state in OPEN_OFFERS

    @property
    def taken(self) -> bool:
        return self.state in (OfferState.ACCEPTED, OfferState.ANSWERED)

    def after(self, event: str, now: int) -> Offer | None:
        """This offer after ``event``, or None when the table refuses it."""
        state = OFFER_TABLE.get((self.state, event))
        if state is None:
            return None
        ended = None if state in OPEN_OFFERS else now
        return msgspec.structs.replace(self, state=state, ended_at=ended)


def call_again(tries: int, cause: Cause) -> int | None:
    """After how many seconds whoever was called ``tries`` times in vain is called again, None: not
    any more. An impossible number (``FAILED``) is not called twice."""
    if tries >= MOST_TRIES or cause is Cause.FAILED:
        return None
    return BUSY_AGAIN_S if cause is Cause.BUSY else MISSED_AGAIN_S


def rank(entered_at: int, head_start_s: int) -> int:
    """The constant place in the order, smallest first; age needs no recomputation."""
    return entered_at - min(head_start_s, MOST_HEAD_START_S) * 1000


def front_rank(rank_before: int) -> int:
    """The rank of a caller who comes back into the queue through no fault of theirs: before
    everybody who could have been waiting when they first came."""
    return rank_before - MOST_HEAD_START_S * 1000
