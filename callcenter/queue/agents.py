"""An agent's life cycle as a table. What the agent's phone does is another matter."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from callcenter.line import Device, DeviceKind

#: Misses in a row after which an agent is paused: somebody who is not there must say so.
MISSES_TO_PAUSE = 2
#: The longest wrap-up; after it the agent is ready again.
WRAP_UP_S = 120


class AgentState(StrEnum):
    OFFLINE = "offline"
    PAUSED = "paused"
    READY = "ready"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap_up"


class AgentEvent(StrEnum):
    SIGN_ON = "sign_on"
    SIGN_OFF = "sign_off"
    READY = "ready"
    PAUSE = "pause"
    OFFER = "offer"
    RELEASE = "release"  #: the offer is over through no fault of the agent's
    SKIP = "skip"  #: the agent declined
    MISS = "miss"  #: it rang and nobody came
    UNREACHABLE = "unreachable"  #: it never rang
    TALK = "talk"
    TALK_OVER = "talk_over"
    LOST = "lost"  #: the agent's phone vanished in mid-talk
    WRAPPED = "wrapped"


_S, _E = AgentState, AgentEvent

#: (state, event) → state. A pair that is not here is refused without any change.
AGENT_TABLE: dict[tuple[AgentState, AgentEvent], AgentState] = {
    (_S.OFFLINE, _E.SIGN_ON): _S.PAUSED,
    (_S.PAUSED, _E.READY): _S.READY,
    (_S.PAUSED, _E.PAUSE): _S.PAUSED,
    (_S.PAUSED, _E.SIGN_OFF): _S.OFFLINE,
    (_S.READY, _E.PAUSE): _S.PAUSED,
    (_S.READY, _E.SIGN_OFF): _S.OFFLINE,
    (_S.READY, _E.OFFER): _S.OFFERED,
    (_S.OFFERED, _E.RELEASE): _S.READY,
    (_S.OFFERED, _E.SKIP): _S.READY,
    (_S.OFFERED, _E.MISS): _S.READY,
    (_S.OFFERED, _E.UNREACHABLE): _S.PAUSED,
    (_S.OFFERED, _E.TALK): _S.TALKING,
    (_S.TALKING, _E.TALK_OVER): _S.WRAP_UP,
    (_S.TALKING, _E.LOST): _S.READY,
    (_S.WRAP_UP, _E.WRAPPED): _S.READY,
    (_S.WRAP_UP, _E.SIGN_OFF): _S.OFFLINE,
}

#: While busy, "pause" and "ready" are booked and take effect when the agent is free.
_BOOKABLE = (_S.OFFERED, _S.TALKING, _S.WRAP_UP)


class Agent(msgspec.Struct, frozen=True):
    """``ready_since`` orders the longest-idle agents; ``call`` is the one they are busy with."""

    id: str
    state: AgentState = AgentState.OFFLINE
    since: int = 0
    ready_since: int = 0
    reason: str | None = None
    misses: int = 0
    pause_after: bool = False
    call: str | None = None
    device: Device = Device(DeviceKind.SIMULATED, "")
    device_up: bool = False

    def after(
        self,
        event: AgentEvent,
        now: int,
        *,
        reason: str | None = None,
        call: str | None = None,
    ) -> Agent | None:
        """This agent after ``event``, or None when the table refuses it.

        ``reason`` is kept while paused; ``call`` is what an offer is about.
        """
        if event in (AgentEvent.PAUSE, AgentEvent.READY) and self.state in _BOOKABLE:
            return msgspec.structs.replace(
                self, pause_after=event is AgentEvent.PAUSE, reason=reason
            )
        state = AGENT_TABLE.get((self.state, event))
        if state is None:
            return None
        misses = self.misses + 1 if event is AgentEvent.MISS else 0
        if event in (AgentEvent.OFFER, AgentEvent.RELEASE, AgentEvent.UNREACHABLE):
            misses = self.misses
        if event is AgentEvent.UNREACHABLE:
            reason = "unreachable"
        pause_after = self.pause_after
        if state is AgentState.READY:
            if pause_after:
                state, reason, pause_after = AgentState.PAUSED, self.reason, False
            elif misses >= MISSES_TO_PAUSE:
                state, reason, misses = AgentState.PAUSED, "missed", 0
        elif state is AgentState.PAUSED:
            pause_after = False
        elif state in _BOOKABLE:
            reason = self.reason if pause_after else None
        keeps_place = event is AgentEvent.RELEASE
        return msgspec.structs.replace(
            self,
            state=state,
            since=now,
            ready_since=self.ready_since if keeps_place else now,
            reason=reason,
            misses=misses,
            pause_after=pause_after,
            call=self._call_after(state, call),
        )

    def device_on(self, line: str) -> Device | None:
        """What to ring on ``line``, or None when this agent can't be rung there now.

        The simulator rings everybody's console; a simulated device rings nowhere else.
        """
        if line == "simulator":
            return Device(DeviceKind.SIMULATED, self.id)
        if self.device.kind is DeviceKind.SIMULATED:
            return None
        if self.device.kind is DeviceKind.BROWSER and not self.device_up:
            return None
        return self.device

    def _call_after(self, state: AgentState, call: str | None) -> str | None:
        if state not in _BOOKABLE:
            return None
        return call if call is not None else self.call
