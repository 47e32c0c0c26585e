"""The WebSocket behind a page: its whole document again whenever a sealed Fact concerns it.

After a break the page names the last ``seq`` it has; nothing is sent when nothing that concerns it
happened since. The page sends nothing but ``{"pong": N}``.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Coroutine
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from callcenter.db import DatabaseAway
from callcenter.db.facts import sealed
from callcenter.people.permissions import Permission
from callcenter.people.service import NotSignedIn
from callcenter.people.sign_ins import Present
from callcenter.web.agent import console
from callcenter.web.documents import Console
from callcenter.web.doors import Allow, AskedInside, deps_of, hub_of, phones_of
from callcenter.web.errors import Forbidden
from callcenter.web.hub import Page, TooManyPages

router = APIRouter()

PING_S: Final = 20.0
#: A page that can't take a document in this time is gone.
SEND_S: Final = 10.0
#: How long to wait for a database that is away.
RETRY_S: Final = 1.0
#: Facts that are looked through for a page that comes back; after more it gets its document.
MOST_MISSED: Final = 1000
MOST_PONG_CHARS: Final = 64

SIGNED_OUT: Final = 4401
TRY_AGAIN: Final = 1013
POLICY: Final = 1008

_PERMISSION: Final = {"agent": Permission.TAKE_CALLS, "board": Permission.WATCH_BOARD}


class _Pong(msgspec.Struct, forbid_unknown_fields=True):
    pong: int


@router.websocket("/api/live", dependencies=[Depends(AskedInside(*_PERMISSION.values()))])
async def live(
    socket: WebSocket,
    page: Literal["agent", "board"],
    after: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> None:
    """Keep a page up to date. ``after``: the ``seq`` of the document that it has, 0 for none."""
    try:
        present = await Allow(_PERMISSION[page]).enter(socket)
    except (NotSignedIn, Forbidden):
        await socket.close(POLICY)
        return
    except DatabaseAway:
        await socket.close(TRY_AGAIN)
        return
    hub = hub_of(socket)
    opened = Page(present.sign_in, present.account.id if page == "agent" else None)
    try:
        hub.join(opened)
    except TooManyPages:
        await socket.close(TRY_AGAIN)
        return
    try:
        await socket.accept()
        sender = _AgentSender if page == "agent" else _BoardSender
        await _first_to_end(_listen(socket), sender(socket, opened, present).run(after))
    finally:
        hub.leave(opened)


async def _first_to_end(*parts: Coroutine[object, object, None]) -> None:
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect | TimeoutError):
            raise end


async def _listen(socket: WebSocket) -> None:
    """Until the page goes away or says something that is not a pong."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text") or ""
        try:
            if len(text) > MOST_PONG_CHARS:
                raise msgspec.ValidationError
            msgspec.json.decode(text, type=_Pong)
        except msgspec.DecodeError:
            await socket.close(POLICY)
            return


class _Sender(abc.ABC):
    """Sends one page its documents."""

    def __init__(self, socket: WebSocket, page: Page, present: Present) -> None:
        self.socket = socket
        self.page = page
        self.present = present
        self.deps = deps_of(socket)
        self.hub = hub_of(socket)
        self.sent = 0  #: the newest seq that the page knows

    async def run(self, after: int) -> None:
        """Until the sign-in is over (or the task is cancelled)."""
        self.page.wanted.set()
        loop = asyncio.get_running_loop()
        checked = loop.time()
        first = True
        while True:
            if not await self._wanted():
                await self._send(f'{{"seq":{max(self.sent, self.hub.seq)}}}')
            try:
                if self.page.ended:
                    raise NotSignedIn
                if loop.time() - checked >= PING_S:
                    await self.deps.people.still(self.present.sign_in)
                    checked = loop.time()
                if self.page.wanted.is_set():
                    self.page.wanted.clear()
                    await self.document(after if first else None)
                    first = False
            except NotSignedIn:
                await self.socket.close(SIGNED_OUT)
                return
            except DatabaseAway:
                self.page.wanted.set()
                await asyncio.sleep(RETRY_S)

    @abc.abstractmethod
    async def document(self, after: int | None) -> None:
        """Send the document; not if it is the first and the page has it (``after``) already."""

    async def _wanted(self) -> bool:
        try:
            async with asyncio.timeout(PING_S):
                await self.page.wanted.wait()
        except TimeoutError:
            return False
        return True

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(SEND_S):
            await self.socket.send_text(text)


class _AgentSender(_Sender):
    async def document(self, after: int | None) -> None:
        """The console of this agent."""
        shown = await console(self.deps, phones_of(self.socket), self.present.account)
        self._watch(shown)
        if after is not None and await self._is_current(after, shown.seq):
            self.sent = after
            return
        self.sent = shown.seq
        await self._send(f'{{"seq":{shown.seq},"agent":{shown.model_dump_json()}}}')

    def _watch(self, shown: Console) -> None:
        """Facts about the calls in the document concern this page. Those that were sealed while it
        was read may have been about a call that we did not know yet: then read once more."""
        calls = frozenset(shown.calls())
        if calls - self.page.calls and self.hub.seq > shown.seq:
            self.page.wanted.set()
        self.page.calls = calls

    async def _is_current(self, after: int, seq: int) -> bool:
        """Whether nothing between ``after`` and ``seq`` concerns this page."""
        if not 0 < after <= seq:
            return False
        missed = await self.deps.db.read(lambda conn: sealed(conn, after, MOST_MISSED))
        return len(missed) < MOST_MISSED and not any(
            self.page.concerns(one.fact) for one in missed if one.seq <= seq
        )


class _BoardSender(_Sender):
    async def document(self, after: int | None) -> None:
        """The board that all watchers share."""
        text = self.hub.text if after is None else await self.hub.publish()
        self.page.wanted.clear()
        self.sent = max(text.seq, after or 0)
        if after is None or not 0 < text.changed_at_seq <= after <= text.seq:
            self.sent = text.seq
            await self._send(f'{{"seq":{text.seq},"board":{text.json}}}')
