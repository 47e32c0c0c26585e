"""What agents do: come and go, take calls, write complaints down, wrap up.

Every click takes the main path of ``service.py``: one transaction decides, then act and publish.
"""

from __future__ import annotations

import msgspec

from callcenter import line
from callcenter.calls import tables
from callcenter.calls.console import ConsoleView, view
from callcenter.calls.errors import NotNow, NotYours, TooLate
from callcenter.calls.facts import CallFact
from callcenter.calls.model import Accepted, BroughtIn, Declined, HungUp, LetGo, TimerKind
from callcenter.calls.moves import agent_moved
from callcenter.calls.outcomes import OUTCOMES, UNSAID
from callcenter.calls.service import Calls, Done
from callcenter.calls.vault import service as vault
from callcenter.cases import service as cases
from callcenter.cases.errors import Refused
from callcenter.cases.service import BadForm, CaseForm, CaseView
from callcenter.cases.statuses import CallRole
from callcenter.cases.tries import service as tries
from callcenter.cases.tries.service import NewPin, Said
from callcenter.cases.work import service as work
from callcenter.clock import Given
from callcenter.db import Connection, timers
from callcenter.db.facts import Fact, append
from callcenter.queue import service as queue
from callcenter.queue.agents import Agent, AgentEvent, AgentState

#: More matters than these are for another call.
MOST_CASES = 5
#: Spoken of with callers who chose no language.
LANGUAGE = "id"


class Desk:
    """The agents of this process."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        calls.over = {TimerKind.WRAP_UP: self._wrap_up_over, TimerKind.CASE: self._case_due}

    def console(self, connection: Connection, agent: str) -> ConsoleView:
        """All that the agent's console shows now."""
        return view(connection, self._calls, agent, self._calls.clock.now())

    async def sign_on(self, agent: str, device: line.Device) -> None:
        """The agent is here, with this device; paused until they say that they are ready."""

        def decide(connection: Connection, given: Given) -> Done:
            before = queue.load_agent(connection, agent, lock=True) or Agent(agent)
            here = msgspec.structs.replace(before, device=device)
            if before.device != device:
                here = msgspec.structs.replace(here, device_up=False)
            after = here.after(AgentEvent.SIGN_ON, given.now) or here
            return self._agent_moved(connection, given, before, after)

        await self._calls.commit(decide)

    async def sign_off(self, agent: str) -> None:
        """The agent leaves.

        Raises:
            NotNow: they are with a caller.
        """

        def decide(connection: Connection, given: Given) -> Done:
            before = self._locked(connection, agent)
            if before is None or before.state is AgentState.OFFLINE:
                return Done(refused="not here")
            if before.state is AgentState.WRAP_UP:
                return self._wrapped(connection, given, before, UNSAID, AgentEvent.SIGN_OFF)
            return self._agent_event(connection, given, before, AgentEvent.SIGN_OFF)

        await self._calls.commit(decide)

    async def set_agent_state(self, agent: str, state: str, reason: str | None = None) -> None:
        """``ready`` or ``paused``, now or, for a busy agent, when the call is over.

        Raises:
            NotNow: the agent is not signed on, or there is no such state to choose.
            NotYours: no such agent.
        """
        event = {"ready": AgentEvent.READY, "paused": AgentEvent.PAUSE}.get(state)
        if event is None:
            raise NotNow(f"{state}: choose ready or paused")

        def decide(connection: Connection, given: Given) -> Done:
            before = self._known(connection, agent)
            if before.state is AgentState.READY and event is AgentEvent.READY:
                return Done()
            return self._agent_event(connection, given, before, event, reason=reason)

        await self._calls.commit(decide)

    async def accept(self, agent: str, offer: str) -> None:
        """The agent takes the offered call.

        Raises:
            NotYours: no such offer for this agent.
            TooLate: it is over.
        """
        await self._click(agent, offer, Accepted(offer))

    async def decline(self, agent: str, offer: str) -> None:
        """The agent does not take it; it goes to the next one. Raises as :meth:`accept`."""
        await self._click(agent, offer, Declined(offer))

    async def _click(self, agent: str, offer: str, click: Accepted | Declined) -> None:
        def decide(connection: Connection, given: Given) -> Done:
            known = queue.load_offer(connection, offer, lock=False)
            if known is None or known.agent != agent:
                raise NotYours(offer)
            done = self._calls.step(connection, given, known.call, click)
            if done.refused is not None:
                now = queue.load_offer(connection, offer, lock=False)
                if isinstance(click, Accepted) and now is not None and now.taken:
                    return Done()  # a second click
                raise TooLate(offer)
            return done

        await self._calls.commit(decide)

    async def hang_up(self, agent: str, call: str) -> None:
        """The agent ends the talk.

        Raises:
            NotYours: the agent is not talking in this call.
        """

        def decide(connection: Connection, given: Given) -> Done:
            done = self._calls.step(connection, given, call, HungUp(agent))
            if done.refused is not None:
                raise NotYours(call)
            return done

        await self._calls.commit(decide)

    async def bring_in(self, agent: str, call: str, body: str) -> None:
        """Have a body of the directory rung, to join the talk. Once: a second click does nothing.

        Raises:
            NotYours: the agent is not talking in this call.
            Refused: ``no_number`` (it has none that can be called), ``line`` (telephones can't be
                called from the caller's line), ``cap`` (the calls of the day are used up),
                ``enough`` (so are those of this talk), or ``engaged`` (another one is there).
        """
        await self._in_talk(call, BroughtIn(agent, body))

    async def let_go(self, agent: str, call: str) -> None:
        """The body leaves the talk, or is asked no more; where there is none, nothing is done.

        Raises:
            NotYours: the agent is not talking in this call.
        """
        await self._in_talk(call, LetGo(agent))

    async def _in_talk(self, call: str, click: BroughtIn | LetGo) -> None:
        def decide(connection: Connection, given: Given) -> Done:
            self._talking(connection, click.agent, call)
            done = self._calls.step(connection, given, call, click)
            if isinstance(click, BroughtIn) and done.refused not in (None, "known"):
                raise Refused(done.refused)
            return done

        await self._calls.commit(decide)

    async def open_another(self, agent: str, call: str, topic: str) -> CaseView:
        """What the caller tells is two matters: a case of its own for the second one, with a
        number and a PIN that the agent reads out.

        Raises:
            NotYours: the agent is not talking in this call.
            NotNow: it has :data:`MOST_CASES` already.
            BadForm: there is no such topic.
        """
        view: list[CaseView] = []
        keys, rules = self._calls.keys, self._calls.rules
        cases.checked({"topic": topic}, topics=rules.topics)

        def decide(connection: Connection, given: Given) -> Done:
            stored = tables.load(connection, keys, call)
            busy = self._known(connection, agent)
            if busy.call != call or busy.state is not AgentState.TALKING or stored is None:
                raise NotYours(call)
            if len(cases.opened_in(connection, call)) >= MOST_CASES:
                raise NotNow(f"{MOST_CASES} cases are enough for one call")
            case, _, _ = cases.open_case(
                connection,
                keys,
                given,
                rules,
                call=call,
                call_key=stored.key,
                topic=topic,
                language=stored.call.language or LANGUAGE,
            )
            view[:] = [cases.load(connection, keys, case, call=call, call_key=stored.key)]
            return Done()

        await self._calls.commit(decide)
        return view[0]

    async def save_case(
        self, agent: str, call: str, form: CaseForm, number: str | None = None
    ) -> CaseView:
        """Write down what the agent typed, while talking or in the wrap-up. ``number``: of another
        case that was opened in this call.

        Raises:
            NotYours: it is not the agent's call, or no case of it.
            BadForm, StaleCase: see :mod:`callcenter.cases.service`.
        """
        view: list[CaseView] = []

        def decide(connection: Connection, given: Given) -> Done:
            stored = tables.load(connection, self._calls.keys, call)
            busy = self._known(connection, agent)
            if busy.call != call or stored is None:
                raise NotYours(call)
            case = self._case_of(connection, stored, number)
            offer = stored.call.offer
            if busy.state is AgentState.OFFERED and (offer is None or not offer.taken):
                raise NotYours(call)  # who is only asked has not read it either
            cases.save(
                connection,
                self._calls.keys,
                given,
                self._calls.rules,
                case=case,
                agent=agent,
                form=form,
                call=call,
                caller=self._opened_from(connection, stored, case),
            )
            if form.anonymous:
                vault.anonymise(connection, self._calls.keys, given, case, by=agent)
            saved = cases.load(connection, self._calls.keys, case, call=call, call_key=stored.key)
            view[:] = [saved]
            return Done()

        await self._calls.commit(decide)
        return view[0]

    def _case_of(self, connection: Connection, stored: tables.Stored, number: str | None) -> str:
        """The case of a call, or the one of this number that was opened in it.

        Raises:
            NotYours: there is none.
        """
        call = stored.call
        if number is None and call.case is not None:
            return call.case
        for case in cases.opened_in(connection, call.id) if number is not None else ():
            if cases.load(connection, self._calls.keys, case).number == number:
                return case
        raise NotYours(call.id)

    def _opened_from(self, connection: Connection, stored: tables.Stored, case: str) -> str | None:
        """The caller's number, if it was this call that opened the case: whoever asks about a case
        later may be somebody else."""
        if not cases.opened_by(connection, stored.call.id, case):
            return None
        return tables.caller_number(self._calls.keys, stored)

    async def send_code(self, agent: str, call: str, number: str) -> None:
        """Send a code to the reporter of the case ``number``, if that is possible.

        Raises:
            NotYours: the agent is not talking in this call.
            Refused: ``locked``.
        """
        refused: list[str | None] = []

        def decide(connection: Connection, given: Given) -> Done:
            self._talking(connection, agent, call)
            keys, rules = self._calls.keys, self._calls.rules
            on = connection, keys, given, rules
            refused[:] = [tries.send_code(*on, call=call, by=agent, number=number)]
            return Done()

        await self._calls.commit(decide)
        if (why := refused[0]) is not None:
            raise Refused(why)

    def _talking(self, connection: Connection, agent: str, call: str) -> None:
        """Raises NotYours: the agent is not talking in this call."""
        busy = self._known(connection, agent)
        if busy.call != call or busy.state is not AgentState.TALKING:
            raise NotYours(call)

    async def recover_pin(
        self, agent: str, call: str, number: str, said: Said, code: str = ""
    ) -> NewPin:
        """Give the caller, whom the agent talks with, a new PIN for the case ``number``: for what
        they ``said``, or for the ``code`` that they were sent.

        Raises:
            NotYours: the agent is not talking in this call.
            Refused: ``unknown`` or ``locked``.
        """
        answer: list[NewPin | str] = []

        def decide(connection: Connection, given: Given) -> Done:
            self._talking(connection, agent, call)
            on = connection, self._calls.keys, given
            found: NewPin | str
            if code:
                found = tries.recover_by_code(*on, call=call, by=agent, number=number, code=code)
            else:
                found = tries.recover(*on, call=call, by=agent, number=number, said=said)
            if isinstance(found, NewPin):
                role = CallRole.STATUS_QUERY
                keys, case = self._calls.keys, found.case
                cases.link(connection, keys, given.now, call=call, case=case, role=role)
            answer[:] = [found]
            return Done()

        await self._calls.commit(decide)
        (found,) = answer
        if isinstance(found, str):
            raise Refused(found)
        return found

    async def wrap_up_done(self, agent: str, outcome: str) -> None:
        """The agent says what the call came to and is free again.

        Raises:
            NotNow: the agent has nothing to wrap up.
            BadForm: there is no such outcome.
        """
        if outcome not in OUTCOMES:
            raise BadForm({"outcome": f"one of {', '.join(OUTCOMES)}"})

        def decide(connection: Connection, given: Given) -> Done:
            return self._wrapped(connection, given, self._known(connection, agent), outcome)

        await self._calls.commit(decide)

    def _wrap_up_over(self, timer: timers.Timer, connection: Connection, given: Given) -> Done:
        before = self._locked(connection, timer.ref)
        if not timers.take(connection, timer) or before is None:
            return Done(refused="the timer was moved")
        if before.state is not AgentState.WRAP_UP:
            return Done(refused="no wrap-up")
        return self._wrapped(connection, given, before, UNSAID)

    def _case_due(self, timer: timers.Timer, connection: Connection, given: Given) -> Done:
        """The next moment has come that the clocks of a case name."""
        work.look(connection, self._calls.keys, given, self._calls.rules, timer.ref)
        timers.take(connection, timer)  # unless it was moved to the one after that
        return Done()

    def _wrapped(
        self,
        connection: Connection,
        given: Given,
        before: Agent,
        outcome: str,
        event: AgentEvent = AgentEvent.WRAPPED,
    ) -> Done:
        call = before.call
        done = self._agent_event(connection, given, before, event)
        if call is None:
            return done
        tables.set_outcome(connection, call, outcome)
        case_event = OUTCOMES[outcome].case_event if outcome in OUTCOMES else None
        cases.finish_call(
            connection,
            self._calls.keys,
            given,
            self._calls.rules,
            call=call,
            event=case_event,
            agent=before.id,
        )
        data: dict[str, str | int | bool] = {"outcome": outcome}
        fact = Fact(CallFact.WRAP_UP_DONE, given.now, call=call, agent=before.id, data=data)
        append(connection, self._calls.keys, [fact])
        return done

    def _known(self, connection: Connection, agent: str) -> Agent:
        found = self._locked(connection, agent)
        if found is None:
            raise NotYours(agent)
        return found

    def _locked(self, connection: Connection, agent: str) -> Agent | None:
        """The agent, locked after the call that they are busy with: the order of all locks."""
        found = queue.load_agent(connection, agent, lock=False)
        if found is not None and found.call is not None:
            tables.lock(connection, found.call)
        return queue.load_agent(connection, agent, lock=True)

    def _agent_event(
        self,
        connection: Connection,
        given: Given,
        before: Agent,
        event: AgentEvent,
        *,
        reason: str | None = None,
    ) -> Done:
        after = before.after(event, given.now, reason=reason)
        if after is None:
            raise NotNow(before.state.value)
        return self._agent_moved(connection, given, before, after)

    def _agent_moved(
        self, connection: Connection, given: Given, before: Agent, after: Agent
    ) -> Done:
        if before == after:
            return Done()
        queue.save_agent(connection, after)
        facts, timings = agent_moved(before, after)
        return self._calls.follow(connection, given, facts, timings, call=before.call)
