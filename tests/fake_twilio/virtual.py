"""An event loop in which waiting takes no time.

Real sockets and real threads are waited for as ever. When neither has anything to say, the loop's
clock jumps to the next timer: a story with minutes of waiting is over in the time that its work
takes. Whoever uses other threads than ``to_thread`` counts them in ``working``.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: Before the clock jumps, sockets get this long to say something: the kernel carries a message
#: over the loopback at once, but not while another process has the machine.
GRACE_S = 0.001
#: A jump shorter than this can hurt nobody and needs no grace.
SHORT_S = 0.1
#: Threads are waited for in pieces of this length.
PATIENCE_S = 0.05


class _Selector(selectors.DefaultSelector):
    """Sleeps only for what is real."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.working or timeout is None:
            return super().select(PATIENCE_S)
        if timeout > SHORT_S:
            ready = super().select(GRACE_S)
            if ready:
                return ready
        self.loop.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """``working``: how many threads are at work; time stands still meanwhile."""

    def __init__(self) -> None:
        self._virtual = 0.0
        self.working = 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._virtual += seconds

    @contextlib.contextmanager
    def work(self) -> Iterator[None]:
        """A thread is at work inside this."""
        self.working += 1
        try:
            yield
        finally:
            self.working -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        self.working += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._idle)
        return future

    def _idle(self, _: asyncio.Future[Any]) -> None:
        self.working -= 1


def run(story: Coroutine[Any, Any, T]) -> T:
    """Run ``story`` in such a loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)
