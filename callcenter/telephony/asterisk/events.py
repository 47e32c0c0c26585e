"""Asterisk's own words, as far as we read them: events of ARI, and what its requests answer.

Only the fields that are used are named; everything else in the JSON is skipped unread.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

#: What we ask Asterisk to send: of the 54 events of one call some ten are of use to us.
WANTED = (
    "StasisStart",
    "StasisEnd",
    "ChannelDtmfReceived",
    "ChannelHangupRequest",
    "ChannelStateChange",
    "ChannelDestroyed",
    "Dial",
    "PlaybackFinished",
    "RecordingFinished",
    "RecordingFailed",
    "EndpointStateChange",
    "ContactStatusChange",
    "ApplicationReplaced",
)


class Party(msgspec.Struct, frozen=True):
    number: str = ""


class Dialplan(msgspec.Struct, frozen=True):
    context: str = ""
    exten: str = ""
    app_name: str = ""
    app_data: str = ""


class Channel(msgspec.Struct, frozen=True):
    """A phone in a call. ``state``: ``Down``, ``Ring`` (it calls), ``Ringing``, ``Up``, ..."""

    id: str
    name: str = ""
    state: str = ""
    caller: Party = Party()
    dialplan: Dialplan = Dialplan()
    channelvars: dict[str, str] = {}

    @property
    def up(self) -> bool:
        return self.state == "Up"


class Playback(msgspec.Struct, frozen=True):
    id: str
    target_uri: str = ""  #: ``channel:ID``
    state: str = ""  #: ``done`` or ``failed`` when finished


class StoredRecording(msgspec.Struct, frozen=True):
    name: str
    format: str = "wav"


class LiveRecording(msgspec.Struct, frozen=True):
    """``duration``, ``talking_duration`` in seconds; the latter only where silence ends it."""

    name: str
    target_uri: str = ""
    state: str = ""
    duration: int | None = None
    talking_duration: int | None = None
    silence_duration: int | None = None
    cause: str = ""


class Bridge(msgspec.Struct, frozen=True):
    id: str
    bridge_type: str = ""
    name: str = ""
    channels: list[str] = []


class Endpoint(msgspec.Struct, frozen=True):
    """``state``: ``online``, ``offline``, ``unknown``."""

    technology: str = ""
    resource: str = ""
    state: str = ""
    channel_ids: list[str] = []


class Contact(msgspec.Struct, frozen=True):
    """Where a softphone is registered from. ``contact_status``: ``Created``, ``Reachable``,
    ``Unreachable``, ``Removed``, ..."""

    uri: str = ""
    aor: str = ""
    contact_status: str = ""


class Event(msgspec.Struct, frozen=True):
    """Any event; which fields are filled depends on ``type``."""

    type: str = ""
    application: str = ""
    channel: Channel | None = None
    peer: Channel | None = None
    args: list[str] = []
    replace_channel: Channel | None = None
    digit: str = ""
    duration_ms: int = 0
    timestamp: str = ""
    dialstatus: str = ""
    cause: int | None = None
    tech_cause: int | None = None
    soft: bool = False
    playback: Playback | None = None
    recording: LiveRecording | None = None
    endpoint: Endpoint | None = None
    contact_info: Contact | None = None


class Key(msgspec.Struct, frozen=True):
    """A key that was pressed: when it was let go (Asterisk's clock, ms), how long it was held."""

    digit: str
    ended_at: int
    duration_ms: int

    def is_echo_of(self, earlier: Key | None) -> bool:
        """Whether it is one press, heard twice: a key cannot have been held for longer than since
        the same key was let go. RTP packets out of step make such pairs on a busy machine
        (measured: 5 in 2,000 keys, 20 to 50 ms apart, of keys held for 100 ms)."""
        return (
            earlier is not None
            and earlier.digit == self.digit
            and 0 <= self.ended_at - earlier.ended_at < self.duration_ms
        )


def key_of(event: Event) -> Key:
    """The key of a ``ChannelDtmfReceived``."""
    try:
        ended_at = int(datetime.fromisoformat(event.timestamp).timestamp() * 1000)
    except ValueError:
        ended_at = 0
    return Key(event.digit, ended_at, event.duration_ms if ended_at else 0)


class Application(msgspec.Struct, frozen=True):
    name: str
    channel_ids: list[str] = []
    bridge_ids: list[str] = []


class AsteriskStatus(msgspec.Struct, frozen=True):
    startup_time: str = ""


class AsteriskInfo(msgspec.Struct, frozen=True):
    status: AsteriskStatus = AsteriskStatus()


decode_event = msgspec.json.Decoder(Event).decode
