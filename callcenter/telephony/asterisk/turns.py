"""How a Turn is performed on a leg: a state machine without I/O.

It is told what happened (a new Turn, a key, the end of a playback, a timer) together with the time,
and answers with what to do next, in order. Whoever drives it does that (``leg.py``) and tells it at
``deadline`` that time has passed.

At any moment the leg is in one of three phases: *saying* the steps, *waiting* for the one thing
that the Turn names, or *done*: the Turn was answered and the next one is on its way. Keys pressed
when nobody waits for them are kept for the next menu (type-ahead).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from callcenter.line import (
    DigitsEntered,
    Gone,
    Keys,
    Music,
    PromptsEnd,
    PromptsEnded,
    Recording,
    RecordingMade,
    Room,
    RoomEntered,
    Signal,
    Silence,
    Turn,
)

MOST_TYPED_AHEAD = 32  #: keys kept while nobody waits for them
#: A playback of which we hear nothing for this long after its own length is taken for ended.
PLAYBACK_GRACE_MS = 5_000
#: A recording's own limit runs on what is received; ours on the clock, a little later.
RECORDING_GRACE_MS = 500
#: And when the end that we asked for is not confirmed, it is taken for made.
STOP_LIMIT_MS = 5_000


# --- What to do ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tell:
    """Report ``signal``."""

    signal: Signal


@dataclass(frozen=True)
class StartPlaying:
    """Play ``media`` (files in order) as playback ``playback``."""

    playback: str
    media: tuple[str, ...]


@dataclass(frozen=True)
class StopPlaying:
    playback: str


@dataclass(frozen=True)
class StartRecording:
    recording: Recording
    rev: int


@dataclass(frozen=True)
class StopRecording:
    name: str


@dataclass(frozen=True)
class GoTo:
    """Be at ``place``, and then report ``arrived``."""

    place: Place
    rev: int
    arrived: Signal | None = None


@dataclass(frozen=True)
class Guard:
    """Whether the leg is to be taken from us when we hang: yes while it hears only us."""

    on: bool


@dataclass(frozen=True)
class HangUp:
    rev: int


Action = Tell | StartPlaying | StopPlaying | StartRecording | StopRecording | GoTo | Guard | HangUp


@dataclass(frozen=True)
class Place:
    """Where a leg's sound goes: alone (no room), with the hold music, or in a room."""

    room: str | None = None
    music: bool = False
    muted: bool = False

    @property
    def talking(self) -> bool:
        return self.room is not None


ALONE = Place()
MUSIC = Place(music=True)


def place_of(wait: object) -> Place:
    """Where ``wait`` wants a leg to be. Held: with the music, so neither heard nor hearing."""
    if isinstance(wait, Music):
        return MUSIC
    if isinstance(wait, Room):
        return MUSIC if wait.held else Place(room=wait.room, muted=wait.muted)
    return ALONE


class _Phase(Enum):
    SAYING = auto()
    WAITING = auto()
    DONE = auto()


@dataclass(frozen=True)
class Media:
    """The steps of a Turn as sound files, and how long they last together."""

    files: tuple[str, ...] = ()
    ms: int = 0


@dataclass
class Player:
    """What leg ``leg`` does. ``place``: where it is; ``attempt`` makes playback ids of a second
    life of the same Turn differ from those of the first."""

    leg: str
    attempt: str = "0"
    place: Place = ALONE
    turn: Turn | None = None
    deadline: int | None = None  #: call :meth:`tick` then
    typed: str = ""  #: keys of this Turn, or typed ahead
    _phase: _Phase = _Phase.DONE
    _playback: str | None = None
    _ahead: str = ""
    _recordings: dict[str, int] = field(default_factory=dict)
    _stopping: bool = False

    @property
    def rev(self) -> int:
        """The Turn that is performed; -1 before the first."""
        return self.turn.rev if self.turn else -1

    # --- What happened ------------------------------------------------------------------------

    def begin(self, turn: Turn, media: Media, now: int) -> list[Action]:
        """A newer Turn. The older one is left wherever it stands."""
        actions: list[Action] = []
        if self._playback is not None:
            actions.append(StopPlaying(self._playback))
        actions += [StopRecording(name) for name in self._recordings if not self._keeps(turn, name)]
        self.turn, self.typed, self.deadline = turn, "", None
        self._playback, self._stopping = None, False
        self._phase = _Phase.SAYING

        there = place_of(turn.wait)
        if self.place.talking and self.place.room == there.room:
            # Already in that room: after a restart of ours people must not be interrupted.
            return actions + self._wait(now)
        if self.place not in (ALONE, there) and (media.files or there == ALONE):
            actions += self._move(ALONE, turn.rev)
        if isinstance(turn.wait, Recording | Music | Room | Gone):
            self._ahead = ""  # meant for a menu that will not come
        if self._ahead and isinstance(turn.wait, Keys) and turn.wait.barge_in:
            return actions + self._from_ahead(turn.wait, now)
        if self._ahead and isinstance(turn.wait, PromptsEnd) and turn.wait.barge_in:
            return actions + self._wait(now)
        return actions + self._say(media, now)

    def key(self, digit: str, now: int) -> list[Action]:
        """A key was pressed."""
        if self.turn is None or self._phase is _Phase.DONE:
            self._ahead = (self._ahead + digit)[-MOST_TYPED_AHEAD:]
            return []
        wait = self.turn.wait
        if isinstance(wait, Keys):
            if self._phase is _Phase.SAYING and not wait.barge_in:
                return []
            return self._hush() + self._collect(wait, digit, now)
        if isinstance(wait, PromptsEnd) and wait.barge_in:
            self._ahead += digit  # it may be meant for the menu that follows
            return [*self._hush(), *self._answer(PromptsEnded(self.leg, self.rev))]
        if isinstance(wait, Music) and digit in wait.keys:
            return [*self._hush(), *self._answer(DigitsEntered(self.leg, self.rev, digit))]
        if isinstance(wait, Recording) and digit in wait.finish and self._recordings:
            return self._stop_recording(now)
        return []

    def played(self, playback: str, now: int) -> list[Action]:
        """The playback has ended, one way or the other."""
        if playback != self._playback:
            return []  # one that we stopped, or of an earlier life
        self._playback = None
        return self._wait(now)

    def recorded(self, name: str, seconds: int) -> list[Action]:
        """Recording ``name`` is stored; ``seconds`` 0: nothing was said."""
        rev = self._recordings.pop(name, None)
        if rev is None:
            return []
        made = RecordingMade(self.leg, rev, name, seconds)
        return self._answer(made) if rev == self.rev else [Tell(made)]

    def tick(self, now: int) -> list[Action]:
        """Time has passed."""
        if self.deadline is None or now < self.deadline or self.turn is None:
            return []
        self.deadline = None
        wait = self.turn.wait
        if self._phase is _Phase.SAYING:
            return [*self._hush(), *self._wait(now)]
        if isinstance(wait, Keys):
            return self._keys_in()
        if isinstance(wait, Music):
            return self._answer(Silence(self.leg, self.rev))
        if isinstance(wait, Recording) and self._recordings:
            if self._stopping:
                return self.recorded(wait.name, wait.most_s)
            return self._stop_recording(now)
        return []

    def recording_names(self) -> tuple[str, ...]:
        """Recordings that run now."""
        return tuple(self._recordings)

    # --- The steps ----------------------------------------------------------------------------

    def _say(self, media: Media, now: int) -> list[Action]:
        if not media.files:
            return self._wait(now)
        self._playback = f"{self.leg}.{self.rev}.{self.attempt}"
        self.deadline = now + media.ms + PLAYBACK_GRACE_MS
        return [StartPlaying(self._playback, media.files)]

    def _hush(self) -> list[Action]:
        """Stop the steps, if they are still being said."""
        if self._playback is None:
            return []
        playback, self._playback = self._playback, None
        return [StopPlaying(playback)]

    # --- The wait -----------------------------------------------------------------------------

    def _wait(self, now: int) -> list[Action]:
        assert self.turn is not None
        self._phase, self.deadline = _Phase.WAITING, None
        wait = self.turn.wait
        match wait:
            case Keys():
                self.deadline = now + wait.first_ms
                return []
            case PromptsEnd():
                return self._answer(PromptsEnded(self.leg, self.rev))
            case Recording():
                if wait.name not in self._recordings:
                    self._recordings[wait.name] = self.rev
                self.deadline = now + wait.most_s * 1000 + RECORDING_GRACE_MS
                return [StartRecording(wait, self.rev)]
            case Music():
                if wait.seconds is not None:
                    self.deadline = now + wait.seconds * 1000
                return self._move(MUSIC, self.rev)
            case Room():
                entered = RoomEntered(self.leg, self.rev, wait.room)
                return self._move(place_of(wait), self.rev, entered)
            case Gone():
                return [HangUp(self.rev)]

    def _move(self, place: Place, rev: int, arrived: Signal | None = None) -> list[Action]:
        """Go to ``place``; the guard is off while people talk."""
        actions: list[Action] = []
        if self.place != place or arrived is not None:
            actions.append(GoTo(place, rev, arrived))
        if self.place.talking != place.talking:
            actions.append(Guard(on=not place.talking))
        self.place = place
        return actions

    def _answer(self, signal: Signal) -> list[Action]:
        """The Turn is answered. Music goes on, a room stays: only a newer Turn changes that."""
        self._phase, self.deadline = _Phase.DONE, None
        return [Tell(signal)]

    # --- Keys ---------------------------------------------------------------------------------

    def _collect(self, wait: Keys, digit: str, now: int) -> list[Action]:
        """One more key for ``wait``."""
        self._phase = _Phase.WAITING
        if digit in wait.finish:
            return self._keys_in(finished=True)
        self.typed += digit
        if len(self.typed) >= wait.most:
            return self._keys_in()
        self.deadline = now + wait.inter_ms
        return []

    def _keys_in(self, *, finished: bool = False) -> list[Action]:
        if self.typed or finished:
            return self._answer(DigitsEntered(self.leg, self.rev, self.typed))
        return self._answer(Silence(self.leg, self.rev))

    def _from_ahead(self, wait: Keys, now: int) -> list[Action]:
        """Use what was typed ahead; a menu that it answers is not even said."""
        actions: list[Action] = []
        while self._ahead and self._phase is not _Phase.DONE:
            digit, self._ahead = self._ahead[0], self._ahead[1:]
            actions += self._collect(wait, digit, now)
        return actions

    # --- Recordings ---------------------------------------------------------------------------

    @staticmethod
    def _keeps(turn: Turn, name: str) -> bool:
        return isinstance(turn.wait, Recording) and turn.wait.name == name

    def _stop_recording(self, now: int) -> list[Action]:
        self._stopping = True
        self.deadline = now + STOP_LIMIT_MS
        return [StopRecording(name) for name in self._recordings]
