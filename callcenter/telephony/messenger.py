"""Sends the messages that were put: one worker beside the requests.

What is due is *asked* for in a transaction, then sent outside of it, then noted. A message whose
answer never came, because of a time-out or because we died meanwhile, is looked for at its provider
before anything else: only what surely was not sent is sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from callcenter.clock import Clock, Given
from callcenter.db import Connection, Database
from callcenter.db.facts import written
from callcenter.db.keys import Keys
from callcenter.messages import rules
from callcenter.messages import service as messages
from callcenter.messages.model import Channel, Event, Letter, Reason
from callcenter.messages.rules import Sure
from callcenter.messages.sender import Answer, NotNow, Sender, Turned
from callcenter.messages.texts import Texts

log = logging.getLogger(__name__)

#: Messages under way at once.
AT_ONCE = 8
#: The longest that a sender may take, in seconds.
SEND_S = 20.0
#: We look at least this often: another process may have put a message.
AT_LEAST_S = 5

T = TypeVar("T")


#: Given the id of a message that something became of, in the transaction that notes it.
Known = Callable[[Connection, Given, str], None]


class Messenger:
    """Takes messages to ``senders``. ``tell``: called when there are Facts to seal."""

    def __init__(
        self,
        database: Database,
        keys: Keys,
        clock: Clock,
        *,
        texts: Texts,
        senders: Mapping[Channel, Sender],
        tell: Callable[[], None],
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._texts = texts
        self._senders = senders
        self._tell = tell
        self._wanted = asyncio.Event()
        #: Set by whoever assembles: what is done besides when something became of a message.
        self.known: Known | None = None

    def nudge(self) -> None:
        """A message was put; call it after the commit."""
        self._wanted.set()

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        try:
            while True:
                self._wanted.clear()
                due_at = await self._database.read(messages.next_due)
                if due_at is not None and due_at <= self._clock.now():
                    await self._see_to()
                    continue
                latest = self._clock.now() + AT_LEAST_S * 1000
                await self._sleep(latest if due_at is None else min(latest, due_at))
        finally:
            for sender in self._senders.values():
                await sender.close()

    async def _sleep(self, until: int) -> None:
        sleep = asyncio.ensure_future(self._clock.sleep_until(until))
        nudge = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait((sleep, nudge), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            nudge.cancel()

    async def _see_to(self) -> None:
        """Everything that is due."""
        now = self._clock.now()
        keys, texts = self._keys, self._texts
        looked_for = await self._write(
            lambda conn, _: messages.to_look_at(conn, keys, now, texts, AT_ONCE)
        )
        asked = await self._write(lambda conn, _: messages.asked(conn, keys, now, texts, AT_ONCE))
        work = [self._look(one) for one in looked_for] + [self._send(one) for one in asked]
        for error in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(error, BaseException):
                raise error

    # --- one message --------------------------------------------------------------------------

    async def _send(self, letter: Letter) -> None:
        sender = self._senders.get(letter.channel)
        if sender is None:
            await self._became(letter, Event.REFUSE, reason=Reason.NO_SENDER)
            return
        try:
            async with asyncio.timeout(SEND_S):
                answer = await sender.send(letter)
        except Turned as turned:
            event = Event.FAIL if turned.reason is None else Event.REFUSE
            await self._became(letter, event, code=turned.code, reason=turned.reason)
        except NotNow as later:
            await self._postpone(letter, later.code)
        except (ConnectionError, TimeoutError) as error:
            log.warning("message %s may have been sent: %s", letter.id, error)
        else:
            await self._answered(letter, answer)

    async def _look(self, letter: Letter) -> None:
        """What became of one that was asked for, or that its provider says nothing more of."""
        sender = self._senders.get(letter.channel)
        now = self._clock.now()
        age_ms = now - letter.asked_at
        try:
            async with asyncio.timeout(SEND_S):
                found = None if sender is None else await sender.look(letter, age_ms / 1000)
        except (ConnectionError, TimeoutError) as error:
            log.warning("message %s could not be looked for: %s", letter.id, error)
            if letter.provider_id is None and age_ms >= rules.LOOK_MOST_S * 1000:
                await self._became(letter, Event.LOSE)
            return
        if letter.provider_id is not None:
            for one in found or ():
                await self._answered(letter, one)
            return
        ids = [one.provider_id for one in found or ()]
        known = await self._database.read(partial(messages.known, provider_ids=ids))
        match rules.seen(found, known, now, letter.asked_at):
            case Answer() as answer:
                await self._answered(letter, answer)
            case Sure.NOT_SENT:
                await self._postpone(letter)
            case Sure.NEVER:
                await self._became(letter, Event.LOSE)
            case Sure.NOT_YET:
                pass  # it is due again by itself

    async def _answered(self, letter: Letter, answer: Answer) -> None:
        await self._became(letter, answer.event, provider_id=answer.provider_id, code=answer.code)

    async def _became(
        self,
        letter: Letter,
        event: Event,
        *,
        provider_id: str | None = None,
        code: int = 0,
        reason: Reason | None = None,
    ) -> None:
        def note(conn: Connection, given: Given) -> None:
            new = messages.became(
                conn,
                self._keys,
                given.now,
                letter.id,
                event,
                provider_id=provider_id,
                code=code,
                reason=reason,
            )
            if new and self.known is not None:
                self.known(conn, given, letter.id)

        await self._write(note)

    async def _postpone(self, letter: Letter, code: int = 0) -> None:
        def note(conn: Connection, given: Given) -> None:
            new = messages.postpone(conn, self._keys, given, letter.id, code)
            if new and self.known is not None:
                self.known(conn, given, letter.id)

        await self._write(note)

    async def _write(self, fn: Callable[[Connection, Given], T]) -> T:
        given = Given(self._clock.now())

        def transaction(connection: Connection) -> tuple[T, bool]:
            return fn(connection, given.again()), written(connection)

        result, facts = await self._database.write(transaction)
        if facts:
            self._tell()
        return result
