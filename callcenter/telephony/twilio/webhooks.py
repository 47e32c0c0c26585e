"""A request of Twilio's, read and checked: who asks, about which leg, and what happened. Pure.

What is not from Twilio, or not as Twilio sends it, is refused with a status and without a word of
what we know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import parse_qsl

import msgspec

from callcenter.telephony.twilio import signature, words
from callcenter.telephony.twilio.addresses import FALLBACK, MESSAGE, STATUS, VOICE
from callcenter.telephony.twilio.signature import Secrets

#: Twilio's forms are about 1 kB.
MOST_BYTES = 64 * 1024
MOST_FIELDS = 200
FORM = "application/x-www-form-urlencoded"
PREFIX = "/twilio/"


class BadWebhook(Exception):
    """Refused; ``status`` is the HTTP status, the text goes into our log only."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Kind(StrEnum):
    """What a webhook is about; the last part of its address."""

    VOICE = VOICE  #: a call comes in
    STATUS = STATUS  #: a call's status changed
    FALLBACK = FALLBACK  #: another webhook failed
    MESSAGE = MESSAGE  #: a message was left while we were away
    THANKS = "thanks"  #: the same, and the caller is still there
    ROOMS = "rooms"  #: something happened in a conference
    ANSWERED = "answered"  #: a phone that we rang was answered
    TURN = "turn"  #: what shall the leg do?
    KEYS = "keys"  #: keys, or none in time
    MUSIC = "music"  #: a key during music, or its end
    ENDED = "ended"  #: the prompts are over
    RECORDED = "recorded"  #: a recording was made, or nothing was said
    RECORDING = "recording"  #: how a recording came out
    LEFT = "left"  #: the leg is not in its room any more
    SILENT = "silent"  #: the leg has nothing to do

    @property
    def performed(self) -> bool:
        """Whether Twilio performs the answer on the leg."""
        return self not in (Kind.STATUS, Kind.ROOMS, Kind.RECORDING, Kind.MESSAGE)


_OF_NO_LEG = frozenset(
    {Kind.VOICE, Kind.STATUS, Kind.FALLBACK, Kind.MESSAGE, Kind.THANKS, Kind.ROOMS}
)
_OF_LEG = frozenset(Kind) - {Kind.VOICE, Kind.MESSAGE, Kind.THANKS, Kind.ROOMS}


class Request(msgspec.Struct, frozen=True):
    """As it came. ``target``: path and query as they were sent; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Webhook(msgspec.Struct, frozen=True):
    """Signed by Twilio. ``leg``: as our address names it; a call that came in has Twilio's name."""

    kind: Kind
    leg: str
    rev: int | None
    query: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def sid(self) -> str:
        """Twilio's name of the call, or ``""``."""
        given = self.form.get("CallSid", "")
        return given if words.CALL.fullmatch(given) else ""

    @property
    def status(self) -> words.Status:
        return words.status_of(self.form.get("CallStatus", ""))

    @property
    def digits(self) -> str:
        return words.keys(self.form.get("Digits", ""))

    @property
    def recording(self) -> str:
        """Twilio's name of the recording, or ``""``."""
        given = self.form.get("RecordingSid", "")
        return given if words.RECORDING.fullmatch(given) else ""


class Signed(msgspec.Struct, frozen=True):
    """A form that Twilio signed, and the address that it was sent to."""

    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]


def read(request: Request, *, base: str, account: str, secrets: Secrets) -> Webhook:
    """The webhook in ``request``.

    Raises:
        BadWebhook
    """
    given = signed(request, base=base, account=account, secrets=secrets)
    return _webhook(given.path, given.query, given.form)


def signed(request: Request, *, base: str, account: str, secrets: Secrets) -> Signed:
    """What ``request`` says, whatever it is about, if it is from Twilio and our account.

    Raises:
        BadWebhook
    """
    if request.method != "POST":
        raise BadWebhook(405, "not a POST")
    if len(request.body) > MOST_BYTES:
        raise BadWebhook(413, "too long")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise BadWebhook(415, "not a form")
    path, _, query = request.target.partition("?")
    pairs = _pairs(request.body)
    if not signature.signed(base + request.target, pairs, request.headers, secrets):
        raise BadWebhook(403, "not signed by Twilio")
    form = _single(pairs)
    if form.get("AccountSid") != account:
        raise BadWebhook(403, "of another account")
    return Signed(path, _single(_pairs(query.encode())), form)


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError as error:
        raise BadWebhook(400, f"a form that can't be read: {error}") from None


def _single(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Names that come once. One that comes with two values says nothing that we may rely on."""
    once: dict[str, str] = {}
    twice = set()
    for name, value in pairs:
        if once.setdefault(name, value) != value:
            twice.add(name)
    return {name: value for name, value in once.items() if name not in twice}


def _webhook(path: str, query: Mapping[str, str], form: Mapping[str, str]) -> Webhook:
    parts = path.removeprefix(PREFIX).split("/")
    try:
        kind = Kind(parts[-1])
    except ValueError:
        raise BadWebhook(404, "no such webhook") from None
    named = len(parts) == 3 and parts[0] == "legs"
    if not path.startswith(PREFIX) or not (named or len(parts) == 1):
        raise BadWebhook(404, "no such webhook")
    if kind not in (_OF_LEG if named else _OF_NO_LEG):
        raise BadWebhook(404, "no such webhook")
    hook = Webhook(kind, parts[1] if named else "", _rev(query.get("rev")), query, form)
    if kind is Kind.ROOMS or named:
        if named and not words.NAME.fullmatch(hook.leg):
            raise BadWebhook(404, "no such leg")
        return hook
    if not hook.sid:
        raise BadWebhook(400, "no CallSid")
    return msgspec.structs.replace(hook, leg=hook.sid)


def _rev(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadWebhook(400, "rev is no number")
    return int(text)
