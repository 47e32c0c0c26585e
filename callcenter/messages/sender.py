"""What sends messages on a channel: Twilio today, a mail server tomorrow. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from callcenter.messages.model import Event, Letter, Reason


class Answer(msgspec.Struct, frozen=True):
    """What the provider says of a message: its own name for it, and how it stands.

    ``code``: the provider's number for why it failed, 0 for none.
    """

    provider_id: str
    event: Event
    code: int = 0


class Found(Answer, frozen=True):
    """A message at the provider that may be ours. ``same``: it says the same."""

    same: bool = True


class Turned(Exception):
    """The provider will not send this message, now or ever. ``reason``: ours, where it is one."""

    def __init__(self, code: int, reason: Reason | None = None) -> None:
        super().__init__(f"turned away with {code}")
        self.code = code
        self.reason = reason


class NotNow(Exception):
    """It was surely not sent, and may be asked for again later."""

    def __init__(self, code: int = 0) -> None:
        super().__init__(f"not now: {code}")
        self.code = code


class Sender(Protocol):
    """Sends letters, and says what became of them. One for each channel."""

    async def send(self, letter: Letter) -> Answer:
        """Ask for ``letter`` once.

        Raises:
            Turned, NotNow
            ConnectionError, TimeoutError: nobody knows whether it was sent.
        """

    async def look(self, letter: Letter, age_s: float) -> Sequence[Found] | None:
        """What the provider has of ``letter``: itself if it has ``provider_id``, else whatever was
        sent to the recipient in the last ``age_s``, since it was asked for. Nothing: it may be sent
        again. None: this provider can't be asked that.

        Raises:
            ConnectionError, TimeoutError
        """

    async def close(self) -> None:
        """Let go of what it holds; it can be used again."""
