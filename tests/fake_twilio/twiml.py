"""TwiML read as strictly as Twilio's documentation describes it.

A document that Twilio could not use raises :class:`BadDocument`. What Twilio would log and then
ignore (an unknown attribute, a value that is not allowed, a verb in the wrong place) is reported
with its code and left out. Sources: the pages of https://www.twilio.com/docs/voice/twiml and its
error dictionary.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

#: "TwiML response body too large": 64 kB.
MOST_BYTES = 64 * 1024
#: Longest text of one Say.
MOST_TEXT = 4096
#: The audio that Play accepts.
AUDIO = frozenset(
    {
        "audio/mpeg",
        "audio/wav",
        "audio/wave",
        "audio/x-wav",
        "audio/aiff",
        "audio/x-aifc",
        "audio/x-aiff",
        "audio/x-gsm",
        "audio/gsm",
        "audio/ulaw",
    }
)
MARKUP = frozenset({"text/xml", "application/xml", "text/html"})

_LANGUAGES = """
    af-ZA ar-AE ar-XA bg-BG bn-IN ca-ES cmn-CN cmn-TW cs-CZ cy-GB da-DK de-AT de-DE el-GR
    en-AU en-GB en-GB-WLS en-IE en-IN en-NZ en-US en-ZA es-ES es-MX es-US eu-ES fi-FI fil-PH
    fr-BE fr-CA fr-FR gl-ES gu-IN he-IL hi-IN hu-HU id-ID is-IS it-IT ja-JP kn-IN ko-KR
    lt-LT lv-LV ml-IN mr-IN ms-MY nb-NO nl-BE nl-NL pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU
    sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN yue-CN yue-HK zh-CN zh-HK zh-TW
"""
#: Languages of the basic voices and of the neural voices that are documented for Say.
LANGUAGES = frozenset(_LANGUAGES.split())

#: ``(code, detail)``
Warn = Callable[[int, str], None]


class BadDocument(Exception):
    """Twilio can't use this answer. ``code`` says why."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(detail)
        self.code = code


# --- values -------------------------------------------------------------------------------------


def _whole(least: int, most: int | None = None) -> Callable[[str], bool]:
    def ok(value: str) -> bool:
        return (
            re.fullmatch(r"\d{1,9}", value) is not None
            and int(value) >= least
            and (most is None or int(value) <= most)
        )

    return ok


def _one_of(*values: str) -> Callable[[str], bool]:
    return lambda value: value in values


def _some_of(*values: str) -> Callable[[str], bool]:
    return lambda value: bool(value.split()) and set(value.split()) <= set(values)


def _keys(value: str) -> bool:
    return re.fullmatch(r"[0-9#*]?", value) is not None


def _many_keys(value: str) -> bool:
    return re.fullmatch(r"[0-9#*]*", value) is not None


def _any(value: str) -> bool:
    return True


def usable(url: str) -> bool:
    """A URL that can be requested once it is absolute."""
    parts = urlsplit(url)
    if parts.scheme and parts.scheme not in ("http", "https"):
        return False
    host = parts.hostname or ""
    if parts.scheme and (not host or "_" in host):  # underscores are not permitted
        return False
    return not re.search(r"[\s\x00-\x1f]", url)


def absolute(url: str) -> bool:
    """A URL that Twilio accepts where it must be absolute."""
    return usable(url) and urlsplit(url).scheme in ("http", "https")


_bool = _one_of("true", "false")
_method = _one_of("GET", "POST")
_recording_events = _some_of("in-progress", "completed", "absent")
_call_events = _some_of("initiated", "ringing", "answered", "completed")

CONFERENCE_EVENTS = (
    "start",
    "end",
    "join",
    "leave",
    "mute",
    "hold",
    "modify",
    "speaker",
    "announcement",
)

Check = Callable[[str], bool]


@dataclass(frozen=True)
class Grammar:
    """An element: what each attribute may be, and the code that is raised when it is not.

    ``text``: may hold text. ``nested``: the elements it may hold.
    """

    attributes: dict[str, tuple[Check, int]] = field(default_factory=dict)
    text: bool = False
    nested: frozenset[str] = frozenset()
    bad_nesting: int = 12200


_CALLBACKS: dict[str, tuple[Check, int]] = {
    "statusCallback": (usable, 11100),
    "statusCallbackMethod": (_method, 12200),
    "statusCallbackEvent": (_call_events, 12200),
}
_RECORDING: dict[str, tuple[Check, int]] = {
    "recordingStatusCallback": (usable, 11100),
    "recordingStatusCallbackMethod": (_method, 12200),
    "recordingStatusCallbackEvent": (_recording_events, 12200),
    "trim": (_one_of("trim-silence", "do-not-trim"), 12200),
}
_TARGET: dict[str, tuple[Check, int]] = {
    "url": (usable, 11100),
    "method": (_method, 13221),
    **_CALLBACKS,
}

VERBS: dict[str, Grammar] = {
    "Say": Grammar(
        {
            "voice": (lambda v: re.fullmatch(r"[A-Za-z0-9.\-]+", v) is not None, 13511),
            "language": (lambda v: v in LANGUAGES, 13512),
            "loop": (_whole(0), 13510),
        },
        text=True,
    ),
    "Play": Grammar(
        {
            "loop": (_whole(0), 13410),
            "digits": (lambda v: re.fullmatch(r"[0-9A-DWw#*]+", v) is not None, 12200),
        },
        text=True,
    ),
    "Pause": Grammar({"length": (_whole(1), 13910)}),
    "Gather": Grammar(
        {
            "action": (usable, 11100),
            "method": (_method, 13312),
            "timeout": (_whole(1), 13313),
            "finishOnKey": (_keys, 13310),
            "numDigits": (_whole(1), 13314),
            "actionOnEmptyResult": (_bool, 13338),
            "input": (_one_of("dtmf"), 0),  # speech is not modelled
            "bargeIn": (_bool, 12200),
        },
        nested=frozenset({"Say", "Play", "Pause"}),
        bad_nesting=13320,
    ),
    "Record": Grammar(
        {
            "action": (usable, 11100),
            "method": (_method, 13610),
            "timeout": (_whole(0), 13611),
            "finishOnKey": (_many_keys, 13613),
            "maxLength": (_whole(1, 14400), 13612),
            "playBeep": (_bool, 13616),
            **_RECORDING,
        }
    ),
    "Redirect": Grammar({"method": (_method, 13710)}, text=True),
    "Hangup": Grammar(),
    "Reject": Grammar({"reason": (_one_of("rejected", "busy"), 13810)}),
    "Dial": Grammar(
        {
            "action": (usable, 11100),
            "method": (_method, 13210),
            "timeout": (_whole(1, 600), 13212),
            "hangupOnStar": (_bool, 13213),
            "timeLimit": (_whole(1), 13216),
            "callerId": (_any, 13214),
            "answerOnBridge": (_bool, 12200),
            "ringTone": (_any, 12200),
        },
        text=True,
        nested=frozenset({"Number", "Sip", "Client", "Conference"}),
        bad_nesting=13215,
    ),
}

NOUNS: dict[str, Grammar] = {
    "Number": Grammar(_TARGET, text=True),
    "Sip": Grammar({**_TARGET, "username": (_any, 12200), "password": (_any, 12200)}, text=True),
    "Client": Grammar(_TARGET, text=True),
    "Conference": Grammar(
        {
            "muted": (_bool, 13230),
            "endConferenceOnExit": (_bool, 13231),
            "startConferenceOnEnter": (_bool, 13232),
            "waitUrl": (lambda v: not v or usable(v), 13233),
            "waitMethod": (_method, 13234),
            "beep": (_one_of("true", "false", "onEnter", "onExit"), 13235),
            "maxParticipants": (_whole(2, 250), 12200),
            "participantLabel": (_any, 16023),  # looked at when somebody joins with it
            "jitterBufferSize": (_one_of("small", "medium", "large", "off"), 12200),
            "region": (_any, 12200),
            "coach": (lambda v: re.fullmatch(r"CA[0-9a-f]{32}", v) is not None, 13240),
            "record": (_one_of("do-not-record"), 0),  # conferences are not recorded here
            "statusCallback": (usable, 11100),
            "statusCallbackMethod": (_method, 12200),
            "statusCallbackEvent": (
                _some_of(*CONFERENCE_EVENTS),
                12200,
            ),
        },
        text=True,
    ),
}

#: The verbs of a document that is played to somebody who waits in a conference.
WAITING = frozenset({"Say", "Play", "Pause", "Redirect"})


# --- documents ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Element:
    """A verb or a noun with its valid attributes."""

    name: str
    attributes: dict[str, str]
    text: str
    nested: tuple[Element, ...] = ()

    def get(self, name: str, default: str = "") -> str:
        return self.attributes.get(name, default)

    def whole(self, name: str, default: int) -> int:
        return int(self.attributes.get(name, default))

    def flag(self, name: str, default: bool) -> bool:
        value = self.attributes.get(name)
        return default if value is None else value == "true"


@dataclass(frozen=True)
class Document:
    """TwiML to perform. ``url`` is where it came from, None when REST brought it."""

    verbs: tuple[Element, ...]
    url: str | None = None

    def resolve(self, url: str) -> str | None:
        """``url`` made absolute; None when there is nothing to be relative to."""
        if self.url is None:
            return url if absolute(url) else None
        return urljoin(self.url, url)


def parse(body: bytes | str, warn: Warn, url: str | None = None) -> Document:
    """The document in ``body``.

    Raises:
        BadDocument: Twilio can't use it.
    """
    raw = body.encode() if isinstance(body, str) else body
    if len(raw) > MOST_BYTES:
        raise BadDocument(11750, f"{len(raw)} bytes")
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise BadDocument(12100, "a document type declaration")
    try:
        root = ET.fromstring(raw)
    except ET.ParseError as broken:
        raise BadDocument(12100, str(broken)) from None
    if root.tag != "Response":
        raise BadDocument(12102, f"<{root.tag}>")
    if root.attrib or (root.text or "").strip():
        warn(12200, "Response has attributes or text")
    verbs = []
    for child in root:
        if (child.tail or "").strip():
            warn(12200, f"text after <{child.tag}>: {child.tail!r}")
        grammar = VERBS.get(child.tag)
        if grammar is None:
            warn(12200, f"<{child.tag}> is no verb here")
            continue
        verbs.append(_element(child, grammar, warn))
    return Document(tuple(verbs), url)


def _element(node: ET.Element, grammar: Grammar, warn: Warn) -> Element:
    attributes = {}
    for name, value in node.attrib.items():
        check, code = grammar.attributes.get(name, (None, 12200))
        if check is None:
            warn(12200, f"<{node.tag}> has no attribute {name}")
        elif not check(value):
            warn(code, f"<{node.tag} {name}={value!r}>")
        else:
            attributes[name] = value
    nested = []
    for child in node:
        inner = NOUNS.get(child.tag) or VERBS.get(child.tag)
        if child.tag not in grammar.nested or inner is None:
            warn(grammar.bad_nesting, f"<{child.tag}> in <{node.tag}>")
            continue
        nested.append(_element(child, inner, warn))
        if node.tag == "Gather" and "digits" in child.attrib:
            warn(12200, "digits can't be played within <Gather>")
    text = (node.text or "").strip()
    if text and not grammar.text:
        warn(12200, f"text in <{node.tag}>: {text!r}")
        text = ""
    element = Element(node.tag, attributes, text, tuple(nested))
    _whole_element(element, warn)
    return element


def _whole_element(element: Element, warn: Warn) -> None:
    """What only the whole element shows."""
    name, text = element.name, element.text
    if name == "Say" and not text:
        warn(13520, "<Say> without text")
    if name == "Say" and len(text) > MOST_TEXT:
        warn(13521, f"<Say> of {len(text)} characters")
    if name == "Say" and re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
        warn(13520, "<Say> with control characters")
    if name == "Play" and not text and "digits" not in element.attributes:
        warn(11100, "<Play> without a URL")
    if name == "Play" and text and not usable(text):
        warn(11100, f"<Play> of {text!r}")
    if name == "Redirect" and text and not usable(text):
        warn(11100, f"<Redirect> to {text!r}")
    if name == "Conference" and (not text or len(text) > 128):
        warn(13237, f"{text!r}")
    nouns = [one.name for one in element.nested]
    if name == "Dial" and "Conference" in nouns and len(nouns) > 1:
        warn(13000, f"{nouns} in one <Dial>")
    if name == "Dial" and not text and not element.nested:
        warn(13224, "<Dial> of nobody")


def actions_must_be_absolute(document: Document, warn: Warn) -> None:
    """TwiML that REST brought has no URL of its own: 15004 for actions, 11100 for the rest."""
    for verb in document.verbs:
        if verb.name in ("Gather", "Record"):
            action = verb.get("action")
            if not action and verb.name == "Record":
                warn(11100, "<Record> without an action in a live call")
            elif not absolute(action):
                warn(15004, f"<{verb.name} action={action!r}>")
        elif verb.name == "Dial" and verb.get("action") and not absolute(verb.get("action")):
            warn(15004, f"<Dial action={verb.get('action')!r}>")
        elif verb.name == "Redirect" and not absolute(verb.text):
            warn(11100, f"<Redirect> to {verb.text!r}")
        for element in (verb, *verb.nested):
            if element.name == "Play" and element.text and not absolute(element.text):
                warn(11100, f"<Play> of {element.text!r}")
            for name in ("waitUrl", "statusCallback", "recordingStatusCallback", "url"):
                value = element.get(name)
                if value and not absolute(value):
                    warn(11100, f"<{element.name} {name}={value!r}>")
