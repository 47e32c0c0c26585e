"""Complaints in the store: opened, found by number and PIN, written down, read."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Row, and_, bindparam, func, insert, select, update

from callcenter.cases import numbers, statuses, tables
from callcenter.cases.facts import CaseFact
from callcenter.cases.reporters import service as reporters
from callcenter.cases.statuses import CallRole, CaseStatus
from callcenter.clock import Given
from callcenter.db import Connection, by_key, for_update
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys

#: Wrong PINs for one case in :data:`PIN_WINDOW_S`, from whichever phone; then only a person helps.
PIN_TRIES = 5
PIN_WINDOW_S = 86_400
#: Free text, characters.
NARRATIVE_CHARS = 20_000
NAME_CHARS = 200
PAGE_ROWS = 50

# Made once: to make a statement anew costs several times what it takes to run.
_NUMBER_TAKEN = select(tables.case.c.id).where(tables.case.c.number == bindparam("wanted"))
_INSERT_CASE = insert(tables.case)
_SET_CASE = update(tables.case).where(tables.case.c.id == bindparam("of"))
_INSERT_LINK = insert(tables.call_case)
_LINKED = tables.call_case.c.call == bindparam("of")
_LINK = select(tables.call_case.c.role, tables.call_case.c.pin).where(
    _LINKED, tables.call_case.c.case == bindparam("about")
)
_FORGET_PINS = update(tables.call_case).where(_LINKED)
_OPENED_BY = for_update(
    select(tables.case)
    .where(
        tables.case.c.id.in_(
            select(tables.call_case.c.case).where(
                _LINKED, tables.call_case.c.role == CallRole.OPENED.value
            )
        )
    )
    .order_by(tables.case.c.id)
)

_TEXTS = {
    "narrative": NARRATIVE_CHARS,
    "reporter_name": NAME_CHARS,
    "employer": NAME_CHARS,
}
_SEALED = ("narrative", "employer")  #: in the case's row; the name is in the reporter's


class CaseView(msgspec.Struct, frozen=True):
    """A case as an agent or an officer sees it. ``pin`` only while its call is not wrapped up."""

    id: str
    number: str
    status: str
    topic: str
    unit: str
    custodian: str | None
    language: str
    opened_at: int
    updated_at: int
    version: int
    narrative: str
    reporter_name: str
    employer: str
    anonymous: bool = False
    pin: str | None = None


class CaseForm(msgspec.Struct, frozen=True):
    """What an agent writes down; None leaves a field as it is. ``version`` is the one they saw."""

    version: int
    topic: str | None = None
    narrative: str | None = None
    reporter_name: str | None = None
    employer: str | None = None
    anonymous: bool | None = None


class BadForm(ValueError):
    """A field can't be stored. ``fields``: its name → why."""

    def __init__(self, fields: dict[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields


class StaleCase(Exception):
    """Somebody else saved meanwhile; ``current`` is the case as it is now."""

    def __init__(self, current: CaseView) -> None:
        super().__init__("the case was changed meanwhile")
        self.current = current


def open_case(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    call: str,
    call_key: bytes,
    topic: str,
    unit: str,
    language: str,
    timezone: str,
) -> tuple[str, str, str]:
    """A draft with its number from the start, so that a call which drops loses nothing.

    ``call_key`` is the call's wrapped key: the PIN stays readable for its agent under it until the
    call is wrapped up. Returns id, number and PIN.
    """
    case = given.id()
    year = dt.datetime.fromtimestamp(given.now / 1000, ZoneInfo(timezone)).year
    # Numbers are random, so that one does not tell how many there are or what the next one is.
    while True:
        number = numbers.make_number(year, given.digits(7))
        if connection.execute(_NUMBER_TAKEN, {"wanted": number}).first() is None:
            break
    pin = given.digits(numbers.PIN_DIGITS)
    _, wrapped = keys.make(_owner(case))
    connection.execute(
        _INSERT_CASE,
        {
            "id": case,
            "number": number,
            "pin_hash": keys.pin_hash(case, pin),
            "status": CaseStatus.DRAFT.value,
            "topic": topic,
            "track": "none",
            "priority": "P3",
            "compartment": "normal",
            "anonymous": False,
            "secret": True,
            "unit": unit,
            "language": language,
            "opened_at": given.now,
            "updated_at": given.now,
            "status_at": given.now,
            "version": 1,
            "key": wrapped,
        },
    )
    sealed_pin = keys.open(call_key, f"call:{call}").encrypt(pin.encode(), "call_case.pin")
    connection.execute(
        _INSERT_LINK,
        {
            "call": call,
            "case": case,
            "role": CallRole.OPENED.value,
            "at": given.now,
            "pin": sealed_pin,
        },
    )
    append(
        connection,
        keys,
        [
            Fact(CaseFact.CASE_OPENED, given.now, call=call, case=case, data={"topic": topic}),
            Fact(
                CaseFact.CALL_LINKED,
                given.now,
                call=call,
                case=case,
                data={"role": CallRole.OPENED.value},
            ),
        ],
    )
    return case, number, pin


def find_case(
    connection: Connection, keys: Keys, given: Given, *, call: str, number: str, pin: str
) -> CaseView | str:
    """The case that ``number`` and ``pin`` open, or why not: ``unknown`` or ``locked``.

    A number that nobody has and a wrong PIN give the same answer after the same work. A case is
    locked after :data:`PIN_TRIES` wrong PINs in :data:`PIN_WINDOW_S`.
    """
    row = connection.execute(by_key(tables.case, "number", lock=True), {"key": number}).first()
    case = row.id if row is not None else f"none:{number}"
    since = given.now - PIN_WINDOW_S * 1000
    tries: int = connection.execute(
        select(func.count())
        .select_from(tables.pin_attempt)
        .where(tables.pin_attempt.c.case == case, tables.pin_attempt.c.at > since)
    ).scalar_one()
    right = hmac.compare_digest(
        keys.pin_hash(case, pin), row.pin_hash if row is not None else "0" * 64
    )
    if tries >= PIN_TRIES or row is None or not right:
        reason = "locked" if tries >= PIN_TRIES else "unknown"
        if reason != "locked":
            connection.execute(
                insert(tables.pin_attempt).values(id=given.id(), case=case, at=given.now)
            )
        append(
            connection,
            keys,
            [Fact(CaseFact.PIN_REFUSED, given.now, call=call, data={"reason": reason})],
        )
        return reason
    link(connection, keys, given.now, call=call, case=case, role=CallRole.STATUS_QUERY)
    append(
        connection,
        keys,
        [Fact(CaseFact.STATUS_READ, given.now, call=call, case=case, data={"status": row.status})],
    )
    return _view(connection, row, keys)


def link(
    connection: Connection, keys: Keys, now: int, *, call: str, case: str, role: CallRole
) -> None:
    """``call`` was about ``case``. A link that exists keeps its first role."""
    if connection.execute(_LINK, {"of": call, "about": case}).first() is not None:
        return
    connection.execute(_INSERT_LINK, {"call": call, "case": case, "role": role.value, "at": now})
    data: dict[str, str | int | bool] = {"role": role.value}
    append(connection, keys, [Fact(CaseFact.CALL_LINKED, now, call=call, case=case, data=data)])


def opened_by(connection: Connection, call: str, case: str) -> bool:
    """Whether it was ``call`` in which ``case`` was opened."""
    row = connection.execute(_LINK, {"of": call, "about": case}).first()
    return row is not None and row.role == CallRole.OPENED.value


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
    now: int,
    *,
    call: str,
    case: str,
    recording: str | None,
    seconds: int,
) -> bool:
    """A spoken message belongs to ``case``, and makes a draft a complaint. False: no such case."""
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    if row is None:
        return False
    if recording is not None:
        connection.execute(
            update(tables.recording).where(tables.recording.c.name == recording).values(case=case)
        )
    _move(connection, row, "file", now)
    link(connection, keys, now, call=call, case=case, role=CallRole.CONTINUED)
    data: dict[str, str | int | bool] = {"seconds": seconds}
    append(connection, keys, [Fact(CaseFact.MESSAGE_LEFT, now, call=call, case=case, data=data)])
    return True


def save(
    connection: Connection,
    keys: Keys,
    given: Given,
    *,
    case: str,
    agent: str,
    form: CaseForm,
    topics: Iterable[str],
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
    row = connection.execute(by_key(tables.case, lock=True), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    changes = _checked(form, topics)
    now = given.now
    current = _view(connection, row, keys)
    if form.version != row.version:
        raise StaleCase(current)
    changed = {name: text for name, text in changes.items() if getattr(current, name) != text}
    anonymous = current.anonymous if form.anonymous is None else form.anonymous
    if anonymous and changed.get("reporter_name"):
        raise BadForm({"reporter_name": "the case is anonymous"})
    if not changed and anonymous == current.anonymous:
        return current
    key = keys.open(row.key, _owner(case))
    values: dict[str, object] = {
        name: key.encrypt(text.encode(), f"case.{name}") if name in _SEALED else text
        for name, text in changed.items()
        if name != "reporter_name"
    }
    if anonymous != current.anonymous:
        values["anonymous"] = anonymous
    status = statuses.after(CaseStatus(row.status), "file") or CaseStatus(row.status)
    values |= {"updated_at": now, "version": row.version + 1, "status": status.value}
    if row.custodian is None:
        values["custodian"] = agent
    connection.execute(_SET_CASE, values | {"of": case})
    person = reporters.Form(name=changed.get("reporter_name"))
    reporters.save(connection, keys, given, case=case, form=person, caller=caller, by=agent)
    told = sorted([*changed, *(["anonymous"] if "anonymous" in values else [])])
    append(
        connection,
        keys,
        [
            Fact(
                CaseFact.CASE_SAVED,
                now,
                case=case,
                agent=agent,
                data={"fields": ",".join(told), "version": row.version + 1},
            )
        ],
    )
    return load(connection, keys, case)


def finish_call(connection: Connection, now: int, *, call: str, event: str | None) -> None:
    """The call is wrapped up: nobody needs to read its PINs any more, and ``event`` happens to the
    cases that it opened, where their table allows it."""
    if event is not None:
        for row in connection.execute(_OPENED_BY, {"of": call}).all():
            _move(connection, row, event, now)
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


class CaseRow(msgspec.Struct, frozen=True):
    """A line of a list of cases; ``calls`` counts the conversations about it."""

    number: str
    topic: str
    status: str
    opened_at: int
    updated_at: int
    custodian: str | None
    calls: int


def list_cases(
    connection: Connection,
    *,
    query: str = "",
    status: str | None = None,
    topic: str | None = None,
    page: int = 1,
) -> tuple[list[CaseRow], int]:
    """A page of cases, the latest change first, and how many there are in all.

    ``query`` is the beginning of a number, with or without spaces.
    """
    conditions = []
    digits = "".join(filter(str.isdigit, query))
    if query.strip():
        conditions.append(
            and_(tables.case.c.number >= digits, tables.case.c.number < digits + ":")
            if digits
            else tables.case.c.number == ""
        )
    if status is not None:
        conditions.append(tables.case.c.status == status)
    if topic is not None:
        conditions.append(tables.case.c.topic == topic)
    calls = (
        select(func.count())
        .select_from(tables.call_case)
        .where(tables.call_case.c.case == tables.case.c.id)
        .scalar_subquery()
    )
    shown = (
        tables.case.c.number,
        tables.case.c.topic,
        tables.case.c.status,
        tables.case.c.opened_at,
        tables.case.c.updated_at,
        tables.case.c.custodian,
        calls.label("calls"),
    )
    total: int = connection.execute(
        select(func.count()).select_from(tables.case).where(*conditions)
    ).scalar_one()
    rows = connection.execute(
        select(*shown)
        .where(*conditions)
        .order_by(tables.case.c.updated_at.desc(), tables.case.c.id)
        .limit(PAGE_ROWS)
        .offset((page - 1) * PAGE_ROWS)
    )
    return [CaseRow(*row) for row in rows], total


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


def _move(connection: Connection, row: Row[tuple[object, ...]], event: str, now: int) -> None:
    status = statuses.after(CaseStatus(row.status), event)
    if status is not None:
        connection.execute(
            _SET_CASE,
            {
                "of": row.id,
                "status": status.value,
                "updated_at": now,
                "version": row.version + 1,
            },
        )


def _checked(form: CaseForm, topics: Iterable[str]) -> dict[str, str]:
    changes: dict[str, str] = {}
    wrong: dict[str, str] = {}
    if form.topic is not None:
        changes["topic"] = form.topic
        if form.topic not in topics:
            wrong["topic"] = "no such topic"
    for name, most in _TEXTS.items():
        text = getattr(form, name)
        if text is None:
            continue
        changes[name] = text
        if len(text) > most:
            wrong[name] = f"longer than {most} characters"
        elif any(ord(sign) < 32 and sign not in "\n\t\r" for sign in text) or "\x7f" in text:
            wrong[name] = "control characters"
        elif any("\ud800" <= sign <= "\udfff" for sign in text):
            wrong[name] = "half a character"
    if wrong:
        raise BadForm(wrong)
    return changes


def _view(connection: Connection, row: Row[tuple[object, ...]], keys: Keys) -> CaseView:
    texts = dict.fromkeys(_TEXTS, "")
    texts["reporter_name"] = reporters.name_of(connection, keys, row.reporter)
    sealed = {name: getattr(row, name) for name in _SEALED}
    if any(value is not None for value in sealed.values()):
        key = keys.open(row.key, _owner(row.id))
        texts |= {
            name: "" if value is None else key.decrypt(value, f"case.{name}").decode()
            for name, value in sealed.items()
        }
    return CaseView(
        row.id,
        row.number,
        row.status,
        row.topic,
        row.unit,
        row.custodian,
        row.language,
        row.opened_at,
        row.updated_at,
        row.version,
        anonymous=row.anonymous,
        **texts,
    )
