"""A look into Asterisk with our own eyes, beside the application's."""

from __future__ import annotations

import base64
import contextlib
import urllib.error
import urllib.parse
import urllib.request
from typing import TypeVar

import msgspec

from callcenter.telephony.asterisk.events import Bridge, Channel, Endpoint, StoredRecording
from tests.capabilities import require
from tests.e2e.asterisk import Asterisk
from tests.e2e.phones import until

T = TypeVar("T")

#: From the middle of what the dialplan says: so much is heard whole or not at all.
_EXCERPT = slice(8_000, 16_000)


class Exchange:
    """ARI requests to ``asterisk``; they touch nothing that the application does."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk

    def prompt(self, name: str) -> bytes:
        """A second of what the dialplan says by itself (apology, message, thanks), A-law."""
        folder = require("asterisk") / "usr" / "share" / "callcenter" / "net"
        return (folder / f"{name}.alaw").read_bytes()[_EXCERPT]

    def channels(self) -> list[Channel]:
        return self._get("/channels", list[Channel])

    def leg_of(self, number: str) -> str:
        """The leg of the citizen who calls from ``number``."""
        (leg,) = [channel.id for channel in self.channels() if channel.caller.number == number]
        return leg

    def rooms(self) -> list[Bridge]:
        """The bridges where people talk."""
        return [one for one in self._bridges() if one.bridge_type != "holding"]

    def recordings(self) -> list[str]:
        found = self._get("/recordings/stored", list[StoredRecording])
        return sorted(recording.name for recording in found)

    def accounts(self) -> list[str]:
        """The softphone accounts."""
        found = self._get("/endpoints/PJSIP", list[Endpoint])
        return sorted(one.resource for one in found if one.resource.startswith("agent-"))

    def wait_empty(self) -> None:
        """Wait until no leg and no room is left."""
        until(lambda: not self.channels() and not self.rooms(), "no leg and no room is left over")

    def end_calls(self) -> None:
        """End all calls: the next test shares this Asterisk."""
        for channel in self.channels():
            self._delete(f"/channels/{channel.id}")
        until(lambda: not self.channels(), "all channels end")

    def sweep(self) -> None:
        """Leave nothing to the next application."""
        self.end_calls()
        for bridge in self._bridges():
            self._delete(f"/bridges/{bridge.id}")
        for name in self.recordings():
            self._delete(f"/recordings/stored/{name}")
        for account in self.accounts():
            for kind in ("endpoint", "aor", "auth"):
                self._delete(f"/asterisk/config/dynamic/res_pjsip/{kind}/{account}")

    def _bridges(self) -> list[Bridge]:
        return self._get("/bridges", list[Bridge])

    def _get(self, path: str, shape: type[T]) -> T:
        return msgspec.json.decode(self._ask("GET", path), type=shape)

    def _delete(self, path: str) -> None:
        with contextlib.suppress(urllib.error.HTTPError):  # it ended by itself
            self._ask("DELETE", path)

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self.asterisk.url}/ari{path}", method=method)
        token = base64.b64encode(f"callcenter:{self.asterisk.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=10) as response:
            return bytes(response.read())
