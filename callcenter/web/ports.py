"""What the web is handed: everything it talks to, by shape. ``app`` knows the classes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Protocol

from callcenter.calls.desk import Desk
from callcenter.calls.service import Calls
from callcenter.calls.telling import Telling
from callcenter.clock import Clock
from callcenter.db import Database
from callcenter.db.facts import Callback
from callcenter.db.keys import Keys
from callcenter.people.service import People
from callcenter.stats.board import Board


class BrowserAccount(Protocol):
    """How an agent's browser registers as a telephone. It lives as long as the sign-in."""

    @property
    def uri(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...
    @property
    def ws(self) -> str: ...


class Devices(Protocol):
    """A line's softphone accounts."""

    async def open(self, agent: str) -> BrowserAccount:
        """Make the account, or give the one there is.

        Raises:
            ConnectionError: the line is away.
        """

    async def close(self, agent: str) -> None:
        """Remove it; none is no error."""


class VoiceAccount(Protocol):
    """How an agent's browser registers at Twilio. ``expires_at``: UTC milliseconds."""

    @property
    def identity(self) -> str: ...
    @property
    def token(self) -> str: ...
    @property
    def expires_at(self) -> int: ...


class VoiceDevices(Protocol):
    """Browsers as Twilio's telephones; the page itself says whether its telephone is there.

    ``hosts``: what their pages connect to.
    """

    hosts: tuple[str, ...]

    def open(self, agent: str) -> VoiceAccount | None: ...
    def close(self, agent: str) -> None: ...
    def heard(self, agent: str, up: bool) -> None: ...


class Simulator(Protocol):
    """The simulated telephone: ``telephony.simulator.line.SimulatorLine``.

    Every method but ``call`` and ``rung`` raises LookupError for a call that it does not know.
    """

    async def call(self, from_: str | None, to: str) -> str: ...
    async def keys(self, id: str, keys: str) -> None: ...  # noqa: A002
    async def silence(self, id: str) -> None: ...  # noqa: A002
    async def hang_up(self, id: str) -> None: ...  # noqa: A002
    async def speak(self, id: str, text: str) -> None: ...  # noqa: A002
    def view(self, id: str, after: int) -> Mapping[str, object]: ...  # noqa: A002
    def rung(self, number: str) -> str | None: ...
    async def pick_up(self, id: str) -> None: ...  # noqa: A002
    async def busy(self, id: str) -> None: ...  # noqa: A002


class Twilio(Protocol):
    """The Twilio line: ``telephony.twilio.line.TwilioLine``."""

    async def webhook(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Answer a request that says it is Twilio's: status, media type, body."""

    async def sound(self, name: str) -> tuple[str, bytes] | None:
        """The media type and the bytes of what Twilio plays; None: no such sound."""


class Inbox(Protocol):
    """What Twilio tells about messages in writing: ``telephony.twilio.inbox.Inbox``."""

    async def webhook(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str, bytes]:
        """Answer a request that says it is Twilio's: status, media type, body.

        Raises:
            DatabaseAway
        """


Counts = Callable[[], Mapping[str, Mapping[str, int]]]
"""What each line has counted since the process began: line → name → how often."""

Check = Callable[[], Awaitable[None]]
"""Returns when all is well, else raises; the message says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Deps:
    """Everything that the web talks to."""

    db: Database
    keys: Keys
    clock: Clock
    people: People
    calls: Calls
    desk: Desk  #: what agents do to calls
    time_zone: tzinfo  #: whose midnight begins the board's day
    restore: Callable[[], Awaitable[Board]]  #: the board of all Facts that are sealed by now
    subscribe: Callable[[Callback], Callable[[], None]]  #: the sealer's
    nudge: Callable[[], None]  #: the sealer's: Facts were committed
    base_url: str  #: without a slash at its end
    hotline_number: str | None = None  #: as people know it
    any_host: bool = False  #: no public address was set: whatever Host the browser used is ours
    default_device: str = "simulated"  #: what an agent answers with unless the account says
    devices: Devices | None = None
    voice: VoiceDevices | None = None
    simulator: Simulator | None = None
    twilio: Twilio | None = None
    inbox: Inbox | None = None
    telling: Telling | None = None  #: None: nothing sends messages
    sounds: Callable[[str], Awaitable[Path | None]] | None = None  #: sound file by hash
    recording: Callable[[str], Awaitable[bytes]] | None = None  #: raises LookupError
    pages: Path | None = None  #: the folder of the built pages
    browser_ws: str | None = None  #: where browsers reach the line, for the content policy
    ready: Mapping[str, Check] = field(default_factory=dict)
    counts: Counts = dict
    trunk: Callable[[], bool | None] | None = None  #: whether it answers; no manager: None
