"""The open pages, and what wakes them. Fed with sealed Facts, on the event loop.

A page never gets a queue of changes. It has one flag, "there is something new for you"; when it
gets to it, it reads its document afresh and sends that. So a slow page costs one document, however
much happens meanwhile, and can't fall behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import tzinfo
from typing import Final

import msgspec

from callcenter.clock import Clock
from callcenter.db import DatabaseAway
from callcenter.db.facts import Fact, SealedFact
from callcenter.stats.board import Board, BoardView
from callcenter.web.documents import BoardDocument

log = logging.getLogger(__name__)

#: The board is made anew at most this often, whoever looks at it.
BOARD_EVERY_S: Final = 0.25
#: ... and at least this often, because midnight comes without a Fact.
BOARD_AT_LEAST_S: Final = 20.0
MOST_PAGES: Final = 1000
MOST_PAGES_PER_SIGN_IN: Final = 8


class TooManyPages(Exception):
    """No more pages can be kept up to date."""


class Page:
    """One open page. ``calls``: the calls in the document that it shows."""

    def __init__(self, sign_in: str, agent: str | None) -> None:
        self.sign_in = sign_in
        self.agent = agent  #: None: the page shows the board
        self.calls: frozenset[str] = frozenset()
        self.wanted = asyncio.Event()
        self.ended = False

    def concerns(self, fact: Fact) -> bool:
        """Whether ``fact`` may change what this agent's page shows."""
        return fact.agent == self.agent or (fact.call is not None and fact.call in self.calls)


class BoardText(msgspec.Struct, frozen=True):
    """The board as it is sent. ``changed_at_seq``: since when nothing on it has changed."""

    seq: int
    changed_at_seq: int
    json: str


Compose = Callable[[BoardView], Awaitable[BoardDocument]]


class Hub:
    """Wakes the pages that a Fact concerns, and keeps the one board that all of them share."""

    def __init__(self, timezone: tzinfo, clock: Clock, compose: Compose) -> None:
        self._board = Board(timezone)
        self._clock = clock
        self._compose = compose
        self._early: list[SealedFact] | None = []
        self._pages: set[Page] = set()
        self._stale = asyncio.Event()
        self._publishing = asyncio.Lock()
        self._shown: BoardDocument | None = None
        self.seq = 0  #: the newest sealed Fact that we heard of
        self.text = BoardText(0, 0, "")

    def begin(self, board: Board) -> None:
        """Go on from ``board``, which holds what was sealed before; Facts heard so far follow."""
        early, self._early = self._early or [], None
        self._board = board
        self.seq = board.seq
        if early:
            self.hear(early)

    def view(self) -> BoardView:
        """The board now, in ids and codes."""
        return self._board.view(self._clock.now())

    def hear(self, sealed: Sequence[SealedFact]) -> None:
        """Take sealed Facts in; the sealer calls it, in order."""
        if self._early is not None:
            self._early.extend(sealed)
            return
        self._board.apply(sealed)
        self.seq = max(self.seq, sealed[-1].seq)
        self._stale.set()
        for page in self._pages:
            if page.agent is not None and any(page.concerns(one.fact) for one in sealed):
                page.wanted.set()

    def join(self, page: Page) -> None:
        """Keep ``page`` up to date from now on.

        Raises:
            TooManyPages: a limit is reached.
        """
        mine = sum(other.sign_in == page.sign_in for other in self._pages)
        if len(self._pages) >= MOST_PAGES or mine >= MOST_PAGES_PER_SIGN_IN:
            raise TooManyPages
        self._pages.add(page)

    def leave(self, page: Page) -> None:
        """``page`` was closed."""
        self._pages.discard(page)

    def end(self, sign_ins: Iterable[str]) -> None:
        """These sign-ins are over: their pages close themselves."""
        over = set(sign_ins)
        for page in self._pages:
            if page.sign_in in over:
                page.ended = True
                page.wanted.set()

    def count(self, *, board: bool) -> int:
        """How many pages are open that show the board, or an agent's console."""
        return sum((page.agent is None) is board for page in self._pages)

    async def fresh(self) -> BoardDocument:
        """The board of this moment, for one reader."""
        return await self._compose(self.view())

    async def publish(self) -> BoardText:
        """Make the board anew, and wake its pages if anything on it has changed."""
        async with self._publishing:
            self._stale.clear()
            view = self.view()
            document = await self._compose(view)
            shown = document.model_copy(update={"seq": 0, "at": 0})
            changed = shown != self._shown
            self._shown = shown
            since = view.seq if changed else self.text.changed_at_seq
            self.text = BoardText(view.seq, since, document.model_dump_json())
            if changed:
                for page in self._pages:
                    if page.agent is None:
                        page.wanted.set()
            return self.text

    async def run(self) -> None:
        """Publish whenever something happened, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BOARD_AT_LEAST_S):
                    await self._stale.wait()
            try:
                if self.count(board=True):
                    await self.publish()
                else:
                    self._stale.clear()
            except DatabaseAway as away:
                self._stale.set()
                log.warning("the board waits for the database: %s", away)
            await asyncio.sleep(BOARD_EVERY_S)
