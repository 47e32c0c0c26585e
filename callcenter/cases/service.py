"""Complaints in the store: opened, found by number and PIN, written down, read."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update

from callcenter.cases import numbers, pins, statuses, tables, texts, words
from callcenter.cases.errors import BadForm, Refused, StaleCase
from callcenter.cases.facts import CaseFact
from callcenter.cases.hand.service import Work, take
from callcenter.cases.pins import Weakness
from callcenter.cases.post import service as post
from callcenter.cases.reporters import service as reporters
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import Actor, CallRole, CaseEvent, CaseStatus, Channel
from callcenter.cases.tries import service as tries
from callcenter.cases.versions import service as versions
from callcenter.cases.views import CaseForm, CaseView
from callcenter.cases.work.about import about
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys

__all__ = ["BadForm", "CaseForm", "CaseView", "Refused", "StaleCase"]

# Made once: to make a statement anew costs several times what it takes to run.
_NUMBER_TAKEN = select(tables.case.c.id).where(tables.case.c.number == bindparam("wanted"))
_INSERT_CASE = insert(tables.case)
_SET_CASE = update(tables.case).where(tables.case.c.id == bindparam("of"))
_INSERT_LINK = insert(tables.call_case)
_LINKED = tables.call_case.c.call == bindparam("of")
_LINK = select(tables.call_case.c.role, tables.call_case.c.pin).where(
    _LINKED, tables.call_case.c.case == bindparam("about")
)
_SET_ROLE = update(tables.call_case).where(_LINKED, tables.call_case.c.case == bindparam("about"))
_SAYS_MOST: Final = tuple(CallRole)
_FORGET_PINS = update(tables.call_case).where(_LINKED)
_OPENED_BY = (
    select(tables.call_case.c.case)
    .where(_LINKED, tables.call_case.c.role == CallRole.OPENED.value)
    .order_by(tables.call_case.c.case)
)
_INSERT_TOPIC = insert(tables.case_topic)
_NO_TOPIC = delete(tables.case_topic).where(
    tables.case_topic.c.case == bindparam("of"), tables.case_topic.c.topic == bindparam("old")
)
_FINAL: Final = tuple(status.value for status in statuses.FINAL)
_BY_CALLER = (
    select(tables.case.c.number)
    .join(tables.reporter_phone, tables.reporter_phone.c.reporter == tables.case.c.reporter)
    .where(
        tables.reporter_phone.c.number_hash == bindparam("hash"),
        tables.case.c.status.not_in(_FINAL),
    )
    .order_by(tables.case.c.opened_at.desc())
    .limit(1)
)
_DRAFT_OF = (
    select(tables.case.c.id)
    .join(tables.call_case, tables.call_case.c.case == tables.case.c.id)
    .where(
        tables.call_case.c.call.in_(bindparam("calls", expanding=True)),
        tables.call_case.c.role == CallRole.OPENED.value,
        tables.case.c.status == CaseStatus.DRAFT.value,
        tables.case.c.opened_at >= bindparam("since"),
    )
    .order_by(tables.case.c.opened_at.desc())
    .limit(1)
)

#: Text → its longest, in characters, and whether it may have several lines.
_TEXTS = {
    "narrative": (texts.NARRATIVE_CHARS, True),
    "reporter_name": (texts.NAME_CHARS, False),
    "employer": (texts.NAME_CHARS, False),
}
_SEALED = ("narrative", "employer")  #: in the case's row; the name is in the reporter's


def open_case(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    call: str | None,
    call_key: bytes | None,
    topic: str,
    language: str,
    channel: Channel = Channel.PHONE,
    told: bool = True,
) -> tuple[str, str, str]:
    """A draft with its number from the start, so that a call which drops loses nothing.

    Its topic decides track, priority and compartment, and so the unit that must act: triage, or
    for complaints about officials the inspectorate. ``call_key`` is the call's wrapped key: the PIN
    stays readable for its agent under it until the call is wrapped up. ``call`` None: it came
    without one. ``told``: the reporter hears the number and the PIN now. Returns id, number, PIN.
    """
    case = given.id()
    number = _new_number(connection, given, rules)
    pin = pins.choose(given.digits, number)
    _, wrapped = keys.make(_owner(case))
    made = about(rules, topic, given.now)
    unit = rules.home(made.compartment)
    connection.execute(
        _INSERT_CASE,
        {
            "id": case,
            "number": number,
            "pin_hash": keys.pin_hash(case, pin),
            "status": CaseStatus.DRAFT.value,
            "channel": channel.value,
            "topic": topic,
            "track": made.track.value,
            "priority": made.priority.value,
            "compartment": made.compartment.value,
            "anonymous": False,
            "secret": True,
            "gathers": False,
            "unit": unit,
            "language": language,
            "place": given.now,
            "opened_at": given.now,
            "updated_at": given.now,
            "status_at": given.now,
            "acknowledged_at": given.now if told else None,
            "version": 1,
            "key": wrapped,
        },
    )
    connection.execute(_INSERT_TOPIC, {"case": case, "topic": topic, "at": given.now})
    data: dict[str, str | int | bool] = {
        "topic": topic,
        "channel": channel.value,
        "status": CaseStatus.DRAFT.value,
        "unit": unit,
    }
    append(
        connection, keys, [Fact(CaseFact.CASE_OPENED, given.now, call=call, case=case, data=data)]
    )
    if call is not None and call_key is not None:
        sealed_pin = keys.open(call_key, f"call:{call}").encrypt(pin.encode(), "call_case.pin")
        role = CallRole.OPENED
        link(connection, keys, given.now, call=call, case=case, role=role, pin=sealed_pin)
    versions.write(connection, keys, case=case, at=given.now)
    take(connection, keys, given, rules, case).keep()
    return case, number, pin


def _new_number(connection: Connection, given: Given, rules: Rules) -> str:
    """Numbers are random, so that one does not tell how many there are or what the next one is."""
    year = dt.datetime.fromtimestamp(given.now / 1000, rules.counting.home.zone).year
    while True:
        number = numbers.make_number(year, given.digits(7))
        if connection.execute(_NUMBER_TAKEN, {"wanted": number}).first() is None:
            return number


def find_case(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    call: str | None,
    number: str,
    pin: str,
    caller: str | None = None,
) -> CaseView | str:
    """The case that ``number`` and ``pin`` open, or why not: ``unknown`` or ``locked``. Of one that
    was merged it is the one that it goes on as.

    A number that nobody has and a wrong PIN give the same answer after the same work, and count
    alike. ``caller``: a keyed hash of the phone number or address that asks, None: it is withheld.
    ``call`` None: it is no call. How often may be tried is in ``pins.LIMITS``.
    """
    row = connection.execute(by_key(tables.case, "number", lock=True), {"key": number}).first()
    case = tries.tried(keys, number, None if row is None else row.id)
    verdict = pins.decide(tries.counted(connection, call, case, caller, given.now), given.now)
    right = hmac.compare_digest(
        keys.pin_hash(case, pin), row.pin_hash if row is not None else "0" * 64
    )
    answer = pins.answer(verdict, right=right and row is not None)
    if row is None or answer != "found":
        tries.refuse(connection, keys, given, call, case, caller, why=answer)
        return answer
    while row.merged_into is not None:
        row = connection.execute(by_key(tables.case), {"key": row.merged_into}).one()
    case = row.id
    if call is not None:
        link(connection, keys, given.now, call=call, case=case, role=CallRole.STATUS_QUERY)
    data: dict[str, str | int | bool] = {"status": row.status}
    facts = [Fact(CaseFact.STATUS_READ, given.now, call=call, case=case, data=data)]
    if row.acknowledged_at is None:
        connection.execute(_SET_CASE, {"of": case, "acknowledged_at": given.now})
        facts.append(Fact(CaseFact.ACKNOWLEDGED, given.now, call=call, case=case))
    append(connection, keys, facts)
    post.heard(connection, keys, given.now, case)
    return _view(connection, row, keys)


def set_pin(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    case: str,
    pin: str,
    phone: str = "",
    by: str | None = None,
    call: str | None = None,
) -> Weakness | None:
    """The reporter chooses a PIN; why it is refused, or None. ``phone``: theirs, as far as it is
    known, because an employer knows it too.

    Raises:
        LookupError: no such case.
    """
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    if (weakness := pins.weak(pin, row.number, phone)) is not None:
        return weakness
    connection.execute(_SET_CASE, {"of": case, "pin_hash": keys.pin_hash(case, pin)})
    tries.forget_pin(connection, case)
    append(connection, keys, [Fact(CaseFact.PIN_SET, given.now, call=call, agent=by, case=case)])
    return None


def by_caller(connection: Connection, number_hash: str, now: int) -> str | None:
    """The number of the newest case, not closed, of a reporter who has this telephone; None: none.
    It is context and no proof: who calls may not be who they seem."""
    del now  # a case that is not closed is not too old
    found: str | None = connection.execute(_BY_CALLER, {"hash": number_hash}).scalar_one_or_none()
    return found


def draft_of(connection: Connection, calls: Collection[str], since: int) -> str | None:
    """The id of the newest draft that one of ``calls`` opened at ``since`` or later: those of one
    caller (``calls.tables.recent_calls``), who was cut off and is back."""
    if not calls:
        return None
    wanted = {"calls": list(calls), "since": since}
    found: str | None = connection.execute(_DRAFT_OF, wanted).scalar_one_or_none()
    return found


def link(
    connection: Connection,
    keys: Keys,
    now: int,
    *,
    call: str,
    case: str,
    role: CallRole,
    pin: bytes | None = None,
) -> None:
    """``call`` was about ``case``: the role that says most stays. ``pin``: sealed."""
    known = connection.execute(_LINK, {"of": call, "about": case}).first()
    if known is None:
        row = {"call": call, "case": case, "role": role.value, "at": now, "pin": pin}
        connection.execute(_INSERT_LINK, row)
    elif _SAYS_MOST.index(role) < _SAYS_MOST.index(CallRole(known.role)):
        connection.execute(_SET_ROLE, {"of": call, "about": case, "role": role.value})
    else:
        return
    data: dict[str, str | int | bool] = {"role": role.value}
    append(connection, keys, [Fact(CaseFact.CALL_LINKED, now, call=call, case=case, data=data)])


def opened_by(connection: Connection, call: str, case: str) -> bool:
    """Whether it was ``call`` in which ``case`` was opened."""
    row = connection.execute(_LINK, {"of": call, "about": case}).first()
    return row is not None and row.role == CallRole.OPENED.value


def opened_in(connection: Connection, call: str) -> list[str]:
    """The ids of the cases that were opened in ``call``, in order."""
    return list(connection.execute(_OPENED_BY, {"of": call}).scalars())


def keep_recording(
    connection: Connection, *, name: str, line: str, call: str, seconds: int, now: int
) -> bool:
    """Note that the line holds a recording of ``call``; False when it was noted before."""
    if known_recording(connection, name):
        return False
    connection.execute(
        insert(tables.recording).values(name=name, line=line, call=call, seconds=seconds, at=now)
    )
    return True


def add_message(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    call: str,
    case: str,
    recording: str | None,
    seconds: int,
) -> bool:
    """A spoken message belongs to ``case``, and makes a draft a complaint: when triage opens, or
    now if it is at work or life is in danger. False: no such case."""
    try:
        work = take(connection, keys, given, rules, case)
    except LookupError:
        return False
    if recording is not None:
        connection.execute(
            update(tables.recording).where(tables.recording.c.name == recording).values(case=case)
        )
    work.message(seconds, call=call)
    link(connection, keys, given.now, call=call, case=case, role=CallRole.CONTINUED)
    work.keep()
    return True


def save(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    case: str,
    agent: str,
    form: CaseForm,
    call: str | None = None,
    caller: str | None = None,
) -> CaseView:
    """Write down what ``form`` changes; the agent becomes the custodian of a case without one.

    ``caller``: the number that the case was opened from, in E.164, which is the reporter's unless
    they want to be anonymous. Who wants that now is to be forgotten by the vault, after this.

    Raises:
        BadForm: a text is too long or holds control characters, there is no such topic, or an
            anonymous reporter has a name.
        StaleCase: ``form.version`` is not the current one.
        LookupError: no such case.
    """
    work = take(connection, keys, given, rules, case)
    changes = checked(
        {name: getattr(form, name) for name in ("topic", *_TEXTS)}, topics=rules.topics
    )
    current = _view(connection, work.row, keys)
    if form.version != work.version:
        raise StaleCase(case, work.version, current)
    changed = {name: text for name, text in changes.items() if getattr(current, name) != text}
    anonymous = current.anonymous if form.anonymous is None else form.anonymous
    if anonymous and changed.get("reporter_name"):
        raise BadForm({"reporter_name": "the case is anonymous"})
    if not changed and anonymous == current.anonymous:
        return current
    told = sorted(changed)
    if anonymous != current.anonymous:
        told.append("anonymous")
        connection.execute(_SET_CASE, {"of": case, "anonymous": anonymous})
        work.change({"anonymous": anonymous})
    write(connection, keys, given, work, changed, rules, caller=caller, by=agent)
    if work.row["custodian"] is None:
        work.change({"custodian": agent})
    work.taken()
    data: dict[str, str | int | bool] = {"fields": ",".join(told), "version": work.version}
    work.say(CaseFact.CASE_SAVED, data, by=agent, call=call)
    unfiled = work.status in (CaseStatus.DRAFT, CaseStatus.ABANDONED)
    told_it = unfiled and changed.get("narrative")
    # A message waits for triage no longer once it turns out that life is in danger.
    urgent = work.refusal(CaseEvent.FILE, Actor.SYSTEM) is None
    if told_it or urgent or work.status is CaseStatus.ANSWERED:
        work.move(CaseEvent.FILE, Actor.AGENT, by=agent, call=call)
    work.keep(agent)
    return load(connection, keys, case)


def write(
    connection: Connection,
    keys: Keys,
    given: Given,
    work: Work,
    changed: Mapping[str, str],
    rules: Rules,
    *,
    caller: str | None = None,
    by: str | None = None,
) -> None:
    """Put checked texts and the topic into a case in hand; the name goes to the reporter's row."""
    values: dict[str, object] = {}
    for name in _SEALED:
        if name in changed:
            values[name] = work.key().encrypt(changed[name].encode(), f"case.{name}")
    if (employer := changed.get("employer")) is not None:
        spelled = words.employer(employer)
        values["employer_hash"] = keys.word_hash("employer", spelled) if spelled else None
    if (topic := changed.get("topic")) is not None:
        connection.execute(_NO_TOPIC, {"of": work.id, "old": work.row["topic"]})
        connection.execute(_NO_TOPIC, {"of": work.id, "old": topic})
        connection.execute(_INSERT_TOPIC, {"case": work.id, "topic": topic, "at": work.now})
        made = about(rules, topic, work.now)
        work.set_compartment(made.compartment)
        values |= {"topic": topic, "track": made.track.value, "priority": made.priority.value}
    work.change(values)
    person = reporters.Form(name=changed.get("reporter_name"))
    reporters.save(connection, keys, given, case=work.id, form=person, caller=caller, by=by)


def finish_call(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    call: str,
    event: str | None,
    agent: str | None = None,
) -> None:
    """The call is wrapped up: nobody needs to read its PINs any more, and ``event`` happens to the
    cases that it opened, where their table allows it."""
    if event is not None:
        for case in opened_in(connection, call):
            work = take(connection, keys, given, rules, case)
            if work.refusal(CaseEvent(event), Actor.AGENT, {}) is None:
                work.move(CaseEvent(event), Actor.AGENT, by=agent, call=call)
            work.keep(agent)
    connection.execute(_FORGET_PINS, {"of": call, "pin": None})


def load(
    connection: Connection, keys: Keys, case: str, *, call: str = "", call_key: bytes | None = None
) -> CaseView:
    """The case, with the PIN if ``call`` still has it.

    Raises:
        LookupError: no such case.
    """
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    view = _view(connection, row, keys)
    if call_key is None:
        return view
    linked = connection.execute(_LINK, {"of": call, "about": case}).first()
    if linked is None or linked.pin is None:
        return view
    pin = keys.open(call_key, f"call:{call}").decrypt(linked.pin, "call_case.pin")
    return msgspec.structs.replace(view, pin=pin.decode())


def by_number(connection: Connection, keys: Keys, number: str) -> CaseView:
    """The case with this number.

    Raises:
        LookupError: no such case.
    """
    row = connection.execute(select(tables.case).where(tables.case.c.number == number)).first()
    if row is None:
        raise LookupError(number)
    return _view(connection, row, keys)


class CallLink(msgspec.Struct, frozen=True):
    call: str
    role: str
    at: int


class RecordingRow(msgspec.Struct, frozen=True):
    name: str
    seconds: int
    at: int


def calls_of(connection: Connection, case: str) -> list[CallLink]:
    """The calls about ``case``, oldest first."""
    rows = connection.execute(
        select(tables.call_case.c.call, tables.call_case.c.role, tables.call_case.c.at)
        .where(tables.call_case.c.case == case)
        .order_by(tables.call_case.c.at)
    )
    return [CallLink(*row) for row in rows]


def cases_of(connection: Connection, call: str) -> list[str]:
    """The ids of the cases that ``call`` was about."""
    wanted = select(tables.call_case.c.case).where(tables.call_case.c.call == call)
    return list(connection.execute(wanted).scalars())


def recordings_of(connection: Connection, case: str) -> list[RecordingRow]:
    """The messages that belong to ``case``, oldest first."""
    rows = connection.execute(
        select(tables.recording.c.name, tables.recording.c.seconds, tables.recording.c.at)
        .where(tables.recording.c.case == case)
        .order_by(tables.recording.c.at)
    )
    return [RecordingRow(*row) for row in rows]


# --- recordings that are still at their line ----------------------------------------------------


def known_recording(connection: Connection, name: str) -> bool:
    """Whether recording ``name`` was noted."""
    wanted = select(tables.recording.c.name).where(tables.recording.c.name == name)
    return connection.execute(wanted).first() is not None


def unfetched(connection: Connection, name: str) -> str | None:
    """The line that still holds recording ``name``; None when we have it, never heard of it or
    forgot it."""
    wanted = select(tables.recording.c.line).where(
        tables.recording.c.name == name,
        tables.recording.c.file.is_(None),
        tables.recording.c.key.is_(None),
    )
    line: str | None = connection.execute(wanted).scalar_one_or_none()
    return line


def fetched(connection: Connection, *, name: str, wrapped: bytes, file: str) -> None:
    """Recording ``name`` is in our own ``file`` now, under the key ``wrapped``; unless it was
    forgotten meanwhile: then no row names the file, and it is swept."""
    connection.execute(
        update(tables.recording)
        .where(tables.recording.c.name == name, tables.recording.c.key.is_(None))
        .values(key=wrapped, file=file)
    )


def where_kept(connection: Connection, name: str) -> tuple[bytes, str] | None:
    """The wrapped key and the file of a recording that we hold ourselves."""
    row = connection.execute(
        select(tables.recording.c.key, tables.recording.c.file).where(
            tables.recording.c.name == name, tables.recording.c.file.is_not(None)
        )
    ).first()
    return None if row is None else (row.key, row.file)


# --- rows ---------------------------------------------------------------------------------------


def _owner(case: str) -> str:
    return f"case:{case}"


def checked(form: Mapping[str, str | None], *, topics: Collection[str]) -> dict[str, str]:
    """The fields of ``form`` that are not None.

    Raises:
        BadForm: with every field that can't be stored.
    """
    changes = {name: text for name, text in form.items() if text is not None}
    wrong = {
        name: why
        for name, (most, lines) in _TEXTS.items()
        if name in changes and (why := texts.wrong(changes[name], most, lines=lines))
    }
    if changes.get("topic", next(iter(topics), None)) not in topics:
        wrong["topic"] = "no such topic"
    if wrong:
        raise BadForm(wrong)
    return changes


def _view(connection: Connection, row: Row[Any] | Mapping[str, Any], keys: Keys) -> CaseView:
    of = row if isinstance(row, Mapping) else row._mapping
    said = dict.fromkeys(_TEXTS, "")
    said["reporter_name"] = reporters.name_of(connection, keys, of["reporter"])
    sealed = {name: of[name] for name in _SEALED}
    if any(value is not None for value in sealed.values()):
        key = keys.open(of["key"], _owner(of["id"]))
        said |= {
            name: "" if value is None else key.decrypt(value, f"case.{name}").decode()
            for name, value in sealed.items()
        }
    fields: dict[str, Any] = {name: of[name] for name in _PLAIN}
    return CaseView(**fields | said)


_PLAIN: Final = tuple(set(CaseView.__struct_fields__) - {*_TEXTS, "pin"})
