"""An agent's browser on several lines: it is there when it is registered on each of them.

The queue knows one telephone of an agent's, whatever line the caller is on.
"""

from __future__ import annotations

from collections.abc import Iterable

from callcenter.line import DeviceChanged, Emit, Line, Signal, Turn


class Registrations:
    """Stands between ``lines`` and ``emit``, and joins what they say of browsers."""

    def __init__(self, emit: Emit, lines: Iterable[Line]) -> None:
        self._emit = emit
        self._lines = frozenset(line.name for line in lines if line.capabilities.browser)
        self._up: dict[str, set[str]] = {}

    def of(self, line: Line) -> Emit:
        """What ``line`` emits to."""
        if self._lines <= {line.name} or line.name not in self._lines:
            return self._emit

        async def emit(signal: Signal) -> Turn | None:
            if isinstance(signal, DeviceChanged):
                signal = self._joined(line.name, signal)
            return await self._emit(signal)

        return emit

    def _joined(self, line: str, changed: DeviceChanged) -> DeviceChanged:
        up = self._up.setdefault(changed.agent, set())
        (up.add if changed.up else up.discard)(line)
        return DeviceChanged(changed.agent, up == self._lines)
