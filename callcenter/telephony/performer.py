"""Takes committed Turns and Commands to their lines, in order for each leg.

A leg has one slot for its Turn: while the line is busy with an older one, only the newest is kept.
A Command is carried out once by us; what remains undone after a crash is found in the outbox.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from callcenter.calls import tables
from callcenter.calls.service import Send, Sent
from callcenter.db import Database, DatabaseAway
from callcenter.db.keys import Keys
from callcenter.line import (
    Command,
    Device,
    DeviceKind,
    DropRecording,
    EndLeg,
    EndRoom,
    Line,
    RingLeg,
    Turn,
)

log = logging.getLogger(__name__)

#: A line that is away is asked again after so long, until it resumes by itself.
AGAIN_S = 1.0


def _lane(command: Command) -> str:
    """What must stay in order: the Commands and Turns of one leg, of one room, of one recording."""
    match command:
        case RingLeg() | EndLeg():
            return command.leg
        case EndRoom():
            return command.room
        case DropRecording():
            return command.name


#: The id of a call → its caller's number in E.164; None: it is not known (any more).
Numbers = Callable[[str], Awaitable[str | None]]


def numbers(database: Database, keys: Keys) -> Numbers:
    """The numbers that are kept in ``database``."""

    async def number_of(call: str) -> str | None:
        return await database.read(partial(tables.number_of, keys=keys, call_id=call))

    return number_of


class Performer:
    """Hands what was decided to ``lines``; ``done`` is told the id of each finished Command.

    ``number_of`` knows whom to dial when a citizen is called back; a Command names the call.
    """

    def __init__(
        self, lines: Mapping[str, Line], done: Callable[[str], None], number_of: Numbers
    ) -> None:
        self._lines = lines
        self._done = done
        self._number_of = number_of
        self._lanes: dict[str, deque[Turn | Sent]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether anything is still on its way to a line."""
        return bool(self._lanes)

    def post(self, send: Send) -> None:
        """Take ``send`` on; returns at once. Call it on the event loop, in the order of commits."""
        line = self._lines.get(send.line)
        if line is None:
            log.error("no line %s in this process", send.line)
            return
        for turn in send.turns:
            self._put(line, turn.leg, turn)
        for sent in send.commands:
            self._put(line, _lane(sent.command), sent)

    async def stop(self) -> None:
        """Give up what is under way; the outbox and the legs' rows still hold it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put(self, line: Line, lane: str, item: Turn | Sent) -> None:
        waiting = self._lanes.get(lane)
        if waiting is not None:
            if isinstance(item, Turn):
                stale = [old for old in waiting if isinstance(old, Turn)]
                for old in stale:
                    waiting.remove(old)
            waiting.append(item)
            return
        self._lanes[lane] = deque([item])
        task = asyncio.create_task(self._run(line, lane), name=f"perform-{lane}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, line: Line, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                item = waiting.popleft()
                if isinstance(item, Turn):
                    await self._perform(line, item)
                else:
                    await self._do(line, item)
        finally:
            del self._lanes[lane]

    async def _perform(self, line: Line, turn: Turn) -> None:
        try:
            await line.perform(turn)
        except (ConnectionError, TimeoutError) as away:
            # When it is back it resumes, and every leg is given its newest Turn again.
            log.warning("%s is away: %s", line.name, away)
        except Exception:
            log.exception("%s could not perform a Turn (rev %d)", line.name, turn.rev)

    async def _do(self, line: Line, sent: Sent) -> None:
        command = sent.command
        try:
            if isinstance(command, RingLeg) and command.device.kind is DeviceKind.CALLER:
                command = await self._to_number(command)
            await line.do(command)
        except DatabaseAway as away:
            log.warning("nobody knows whom to ring: %s", away)
            return
        except (ConnectionError, TimeoutError) as away:
            log.warning("%s is away: %s", line.name, away)
            return
        except Exception:
            log.exception("%s could not do %s", line.name, type(command).__name__)
        self._done(sent.id)

    async def _to_number(self, ring: RingLeg) -> RingLeg:
        """``ring`` with the number in the place of the call. Nobody can be rung without: a line
        refuses that."""
        number = await self._number_of(ring.device.address)
        return msgspec.structs.replace(ring, device=Device(DeviceKind.CALLER, number or ""))
