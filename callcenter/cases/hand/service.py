"""The one way in which a case changes: taken in hand, moved or written, kept.

Telephone, desk and clock share it. :class:`Work` locks a case and loads what decides about it: its
history and its assignments. What it decided is written at once by :meth:`Work.keep`: the row, the
Facts, the version, when it is due, and the timer of its next moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from callcenter.cases import assignments, clocks, duplicates, escalation, numbers, statuses, tables
from callcenter.cases import texts as typed
from callcenter.cases.assignments import Assignment, AssignmentState
from callcenter.cases.clocks import BY_ITSELF, Clock, Kind, Terms
from callcenter.cases.deadlines import Code
from callcenter.cases.errors import BadForm, Refused
from callcenter.cases.escalation import Escalation, Level
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.hand import tables as rows
from callcenter.cases.places import place_of
from callcenter.cases.post import service as post
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import Actor, CaseEvent, CaseStatus, Field, WaitReason
from callcenter.cases.versions import service as versions
from callcenter.cases.work import fields as fielded
from callcenter.cases.work import history, passing, telling
from callcenter.cases.work.telling import Tell
from callcenter.clock import Given
from callcenter.db import Connection, by_key, timers, upsert
from callcenter.db.facts import Fact, append
from callcenter.db.keys import DataKey, Keys
from callcenter.topics import Compartment, Priority, Track

#: The timer of a case: ``ref`` is its id.
TIMER: Final = "case"


class Moved(msgspec.Struct, frozen=True):
    """What a change has made of a case, and who is to be told (see ``telling.py``)."""

    case: str
    number: str
    was: CaseStatus
    status: CaseStatus
    unit: str
    version: int
    tell: tuple[Tell, ...]


class Work:
    """One case, locked, with all that decides about it. ``row``: its columns as they will be."""

    def __init__(
        self, connection: Connection, keys: Keys, given: Given, rules: Rules, row: Mapping[str, Any]
    ) -> None:
        self._connection, self._keys, self._given, self._rules = connection, keys, given, rules
        self.row: dict[str, Any] = dict(row)
        self._kept = dict(row)
        self.id: str = row["id"]
        facts = connection.execute(rows.FACTS, {"of": self.id}).scalars()
        self.past = history.fold(facts)
        stored = connection.execute(rows.CHAIN, {"of": self.id}).all()
        self._hops: int = stored[-1].hop if stored else 0
        # Since it was last opened: who had it before that may be asked again.
        since = history.opened_at(self.past.steps)
        stored = [one for one in stored if one.sent_at >= since]
        self._rows = [one.id for one in stored]
        self.chain = tuple(rows.assignment_of(one) for one in stored)
        self._facts: list[Fact] = []
        self._raise = False
        self.tell: list[Tell] = []
        self.pressed = connection.execute(rows.PRESSED, {"of": self.id}).all()

    # --- what it is ---------------------------------------------------------------------------

    @property
    def now(self) -> int:
        return self._given.now

    @property
    def status(self) -> CaseStatus:
        return CaseStatus(self.row["status"])

    @property
    def wait(self) -> WaitReason | None:
        reason = self.row["wait_reason"]
        return WaitReason(reason) if reason else None

    @property
    def home(self) -> str:
        return self._rules.home(Compartment(self.row["compartment"]))

    @property
    def version(self) -> int:
        """What it will be in once it is kept."""
        version: int = self._kept["version"]
        return version + self._raise

    @property
    def terms(self) -> Terms:
        topic = self._rules.topics.get(self.row["topic"])
        return Terms(
            priority=Priority(self.row["priority"]),
            track=Track(self.row["track"]),
            resolve_days=topic.resolve_days if topic is not None else None,
            acknowledged_at=self.row["acknowledged_at"],
            taken_at=self.row["taken_at"],
            message_at=self.past.message_at,
            statutes=self.past.statutes,
        )

    def clocks(self, at: int | None = None) -> tuple[Clock, ...]:
        """As they stand now, or stood ``at`` a moment since its last event."""
        moment = self.now if at is None else at
        return clocks.clocks(self.past.steps, self.terms, self._rules.counting, moment)

    def told(self) -> dict[Escalation, int]:
        """Who was told that it stands still, and when."""
        told = self._connection.execute(rows.TOLD, {"of": self.id})
        return {rows.escalation_of(row): row.at for row in told if row.clock != Code.PRESS.value}

    def key(self) -> DataKey:
        """Raises KeyForgotten: the case was forgotten."""
        return self._keys.open(self.row["key"], f"case:{self.id}")

    # --- what may be done ---------------------------------------------------------------------

    def refusal(
        self, event: CaseEvent, actor: Actor, fields: Mapping[str, str] | None = None
    ) -> Refused | None:
        """Why ``actor`` can't do this now, or None. ``fields`` None: they are not known yet."""
        given = fields if fields is not None else fielded.some(self.status, event)
        message = self.past.message_at is not None
        why = statuses.refusal(self.status, event, actor, given, self.wait, message=message)
        if why is not None:
            _, _, field = why.partition("_")
            named = why.startswith(("missing_", "wrong_"))
            return Refused(why, field if named else None)
        limit = statuses.CASE_TABLE[self.status, event].by[actor]
        if limit is None:
            return None
        bound = clocks.guard(
            limit,
            self.past.steps,
            self.terms,
            self._rules.counting,
            self.now,
            contacts=self.past.contacts,
        )
        return None if bound is None else Refused(bound)

    def can(self, actors: Iterable[Actor]) -> dict[CaseEvent, Actor]:
        """The events that are possible now, each with the first of ``actors`` who may do it."""
        found: dict[CaseEvent, Actor] = {}
        for status, event in statuses.CASE_TABLE:
            if status is self.status:
                for actor in actors:
                    if event not in found and self.refusal(event, actor) is None:
                        found[event] = actor
        return found

    # --- what is done -------------------------------------------------------------------------

    def settle(self) -> None:
        """Do what the clocks have made due by now, in its order: tell, file, close, abandon. First
        of all, so that nobody's being late changes what becomes of a case."""
        while (due := self._by_itself()) is not None:
            event, at = due
            self._escalate(at)
            self.move(event, Actor.SYSTEM)
        self._escalate(self.now)

    def _by_itself(self) -> tuple[CaseEvent, int] | None:
        """What a clock has done to it, and when it should have."""
        begun = self.past.message_at is not None or any(map(self.row.get, _BEGUN))
        for kind, ends_in in BY_ITSELF.items():
            event = CaseEvent.FILE if begun and kind is Kind.DRAFT else ends_in
            if self.refusal(event, Actor.SYSTEM) is None:
                ends = [one for one in self.clocks() if one.kind is kind and one.stopped is None]
                return event, ends[-1].due
        return None

    def move(
        self,
        event: CaseEvent,
        actor: Actor,
        *,
        by: str | None = None,
        call: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> None:
        """One event.

        Raises:
            Refused: nothing was changed.
        """
        fields = fields or {}
        if (why := self.refusal(event, actor, fields)) is not None:
            raise why
        entry = statuses.CASE_TABLE[self.status, event]
        was, held_before = self.status, self.row["unit"]
        carried = passing.Passing(
            self.now,
            Track(self.row["track"]),
            self.row["province"],
            head=actor is Actor.HEAD and self.row["unit"] == self.home,
            officer=by,
            reason=fielded.reason(fields),
            unit=fields.get(Field.UNIT),
        )
        chain = passing.passed(self.chain, event, entry.to, carried, self._rules)
        if isinstance(chain, assignments.Refusal):
            on_unit = event in (CaseEvent.ROUTE, CaseEvent.FORWARD, CaseEvent.DECLINE)
            raise Refused(chain.value, Field.UNIT if on_unit else None)
        effects = self._effects(event, fields, by=by, call=call)
        self._set_chain(chain, by=by, instruction=fields.get("instruction"))
        wait = WaitReason(fields[Field.WAIT]) if event is CaseEvent.WAIT else None
        self._set_status(event, entry.to, wait)
        data: dict[str, str | int | bool] = {
            "event": event.value,
            "was": was.value,
            "status": entry.to.value,
            "unit": self.row["unit"],
            "actor": actor.value,
        }
        if wait is not None:
            data["wait"] = wait.value
        if Field.REASON in entry.needs:
            data["reason"] = carried.reason or ""
        self.past = history.with_move(self.past, self.now, data)
        self.say(CaseFact.CASE_MOVED, data | effects, by=by, call=call)
        if by is not None:
            self.taken()
        if entry.to in statuses.FINAL:
            self._answer_reminders()
        self.tell += telling.of_move(
            event, actor, entry.to, wait, held_by=self.row["unit"], held_before=held_before
        )
        self._raise = True

    def taken(self) -> None:
        """Somebody of the staff has done something to it."""
        if self.row["taken_at"] is None:
            self.row["taken_at"] = self.now

    def change(self, values: Mapping[str, object]) -> None:
        """Set columns; what is encrypted is encrypted already."""
        self.row |= values
        self._raise = True

    def set_compartment(self, compartment: Compartment) -> None:
        """Who may know of it. What triage has goes to who looks at such cases; a unit that has it
        sees it no more, until it is recalled from there."""
        before = self.home
        self.row["compartment"] = compartment.value
        if self.row["unit"] == before and not (self.chain and self.chain[-1].open):
            self.row |= {"unit": self.home, "officer": None}
        self._raise = True

    def say(
        self,
        kind: CaseFact,
        data: Mapping[str, str | int | bool] | None = None,
        *,
        by: str | None = None,
        call: str | None = None,
    ) -> None:
        """A Fact about it, written when it is kept."""
        told = dict(data or {})
        self._facts.append(Fact(kind.value, self.now, call=call, agent=by, case=self.id, data=told))

    def note(
        self, kind: NoteKind, text: str, *, by: str | None = None, call: str | None = None
    ) -> None:
        """Write something beside it; a public note is what the reporter hears.

        Raises:
            BadForm: it can't be stored.
        """
        public = kind is NoteKind.PUBLIC
        text = text.strip()
        most = typed.PUBLIC_CHARS if public else typed.NOTE_CHARS
        if why := (typed.wrong(text, most) if text else "is empty"):
            raise BadForm({"text": why})
        made = self._given.id()
        sealed = None if public else self.key().encrypt(text.encode(), "case_note.sealed")
        self._connection.execute(
            rows.INSERT_NOTE,
            {
                "id": made,
                "case": self.id,
                "at": self.now,
                "by": by,
                "kind": kind.value,
                "sealed": sealed,
                "text": text if public else None,
            },
        )
        self.say(CaseFact.NOTE_ADDED, {"note": made, "kind": kind.value}, by=by, call=call)
        if public:
            self.change({"public_note": text})
            self._answer_reminders()
        elif kind is NoteKind.CONTACT:
            self.say(CaseFact.CONTACT_TRIED, by=by, call=call)
            self.past = msgspec.structs.replace(self.past, contacts=self.past.contacts + 1)
        if by is not None:
            self.taken()

    def message(self, seconds: int, *, call: str) -> None:
        """Somebody left one. A draft is filed by it, unless it must wait for triage."""
        self.say(CaseFact.MESSAGE_LEFT, {"seconds": seconds}, call=call)
        self.past = history.with_message(self.past, self.now)
        abandoned = self.status is CaseStatus.ABANDONED  # it has waited for long enough
        if abandoned or self.refusal(CaseEvent.FILE, Actor.SYSTEM) is None:
            self.move(CaseEvent.FILE, Actor.REPORTER, call=call)

    def remind(self, *, by: str | None, call: str | None) -> None:
        """The reporter presses for an answer ("tagih"). Once is enough until it was answered.

        Raises:
            Refused: ``not_now``: nobody has to act on it.
        """
        if self.status in statuses.FINAL or self.status is CaseStatus.DRAFT:
            raise Refused("not_now")
        if self.pressed:
            return
        limit = self._rules.deadlines[Code.PRESS]
        due = clocks.due(limit, self._rules.counting.of(self.row["unit"]), self.now)
        row = {"id": self._given.id(), "case": self.id, "at": self.now, "by": by, "due_at": due}
        self._connection.execute(rows.INSERT_REMINDER, row)
        self.pressed = self._connection.execute(rows.PRESSED, {"of": self.id}).all()
        self.say(CaseFact.REMINDED, {"due": due}, by=by, call=call)
        self.tell.append(telling.of_reminder(self.row["unit"]))

    def set_statute(self, code: Code, on: str, *, by: str | None) -> None:
        """A period that a law gives began on a day (ISO), or, if that is empty, did not."""
        self.say(CaseFact.STATUTE_SET, {"code": code.value, "on": on}, by=by)
        self.past = history.with_statute(self.past, code.value, on)
        self._raise = True

    def keep(self, by: str | None = None) -> Moved:
        """Write what was decided. ``by``: who did it, None: the reporter or a clock."""
        running = self.clocks()
        self.row["due_at"] = self._due_at(running)
        if self._raise:
            self.row |= {"version": self.version, "updated_at": self.now}
        self.row["place"] = place_of(self.status, self.row["due_at"], self.row["updated_at"])
        changed = {name: value for name, value in self.row.items() if self._kept[name] != value}
        if changed:
            self._connection.execute(rows.SET_CASE, changed | {"of": self.id})
        append(self._connection, self._keys, self._facts)
        was = CaseStatus(self._kept["status"])
        given = self._connection, self._keys, self._given, self._rules
        look = post.write(*given, row=self.row, was=was, tell=self.tell, running=running)
        if self._raise:
            versions.write(self._connection, self._keys, case=self.id, at=self.now, by=by)
        self._set_timer(running, look)
        moved = Moved(
            self.id,
            self.row["number"],
            was,
            self.status,
            self.row["unit"],
            self.row["version"],
            tuple(self.tell),
        )
        self._kept, self._facts, self._raise, self.tell = dict(self.row), [], False, []
        return moved

    # --- parts of them ------------------------------------------------------------------------

    def _set_status(self, event: CaseEvent, to: CaseStatus, wait: WaitReason | None) -> None:
        held = assignments.owner(self.chain, self.home, self._rules.limits).unit
        last = self.chain[-1] if self.chain and self.chain[-1].open else None
        final = to in statuses.FINAL and to is not CaseStatus.REFERRED_OUT
        unit = self.row["unit"] if final else held
        officer = self.row["officer"] if final else (last.officer if last else None)
        if to is not self.status or wait is not self.wait:
            self.row["status_at"] = self.now
        self.row |= {
            "status": to.value,
            "wait_reason": wait.value if wait else None,
            "unit": unit,
            "officer": officer,
        }
        if event is CaseEvent.REOPEN:
            self.chain, self._rows = (), []

    def _set_chain(
        self, chain: assignments.Chain, *, by: str | None, instruction: str | None
    ) -> None:
        for place, one in enumerate(chain):
            before = self.chain[place] if place < len(self.chain) else None
            if one == before:
                continue
            if before is None:
                self._send(one, by, instruction)
            else:
                ended = None if one.open else self.now
                values = {
                    "state": one.state.value,
                    "reason": one.reason,
                    "better": one.better,
                    "officer": by if one.state is AssignmentState.DECLINED else one.officer,
                    "answered_at": self.now,
                    "ended_at": ended,
                }
                self._connection.execute(rows.SET_ASSIGNMENT, values | {"of": self._rows[place]})
            data: dict[str, str | int | bool] = {"unit": one.unit, "hop": place + 1}
            if one.better:
                data["better"] = one.better
            if one.reason:
                data["reason"] = one.reason
            self.say(CaseFact(f"assignment_{one.state.value}"), data, by=by)
        self.chain = chain

    def _send(self, one: Assignment, by: str | None, instruction: str | None) -> None:
        self._rows.append(self._given.id())
        self._hops += 1
        sealed = None
        if instruction and instruction.strip():
            if why := typed.wrong(instruction, typed.NOTE_CHARS):
                raise BadForm({"instruction": why})
            sealed = self.key().encrypt(instruction.strip().encode(), "assignment.instruction")
        self._connection.execute(
            rows.INSERT_ASSIGNMENT,
            {
                "id": self._rows[-1],
                "case": self.id,
                "unit": one.unit,
                "hop": self._hops,
                "state": one.state.value,
                "by": by,
                "instruction": sealed,
                "sent_at": one.sent_at,
                "phone_from": passing.phone_from(one.unit, one.sent_at, self._rules),
            },
        )

    def _effects(
        self, event: CaseEvent, fields: Mapping[str, str], *, by: str | None, call: str | None
    ) -> dict[str, str | int | bool]:
        """What an event does besides; what its Fact says of it."""
        if note := fields.get(Field.PUBLIC_NOTE, "").strip():
            try:
                self.note(NoteKind.PUBLIC, note, by=by, call=call)
            except BadForm as bad:
                raise BadForm({Field.PUBLIC_NOTE.value: bad.fields["text"]}) from None
        match event:
            case CaseEvent.FOLLOW_UP:
                self.row["outcome"] = came = fielded.outcome(fields)
                return {"outcome": came} if came else {}
            case CaseEvent.OBJECT | CaseEvent.REOPEN:
                self.row["outcome"] = None  # that was not the end
            case CaseEvent.REFER:
                return self._refer(fields[Field.TARGET], fields.get(Field.THEIR_ID, ""))
            case CaseEvent.RESULT:
                return self._result(fields[Field.THEIR_ID].strip())
            case CaseEvent.MERGE:
                return self._merge(fields[Field.OTHER])
            case CaseEvent.PURSUE:
                other = self._other(fields[Field.OTHER])
                if other["reporter"] is not None or other["id"] == self.id:
                    raise Refused("reporter", Field.OTHER)
                return {"other": str(other["id"])}
        return {}

    def _refer(self, target: str, their_id: str) -> dict[str, str | int | bool]:
        if target not in self._rules.directory:
            raise Refused("wrong_target", Field.TARGET)
        ref = their_id.strip() or None
        if ref is not None and (why := typed.wrong(ref, 80, lines=False)):
            raise BadForm({Field.THEIR_ID.value: why})
        row = {"case": self.id, "system": target, "at": self.now, "ref": ref, "result_at": None}
        upsert(self._connection, tables.external_ref, row)
        return {"target": target}

    def _result(self, their_id: str) -> dict[str, str | int | bool]:
        if why := typed.wrong(their_id, 80, lines=False):
            raise BadForm({Field.THEIR_ID.value: why})
        outside = self._connection.execute(rows.OUTSIDE, {"of": self.id}).first()
        if outside is None:
            raise Refused("not_now")
        known = {name: getattr(outside, name) for name in ("case", "system", "at")}
        row = known | {"ref": their_id, "result_at": self.now}
        upsert(self._connection, tables.external_ref, row)
        return {"target": outside.system}

    def _merge(self, number: str) -> dict[str, str | int | bool]:
        other = self._other(number)
        mine, others = (rows.complaint(self._rules, one) for one in (self.row, other))
        if (why := duplicates.may_merge(mine, others)) is not None:
            raise Refused(why.value, Field.OTHER)
        self.row["merged_into"] = other["id"]
        return {"other": str(other["id"])}

    def _other(self, number: str) -> Mapping[str, Any]:
        found = numbers.typed(number)
        row = None
        if found is not None:
            row = self._connection.execute(by_key(tables.case, "number"), {"key": found}).first()
        if row is None:
            raise Refused("unknown", Field.OTHER)
        return dict(row._mapping)

    def _answer_reminders(self) -> None:
        if self.pressed:
            self._connection.execute(
                rows.ANSWER_REMINDERS, {"of": self.id, "answered_at": self.now}
            )
            self.pressed = []

    def _escalate(self, at: int) -> None:
        """Tell whoever was to be told by ``at``, once."""
        plan = self._plan(self.clocks(at), at)
        for one in plan.due:
            self._tell_of(one.kind or rows.CASE, rows.level_of(one, self._rules), one)
        for late in self._unanswered():
            if late.due_at <= at:
                one = Escalation(Level.HEAD, None, late.at, self.row["unit"])
                self._tell_of(Code.PRESS, _PRESSED_LEVEL, one)

    def _plan(self, running: tuple[Clock, ...], at: int) -> escalation.Plan:
        reopenings = clocks.reopened(self.past.steps)
        return escalation.plan(running, reopenings, self.told(), self._rules.deadlines, at)

    def _unanswered(self) -> list[Any]:
        """Reminders whose being late nobody was told of."""
        if not self.pressed:
            return []
        found = self._connection.execute(rows.TOLD, {"of": self.id})
        told = {row.started for row in found if row.clock == Code.PRESS.value}
        return [one for one in self.pressed if one.at not in told]

    def _tell_of(self, clock: str, level: int, one: Escalation) -> None:
        row = {
            "case": self.id,
            "clock": str(clock),
            "started": one.started,
            "level": level,
            "unit": one.unit or "",
            "at": self.now,
            "to_role": one.level.value,
        }
        self._connection.execute(rows.INSERT_TOLD, row)
        data: dict[str, str | int | bool] = {
            "to": one.level.value,
            "clock": str(clock),
            "started": one.started,
            "level": level,
            "unit": one.unit or "",
        }
        self.say(CaseFact.ESCALATED, data)
        self.tell.append(telling.of_escalation(one))

    def _due_at(self, running: Iterable[Clock]) -> int | None:
        dues = [clock.due for clock in running if clock.runs]
        return min([*dues, *(one.due_at for one in self.pressed)], default=None)

    def _set_timer(self, running: tuple[Clock, ...], look: int | None) -> None:
        plan = self._plan(running, self.now)
        looks = [self.now] if plan.due else []
        looks += [at for at in (plan.look, look) if at is not None]
        looks += [one.due_at for one in self._unanswered()]
        few = self.past.contacts < self._rules.deadlines[Code.CONTACTS].value
        for clock in running:
            by_itself = clock.kind in BY_ITSELF and clock.stopped is None
            if by_itself and not (clock.kind is Kind.NO_REPLY and few):
                looks.append(clock.due)
        if looks:
            timers.set_timer(self._connection, TIMER, self.id, min(looks))
        else:
            timers.cancel_timer(self._connection, TIMER, self.id)


def take(connection: Connection, keys: Keys, given: Given, rules: Rules, case: str) -> Work:
    """The case, locked, with everything done that its clocks have made due.

    Raises:
        LookupError: no such case.
    """
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    work = Work(connection, keys, given, rules, dict(row._mapping))
    work.settle()
    return work


# --- small things --------------------------------------------------------------------------------

#: An agent has begun to write such a draft down: it becomes a complaint.
_BEGUN: Final = ("narrative", "employer", "reporter")
_PRESSED_LEVEL: Final = 100
