"""What the contract suite needs of a line's own phones, so that it can act as citizens and agents.

A driver joins a :class:`~callcenter.line.Line` to a phone network of its own. It is made by an
asynchronous context manager, one for each line in ``tests/lines/conftest.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from callcenter.line import Device, Line, Signal

S = TypeVar("S", bound=Signal)

#: Enough for a busy machine; the suite's own times are far below.
LIMIT_S = 15.0


class Heard:
    """The Signals of a line, in the order in which they were emitted."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self._more = asyncio.Condition()

    async def emit(self, signal: Signal) -> None:
        self.signals.append(signal)
        async with self._more:
            self._more.notify_all()

    async def first(
        self, kind: type[S], match: Callable[[S], bool] = lambda _: True, limit_s: float = LIMIT_S
    ) -> S:
        """The first Signal of ``kind`` that matches; waits for it.

        Raises:
            AssertionError: it did not come in time.
        """
        deadline = time.monotonic() + limit_s
        while True:
            for signal in self.signals:
                if isinstance(signal, kind) and match(signal):
                    return signal
            left = deadline - time.monotonic()
            assert left > 0, f"no {kind.__name__} within {limit_s} s, but {self.signals}"
            async with self._more:
                try:
                    await asyncio.wait_for(self._more.wait(), left)
                except TimeoutError:
                    continue

    def of(self, leg: str) -> list[Signal]:
        """The Signals about ``leg`` so far."""
        return [signal for signal in self.signals if getattr(signal, "leg", None) == leg]


class Phone(Protocol):
    """A citizen's telephone that has called us, or an agent's."""

    async def press(self, keys: str) -> None:
        """Press ``keys``, as fast as people do."""

    async def speak(self, seconds: float) -> None:
        """Make sound for so long; returns when it is over."""

    async def hang_up(self) -> None: ...


class AgentPhone(Phone, Protocol):
    """A telephone that we ring. ``device`` is its address; it does by itself nothing at all."""

    device: Device

    async def asked(self) -> None:
        """Wait until the network asks it to ring."""

    async def ring(self) -> None: ...

    async def answer(self) -> None: ...

    async def decline(self) -> None: ...

    async def busy(self) -> None: ...


class LineDriver(Protocol):
    """A line and its phones. ``line`` is started, with ``heard`` as what it emits to."""

    number: str  #: the hotline's

    @property
    def line(self) -> Line: ...

    @property
    def heard(self) -> Heard: ...

    async def arrive(self, caller: str | None = "+628111000111") -> Phone:
        """Call in. ``caller`` None: the number is withheld."""

    async def agent(self) -> AgentPhone:
        """An agent's telephone that can be reached."""

    async def citizen(self) -> AgentPhone:
        """The telephone of a citizen whom we call back."""

    def nowhere(self) -> Device:
        """A device of the right kind that is not there."""

    async def die_and_come_back(self) -> None:
        """Our process dies without a word; another takes its place (``line``, ``heard`` are new).
        Only where ``survives_us``."""
