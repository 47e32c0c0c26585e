"""One call at Twilio: its life, its status callbacks, and the loop that follows TwiML.

Sources: https://www.twilio.com/docs/voice/api/call-resource (statuses, updates, status callbacks)
and /docs/voice/twiml (request parameters, CallStatus values, what answers a call).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.fake_twilio.clock import first
from tests.fake_twilio.codes import NOT_MODELLED
from tests.fake_twilio.recordings import seconds
from tests.fake_twilio.twiml import AUDIO, MARKUP, BadDocument, Document, Element, parse
from tests.fake_twilio.webhooks import FetchFailed, Reply

if TYPE_CHECKING:
    from tests.fake_twilio.conference import Participant
    from tests.fake_twilio.phones import Handset
    from tests.fake_twilio.world import World

T = TypeVar("T")

#: Longest call, in seconds, unless TimeLimit says less.
LONGEST_S = 14_400
OVER = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
ERROR_MESSAGE = "We are sorry, an application error has occurred. Goodbye."


@dataclass(frozen=True)
class Fetch:
    """Go on with the TwiML at ``url``. ``more``: parameters beside the usual ones."""

    url: str
    method: str = "POST"
    more: dict[str, str] = field(default_factory=dict)
    is_fallback: bool = False


Instruction = Fetch | Document


class HungUp(Exception):
    """The call is over."""


class Replaced(Exception):
    """REST gave the call something else to do."""

    def __init__(self, instruction: Instruction) -> None:
        super().__init__()
        self.instruction = instruction


@dataclass
class Callback:
    """Where a call's progress is told. ``events``: initiated, ringing, answered, completed."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


class Call:
    """``status`` is the Call resource's: queued, ringing, in-progress, or how it ended."""

    def __init__(
        self, world: World, direction: str, from_: str, to: str, handset: Handset | None
    ) -> None:
        self.world = world
        self.clock = world.clock
        self.sid = world.sid("CA")
        self.direction = direction
        self.from_ = from_
        self.to = to
        self.handset = handset
        self.parent: Call | None = None
        self.status = "ringing" if direction == "inbound" else "queued"
        self.created_at = self.clock.now
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.ended_by = ""
        self.phone_number_sid: str | None = None
        self.callback = Callback()
        self.fallback: Fetch | None = None
        self.time_limit = LONGEST_S
        self.sip_code: int | None = None
        self.participant: Participant | None = None
        self.bridge: set[Call] = set()
        self.keys: asyncio.Queue[str] | None = None
        self.lost_keys = ""
        self.document: Document | None = None
        self.verb: Element | None = None
        self.farewells: list[Fetch] = []
        #: done when the TwiML has run out: a dialed call talks to who dialed it
        self.after: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.ended = asyncio.Event()
        self._interruption: HungUp | Replaced | None = None
        self._interrupted = asyncio.Event()
        self._sequence = 0
        self._in_order = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<{self.direction} {self.from_}→{self.to} {self.status}>"

    @property
    def over(self) -> bool:
        return self.status in OVER

    # --- what others do to it ----------------------------------------------------------------

    def key(self, key: str) -> None:
        """The person presses ``key``. Nobody keeps it when nothing gathers."""
        if self.keys is not None:
            self.keys.put_nowait(key)
        elif self.participant is not None:
            self.participant.key(key)
        else:
            self.lost_keys += key

    def hang_up(self, by: str) -> None:
        """End it: ``by`` is phone, twiml, api, limit or error."""
        if self.over or isinstance(self._interruption, HungUp):
            return
        self.ended_by = by
        self._interruption = HungUp()
        self._interrupted.set()

    def replace(self, instruction: Instruction) -> None:
        """Do ``instruction`` now, whatever it does."""
        if self.over or isinstance(self._interruption, HungUp):
            return
        self._interruption = Replaced(instruction)
        self._interrupted.set()

    # --- waiting -----------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what interrupts this call, if anything does."""
        if self._interruption is None:
            return
        interruption = self._interruption
        if isinstance(interruption, Replaced):
            self._interruption = None
            self._interrupted.clear()
        raise interruption

    async def until(self, doing: Coroutine[Any, Any, T], *, keep: bool = False) -> T:
        """The result of ``doing``, unless the call is interrupted. Then it is cancelled, or goes on
        with nobody waiting for it (``keep``: a request that is under way)."""
        task = asyncio.ensure_future(doing)
        interrupted = asyncio.ensure_future(self._interrupted.wait())
        try:
            await asyncio.wait({task, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            interrupted.cancel()
        if self._interruption is not None:
            if keep:
                task.add_done_callback(self._nobody_waits)
            else:
                task.cancel()
            self.check()
        return await task

    def _nobody_waits(self, task: asyncio.Future[T]) -> None:
        failed = None if task.cancelled() else task.exception()
        if isinstance(failed, FetchFailed):
            self.report(failed.code, failed.detail, failed.url, failed.injected)

    async def pause(self, duration: float) -> None:
        await self.until(self.clock.sleep(duration))

    async def next_key(self, within_s: float) -> str | None:
        """The next key; None when ``within_s`` seconds pass without one."""
        assert self.keys is not None
        return await self.until(self._key(self.keys, within_s))

    async def _key(self, keys: asyncio.Queue[str], within_s: float) -> str | None:
        timer = self.clock.timer(within_s)
        key = asyncio.ensure_future(keys.get())
        try:
            await first(timer, key)
            return key.result() if key.done() else None
        finally:
            timer.cancel()
            key.cancel()

    # --- telling -----------------------------------------------------------------------------

    def report(
        self, code: int, detail: str, url: str | None = None, injected: bool = False
    ) -> None:
        if url is None and self.document is not None:
            url = self.document.url
        self.world.problems.report(code, detail, call=self.sid, url=url, injected=injected)

    def parameters(self, status: str | None = None) -> dict[str, str]:
        """What Twilio tells with every request about this call."""
        params = {
            "CallSid": self.sid,
            "AccountSid": self.world.account.sid,
            "From": self.from_,
            "To": self.to,
            "Caller": self.from_,
            "Called": self.to,
            "CallStatus": status or self.status,
            "ApiVersion": "2010-04-01",
            "Direction": self.direction,
        }
        if self.parent is not None:
            params["ParentCallSid"] = self.parent.sid
        return params

    def progress(self, event: str, status: str) -> None:
        """Tell the status callback of ``event``, if it wants to know."""
        sequence, self._sequence = self._sequence, self._sequence + 1
        if not self.callback.url or event not in self.callback.events:
            return
        params = {
            **self.parameters(status),
            "Timestamp": self.clock.rfc2822(),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(sequence),
        }
        if event == "completed":
            params["CallDuration"] = str(self.duration)
            params["Duration"] = str(-(-self.duration // 60))
            if self.sip_code is not None:
                params["SipResponseCode"] = str(self.sip_code)
        self.tell(f"status:{event}", self.callback.url, self.callback.method, params)

    def tell(self, kind: str, url: str, method: str, params: dict[str, str]) -> None:
        """Send a webhook whose answer is not TwiML; those of one call go one after the other."""
        self.world.tell(kind, url, method, params, self.sid, self._in_order)

    @property
    def duration(self) -> int:
        if self.answered_at is None:
            return 0
        return seconds((self.ended_at or self.clock.now) - self.answered_at)

    # --- its life ----------------------------------------------------------------------------

    def answer(self) -> None:
        """An inbound call is answered by the first verb that needs it."""
        if self.direction == "inbound" and self.answered_at is None:
            self.answered_at = self.clock.now
            self.status = "in-progress"
            self.limit()

    def limit(self) -> None:
        """From now on no longer than the time limit."""

        async def end() -> None:
            await self.clock.sleep(self.time_limit)
            self.hang_up("limit")

        self.world.spawn(end(), self.ended)

    async def run(self, instruction: Instruction | None) -> None:
        """Follow TwiML until the call is over, and say goodbye."""
        while instruction is not None or self.after is not None:
            try:
                if instruction is not None:
                    instruction = await self._step(instruction)
                elif self.after is not None:
                    after, self.after = self.after, None
                    await after()
            except Replaced as replaced:
                instruction = replaced.instruction
            except HungUp:
                break
        self.finish("completed")

    async def _step(self, instruction: Instruction) -> Instruction | None:
        self.check()
        try:
            if isinstance(instruction, Fetch):
                instruction = await self._fetch(instruction)
            return await self.perform(instruction)
        except FetchFailed as failed:
            return self._failed(instruction, failed)
        except BadDocument as bad:
            url = instruction.url or ""
            return self._failed(instruction, FetchFailed(bad.code, url, str(bad)))

    async def _fetch(self, fetch: Fetch) -> Document:
        params = {**self.parameters(), **fetch.more}
        hook = self.world.sender.hook("twiml", fetch.url, fetch.method, params, self.sid)
        reply = await self.until(self.world.sender.send(hook), keep=True)
        return self._read(reply, hook.url)

    def _read(self, reply: Reply, url: str) -> Document:
        """What Twilio makes of an answer, by its Content-Type."""
        # What is relative is relative to where the document really came from.
        url = reply.url if reply.url.partition("#")[0] != url.partition("#")[0] else url
        if reply.content_type in MARKUP:
            return parse(reply.body, lambda code, detail: self.report(code, detail, url), url)
        if reply.content_type in AUDIO:
            return Document((Element("Play", {}, reply.url),), url)
        if reply.content_type == "text/plain":
            return Document((Element("Say", {}, reply.body.decode()),), url)
        raise BadDocument(12300, repr(reply.content_type))

    def _failed(self, instruction: Instruction, failed: FetchFailed) -> Instruction | None:
        """Log it and go on with the fallback URL; without one the call ends with an apology."""
        self.report(failed.code, failed.detail, failed.url, failed.injected)
        if isinstance(instruction, Fetch) and instruction.is_fallback:
            self.fallback = None
        if self.fallback is not None:
            more = {"ErrorCode": str(failed.code), "ErrorUrl": failed.url}
            return Fetch(self.fallback.url, self.fallback.method, more, is_fallback=True)
        self.answer()
        self.hear("error", ERROR_MESSAGE)
        self.ended_by = "error"
        return None

    async def perform(self, document: Document) -> Instruction | None:
        """Perform the verbs in order; the answer is where to go on, None at the end."""
        from tests.fake_twilio.verbs import VERBS

        self.document = document
        for number, verb in enumerate(document.verbs):
            self.check()
            if verb.name == "Reject" and number > 0:
                self.report(12200, "<Reject> is not the first verb")
                continue
            if verb.name not in ("Reject", "Pause", "Redirect"):
                self.answer()
            self.verb = verb
            instruction = await VERBS[verb.name](self, document, verb)
            if instruction is not None:
                return instruction
        self.ended_by = self.ended_by or "twiml"
        return None

    def finish(self, status: str) -> None:
        """It is over, as ``status``."""
        if self.over:
            return
        if status == "completed" and self.answered_at is None and self.direction == "inbound":
            # The caller gave up before it was answered, or it was rejected.
            status = {"phone": "no-answer"}.get(self.ended_by, "busy")
        self.status = status
        self.ended_at = self.clock.now
        self.ended.set()
        for fetch in self.farewells:
            self.tell("farewell", fetch.url, fetch.method, {**self.parameters(), **fetch.more})
        self.progress("completed", status)
        if self.handset is not None:
            self.handset.call_over(self)

    def hear(self, kind: str, what: str, language: str = "") -> None:
        """Something sounds in the phone."""
        if self.handset is not None and not self.over:
            self.handset.hear(kind, what, language)

    def not_modelled(self, what: str) -> None:
        self.report(NOT_MODELLED, what)


# --- calls that Twilio makes ----------------------------------------------------------------------


async def place(call: Call, timeout_s: float, then: Instruction | None) -> None:
    """Ring the phone and follow ``then`` once it is answered."""
    call.progress("initiated", "initiated")
    reached = await _reach(call, timeout_s)
    if not reached:
        return
    call.answered_at = call.clock.now
    call.status = "in-progress"
    call.sip_code = 200
    call.limit()
    call.progress("answered", "in-progress")
    await call.run(then)


async def _reach(call: Call, timeout_s: float) -> bool:
    handset = call.handset
    if handset is None:
        number = call.to.startswith(("+", "sip:"))
        call.sip_code = 404 if number else 480
        call.finish("failed" if number else "no-answer")
        return False
    outcome = handset.invite(call)
    timer = call.clock.timer(timeout_s)
    try:
        await call.until(first(outcome, timer))
    except (HungUp, Replaced):
        handset.withdraw(call)
        call.sip_code = 487
        call.finish("canceled")
        return False
    timer.cancel()
    if not outcome.done():
        handset.withdraw(call)
        call.sip_code = 487
        call.finish("no-answer")
        return False
    status, call.sip_code = outcome.result()
    if status == "answered":
        return True
    call.finish(status)
    return False
