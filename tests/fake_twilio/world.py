"""Everything that exists at the fake Twilio: an account, its numbers, calls, rooms and messages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.fake_twilio.call import Call, Callback, Fetch, Instruction, place
from tests.fake_twilio.chaos import Chaos
from tests.fake_twilio.clock import Clock
from tests.fake_twilio.codes import Problem, Problems
from tests.fake_twilio.conference import Conference
from tests.fake_twilio.messaging import Messaging
from tests.fake_twilio.phones import Handset
from tests.fake_twilio.recordings import Recording, length_of
from tests.fake_twilio.twiml import AUDIO, Element
from tests.fake_twilio.webhooks import FetchFailed, Sender, Webhook
from tests.waiting import until as really_until

#: How fast text is spoken.
CHARACTERS_PER_S = 15.0
#: A sound file of unknown length.
PLAY_S = 3.0
#: What a call to a telephone number gets on top of its Timeout.
PSTN_BUFFER_S = 5.0


@dataclass
class Account:
    """Who we are at Twilio. ``calls_per_second``: how fast calls made by REST go out.

    ``keeps_silence``: silent recordings are saved and their action is requested, as is the default
    now; False: they are dropped and the call goes on with the next verb.
    """

    sid: str
    token: str
    keys: dict[str, str] = field(default_factory=dict)
    status: str = "active"
    calls_per_second: float = 1.0
    keeps_silence: bool = True
    recording_delay_s: float = 1.0
    verified_callers: set[str] = field(default_factory=set)


@dataclass
class Number:
    """An incoming phone number and where its calls and messages go. ``sms``: it can have any."""

    sid: str
    number: str
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    friendly_name: str = ""
    sms: bool = field(default=True, init=False)


class World:
    """The state, and what happens in it."""

    def __init__(self, speed: float = 0.0) -> None:
        self.clock = Clock(speed)
        self.problems = Problems(lambda: self.clock.now)
        self.chaos = Chaos()
        self.account = Account(self.sid("AC"), secrets.token_hex(16))
        self.sender = Sender(
            self.clock, self.problems, self.chaos, self.account.token, self.account.sid
        )
        self.base_url = ""
        self.numbers: dict[str, Number] = {}
        self.calls: dict[str, Call] = {}
        self.conferences: dict[str, Conference] = {}
        self.recordings: dict[str, Recording] = {}
        self.phones: dict[str, Handset] = {}
        self.messaging = Messaging()
        self._next_slot = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self.crashes: list[BaseException] = []

    # --- small things ------------------------------------------------------------------------

    @staticmethod
    def sid(prefix: str) -> str:
        return prefix + secrets.token_hex(16)

    def spawn(
        self, doing: Coroutine[Any, Any, None], ended: asyncio.Event | None = None
    ) -> asyncio.Task[None]:
        """Do it beside everything else; with ``ended``, only until that is set."""
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        if ended is not None:

            async def stop() -> None:
                await ended.wait()
                task.cancel()

            self.spawn(stop())
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (crash := task.exception()) is not None:
            self.crashes.append(crash)

    async def close(self) -> None:
        """End everything that is still under way."""
        for one in list(self._tasks):
            one.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for room in self.conferences.values():
            for participant in room.participants:
                if participant.music is not None:
                    participant.music.cancel()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until ``true()``: in a standing clock time passes a little meanwhile."""
        if self.clock.running:
            await really_until(true)
        else:
            await self.clock.advance_until(true)

    def recording_url(self, sid: str) -> str:
        return f"{self.base_url}/2010-04-01/Accounts/{self.account.sid}/Recordings/{sid}"

    async def length(self, verb: Element, what: str, bad_type: int = 13420) -> float:
        """How long a Say or a Play takes, once. ``bad_type``: the code for what is no sound.

        Raises:
            FetchFailed: the sound can't be played.
        """
        if verb.name == "Say":
            return max(0.3, len(what) / CHARACTERS_PER_S)
        reply = await self.sender.media(what)
        if reply.content_type not in AUDIO:
            raise FetchFailed(bad_type, what, repr(reply.content_type))
        return length_of(reply.body) or PLAY_S

    # --- phones and calls --------------------------------------------------------------------

    def handset(self, address: str) -> Handset | None:
        """The phone at an address; Sip parameters don't count."""
        return self.phones.get(address.partition(";")[0].partition("?")[0])

    def inbound(self, handset: Handset, to: str) -> Call:
        """A phone calls one of our numbers."""
        call = Call(self, "inbound", handset.address, to, handset)
        self.calls[call.sid] = call
        number = self.numbers.get(to)
        if number is None or not number.voice_url:
            call.hear("tone", "not in service")
            call.finish("failed")
            return call
        call.phone_number_sid = number.sid
        call.callback = Callback(number.status_callback, number.status_callback_method)
        if number.voice_fallback_url:
            call.fallback = Fetch(number.voice_fallback_url, number.voice_fallback_method)
        self.spawn(call.run(Fetch(number.voice_url, number.voice_method)))
        return call

    def outbound(self, call: Call, timeout_s: float, then: Instruction) -> float:
        """A call that REST made, when its turn has come; the answer is how long it waits."""
        self.calls[call.sid] = call
        slot = max(self.clock.now, self._next_slot)
        self._next_slot = slot + 1 / self.account.calls_per_second
        if call.to.startswith("+"):
            timeout_s += PSTN_BUFFER_S
        wait = slot - self.clock.now
        self.spawn(self._out(call, wait, timeout_s, then))
        return wait

    async def _out(self, call: Call, wait: float, timeout_s: float, then: Instruction) -> None:
        from tests.fake_twilio.call import HungUp, Replaced

        try:
            if wait > 0:
                await call.pause(wait)
            call.check()
        except (HungUp, Replaced):
            call.finish("canceled")
            return
        await place(call, timeout_s, then)

    # --- rooms -------------------------------------------------------------------------------

    def conference(self, name: str) -> Conference:
        """The room of that name that is open, or a new one."""
        for room in self.conferences.values():
            if room.name == name and room.status != "completed":
                return room
        room = Conference(self, name)
        self.conferences[room.sid] = room
        return room

    def in_conference(self, call_sid: str) -> bool:
        call = self.calls.get(call_sid)
        return call is not None and call.participant is not None

    def heard_by(self, call: Call) -> set[Call]:
        """The calls whose voices are heard in ``call``."""
        if call.participant is not None:
            return call.participant.conference.hears(call)
        return set(call.bridge)

    # --- telling -----------------------------------------------------------------------------

    def tell(
        self,
        kind: str,
        url: str,
        method: str,
        params: dict[str, str],
        call: str | None,
        in_order: asyncio.Lock,
    ) -> None:
        """Send a webhook whose answer changes nothing."""
        hook = self.sender.hook(kind, url, method, params, call)
        self.spawn(self._tell(hook, in_order))

    async def _tell(self, hook: Webhook, in_order: asyncio.Lock) -> None:
        try:
            if hook.fault is None:
                async with in_order:
                    await self.sender.send(hook)
            else:
                await self.sender.send(hook)
        except FetchFailed as failed:
            progress = hook.kind.startswith("status:") and failed.code == 11200
            self.problems.report(
                15003 if progress else failed.code,
                f"{hook}: {failed.detail}",
                call=hook.call,
                url=hook.url,
                injected=failed.injected,
            )

    # --- what tests look at ------------------------------------------------------------------

    @property
    def own_problems(self) -> list[Problem]:
        return self.problems.own

    @property
    def live_calls(self) -> list[Call]:
        return [call for call in self.calls.values() if not call.over]

    @property
    def rooms(self) -> list[Conference]:
        """The rooms that somebody is in."""
        return [room for room in self.conferences.values() if room.participants]

    @property
    def alone(self) -> list[Call]:
        """The calls that are alone in a room."""
        return [room.participants[0].call for room in self.rooms if len(room.participants) == 1]
