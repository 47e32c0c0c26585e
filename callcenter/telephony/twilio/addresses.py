"""The addresses that we give to Twilio. Pure.

All are built from PUBLIC_BASE_URL: behind a proxy the address that a request came under is another
one, and Twilio signs the one that we gave it. A leg's addresses name the leg and the ``rev`` of the
Turn that they answer, so any process can take what comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

#: What a caller's own number asks.
VOICE, STATUS, FALLBACK, MESSAGE = "voice", "status", "fallback", "message"
#: Said of a leg that is a citizen's whom we call.
CALLED = "called"
#: What is told about messages in writing lies below this.
MESSAGES, INCOMING = "messages", "incoming"


class Addresses:
    """``base``: the public address of the application, without a slash at its end."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._root = f"{base}/twilio"

    def of(self, what: str) -> str:
        """An address that belongs to no leg."""
        return f"{self._root}/{what}"

    def of_leg(self, leg: str, what: str, rev: int | None = None, **more: str | int) -> str:
        """Where ``what`` of ``leg`` is told, in answer to its Turn ``rev``."""
        query: Mapping[str, str | int] = more if rev is None else {"rev": rev, **more}
        address = f"{self._root}/legs/{quote(leg, safe='')}/{what}"
        return f"{address}?{urlencode(query)}" if query else address

    def incoming_messages(self) -> str:
        """Where what people write to us is told."""
        return f"{self._root}/{MESSAGES}/{INCOMING}"

    def of_message(self, message: str) -> str:
        """Where it is told what became of our ``message``."""
        return f"{self._root}/{MESSAGES}/{quote(message, safe='')}/{STATUS}"

    def sound(self, name: str) -> str:
        """Where Twilio fetches a sound file."""
        return f"{self._root}/sounds/{name}"
