"""Dial with Number, Sip, Client or a bare number: child calls that ring together.

Sources: https://www.twilio.com/docs/voice/twiml/dial, /number, /sip, /client.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from tests.fake_twilio.call import Call, Callback, Fetch, HungUp, place
from tests.fake_twilio.clock import first
from tests.fake_twilio.twiml import Document, Element

MOST_TARGETS = 10


@dataclass
class _Dialing:
    """One Dial: ``talker`` is the child who was connected, until ``over``."""

    parent: Call
    children: list[Call] = field(default_factory=list)
    talker: Call | None = None
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def talk(self, child: Call) -> None:
        """The child was answered, and its whisper is over: talk, if no other was faster."""
        if self.talker is not None:
            raise HungUp
        self.talker = child
        self.parent.bridge.add(child)
        child.bridge.add(self.parent)
        self.connected.set()
        try:
            await child.until(self.over.wait())
        finally:
            self.parent.bridge.discard(child)
            child.bridge.discard(self.parent)
            self.over.set()

    async def watch(self, child: Call) -> None:
        """When all are gone, nobody can be connected any more."""
        await child.ended.wait()
        if all(one.over for one in self.children):
            self.connected.set()


async def dial_parties(call: Call, document: Document, verb: Element) -> dict[str, str]:
    """Ring everybody named; the first who answers talks. Returns when the talk is over."""
    nouns = verb.nested or (Element("Number", {}, verb.text),)
    if len(nouns) > MOST_TARGETS:
        call.report(13215, f"{len(nouns)} targets")
    dialing = _Dialing(call)
    for noun in nouns[:MOST_TARGETS]:
        dialing.children.append(_ring(dialing, document, verb, noun))
    for child in dialing.children:
        call.world.spawn(dialing.watch(child))
    limit = call.clock.timer(verb.whole("timeLimit", 14_400))
    try:
        await call.until(dialing.connected.wait())
        for child in dialing.children:
            if child is not dialing.talker:
                child.hang_up("parent")
        if dialing.talker is not None:
            await call.until(_first(dialing.over, limit))
    finally:
        limit.cancel()
        dialing.over.set()
        for child in dialing.children:
            child.hang_up("parent")
    return _result(dialing)


def _ring(dialing: _Dialing, document: Document, verb: Element, noun: Element) -> Call:
    parent = dialing.parent
    world = parent.world
    to = f"client:{noun.text}" if noun.name == "Client" else noun.text
    from_ = verb.get("callerId") or parent.from_
    child = Call(world, "outbound-dial", from_, to, world.handset(to))
    child.parent = parent
    if noun.get("statusCallback"):
        child.callback = Callback(
            document.resolve(noun.get("statusCallback")) or "",
            noun.get("statusCallbackMethod", "POST"),
            frozenset(noun.get("statusCallbackEvent", "completed").split()),
        )
    child.after = lambda: dialing.talk(child)
    whisper = document.resolve(noun.get("url")) if noun.get("url") else None
    world.calls[child.sid] = child
    first = Fetch(whisper, noun.get("method", "POST")) if whisper else None
    world.spawn(place(child, float(verb.whole("timeout", 30)), first))
    return child


async def _first(event: asyncio.Event, limit: asyncio.Future[None]) -> None:
    waiting = asyncio.ensure_future(event.wait())
    try:
        await first(waiting, limit)
    finally:
        waiting.cancel()


def _result(dialing: _Dialing) -> dict[str, str]:
    talker = dialing.talker or dialing.children[0]
    bridged = dialing.talker is not None
    result = {
        "DialCallStatus": "completed" if bridged else talker.status,
        "DialCallSid": talker.sid,
        "DialBridged": "true" if bridged else "false",
    }
    if bridged:
        result["DialCallDuration"] = str(talker.duration)
    return result
