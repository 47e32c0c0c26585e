"""Why a phone is gone: Asterisk's hang-up causes (ITU-T Q.850) in our words.

The same number means different things while a phone rings and while it is in the call, so there is
a table for each.
"""

from __future__ import annotations

from callcenter.line import Cause

#: Q.850 numbers as Asterisk gives them (``core show hangup causes``).
NONE = 0
UNALLOCATED = 1
NORMAL = 16
BUSY = 17
NO_RESPONSE = 18
NO_ANSWER = 19
ABSENT = 20
REJECTED = 21
INVALID_NUMBER = 28
UNAVAILABLE = 44  #: also what Asterisk says when no RTP came for ``rtp_timeout``
TIMER_EXPIRED = 102  #: a request without an answer, a session that was not refreshed

#: A phone that had answered. Anything else is FAILED.
_UP = {
    NORMAL: Cause.HUNG_UP,
    NONE: Cause.HUNG_UP,  # a plain BYE of a citizen who was not yet in a room
    31: Cause.HUNG_UP,  # "normal, unspecified": a BYE with some other reason
    127: Cause.HUNG_UP,  # "interworking": a BYE without one
    26: Cause.HUNG_UP,  # answered elsewhere
    UNAVAILABLE: Cause.LOST,
    TIMER_EXPIRED: Cause.LOST,
    27: Cause.LOST,  # destination out of order
    38: Cause.LOST,  # network out of order
    41: Cause.LOST,  # temporary failure
}

#: A phone that was asked to ring. Anything else is FAILED when it rang, else UNREACHABLE.
_RINGING = {
    BUSY: Cause.BUSY,
    REJECTED: Cause.DECLINED,
    NO_RESPONSE: Cause.NO_ANSWER,
    NO_ANSWER: Cause.NO_ANSWER,
    NORMAL: Cause.NO_ANSWER,
    TIMER_EXPIRED: Cause.NO_ANSWER,
    26: Cause.NO_ANSWER,
}

#: A citizen's telephone that we rang by the carrier. Many carriers play the ringing as sound and
#: say nothing, so that it says more why it failed than whether it rang. Anything else is
#: UNREACHABLE: to be tried again.
_CALLED = {
    BUSY: Cause.BUSY,
    REJECTED: Cause.DECLINED,
    NO_RESPONSE: Cause.NO_ANSWER,
    NO_ANSWER: Cause.NO_ANSWER,
    NORMAL: Cause.NO_ANSWER,  # also our own limit
    26: Cause.NO_ANSWER,
    # Never to be tried again: there is no such number.
    UNALLOCATED: Cause.FAILED,
    INVALID_NUMBER: Cause.FAILED,
}

#: A hang-up that began inside Asterisk (``soft``) has no Q.850 number but the bit that says who
#: asked for it (``AST_SOFTHANGUP_*``; seen on the wire).
_SOFT = {
    0x01: Cause.LOST,  # the phone's driver: no RTP came any more
    0x04: Cause.RESTARTED,  # Asterisk is being stopped
    0x20: Cause.ENDED,  # a request by ARI or the command line
}

#: SIP answers that a person gave by pressing "reject", whatever Q.850 number they were turned into.
_DECLINED_SIP = frozenset({603, 608})
_BUSY_SIP = frozenset({486, 600})
#: The carrier does not take calls from us. Asterisk makes "rejected" of it; nobody did reject.
_NOT_OURS_SIP = frozenset({401, 407})


def cause_of(
    code: int | None,
    sip: int | None = None,
    *,
    soft: int | None = None,
    answered: bool,
    rang: bool,
    ended: bool,
    called: bool = False,
) -> Cause:
    """Why a phone is gone.

    ``code``: Asterisk's cause; ``sip``: the SIP status that brought it, where there is one;
    ``soft``: who inside Asterisk asked; ``answered``, ``rang``: how far the phone had come;
    ``ended``: we asked for the end; ``called``: it is a citizen's whom we called.
    """
    if ended:
        return Cause.ENDED
    if soft is not None and (answered or soft & 0x04) and soft in _SOFT:
        return _SOFT[soft]
    if answered:
        return _UP.get(code or NONE, Cause.FAILED)
    if sip in _BUSY_SIP:
        return Cause.BUSY
    if sip in _DECLINED_SIP:
        return Cause.DECLINED
    if called:
        refused = sip in _NOT_OURS_SIP
        return Cause.UNREACHABLE if refused else _CALLED.get(code or NONE, Cause.UNREACHABLE)
    known = _RINGING.get(code or 0)
    if known is Cause.NO_ANSWER and not rang:
        # It never rang: nobody missed anything.
        return Cause.UNREACHABLE
    return known or (Cause.FAILED if rang else Cause.UNREACHABLE)
