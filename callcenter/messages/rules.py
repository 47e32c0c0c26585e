"""Who may be written to, when a message is tried again, and what became of it. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Sequence
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from callcenter.messages.model import Channel, Reason, State
from callcenter.messages.sender import Answer, Found

#: Waits before a message that was surely not sent is tried again, in seconds; then it has failed.
AGAIN_S = (5, 30, 120, 600, 1800)
#: What was asked for and not answered is looked for after this: a request under way is over then,
#: and what was taken stands in the provider's list.
LOOK_S = 60
#: A provider that can't be asked, or does not know yet, is asked again until so long after.
LOOK_MOST_S = 3600
#: A message that the provider has and says nothing more of is looked at after each of these.
CHECK_S = (300, 3600)
#: Messages to one number in a day, whatever asks for them.
A_DAY_EACH = 10
DAY_S = 86_400
#: Whoever writes to us is answered once in this time, so that two machines don't talk for ever;
#: and so many are answered in it, so that nobody has us pay for a storm.
ANSWER_S = 3600
ANSWERS = 200

_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


class Allowed(msgspec.Struct, frozen=True):
    """What the operator allows: channels that something sends on, beginnings of numbers, most
    messages to telephones in a day, and the addresses that e-mail goes to: the units'."""

    channels: frozenset[Channel]
    prefixes: tuple[str, ...]
    a_day: int
    addresses: frozenset[str] = frozenset()


def may_answer(allowed: Allowed, number: str) -> bool:
    """Whether a number is one that we write to. Whoever could have us write anywhere would have us
    pay."""
    return bool(_E164.fullmatch(number)) and number.startswith(allowed.prefixes)


def refusal(
    allowed: Allowed,
    channel: Channel,
    recipient: str | None,
    *,
    opted_out: bool,
    today_each: int,
    today: int,
) -> Reason | None:
    """Why a message may not be sent, None when it may. ``today…``: how many were put since a day
    ago, to this recipient and in all."""
    if channel not in allowed.channels:
        return Reason.NO_SENDER
    if channel is Channel.EMAIL and (recipient is None or not _EMAIL.fullmatch(recipient)):
        return Reason.NO_ADDRESS
    if recipient is None or (channel is not Channel.EMAIL and not _E164.fullmatch(recipient)):
        return Reason.NO_NUMBER
    if channel is Channel.EMAIL:
        # A busy unit gets many, and they cost nothing: only telephones have a limit a day.
        return None if recipient in allowed.addresses else Reason.NOT_ALLOWED
    if not may_answer(allowed, recipient):
        return Reason.NOT_ALLOWED
    if opted_out:
        return Reason.OPTED_OUT
    if today_each >= A_DAY_EACH or today >= allowed.a_day:
        return Reason.CAP
    return None


# --- at which hours -------------------------------------------------------------------------------

_DAY_MINUTES = 24 * 60


class Hours(msgspec.Struct, frozen=True):
    """When somebody may be reached: from one minute since midnight until another, in ``zone``. An
    end that is not later lies on the next day; the same minute twice is the whole day."""

    start: int
    end: int
    zone: str


def within(hours: Hours, at: int) -> bool:
    """Whether ``at`` lies within ``hours``."""
    local = dt.datetime.fromtimestamp(at / 1000, ZoneInfo(hours.zone))
    since = (local.hour * 60 + local.minute - hours.start) % _DAY_MINUTES
    return since < ((hours.end - hours.start) % _DAY_MINUTES or _DAY_MINUTES)


def next_within(hours: Hours, now: int) -> int:
    """The first moment from ``now`` on that lies within ``hours``."""
    if within(hours, now):
        return now
    zone = ZoneInfo(hours.zone)
    today = dt.datetime.fromtimestamp(now / 1000, zone).date()
    opens = dt.time(hours.start // 60, hours.start % 60)
    days = (today + dt.timedelta(days=n) for n in range(3))
    begins = (int(dt.datetime.combine(day, opens, zone).timestamp()) * 1000 for day in days)
    # Where clocks are put forward, the hour may be missing on one of the days.
    return next(at for at in begins if at > now and within(hours, at))


# --- again, and what became of it -----------------------------------------------------------------


def again_at(now: int, tries: int, chance: float) -> int | None:
    """When a message that was tried ``tries`` times is tried again, None: no more.

    ``chance`` (0 … 1, from outside) spreads those that failed together.
    """
    if tries > len(AGAIN_S):
        return None
    return now + round(AGAIN_S[tries - 1] * 1000 * (0.75 + chance / 2))


def next_at(state: State, now: int, asked_at: int) -> int | None:
    """When a message in ``state`` must be seen to, None when it is over or others tell."""
    if state is State.ASKED:
        return now + LOOK_S * 1000
    if state in (State.ACCEPTED, State.SENT):
        since = now - asked_at
        return next((asked_at + s * 1000 for s in CHECK_S if s * 1000 > since), None)
    return None


class Sure(StrEnum):
    """What a look that found nothing proves."""

    NOT_SENT = "not_sent"
    NOT_YET = "not_yet"  #: look again
    NEVER = "never"  #: it can't be found out


def seen(
    found: Sequence[Found] | None, known: Collection[str], now: int, asked_at: int
) -> Answer | Sure:
    """What a look at the provider says of a message that was asked for and not answered.

    ``found``: what was sent to its recipient since; None: the provider can't be asked. ``known``:
    those that are other messages of ours. Only when nothing is left over was ours surely not sent.
    """
    if found is None:
        return Sure.NEVER
    rest = [one for one in found if one.provider_id not in known]
    if not rest:
        return Sure.NOT_SENT
    same = [one for one in rest if one.same]
    if len(same) == 1:
        return same[0]
    return Sure.NEVER if now - asked_at >= LOOK_MOST_S * 1000 else Sure.NOT_YET


# --- what people write to us ----------------------------------------------------------------------


class Word(StrEnum):
    """What a text that comes in asks for."""

    STOP = "stop"
    START = "start"
    OTHER = "other"


#: Twilio's own words, which it answers by itself on SMS …
NETWORK_STOP = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"}
)
NETWORK_START = frozenset({"START", "YES", "UNSTOP"})
#: … and what people write here.
_STOP = NETWORK_STOP | {"BERHENTI", "HENTIKAN", "BATAL", "UNREG"}
_START = NETWORK_START | {"MULAI", "LANJUTKAN"}
_LONGEST = 40


def word(text: str) -> Word:
    """Whether the text is a word that stops messages, or lets them come again."""
    bare = text[:_LONGEST].strip(" \t\r\n.,!?\"'").upper()
    if len(text) > _LONGEST:
        return Word.OTHER
    if bare in _STOP:
        return Word.STOP
    return Word.START if bare in _START else Word.OTHER


def answered_by_network(text: str) -> bool:
    """Whether the phone network answers this word itself."""
    bare = text.strip().upper()
    return bare in NETWORK_STOP or bare in NETWORK_START
