"""What somebody does to a case at the desk: write it down, move it, note beside it, press for an
answer, open it with a reason. Each asks :mod:`callcenter.cases.secrecy` first, and is done by the
case in hand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, insert, select, update

from callcenter.cases import secrecy, statuses, tables, texts
from callcenter.cases import service as cases
from callcenter.cases.desk.file import service as files
from callcenter.cases.desk.file.service import ASSIGN, NoCase, Seen
from callcenter.cases.desk.rights import CHANGED_AS, GROUPS, Rights, rights, secrecy_of
from callcenter.cases.desk.writing import Contact, Form, plain
from callcenter.cases.duplicates import WITH_CHILDREN
from callcenter.cases.errors import BadForm, Refused, StaleCase
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.hand import tables as rows
from callcenter.cases.hand.service import Moved, Work, take
from callcenter.cases.reporters import service as reporters
from callcenter.cases.rules import Rules
from callcenter.cases.secrecy import Emergency, Person, Place
from callcenter.cases.statuses import FINAL, Actor, CaseEvent, CaseStatus, Channel, Field
from callcenter.cases.versions import service as versions
from callcenter.cases.views import Change
from callcenter.cases.work import telling
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys
from callcenter.people import accounts
from callcenter.people.permissions import Role
from callcenter.topics import Compartment

# Made once: to make a statement anew costs several times what it takes to run.
_SET_OFFICER = update(tables.assignment).where(
    tables.assignment.c.case == bindparam("of"), tables.assignment.c.ended_at.is_(None)
)
_INSERT_GLASS = insert(tables.glass)
_CHILDREN = select(tables.case.c.id).where(tables.case.c.parent == bindparam("of"))
_LOCK = by_key(tables.case, lock=True)
_ID = select(tables.case.c.id).where(tables.case.c.number == bindparam("wanted"))

#: Who may press for an answer: not the unit itself that owes it.
_PRESS: Final = frozenset({Actor.AGENT, Actor.TRIAGE, Actor.SUPERVISOR})


class Desk:
    """What one person does in one transaction. ``talking``: the cases of the call they are in."""

    def __init__(
        self,
        connection: Connection,
        keys: Keys,
        given: Given,
        rules: Rules,
        person: Person,
        talking: Collection[str] = (),
    ) -> None:
        self.connection, self.keys, self.given, self.rules = connection, keys, given, rules
        self.person, self.talking = person, talking

    def look(self, number: str) -> Seen:
        """Raises NoCase: there is none, or none that the person may know of."""
        now = self.given.now
        return files.look(
            self.connection, self.rules, self.person, number, now, talking=self.talking
        )

    def read(self, number: str) -> Seen:
        """The same, and a Fact that the person has read it. Raises as :meth:`look`."""
        case = self.look(number)
        about = {"agent": self.person.id, "case": case.row["id"]}
        append(self.connection, self.keys, [Fact(CaseFact.CASE_READ, self.given.now, **about)])
        return case

    def answer(self, number: str) -> None:
        """What was done is answered with the whole case: of a watched one that is a reading."""
        try:
            watched = secrecy_of(self.look(number).row).compartment in secrecy.WATCHED
        except NoCase:  # it went out of sight by what was done
            return
        if watched:
            self.read(number)

    def take(self, number: str, version: int | None = None) -> tuple[Work, Rights]:
        """The case in hand, and what the person may do with it.

        Raises:
            NoCase: as :meth:`look`.
            StaleCase: ``version`` is not what the case is in now.
        """
        case = self.look(number).row["id"]
        work = take(self.connection, self.keys, self.given, self.rules, case)
        now = self.given.now
        case_seen = files.seen(
            self.connection, self.rules, self.person, work.row, now, talking=self.talking
        )
        if version is not None and version != work.version:
            raise StaleCase(case, work.version, changes=self._changes(case, version, case_seen))
        return work, case_seen.rights

    def _changes(self, case: str, since: int, case_seen: Seen) -> list[Change]:
        """What others changed, as far as it may be seen."""
        found = []
        for one in versions.changes(self.connection, self.keys, case, since):
            kept = {
                _NAMES.get(name, name): values
                for name, values in one.fields.items()
                if (group := GROUPS.get(_NAMES.get(name, name))) is not None
                and case_seen.rights.sees(group)
            }
            found.append(Change(one.version, one.at, one.by, kept))
        return found

    # --- writing --------------------------------------------------------------------------------

    def save(self, number: str, version: int, form: Form, *, copy: bool = False) -> Moved:
        """Write down what ``form`` changes. ``copy``: the periods of law of a case that gathers
        others go to each of them that the person may change, too.

        Raises:
            NoCase, StaleCase: as :meth:`take`.
            Refused: ``not_yours``: a field that the person may not change; ``parent``: it gathers
                none.
            BadForm: a field that can't be stored.
        """
        children = self._lock_children(number) if copy else []
        work, may = self.take(number, version)
        if copy and not work.row["gathers"]:
            raise Refused("parent", "copy")
        for name in form.named():
            if not may.changes(CHANGED_AS[name]):
                raise Refused("not_yours", name)
        self._write(work, form)
        for actor in may.actors if work.status is CaseStatus.DRAFT else ():
            if work.refusal(CaseEvent.FILE, actor) is None:
                work.move(CaseEvent.FILE, actor, by=self.person.id)
                break
        for child, its in self._take_children(children):
            if its.changes(CHANGED_AS["statutes"]) and child.status not in FINAL:
                self._give_statutes(work, child)
            child.keep(self.person.id)
        return work.keep(self.person.id)

    def open(self, form: Form, channel: Channel, *, gathers: bool = False) -> tuple[str, str]:
        """A case without a call: somebody came, or wrote, by ``channel``. Gives number
        and PIN, which are shown once. ``gathers``: many reporters' complaints will be joined under
        it, so it has none.

        Raises:
            Refused: ``not_yours``.
            BadForm: a field that can't be stored, or that such a case can't have.
        """
        if self.person.role not in (Role.AGENT, Role.OFFICER):
            raise Refused("not_yours")
        topic = form.topic
        if topic is None or topic not in self.rules.topics:
            raise BadForm({"topic": "is missing" if topic is None else "no such topic"})
        kept = [name for name in PERSON if getattr(form, name) is not None]
        if kept and (form.anonymous or gathers):
            raise BadForm({kept[0]: "nothing is kept of this reporter"})
        case, number, pin = cases.open_case(
            self.connection,
            self.keys,
            self.given,
            self.rules,
            call=None,
            call_key=None,
            topic=topic,
            language=form.language or "id",
            channel=channel,
        )
        work = take(self.connection, self.keys, self.given, self.rules, case)
        work.change({"gathers": gathers})
        self._write(work, form)
        actor = Actor.OFFICER
        if self.person.role is Role.AGENT:
            actor = Actor.AGENT
            work.change({"custodian": self.person.id})
        work.move(CaseEvent.FILE, actor, by=self.person.id)
        work.keep(self.person.id)
        return number, pin

    def _write(self, work: Work, form: Form) -> None:
        today = self.rules.counting.home.day_of(work.now)
        columns = plain(form, self.rules, today)
        columns = {name: value for name, value in columns.items() if value != work.row[name]}
        if "anonymous" in columns:  # the reporter's row is told by it
            self.connection.execute(rows.SET_CASE, {"of": work.id, "anonymous": True})
        given = {"topic": form.topic, "narrative": form.narrative, "employer": form.employer}
        try:
            checked = cases.checked(given | {"reporter_name": form.name}, topics=self.rules.topics)
        except BadForm as bad:
            raise BadForm(
                {_NAMES.get(name, name): why for name, why in bad.fields.items()}
            ) from None
        checked.pop("reporter_name", None)
        changed = {name: text for name, text in checked.items() if text != self._stands(work, name)}
        told = [*columns, *changed, *self._write_person(work, form)]
        if columns:
            work.change(columns)
        if changed:
            cases.write(
                self.connection, self.keys, self.given, work, changed, self.rules, by=self.person.id
            )  # fmt: skip
        for code, on in form.begun(work.past.statutes):
            work.set_statute(code, on, by=self.person.id)
            told.append("statutes")
        if told and self.person.role is Role.AGENT and work.row["custodian"] is None:
            work.change({"custodian": self.person.id})
        if told:
            work.change({})
            work.taken()
            fields = ",".join(sorted(set(told)))
            data: dict[str, str | int | bool] = {"fields": fields, "version": work.version}
            work.say(CaseFact.CASE_SAVED, data, by=self.person.id)

    def _stands(self, work: Work, name: str) -> str:
        """What stands in a field now."""
        value = work.row[name]
        if isinstance(value, bytes):
            return work.key().decrypt(value, f"case.{name}").decode()
        return value or ""

    def _write_person(self, work: Work, form: Form) -> list[str]:
        """Write what the form says of the reporter; the names of the fields that changed."""
        if not any(getattr(form, name) is not None for name in PERSON):
            return []
        before = self._person(work.row["reporter"])
        phones = form.phones
        try:
            made = reporters.save(
                self.connection,
                self.keys,
                self.given,
                case=work.id,
                form=reporters.Form(
                    name=form.name,
                    minor=form.minor,
                    phones=None if phones is None else tuple(phones),
                    shared=None if phones is None else tuple(one for one in phones if phones[one]),
                    **msgspec.to_builtins(form.safe_contact or Contact()),
                ),
                by=self.person.id,
            )
        except reporters.Anonymous:
            given = next(name for name in PERSON if getattr(form, name) is not None)
            raise BadForm({given: "the case is anonymous"}) from None
        work.row["reporter"] = made
        after = self._person(made)
        return [name for name in PERSON if before[name] != after[name]]

    def _person(self, reporter: str | None) -> dict[str, Any]:
        return files.person_of(self.connection, self.keys, reporter)

    # --- moving ---------------------------------------------------------------------------------

    def check_pin(self, number: str, pin: str) -> str | None:
        """Whether the reporter has told their PIN; why not, or None. A try counts like one by
        telephone, so commit it, also a wrong one.

        Raises:
            NoCase: as :meth:`look`.
            Refused: ``not_yours``.
        """
        if not files.writes_down(self.look(number).rights):
            raise Refused("not_yours", files.PIN)
        caller = self.keys.number_hash(f"account:{self.person.id}")
        found = cases.find_case(
            self.connection, self.keys, self.given, call=None, number=number, pin=pin, caller=caller
        )
        return found if isinstance(found, str) else None

    def move(
        self,
        number: str,
        event: str,
        version: int,
        fields: Mapping[str, str],
        *,
        reporter: bool = False,
        copy: bool = False,
    ) -> Moved:
        """``event`` happens to the case, or ``assign``: another officer of its unit has it.
        ``reporter``: it is theirs, and they have told the PIN (:meth:`check_pin`). ``copy``: it
        happens to each case joined under this one, too, to which the person may do it now; the
        others stay as they are.

        Raises:
            NoCase, StaleCase: as :meth:`take`.
            Refused, BadForm: not possible, not the person's, or a field is wrong.
        """
        children = self._lock_children(number) if copy else []
        work, may = self.take(number, version)
        if copy and not (work.row["gathers"] and event in WITH_CHILDREN):
            raise Refused("parent", "copy")
        if event == ASSIGN:
            self._assign(work, may, fields.get("officer", ""))
            return work.keep(self.person.id)
        if event not in set(CaseEvent):
            raise BadForm({"event": "there is no such event"})
        self._know_other(fields)
        actors = (Actor.REPORTER,) if reporter else may.actors
        actor = _actor(work, actors, CaseEvent(event), fields)
        work.move(CaseEvent(event), actor, by=self.person.id, fields=fields)
        for child, its in self._take_children(children):
            self._move_child(work, child, its, CaseEvent(event), fields)
        return work.keep(self.person.id)

    def _move_child(
        self,
        parent: Work,
        child: Work,
        may: Rights,
        event: CaseEvent,
        fields: Mapping[str, str],
    ) -> None:
        """What happened to ``parent`` happens to one joined under it, if it can."""
        with suppress(Refused):  # it stands elsewhere, and nothing was changed
            actor = _actor(child, may.actors, event, fields)
            child.move(event, actor, by=self.person.id, fields=fields)
            self._give_statutes(parent, child)
        child.keep(self.person.id)

    def _give_statutes(self, parent: Work, child: Work) -> None:
        """The periods of law that run for ``parent`` run for ``child``."""
        began = {one.code.value: one.on.isoformat() for one in parent.past.statutes}
        for code, on in Form(statutes=began).begun(child.past.statutes):
            child.set_statute(code, on, by=self.person.id)

    def _know_other(self, fields: Mapping[str, str]) -> None:
        """Another case is named only by who may know of it."""
        other = fields.get(Field.OTHER)
        if other is None:
            return
        digits = "".join(filter(str.isdigit, other))
        try:
            self.look(digits)
        except NoCase:
            raise Refused("unknown", Field.OTHER) from None

    def _assign(self, work: Work, may: Rights, officer: str) -> None:
        if not files.may_assign(work, may):
            raise Refused("not_now" if may.actors else "not_yours")
        known = accounts.one(self.connection, officer)
        if known is None or not known.active or known.unit != work.row["unit"]:
            raise Refused("officer", "officer")
        if secrecy_of(work.row).compartment is Compartment.SENSITIVE and not known.named:
            raise Refused("officer", "officer")
        if officer != work.row["officer"]:
            self.connection.execute(_SET_OFFICER, {"of": work.id, "officer": officer})
            work.change({"officer": officer})
            data: dict[str, str | int | bool] = {"fields": "officer", "version": work.version}
            work.say(CaseFact.CASE_SAVED, data, by=self.person.id)

    # --- beside it ------------------------------------------------------------------------------

    def note(self, number: str, kind: NoteKind, text: str, *, copy: bool = False) -> Moved:
        """Write something beside the case. ``copy``: a public note of a case that gathers others
        goes to each of them that is not over, too.

        Raises:
            NoCase: as :meth:`take`.
            Refused: ``not_yours``; ``parent``: it gathers none.
            BadForm: it can't be stored.
        """
        children = self._lock_children(number) if copy else []
        work, may = self.take(number)
        if not may.changes(files.NOTE_GROUPS[kind]):
            raise Refused("not_yours", "kind")
        if copy and not (kind is NoteKind.PUBLIC and work.row["gathers"]):
            raise Refused("parent", "copy")
        work.note(kind, text, by=self.person.id)
        for case in children:
            child = take(self.connection, self.keys, self.given, self.rules, case)
            if child.status not in FINAL:
                child.note(kind, text, by=self.person.id)
            child.keep(self.person.id)
        return work.keep(self.person.id)

    def _take_children(self, children: Iterable[str]) -> Iterator[tuple[Work, Rights]]:
        """Those of ``children`` that exist for the person, in hand. Each is to be kept."""
        for case in children:
            child = take(self.connection, self.keys, self.given, self.rules, case)
            may = rights(self.person, child.row, self.rules.units, talking=case in self.talking)
            if may.never:
                child.keep()
            else:
                yield child, may

    def _lock_children(self, number: str) -> list[str]:
        """Lock the case and those joined under it, in the order of all locks."""
        case: str = self.look(number).row["id"]
        children = sorted(self.connection.execute(_CHILDREN, {"of": case}).scalars())
        for one in sorted([case, *children]):
            self.connection.execute(_LOCK, {"key": one})
        return children

    def remind(self, number: str) -> Moved:
        """Press for an answer ("tagih").

        Raises:
            NoCase: as :meth:`take`.
            Refused: ``not_yours``, or nobody has to act on it.
        """
        work, may = self.take(number)
        if _PRESS.isdisjoint(may.actors):
            raise Refused("not_yours")
        work.remind(by=self.person.id, call=None)
        return work.keep(self.person.id)

    def break_glass(self, number: str, emergency: Emergency, reason: str) -> Moved:
        """See for a while what the person may not, for a reason. It is a Fact, and the head of
        triage is told. Whoever has no such way learns nothing: not even that there is a case.

        Raises:
            BadForm: the reason says nothing, or can't be stored.
            NoCase: there is no such case, or none that this person may open like this.
        """
        why = texts.wrong(reason, texts.NOTE_CHARS)
        if len("".join(reason.split())) < secrecy.REASON_CHARS:
            why = f"at least {secrecy.REASON_CHARS} characters"
        if why:
            raise BadForm({"reason": why})
        case = self.connection.execute(_ID, {"wanted": number}).scalar_one_or_none()
        if case is None:
            raise NoCase(number)
        work = take(self.connection, self.keys, self.given, self.rules, case)
        place = Place(work.row["unit"], work.row["custodian"])
        related = secrecy.relations(self.person, place, self.rules.units)
        said = secrecy_of(work.row)
        opened = [secrecy.break_glass(said, one, emergency, reason) for one in related]
        if all(isinstance(one, secrecy.Refusal) for one in opened):
            raise NoCase(number)
        until = work.now + secrecy.OPENED_S * 1000
        note = self.given.id()
        sealed = work.key().encrypt(reason.strip().encode(), "case_note.sealed")
        values = {"id": note, "case": case, "at": work.now, "by": self.person.id}
        kind = NoteKind.GLASS.value
        self.connection.execute(
            rows.INSERT_NOTE, values | {"kind": kind, "sealed": sealed, "text": None}
        )
        self.connection.execute(
            _INSERT_GLASS,
            {
                "id": self.given.id(),
                "case": case,
                "account": self.person.id,
                "emergency": emergency.value,
                "at": work.now,
                "until": until,
            },
        )
        data: dict[str, str | int | bool] = {"reason": emergency.value, "note": note}
        work.say(CaseFact.GLASS_BROKEN, data | {"until": until}, by=self.person.id)
        work.tell.append(telling.of_opening(self.rules.units.triage))
        return work.keep()


def _actor(
    work: Work, actors: Iterable[Actor], event: CaseEvent, fields: Mapping[str, str]
) -> Actor:
    """As whom the person does it: the first who may. Raises what keeps the nearest from it."""
    refused: Refused | None = None
    for actor in actors:
        why = work.refusal(event, actor, fields)
        if why is None:
            return actor
        if refused is None or refused.code == "not_yours":
            refused = why
    if refused is None:
        known = (work.status, event) in statuses.CASE_TABLE
        refused = Refused("not_yours" if known else "not_now")
    raise refused


#: What the versions call otherwise.
_NAMES: Final = {"wait_reason": "wait", "reporter_name": "name"}
#: Fields of the reporter.
PERSON: Final = ("name", "minor", "phones", "safe_contact")
