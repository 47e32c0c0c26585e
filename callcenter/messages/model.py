"""The life of a message as a table, and what is handed to whoever sends it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Channel(StrEnum):
    """How a message travels. ``email`` goes to units only."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class State(StrEnum):
    WAITING = "waiting"  #: to be sent when it is due
    ASKED = "asked"  #: we asked for it; nobody knows yet whether we were heard
    ACCEPTED = "accepted"  #: the provider has it
    SENT = "sent"  #: the provider handed it on
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"
    UNKNOWN = "unknown"  #: it may have been sent, and can't be found out: never sent again
    REFUSED = "refused"  #: it may not be sent; the reason says why


class Event(StrEnum):
    ASK = "ask"  #: it is its turn
    POSTPONE = "postpone"  #: it was surely not sent: again later
    ACCEPT = "accept"
    SEND = "send"
    FAIL = "fail"
    UNDELIVER = "undeliver"
    DELIVER = "deliver"
    READ = "read"
    LOSE = "lose"  #: nobody can tell what became of it
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why a message may not be sent."""

    NO_NUMBER = "no_number"  #: the caller's number is withheld, or it is none
    NO_ADDRESS = "no_address"  #: the unit has no e-mail address
    NO_SENDER = "no_sender"  #: nothing is set up that sends on this channel
    NOT_ALLOWED = "not_allowed"  #: numbers that begin like this are not written to
    OPTED_OUT = "opted_out"  #: whoever has the number wants no messages
    CAP = "cap"  #: too many today, to this number or in all
    NEEDLESS = "needless"  #: what it says was over before it was sent


#: What the network tells, in the order in which it happens. Reports come in any order, or twice:
#: a later one counts and an earlier one changes nothing, so every order has the same end. Delivered
#: goes before failed, because who has it has it.
REPORTED: tuple[tuple[Event, State], ...] = (
    (Event.ACCEPT, State.ACCEPTED),
    (Event.SEND, State.SENT),
    (Event.FAIL, State.FAILED),
    (Event.UNDELIVER, State.UNDELIVERED),
    (Event.DELIVER, State.DELIVERED),
    (Event.READ, State.READ),
)
#: Where a message can be when the network tells of it for the first time. One that *waits* again,
#: or whose end is *unknown*, was sent after all.
_UNREPORTED = (State.WAITING, State.ASKED, State.UNKNOWN)
_IN_ORDER = tuple(state for _, state in REPORTED)

#: (state, event) → state. A pair that is not here changes nothing.
MESSAGE_TABLE: dict[tuple[State, Event], State] = {
    (State.WAITING, Event.ASK): State.ASKED,
    (State.WAITING, Event.REFUSE): State.REFUSED,
    (State.ASKED, Event.POSTPONE): State.WAITING,
    (State.ASKED, Event.REFUSE): State.REFUSED,
    (State.ASKED, Event.LOSE): State.UNKNOWN,
    **{
        (before, event): after
        for place, (event, after) in enumerate(REPORTED)
        for before in (*_UNREPORTED, *_IN_ORDER[:place])
    },
}

#: Nothing more is heard of a message in one of these, and another may be sent in its place.
FAILED = frozenset({State.FAILED, State.UNDELIVERED, State.REFUSED})
#: The provider has it, and it has not arrived yet as far as we know.
UNDER_WAY = frozenset({State.ACCEPTED, State.SENT})


def after(state: State, event: Event) -> State | None:
    """The state after ``event``, or None when it changes nothing."""
    return MESSAGE_TABLE.get((state, event))


class Letter(msgspec.Struct, frozen=True):
    """A message as whoever sends it needs it: ``text`` is the whole of it, in its language.

    ``recipient``: a number in E.164, or an e-mail address. ``params`` in the order of the template;
    ``content``: the provider's name of an approved template that says the same; ``subject``: of an
    e-mail. ``asked_at``: when it was (first) asked for, in UTC milliseconds.
    """

    id: str
    channel: Channel
    recipient: str
    text: str
    params: Mapping[str, str]
    content: str | None
    asked_at: int
    provider_id: str | None = None
    subject: str = ""
