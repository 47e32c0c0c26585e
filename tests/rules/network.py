"""A telephone network of make-believe, for histories: phones, rooms, people, and bad luck.

It is given Turns and Commands and makes Signals of them, some time later. What a real network and
its people do happens here by chance, from one seeded generator: keys, silence, hang-ups, phones
that never ring or vanish; Signals that come late, twice, swapped or never.

Time is a heap of what will happen (:class:`Schedule`); nothing happens by itself.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from callcenter import line
from callcenter.line import Cause, DeviceKind

#: Something that happens; the database's histories await it.
Happening = Callable[[], Awaitable[None] | None]
Deliver = Callable[[line.Signal], Awaitable[None] | None]

#: Few, so that some call twice.
_NUMBERS = (None, "+6281110000001", "+6281110000002")
_KEYS = "11111112223444567000000009*#"
#: The number of every body of the directory.
BODY = "+622129244800"
#: A leg of ours is gone for one of these when its phone refuses it.
_NOT_NOW = (Cause.BUSY, Cause.DECLINED)


class Schedule:
    """What will happen, in order of time."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Happening]] = []

    def at(self, when: int, what: Happening) -> None:
        heapq.heappush(self._heap, (max(when, self.now), next(self._order), what))

    def after(self, ms: int, what: Happening) -> None:
        self.at(self.now + ms, what)

    def next_at(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def pop(self) -> Happening:
        """Go to the next happening's time, and give it."""
        self.now, _, what = heapq.heappop(self._heap)
        return what


@dataclass
class Luck:
    """How often things go wrong: probabilities."""

    duplicate: float = 0.08
    swap: float = 0.05
    loss: float = 0.03
    refusal: float = 0.03
    late: float = 0.05  #: a Signal or a Command that takes seconds


@dataclass
class Phone:
    """``rev`` is the Turn that it performs, ``answered`` the one that it has told us about."""

    leg: str
    on: str
    inbound: bool
    kind: DeviceKind | None = None
    state: str = "ringing"
    rev: int = 0
    answered: int = 0
    turn: line.Turn | None = None
    room: str | None = None
    silent: bool = False  #: up, and nothing is played to it and nothing is asked of it
    untold: bool = False  #: it is gone, and we were not told
    case: tuple[str, str] | None = None  #: the number and PIN that this caller keys in
    agent: str = ""
    body: bool = False  #: of a body of the directory
    lost_input: bool = False  #: what it told us is lost, and nobody answers it
    leaving: bool = False

    @property
    def citizen(self) -> bool:
        """Of who calls, or is called back."""
        return self.inbound or self.kind is DeviceKind.CALLER


@dataclass
class Network:
    """The phones of all lines. ``people`` off: nobody does anything of their own will any more;
    ``giving_up``: callers hang up, and talks end."""

    rng: random.Random
    schedule: Schedule
    deliver: Deliver
    luck: Luck
    hangs_up: Callable[[str], Awaitable[None] | None]  #: the agent clicks, whose phone it is
    brings_in: Callable[[str], Awaitable[None] | None]  #: so does this one
    lets_go: Callable[[str], Awaitable[None] | None]
    people: bool = True
    giving_up: bool = False
    away: bool = False  #: nobody listens to the network's Signals
    phones: dict[str, Phone] = field(default_factory=dict)
    rooms: dict[str, str] = field(default_factory=dict)  #: room → its line
    unknown_rooms: set[str] = field(default_factory=set)  #: we were not told that it is there
    under_way: int = 0  #: Signals, Turns and Commands that have not arrived yet
    known_cases: list[tuple[str, str]] = field(default_factory=list)
    _lanes: dict[str, int] = field(default_factory=dict)
    _era: int = 0

    # --- what we ask of it ----------------------------------------------------------------------

    def post(
        self,
        line_name: str,
        turns: Iterable[line.Turn],
        commands: Iterable[line.Command],
        done: Callable[[line.Command], None] = lambda _command: None,
    ) -> None:
        """Take Turns and Commands on; those of one leg stay in order."""
        for turn in turns:
            self._lane(f"do {turn.leg}", partial(self.perform, turn))
        for command in commands:
            key = command.room if isinstance(command, line.EndRoom) else command.__class__.__name__
            key = getattr(command, "leg", key)

            def do(command: line.Command = command) -> None:
                self.do(line_name, command)
                done(command)

            self._lane(f"do {key}", do)

    def _lane(self, lane: str, what: Happening) -> None:
        """Let ``what`` happen soon, after everything that is in ``lane`` already."""
        at = max(self.schedule.now + self._delay(), self._lanes.get(lane, 0))
        self._lanes[lane] = at
        self._arrive(at, what)

    def _arrive(self, at: int, what: Happening) -> None:
        """``what`` is under way; it is forgotten when the connection breaks."""
        era = self._era
        self.under_way += 1

        def arrives() -> Awaitable[None] | None:
            if era != self._era:
                return None
            self.under_way -= 1
            return what()

        self.schedule.at(at, arrives)

    def _delay(self) -> int:
        chance = self.rng.random()
        if chance < self.luck.late:
            return self.rng.randrange(2_000, 12_000)
        return self.rng.randrange(100, 1_500) if chance < 0.2 else self.rng.randrange(1, 60)

    def perform(self, turn: line.Turn) -> None:
        phone = self.phones.get(turn.leg)
        if phone is None or phone.state == "gone" or turn.rev <= phone.rev:
            return
        if phone.state == "ringing":
            phone.turn, phone.rev = turn, turn.rev
            if phone.kind is DeviceKind.SIMULATED:
                self.answer(phone)
            return
        phone.turn, phone.rev = turn, turn.rev
        self._begin(phone)

    def do(self, line_name: str, command: line.Command) -> None:
        match command:
            case line.RingLeg():
                self._ring(line_name, command)
            case line.EndLeg():
                if command.leg in self.phones:
                    self.gone(self.phones[command.leg], Cause.ENDED)
            case line.EndRoom():
                self.rooms.pop(command.room, None)
                for phone in self.phones.values():
                    if phone.room == command.room:
                        phone.room, phone.silent = None, True

    # --- what it tells us -----------------------------------------------------------------------

    def tell(self, signal: line.Signal) -> None:
        """Signals of one leg come in order, unless they are swapped, lost or doubled."""
        if self.away:
            return
        leg = getattr(signal, "leg", "")
        final = isinstance(signal, line.LegGone | line.CallArrived | line.DeviceChanged)
        deliver = self._deliverer(signal)
        if not final and self.rng.random() < self.luck.loss:
            self._lost(self.phones[leg], signal)
        elif not final and self.rng.random() < self.luck.swap:
            self._arrive(self.schedule.now + self._delay(), deliver)
        else:
            self._lane(f"tell {leg}", deliver)
        if self.rng.random() < self.luck.duplicate:
            self._arrive(self._lanes.get(f"tell {leg}", 0) + self.rng.randrange(1, 9_000), deliver)

    def _deliverer(self, signal: line.Signal) -> Happening:
        return lambda: self.deliver(signal)

    def _lost(self, phone: Phone, signal: line.Signal) -> None:
        """Nobody answers the caller, who hangs up in the end; a body that nobody hears of is let
        go by the agent, or hangs up too. (For agents there are timers.)"""
        if isinstance(signal, line.RoomEntered):
            self.unknown_rooms.add(signal.room)
        phone.lost_input |= phone.citizen or phone.body or isinstance(signal, line.Refused)
        if phone.citizen or phone.body:
            self._later(phone, self.rng.randrange(1_000, 30_000), lambda: self.hang_up(phone))

    def _later(self, phone: Phone, ms: int, what: Happening) -> None:
        """Do it, if the phone is still at the same Turn then."""
        turn = phone.turn

        def then() -> Awaitable[None] | None:
            still = phone.turn is turn and phone.state != "gone"
            return what() if still else None

        self.schedule.after(ms, then)

    def _reply(self, phone: Phone, signal: line.Signal) -> None:
        """What became of a Turn is told once."""
        if phone.state == "up" and phone.answered != phone.rev:
            phone.answered = phone.rev
            self.tell(signal)

    # --- connections ----------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Whatever is under way is lost, and nobody listens."""
        self._era += 1
        self.under_way = 0
        self._lanes.clear()
        self.away = True

    def resumed(self, line_name: str) -> line.LineResumed:
        """In touch again: the line sees what is there, and not what the phones were told."""
        self.away = False
        live = [
            phone
            for phone in self.phones.values()
            if phone.on == line_name and phone.state != "gone"
        ]
        for phone in live:
            phone.rev = phone.answered = 0
        for phone in self.phones.values():
            phone.untold = phone.untold and phone.on != line_name
        return line.LineResumed(
            line_name,
            tuple(
                line.LiveLeg(phone.leg, phone.state == "up", phone.inbound, "1500630")
                for phone in live
            ),
            tuple(room for room, where in self.rooms.items() if where == line_name),
        )

    # --- callers --------------------------------------------------------------------------------

    def call(self, leg: str, line_name: str) -> None:
        """A citizen calls."""
        self.phones[leg] = Phone(leg, line_name, inbound=True, state="up", silent=True)
        self.tell(line.CallArrived(leg, line_name, "1500630", self.rng.choice(_NUMBERS)))

    def hang_up(self, phone: Phone) -> None:
        if phone.state != "up":
            return
        turn = phone.turn
        if turn is not None and isinstance(turn.wait, line.Recording):
            seconds = self.rng.randrange(0, 9)
            self._reply(phone, line.RecordingMade(phone.leg, turn.rev, turn.wait.name, seconds))
        self.gone(phone, Cause.HUNG_UP)

    def gone(self, phone: Phone, cause: Cause) -> None:
        if phone.state == "gone":
            return
        phone.state, phone.room, phone.turn = "gone", None, None
        phone.untold = self.away
        self.tell(line.LegGone(phone.leg, cause))

    def _begin(self, phone: Phone) -> None:
        """Do what the newest Turn says."""
        turn = phone.turn
        assert turn is not None
        phone.room, phone.silent = None, False
        if self.rng.random() < self.luck.refusal:
            phone.silent = True
            self._reply(phone, line.Refused(phone.leg, Cause.FAILED, turn.rev))
            return
        if isinstance(turn.wait, line.Room):
            phone.room = turn.wait.room
            self.rooms[turn.wait.room] = phone.on
            self._reply(phone, line.RoomEntered(phone.leg, turn.rev, turn.wait.room))
            self._later(phone, self.rng.randrange(500, 60_000), lambda: self._end_talk(phone))
            if not phone.citizen and not phone.body and self.rng.random() < 0.5:
                self._later(phone, self.rng.randrange(500, 20_000), lambda: self._brings_in(phone))
            return
        if isinstance(turn.wait, line.Gone):
            self._later(phone, self.rng.randrange(0, 5_000), lambda: self.gone(phone, Cause.ENDED))
        elif phone.citizen and self.giving_up:
            self._later(phone, self.rng.randrange(1, 3_000), lambda: self.hang_up(phone))
            return
        if self.people and self.rng.random() < 0.03:
            self._later(phone, self.rng.randrange(1, 9_000), lambda: self.hang_up(phone))
        elif not isinstance(turn.wait, line.Gone):
            self._wait(phone, turn)

    def _wait(self, phone: Phone, turn: line.Turn) -> None:
        leg, rev = phone.leg, turn.rev
        signal: line.Signal = line.Silence(leg, rev)
        after = 0
        match turn.wait:
            case line.Keys():
                after = turn.wait.first_ms
                if self.people and self.rng.random() < 0.85:
                    after = self.rng.randrange(100, 3_000)
                    signal = line.DigitsEntered(leg, rev, self._digits(phone, turn.wait))
            case line.PromptsEnd():
                after, signal = 1_500, line.PromptsEnded(leg, rev)
            case line.Recording():
                seconds = self.rng.choice((0, 3, 20)) if self.people else 0
                after = (seconds + turn.wait.silence_s) * 1000
                signal = line.RecordingMade(leg, rev, turn.wait.name, seconds)
            case line.Music():
                if turn.wait.seconds is None:
                    return
                after = turn.wait.seconds * 1000
                if turn.wait.keys and self.people and self.rng.random() < 0.1:
                    after = self.rng.randrange(after)
                    signal = line.DigitsEntered(leg, rev, self.rng.choice(turn.wait.keys))
        self._later(phone, after, lambda: self._reply(phone, signal))

    def _digits(self, phone: Phone, wait: line.Keys) -> str:
        if wait.most == 1:
            return "1" if not phone.inbound and self.rng.random() < 0.7 else self._key()
        if wait.most == 10 and self.known_cases and self.rng.random() < 0.8:
            phone.case = self.rng.choice(self.known_cases)
            return phone.case[0]
        if wait.most == 6 and phone.case is not None and self.rng.random() < 0.7:
            return phone.case[1]
        return "".join(self._key() for _ in range(self.rng.randrange(1, wait.most + 1)))

    def _key(self) -> str:
        return _KEYS[self.rng.randrange(len(_KEYS))]

    # --- agents ---------------------------------------------------------------------------------

    def _ring(self, line_name: str, command: line.RingLeg) -> None:
        assert command.leg not in self.phones, "a leg is rung once"
        device = command.device
        body = device.address == BODY
        phone = Phone(command.leg, line_name, inbound=False, kind=device.kind, body=body)
        chance = self.rng.random()
        if chance < self.luck.refusal:
            self.phones[command.leg] = phone
            phone.state = "gone"
            self.tell(line.Refused(command.leg, self.rng.choice((*_NOT_NOW, Cause.UNREACHABLE))))
            return
        self.phones[command.leg] = phone
        if len(self.phones) % 5 == 0:  # some lines take only so many rings a second
            self.tell(line.LegQueued(command.leg, 1))
        self.schedule.after(command.most_s * 1000, lambda: self._rings_out(phone))
        if chance < 2 * self.luck.refusal:
            return  # a phone that does not answer the network: it never rings
        self._later(phone, self.rng.randrange(0, 2_000), lambda: self._rings(phone))

    def _rings(self, phone: Phone) -> None:
        if phone.state != "ringing":
            return
        self.tell(line.LegRinging(phone.leg))
        if not self.people or phone.kind is DeviceKind.SIMULATED:
            return
        chance = self.rng.random()
        after = self.rng.randrange(200, 18_000)
        if chance < 0.7:
            self.schedule.after(after, lambda: self.answer(phone))
        elif chance < 0.8:
            cause = self.rng.choice((*_NOT_NOW, Cause.LOST))
            self.schedule.after(after, lambda: self._decline(phone, cause))

    def _decline(self, phone: Phone, cause: Cause) -> None:
        if phone.state == "ringing":
            self.gone(phone, cause)

    def _rings_out(self, phone: Phone) -> None:
        if phone.state == "ringing":
            self.gone(phone, self.rng.choice((Cause.NO_ANSWER, Cause.UNREACHABLE)))

    def answer(self, phone: Phone) -> None:
        """It is picked up, by hand or by the console."""
        if phone.state != "ringing":
            return
        phone.state, phone.silent = "up", True
        if phone.turn is None or self.rng.random() < 0.5:  # else its Turn's answer tells it
            self.tell(line.LegAnswered(phone.leg))
        if phone.turn is not None:
            self._begin(phone)

    def _brings_in(self, phone: Phone) -> Awaitable[None] | None:
        """The agent has a body brought in; some let it go again."""
        if not self.people:
            return None
        if self.rng.random() < 0.3:
            after = self.rng.randrange(500, 30_000)
            self._later(phone, after, lambda: self.lets_go(phone.leg) if self.people else None)
        return self.brings_in(phone.leg)

    def _end_talk(self, phone: Phone) -> Awaitable[None] | None:
        """Both are in the room, or this one has waited for long enough."""
        if not self.people and not self.giving_up:
            return None
        chance = self.rng.random()
        if phone.citizen or phone.body or chance < 0.3:
            self.hang_up(phone)
        elif chance < 0.6:
            self.gone(phone, self.rng.choice((Cause.LOST, Cause.FAILED)))
        else:
            return self.hangs_up(phone.leg)
        return None
