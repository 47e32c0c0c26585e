"""What ARI does not tell: attacks on Asterisk, and that something about the trunk has changed.

Wrong passwords, calls from addresses that may not call: toll fraud begins like that, and the
operator must see it. The manager's events are counted and, not too often, logged: what, how often,
from which address. The account and the number that were tried are neither kept nor logged.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from callcenter.telephony.asterisk.ami import AmiLink, Packet
from callcenter.telephony.asterisk.ari import AriAway, AriRefused, Requests, segment
from callcenter.telephony.asterisk.devices import SETTINGS
from callcenter.telephony.asterisk.events import Endpoint

log = structlog.get_logger(__name__)

#: Our user in manager.conf.
USER: Final = "callcenter"
PORT: Final = 5038
#: The same thing is logged at most this often, with how often it happened meanwhile.
SAY_EVERY_S: Final = 60.0
#: Between a change of the trunk and our look: at its start Asterisk takes it for away.
SETTLE_S: Final = 5.0

#: Asterisk's security event → what we count it as.
ATTACKS: Final = {
    "ChallengeResponseFailed": "wrong_passwords",
    "InvalidPassword": "wrong_passwords",
    "InvalidAccountID": "unknown_accounts",
    "FailedACL": "refused_addresses",
    "UnexpectedAddress": "refused_addresses",
    "AuthMethodNotAllowed": "refused_requests",
    "InvalidTransport": "refused_requests",
    "RequestBadFormat": "refused_requests",
    "RequestNotAllowed": "refused_requests",
    "RequestNotSupported": "refused_requests",
    "LoadAverageLimit": "overloads",
    "MemoryLimit": "overloads",
    "SessionLimit": "overloads",
}


class Counts(msgspec.Struct):
    """For the metrics page."""

    wrong_passwords: int = 0
    unknown_accounts: int = 0
    refused_addresses: int = 0
    refused_requests: int = 0
    overloads: int = 0
    lost_registrations: int = 0
    trunk_losses: int = 0
    manager_connects: int = 0


class _Field(msgspec.Struct, frozen=True):
    """A setting of something in Asterisk."""

    attribute: str
    value: str


class Watch:
    """``trunk``: the name of the carrier's endpoint, None when there is none to look after.

    The manager says that something about it has changed; how it is, ``ari`` is asked. ``clock``:
    seconds, for what is not to be logged too often.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        ari: Requests,
        trunk: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = Counts()
        self._ari = ari
        self._trunk = trunk
        self._clock = clock
        self._link = AmiLink(host, port, USER, password, self._heard)
        self._reachable: bool | None = None
        self._was: bool | None = None  #: the latest that was known
        self._said: dict[str, tuple[float, int]] = {}  #: when, and what the count was
        self._wanted = asyncio.Event()

    def trunk_reachable(self) -> bool | None:
        """Whether the carrier answers; None: nobody knows."""
        return self._reachable if self._link.up else None

    async def run(self) -> None:
        """Watch until cancelled; a link that was lost is made again."""
        await self._link.start()
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(SETTLE_S)
                self._wanted.clear()
                await self._look()
        finally:
            await self._link.stop()

    async def _look(self) -> None:
        """How the trunk is now, told when it is not what it was."""
        self._reachable = await self._state()
        if self._reachable is None or self._reachable is self._was:
            return
        if not self._reachable:
            self.counts.trunk_losses += 1
            log.warning("trunk_unreachable")
        elif self._was is not None:
            log.info("trunk_reachable")
        self._was = self._reachable

    async def _state(self) -> bool | None:
        if self._trunk is None:
            return None
        name = segment(self._trunk)
        try:
            aor = await self._ari.get(f"{SETTINGS}/aor/{name}", list[_Field])
            if _Field("qualify_frequency", "0") in aor:
                return None  # Asterisk does not look, and takes it for there
            state = (await self._ari.get(f"/endpoints/PJSIP/{name}", Endpoint)).state
        except AriAway:
            self._wanted.set()  # again, a little later
            return None
        except AriRefused:
            return None
        return {"online": True, "offline": False}.get(state)

    # --- Events -------------------------------------------------------------------------------

    def _heard(self, packet: Packet) -> None:
        match _of(packet, "Event"):
            case "FullyBooted":  # comes after each sign-in
                self.counts.manager_connects += 1
                self._wanted.set()
            case "ContactStatus" if _of(packet, "EndpointName") == self._trunk:
                self._wanted.set()
            case "Registry" if _of(packet, "Status") != "Registered":
                self._note("lost_registrations", "")
            case event if event in ATTACKS:
                self._note(ATTACKS[event], _address(_of(packet, "RemoteAddress")))

    def _note(self, what: str, address: str) -> None:
        """Count it, and say so unless the same was said just now."""
        count = getattr(self.counts, what) + 1
        setattr(self.counts, what, count)
        now = self._clock()
        at, told = self._said.get(what, (now - SAY_EVERY_S, 0))
        if now - at >= SAY_EVERY_S:
            self._said[what] = (now, count)
            log.warning("asterisk_watch", what=what, times=count - told, latest_from=address)


def _of(packet: Packet, header: str) -> str:
    return packet.get(header, [""])[0]


def _address(remote: str) -> str:
    """The network address in ``IPV4/UDP/203.0.113.9/5060``, and nothing else that may be there."""
    parts = remote.split("/")
    try:
        return str(ipaddress.ip_address(parts[2]))
    except (IndexError, ValueError):
        return "unknown"
