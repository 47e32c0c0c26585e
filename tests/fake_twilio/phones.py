"""The telephones of the people in a story: they dial, ring, press keys, speak and hang up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.fake_twilio.call import Call

if TYPE_CHECKING:
    from tests.fake_twilio.world import World

#: How fast people press keys, in seconds.
KEY_S = 0.15
#: What Twilio puts into From when the number is withheld.
WITHHELD = "+266696687"


@dataclass(frozen=True)
class Heard:
    """Something that sounded in a phone. ``kind``: say, play, beep, music, dtmf, tone, error, or
    cut (a key stopped what was sounding)."""

    kind: str
    what: str
    language: str
    at: float


class Handset:
    """A telephone. ``address`` is an E.164 number, ``client:identity`` or ``sip:…``.

    ``auto``: what it does by itself when it is called: nothing, ``ring``, or ``answer``.
    """

    def __init__(self, world: World, address: str, auto: str = "") -> None:
        self.world = world
        self.address = address
        self.auto = auto
        self.call: Call | None = None
        self.calls: list[Call] = []
        self.heard: list[Heard] = []
        self.registered = True
        self._outcome: asyncio.Future[tuple[str, int]] | None = None
        self._speech: list[tuple[float, float | None]] = []

    def __repr__(self) -> str:
        return f"<phone {self.address} {self.call or 'idle'}>"

    # --- what the person does ----------------------------------------------------------------

    async def dial(self, to: str) -> Call:
        """Call a number; returns when Twilio has the first instructions."""
        self.call = self.world.inbound(self, to)
        self.calls.append(self.call)
        await self._then()
        return self.call

    async def press(self, keys: str) -> None:
        """Press keys, one after the other, each when what the one before brought has begun."""
        for key in keys:
            if self.call is not None:
                self.call.key(key)
            await self._then()
            if self.world.clock.running:
                await self.world.clock.sleep(KEY_S)

    async def mash(self, keys: str) -> None:
        """Press keys faster than any webhook is answered."""
        for key in keys:
            if self.call is not None:
                self.call.key(key)
            await asyncio.sleep(0)

    async def speak(self, seconds: float) -> None:
        """Make sound for so long; returns when it is over."""
        begun = self.world.clock.now
        self._speech.append((begun, None))
        await self.world.clock.advance(seconds)
        self._speech[-1] = (begun, self.world.clock.now)
        await self._then()

    async def hang_up(self) -> None:
        if self.call is not None:
            self.call.hang_up("phone")
        await self._then()

    async def asked(self) -> None:
        """Wait until a call comes in."""
        await self.world.until(lambda: self._outcome is not None)

    async def ring(self) -> None:
        """It rings: the network is told."""
        call = self._asked()
        call.status = "ringing"
        call.progress("ringing", "ringing")
        await self._then()

    async def answer(self) -> None:
        if self._asked().status != "ringing":
            await self.ring()
        self._settle("answered", 200)
        await self._then()

    async def busy(self) -> None:
        self._settle("busy", 486)
        await self._then()

    async def decline(self) -> None:
        self._settle("busy", 603)
        await self._then()

    # --- what Twilio does --------------------------------------------------------------------

    def invite(self, call: Call) -> asyncio.Future[tuple[str, int]]:
        """A call for this phone: its status and SIP code, once the person decides."""
        outcome: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        if not self.registered:
            outcome.set_result(("no-answer", 480))
        elif self.call is not None:
            outcome.set_result(("busy", 486))
        else:
            self.call = call
            self.calls.append(call)
            self._outcome = outcome
            if self.auto:
                call.status = "ringing"
                call.progress("ringing", "ringing")
            if self.auto == "answer":
                self._settle("answered", 200)
        return outcome

    def withdraw(self, call: Call) -> None:
        """It need not ring any more."""
        if self.call is call:
            self.call = self._outcome = None

    def call_over(self, call: Call) -> None:
        if self.call is call:
            self.call = self._outcome = None
            self._speech = [(a, self.world.clock.now if b is None else b) for a, b in self._speech]

    def hear(self, kind: str, what: str, language: str = "") -> None:
        self.heard.append(Heard(kind, what, language, self.world.clock.now))

    # --- what a recording hears --------------------------------------------------------------

    def spoke(self, start: float, end: float) -> list[tuple[float, float]]:
        """The speech between ``start`` and ``end``, relative to ``start``."""
        cut = [(max(a, start), min(end if b is None else b, end)) for a, b in self._speech]
        return [(a - start, b - start) for a, b in cut if b > a]

    def quiet_since(self, start: float) -> float | None:
        """Since when it has been silent, at the earliest ``start``; None while somebody speaks."""
        if self._speech and self._speech[-1][1] is None:
            return None
        latest = self._speech[-1][1] if self._speech else None
        return max(start, latest or start)

    # --- what a test looks at ----------------------------------------------------------------

    @property
    def ringing(self) -> bool:
        return self._outcome is not None

    @property
    def talking_to(self) -> set[str]:
        """The addresses of the phones that are heard in this one."""
        if self.call is None:
            return set()
        heard = {one.handset for one in self.world.heard_by(self.call)}
        return {one.address for one in heard if one is not None}

    def said(self, text: str) -> bool:
        """Something with ``text`` in it was spoken or played."""
        return any(text in heard.what for heard in self.heard)

    # --- inside ------------------------------------------------------------------------------

    def _asked(self) -> Call:
        assert self.call is not None, f"nobody calls {self.address}"
        assert self._outcome is not None, f"{self.address} does not ring"
        return self.call

    def _settle(self, status: str, sip_code: int) -> None:
        self._asked()
        outcome, self._outcome = self._outcome, None
        if outcome is not None and not outcome.done():
            outcome.set_result((status, sip_code))
        if status != "answered":
            self.call = None

    async def _then(self) -> None:
        """Let happen what comes of it at once."""
        if not self.world.clock.running:
            await self.world.clock.settle()
