"""The main path: a Signal comes in, one transaction decides, and what was decided goes out.

``Calls.handle(signal)``: lock and load the call; ``life.step``, answering what the flow needs;
save, append Facts, put Commands into the outbox; and when that is committed, hand Turns and
Commands to the performer and wake the sealer. Timers that come due take the same path, and so does
what agents click (``desk.py``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial

import msgspec

from callcenter import line
from callcenter.calls import answers, callers, life, messages, resync, tables
from callcenter.calls.followup import Stores
from callcenter.calls.model import FactDraft, Offered, TimerDue, TimerKind, Timing
from callcenter.calls.moves import Steps, World
from callcenter.calls.outgoing import Outgoing
from callcenter.cases import service as cases
from callcenter.cases.rules import Rules
from callcenter.clock import Clock, Given
from callcenter.db import Connection, Database, DatabaseAway, outbox, timers
from callcenter.db.facts import Fact, Sealer, append, written
from callcenter.db.keys import KeyForgotten, Keys, Tampered
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.loader import parse
from callcenter.line import Turn
from callcenter.queue import service as queue
from callcenter.queue.facts import QueueFact
from callcenter.queue.matching import match
from callcenter.topics import Topic, uppers

log = logging.getLogger(__name__)

#: The timer loop looks at least this often: another process may have set a timer.
TIMERS_AT_LEAST_S = 5
#: Timers that came due while we were away wait for the lines to tell what happened meanwhile.
RESUME_S = 10
#: A recording that its line could not give us is asked for again after so long.
FETCH_AGAIN_S = 60

#: An offer whose time ran out while a line was away has so much more, to hear of its phone first.
OFFER_GRACE_S = 5
#: A pair that was not there any more once it was locked: the matcher looks again.
MATCH_AGAIN_MS = 100
#: A timer whose handling failed is tried again after so long; the others do not wait for it.
TIMER_AGAIN_S = 60

_NEVER = 2**63
_ALL = 1_000_000
_OF_OFFERS = (TimerKind.UNRUNG, TimerKind.RING, TimerKind.JOIN)
_OF_CALLS = (TimerKind.CALL_LIMIT, TimerKind.BODY)
_COMMANDS_ONCE = (line.RingLeg,)


class Sent(msgspec.Struct, frozen=True):
    """A Command on its way, with the id of its row in the outbox."""

    id: str
    command: line.Command


class Send(msgspec.Struct, frozen=True):
    """What one commit asks of a line."""

    line: str
    turns: tuple[Turn, ...] = ()
    commands: tuple[Sent, ...] = ()


#: Told after each commit, in order; must not block.
Perform = Callable[[Send], None]
#: Fetches a recording from its line and keeps it: (line, name).
Fetch = Callable[[str, str], Awaitable[None]]
#: The time of what is in the timer has come.
Over = Callable[[timers.Timer, Connection, Given], "Done"]


class Done(msgspec.Struct):
    """What is to be done once a transaction is committed; ``facts``: there are some to seal."""

    sends: list[Send] = msgspec.field(default_factory=list)
    timers: list[Timing] = msgspec.field(default_factory=list)
    refused: str | None = None
    facts: bool = False


class Calls:
    """Every call of this process.

    Args:
        flows: the flows that new callers begin in.
        lines: the names of the lines that callers may be on.
        always_open: those of them whose callers find the hotline open at any hour.
        outgoing: whom we call back.
        process: an id that no other running process has; it owns its rows of the outbox.
        perform: takes Turns and Commands to the lines.
    """

    def __init__(
        self,
        database: Database,
        keys: Keys,
        *,
        flows: FlowSet,
        rules: Rules,
        clock: Clock,
        timezone: str,
        lines: Collection[str],
        always_open: Collection[str] = (),
        outgoing: Outgoing,
        sealer: Sealer,
        process: str,
        perform: Perform,
    ) -> None:
        self._database = database
        self.keys = keys
        self._flows = {flows.hash: flows}
        self._current = flows
        self.rules = rules
        self.topics: Mapping[str, Topic] = rules.topics
        self.clock = clock
        self.timezone = timezone
        self._lines = tuple(lines)
        self._always_open = frozenset(always_open)
        self.outgoing = outgoing
        self._sealer = sealer
        self._process = process
        self._touches: dict[str, int] = {}
        self._fetches: dict[str, asyncio.Task[None]] = {}
        self._perform = perform
        self._performed: list[str] = []
        self._next_timer = 0
        self._timer_set = asyncio.Event()
        self._away = set(lines)
        self._unreadable: set[str] = set()  #: calls whose rows are damaged
        #: Set by whoever assembles: fetches a recording from its line and keeps it.
        self.fetch: Fetch | None = None
        #: Set by the desk: what its timers do, by their kind.
        self.over: dict[str, Over] = {}

    async def start(self) -> None:
        """Store the flows that new callers begin in; call it before the lines start."""
        now = self.clock.now()
        await self._database.write(
            lambda connection: tables.keep_flows(connection, self._current, now)
        )

    # --- the main path ------------------------------------------------------------------------

    async def handle(self, signal: line.Signal) -> Turn | None:
        """Decide, save, act, publish. Gives the committed Turn of the signal's own leg, if any.

        A signal that comes twice, late, or for a call that ended changes nothing.

        Raises:
            DatabaseAway: nothing is written; the line may ask again.
        """
        match signal:
            case line.LineResumed():
                await self._resumed(signal)
                return None
            case line.DeviceChanged():
                await self.commit(partial(self._device, signal=signal))
                return None
            case line.MessageLeft():
                await self.commit(partial(self._message, signal=signal))
                return None
            case line.LegReturned():
                return await self._again(signal.leg)
            case line.CallArrived():
                done = await self.commit(partial(self._arrived, signal=signal))
            case _:
                done = await self.commit(partial(self._on_leg, signal=signal))
        for send in done.sends:
            for turn in send.turns:
                if turn.leg == signal.leg:
                    return turn
        return None

    def _arrived(self, connection: Connection, given: Given, signal: line.CallArrived) -> Done:
        if tables.call_of_leg(connection, signal.leg) is not None:
            return Done(refused="known")
        call_id = given.id()
        key, wrapped = self.keys.make(tables.owner(call_id))
        number = callers.normalise(signal.caller)
        signal = msgspec.structs.replace(signal, caller=number)
        world = self._world(self._current, given)
        always_open = signal.line in self._always_open
        steps = life.begin(call_id, signal, world, self.timezone, always_open=always_open)
        tables.insert_call(
            connection,
            call_id,
            signal.line,
            given.now,
            key=wrapped,
            number=None if number is None else key.encrypt(number.encode(), "call.number"),
            number_hash=None if number is None else self.keys.number_hash(number),
        )
        return self._drive(connection, given, steps, wrapped)

    def _on_leg(self, connection: Connection, given: Given, signal: line.Signal) -> Done:
        call_id = tables.call_of_leg(connection, getattr(signal, "leg", ""))
        if call_id is None:
            return Done(refused="unknown leg")
        return self.step(connection, given, call_id, signal)

    def step(
        self, connection: Connection, given: Given, call_id: str, happened: life.Happened
    ) -> Done:
        """One step of one call, from its lock to its rows."""
        stored = tables.load(connection, self.keys, call_id)
        if stored is None:
            return Done(refused="unknown call")
        fetch = messages.note(connection, given, stored.call, happened)
        flows = self._flows_of(connection, stored.call.visit.flow_set if stored.call.visit else "")
        steps = life.step(stored.call, happened, self._world(flows, given))
        done = self._drive(connection, given, steps, stored.key)
        if fetch is not None:
            timers.set_timer(connection, fetch.kind, fetch.ref, given.now)
            done.timers.append(fetch)
        return done

    def _drive(self, connection: Connection, given: Given, steps: Steps, wrapped: bytes) -> Done:
        """Answer what the step asks until it is decided, and save what it decided."""
        stores = Stores(connection, self.keys, given, self.rules, wrapped, self.outgoing)
        outcome = answers.run(steps, stores)
        if outcome.refused is not None:
            return Done(refused=outcome.refused)
        key = self.keys.open(wrapped, tables.owner(outcome.call.id))
        tables.save(connection, key, outcome)
        over = outcome.call.ended_at == given.now
        if over and not queue.has_in_hand(connection, outcome.call.id):
            call_id = outcome.call.id
            cases.finish_call(connection, self.keys, given, self.rules, call=call_id, event=None)
        return self.follow(
            connection,
            given,
            outcome.facts,
            outcome.timers,
            call=outcome.call.id,
            line_name=outcome.call.line,
            turns=outcome.turns,
            commands=outcome.commands,
        )

    def follow(
        self,
        connection: Connection,
        given: Given,
        facts: Iterable[FactDraft],
        timings: Iterable[Timing],
        *,
        call: str | None = None,
        line_name: str = "",
        turns: tuple[Turn, ...] = (),
        commands: tuple[line.Command, ...] = (),
    ) -> Done:
        """Write the Facts, timers and Commands of a decision."""
        append(
            connection,
            self.keys,
            [
                Fact(
                    draft.kind,
                    given.now,
                    call=call,
                    entry=draft.entry,
                    offer=draft.offer,
                    agent=draft.agent,
                    case=draft.case,
                    data=draft.data,
                )
                for draft in facts
            ],
        )
        asked, may = TimerKind.MATCH, partial(queue.may_match, connection)
        done = Done(timers=[one for one in timings if one.kind is not asked or may()])
        for timing in done.timers:
            if timing.due_at is None:
                timers.cancel_timer(connection, timing.kind, timing.ref)
            else:
                timers.set_timer(connection, timing.kind, timing.ref, timing.due_at)
        sent = tuple(Sent(given.id(), command) for command in commands)
        for one in sent:
            outbox.put(
                connection,
                id=one.id,
                line=line_name,
                leg=getattr(one.command, "leg", None),
                once=isinstance(one.command, _COMMANDS_ONCE),
                body=line.encode(one.command),
                claimed_by=self._claim(line_name),
                at=given.now,
            )
        if turns or sent:
            done.sends.append(Send(line_name, turns, sent))
        return done

    async def commit(self, decide: Callable[[Connection, Given], Done]) -> Done:
        """Run ``decide`` in a transaction; then act and publish.

        A caller that is cancelled meanwhile (a page that was closed) stops none of it.
        """
        return await asyncio.shield(asyncio.ensure_future(self._commit(decide)))

    async def _commit(self, decide: Callable[[Connection, Given], Done]) -> Done:
        given = Given(self.clock.now())
        performed, self._performed = self._performed, []

        def transaction(connection: Connection) -> Done:
            outbox.done(connection, performed)
            done = decide(connection, given.again())
            done.facts = written(connection)
            return done

        try:
            done = await self._database.write(transaction)
        except BaseException:
            self._performed += performed
            raise
        for send in done.sends:
            self._perform(send)
        if done.facts:
            self._sealer.nudge()
        due = [timing.due_at for timing in done.timers if timing.due_at is not None]
        if due and min(due) < self._next_timer:
            self._timer_set.set()
        return done

    def performed(self, sent_id: str) -> None:
        """A Command is done; its row goes with the next transaction."""
        self._performed.append(sent_id)

    def _world(self, flows: FlowSet, given: Given) -> World:
        return World(flows, self.topics, given)

    def _flows_of(self, connection: Connection, flow_set: str) -> FlowSet:
        """The version of the flows that a visit began in."""
        if not flow_set:
            return self._current
        if flow_set not in self._flows:
            self._flows[flow_set] = parse(tables.flow_sources(connection, flow_set))
        return self._flows[flow_set]

    # --- timers and the matcher ---------------------------------------------------------------

    async def run_timers(self) -> None:
        """Handle timers as they come due, until cancelled; first hear what the lines tell."""
        try:
            await self._run_timers()
        finally:
            for fetch in self._fetches.values():
                fetch.cancel()

    async def _run_timers(self) -> None:
        patience = self.clock.now() + RESUME_S * 1000
        while self._away and self.clock.now() < patience:
            self._timer_set.clear()
            await self._sleep(patience)
        while True:
            self._timer_set.clear()
            self._next_timer = _NEVER  # whoever sets one while we look wakes us again
            now = self.clock.now()
            due, following = await self._database.read(partial(timers.upcoming, now=now))
            if due:
                await self._due(due)
                continue
            if self._performed:
                await self.commit(lambda _connection, _given: Done())
            latest = now + TIMERS_AT_LEAST_S * 1000
            self._next_timer = min(latest, following) if following is not None else latest
            if self._timer_set.is_set():
                continue
            await self._sleep(self._next_timer)

    async def _sleep(self, until: int) -> None:
        sleep = asyncio.ensure_future(self.clock.sleep_until(until))
        nudge = asyncio.ensure_future(self._timer_set.wait())
        try:
            await asyncio.wait((sleep, nudge), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            nudge.cancel()

    async def _due(self, due: Sequence[timers.Timer]) -> None:
        matching = [timer for timer in due if timer.kind == TimerKind.MATCH]
        if matching:
            await self.commit(partial(self._match, due=matching))
        for timer in due:
            try:
                await self._one_due(timer)
            except DatabaseAway:
                raise
            except Exception:
                log.exception("the timer %s of %s failed", timer.kind, timer.ref)
                await self.commit(partial(self._postpone, timer=timer))

    async def _one_due(self, timer: timers.Timer) -> None:
        match timer.kind:
            case TimerKind.MATCH:
                pass
            case TimerKind.RECORDING:
                await self._fetch_recording(timer)
            case kind if kind in self.over:
                await self.commit(partial(self.over[kind], timer))
            case _:
                await self.commit(partial(self._on_timer, timer=timer))

    def _postpone(self, connection: Connection, given: Given, timer: timers.Timer) -> Done:
        if not timers.take(connection, timer):
            return Done(refused="the timer was moved")
        again_at = given.now + TIMER_AGAIN_S * 1000
        timers.set_timer(connection, timer.kind, timer.ref, again_at)
        return Done()

    def _on_timer(self, connection: Connection, given: Given, timer: timers.Timer) -> Done:
        kind = TimerKind(timer.kind)
        call_id: str | None = timer.ref
        if kind not in _OF_CALLS:
            offer = queue.load_offer(connection, timer.ref, lock=False)
            call_id = offer.call if offer is not None else None
        if call_id is None or tables.load(connection, self.keys, call_id) is None:
            timers.take(connection, timer)
            return Done(refused="unknown call")
        if not timers.take(connection, timer):
            return Done(refused="the timer was moved")
        return self.step(connection, given, call_id, TimerDue(kind, timer.ref))

    def _match(self, connection: Connection, given: Given, due: Sequence[timers.Timer]) -> Done:
        """Who gets whom, in a transaction of its own; one matcher at a time."""
        queue.one_matcher(connection)
        for timer in due:
            timers.take(connection, timer)
        waiting = queue.waiting(connection, given.now)
        waiting = [one for one in waiting if one.entry.call not in self._unreadable]
        found = match(waiting, queue.free(connection, self._lines), given.now)
        done, again_at = Done(), found.again_at
        # The lock order: calls, then agents, ids ascending.
        stored = {
            call_id: self._loaded(connection, call_id)
            for call_id in sorted({entry.call for entry, _ in found.pairs})
        }
        agents = queue.load_agents(connection, [agent for _, agent in found.pairs], lock=True)
        for entry, agent in found.pairs:
            one = stored[entry.call]
            if one is None or agent not in agents:
                again_at = given.now + MATCH_AGAIN_MS
                continue
            flow_set = one.call.visit.flow_set if one.call.visit else ""
            world = self._world(self._flows_of(connection, flow_set), given)
            offered = Offered(agents[agent], given.id(), given.id())
            steps = life.step(one.call, offered, world)
            new = self._drive(connection, given, steps, one.key)
            done.sends += new.sends
            done.timers += new.timers
            if new.refused is not None:  # it changed between the look and the lock
                again_at = given.now + MATCH_AGAIN_MS
        if again_at is not None:
            timers.set_timer(connection, TimerKind.MATCH, "again", again_at)
            done.timers.append(Timing(TimerKind.MATCH, "again", again_at))
        return done

    def _loaded(self, connection: Connection, call_id: str) -> tables.Stored | None:
        """The call; None when its row is damaged: that keeps nobody else from being matched."""
        try:
            return tables.load(connection, self.keys, call_id)
        except (ValueError, KeyForgotten, Tampered, msgspec.MsgspecError):
            log.exception("call %s can't be read", call_id)
            self._unreadable.add(call_id)
            return None

    # --- what the lines hold ----------------------------------------------------------------------

    def _device(self, connection: Connection, given: Given, signal: line.DeviceChanged) -> Done:
        before = queue.load_agent(connection, signal.agent, lock=True)
        if before is None or before.device_up == signal.up:
            return Done(refused="known")
        after = msgspec.structs.replace(before, device_up=signal.up)
        queue.save_agent(connection, after)
        changed = FactDraft(QueueFact.DEVICE_CHANGED, agent=after.id, data={"up": signal.up})
        again = Timing(TimerKind.MATCH, after.id, given.now)
        return self.follow(connection, given, [changed], [again] if signal.up else ())

    def _message(self, connection: Connection, given: Given, signal: line.MessageLeft) -> Done:
        """A message that the network took while we were away becomes a case."""
        topic = list(uppers(self.topics).values())[-1]
        outcome = messages.keep(connection, self.keys, given, signal, self.rules, topic)
        if outcome.refused is not None:
            return Done(refused=outcome.refused)
        return self.follow(connection, given, outcome.facts, outcome.timers, call=outcome.call.id)

    async def _fetch_recording(self, timer: timers.Timer) -> None:
        """Begin to bring a recording home, and set its timer to ask again, should it not come.

        No timer waits for it: a line may take its time.
        """
        line_name = await self._database.read(partial(cases.unfetched, name=timer.ref))
        wanted = line_name is not None and self.fetch is not None

        def lease(connection: Connection, given: Given) -> Done:
            if not timers.take(connection, timer) or not wanted:
                return Done()
            again = Timing(TimerKind.RECORDING, timer.ref, given.now + FETCH_AGAIN_S * 1000)
            return self.follow(connection, given, (), [again])

        await self.commit(lease)
        if line_name is not None and timer.ref not in self._fetches:
            task = asyncio.create_task(self._bring(line_name, timer.ref))
            self._fetches[timer.ref] = task
            task.add_done_callback(lambda _task: self._fetches.pop(timer.ref, None))

    async def _bring(self, line_name: str, name: str) -> None:
        if self.fetch is None:
            return
        try:
            await self.fetch(line_name, name)
        except LookupError:
            log.warning("recording %s is not at its line any more", name)
        except Exception as error:
            log.warning("recording %s does not come yet: %s", name, error)
            return
        came = Timing(TimerKind.RECORDING, name, None)
        await self.commit(lambda connection, given: self.follow(connection, given, (), [came]))

    @property
    def fetching(self) -> bool:
        """Whether a recording is on its way."""
        return bool(self._fetches)

    async def drop_recording(self, line_name: str, name: str) -> None:
        """We hold the recording ourselves: its line may delete it."""

        def decide(connection: Connection, given: Given) -> Done:
            command = line.DropRecording(name)
            return self.follow(connection, given, (), (), line_name=line_name, commands=(command,))

        await self.commit(decide)

    # --- in touch again -----------------------------------------------------------------------

    async def _again(self, leg: str) -> Turn | None:
        """Give the leg its newest Turn once more."""
        found = await self._database.read(partial(tables.newest_turn, keys=self.keys, leg_id=leg))
        if found is None:
            return None
        line_name, turn = found
        self._perform(Send(line_name, (turn,)))
        return turn

    async def _resumed(self, resumed: line.LineResumed) -> None:
        """Compare with the legs that exist; nobody is hung up, everybody gets the newest Turn."""

        def believed(connection: Connection) -> resync.Plan:
            legs = tables.live_legs(connection, resumed.line)
            return resync.plan(legs, resumed, tables.live_offers(connection, resumed.line))

        plan = await self._database.read(believed)
        for signal in plan.signals:
            await self.handle(signal)
        for leg in plan.turns:
            await self._again(leg)
        await self.commit(partial(self._left_over, line_name=resumed.line, new=plan.commands))
        self._away.discard(resumed.line)
        self._timer_set.set()

    def _claim(self, line_name: str) -> str:
        """Who has a Command of this line in hand: this process, since it was last in touch."""
        return f"{self._process}.{self._touches.get(line_name, 0)}"

    def _left_over(
        self,
        connection: Connection,
        given: Given,
        line_name: str,
        new: tuple[line.Command, ...],
    ) -> Done:
        """What was asked before we lost touch: a state is set again, a ring is never sent again."""
        self._touches[line_name] = self._touches.get(line_name, 0) + 1
        done = self.follow(connection, given, (), (), line_name=line_name, commands=new)
        grace = given.now + OFFER_GRACE_S * 1000
        for timer in timers.due(connection, grace, limit=_ALL):
            if timer.kind in _OF_OFFERS:
                timers.set_timer(connection, timer.kind, timer.ref, grace)
        orphans = outbox.unclaimed_or_orphaned(connection, [line_name], self._claim(line_name))
        outbox.done(connection, [orphan.id for orphan in orphans if orphan.once])
        again = tuple(
            Sent(orphan.id, line.decode_command(orphan.body))
            for orphan in orphans
            if not orphan.once
        )
        if again:
            done.sends.append(Send(line_name, (), again))
        return done
