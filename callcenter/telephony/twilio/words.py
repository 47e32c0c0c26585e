"""Twilio's words in ours, and what of its text we let in. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

from callcenter.line import Cause, Device, DeviceKind

ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
CALL = re.compile(r"CA[0-9a-f]{32}")
CONFERENCE = re.compile(r"CF[0-9a-f]{32}")
RECORDING = re.compile(r"RE[0-9a-f]{32}")
KEY = re.compile(r"SK[0-9a-f]{32}")
#: Our own names: legs, rooms, recordings. They become parts of addresses.
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
E164 = re.compile(r"\+[1-9][0-9]{5,14}")

_NUMBER = re.compile(r"[0-9A-Za-z+*#._@:-]{1,64}")
_KEYS = re.compile(r"[0-9*#A-D]{0,64}")
_SIP = re.compile(r"sip:[A-Za-z0-9_.!~*'()+-]{1,64}@[A-Za-z0-9.\[\]:-]{1,128}")
_AGENT = re.compile(r"[A-Za-z0-9_]{1,100}")
_SECONDS = re.compile(r"[0-9]{1,6}")

#: What Twilio puts where a caller's number would be. The figures spell ANONYMOUS, RESTRICTED,
#: BLOCKED, UNKNOWN and UNAVAILABLE on a keypad.
_WITHHELD = frozenset({"anonymous", "restricted", "blocked", "unknown", "unavailable", "private"})
_WITHHELD_FIGURES = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})


def caller_number(text: str) -> str | None:
    """The caller's number as the network gave it; None when it is withheld or no number at all."""
    text = text.strip()
    if text.lower() in _WITHHELD or text.removeprefix("+") in _WITHHELD_FIGURES:
        return None
    return text if _NUMBER.fullmatch(text) else None


def called_number(text: str) -> str:
    """The number that was called, or ``""``."""
    return text if _NUMBER.fullmatch(text) else ""


def keys(text: str) -> str:
    """The keys that were pressed, or ``""`` when it is something else."""
    return text if _KEYS.fullmatch(text) else ""


def seconds(text: str) -> int:
    """A length in whole seconds, 0 when it is none."""
    return int(text) if _SECONDS.fullmatch(text) else 0


def identity(agent: str) -> str | None:
    """The name under which an agent's browser is known to Twilio, which takes no hyphens."""
    return f"agent_{agent}" if _AGENT.fullmatch(agent) else None


def destination(device: Device, prefixes: tuple[str, ...]) -> str | None:
    """Whom to call to ring ``device``; None: it is not one that we may ring.

    A telephone number must begin with one of ``prefixes``: whoever can make us call anywhere makes
    us pay.
    """
    match device.kind:
        case DeviceKind.BROWSER:
            name = identity(device.address)
            return name and f"client:{name}"
        case DeviceKind.SIP:
            return device.address if _SIP.fullmatch(device.address) else None
        case DeviceKind.PHONE | DeviceKind.CALLER:
            allowed = device.address.startswith(prefixes)
            return device.address if allowed and E164.fullmatch(device.address) else None
        case DeviceKind.SIMULATED:
            return None


class Status(StrEnum):
    """Where Twilio says that a call is."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"
    OTHER = ""


LIVE = frozenset({Status.QUEUED, Status.INITIATED, Status.RINGING, Status.IN_PROGRESS})
OVER = frozenset(Status) - LIVE - {Status.OTHER}

_DECLINED = "603"
#: There is no such number (any more), or it is too long or too short.
_NO_NUMBER = frozenset({"404", "410", "484", "604"})


def status_of(text: str) -> Status:
    """Twilio's ``CallStatus``."""
    try:
        return Status(text)
    except ValueError:
        return Status.OTHER


def why_gone(
    status: Status,
    sip: str = "",
    *,
    inbound: bool,
    up: bool,
    rang: bool,
    ended: bool,
    browser: bool,
    called: bool = False,
) -> Cause:
    """Why a call is over.

    Twilio does not tell who hung up. What we asked for (``ended``) we know; a browser never hangs
    up by itself, because the console asks us to do it, so that its call was lost. A citizen whom we
    ``called`` may have no number any more, and many networks never say that it rings.
    """
    if ended:
        return Cause.ENDED
    if inbound:  # whatever it is called: a caller who goes before it is answered is no-answer
        return Cause.LOST if status is Status.FAILED else Cause.HUNG_UP
    match status:
        case Status.COMPLETED:
            return Cause.LOST if browser else Cause.HUNG_UP
        case Status.BUSY:
            return Cause.DECLINED if sip == _DECLINED else Cause.BUSY
        case Status.NO_ANSWER:
            return Cause.NO_ANSWER if rang or called else Cause.UNREACHABLE
        case Status.CANCELED:
            return Cause.ENDED
        case Status.FAILED if sip == _DECLINED:
            return Cause.DECLINED
        case Status.FAILED if called and not up and sip in _NO_NUMBER:
            return Cause.FAILED
        case _:
            return Cause.LOST if up else Cause.UNREACHABLE
