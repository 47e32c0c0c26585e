"""Units and reporters are written to, in the transaction that makes it necessary; which units have
to be phoned, because they do not answer or can't be written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import bindparam, literal_column, select, update

from callcenter.cases import tables
from callcenter.cases.assignments import AssignmentState
from callcenter.cases.clocks import Clock, Kind
from callcenter.cases.post import contact as contacts
from callcenter.cases.post import letters
from callcenter.cases.post.contact import Contact
from callcenter.cases.post.letters import Writing
from callcenter.cases.reporters import service as reporters
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import CaseStatus
from callcenter.cases.work.telling import Tell, Whom
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.messages import service as messages
from callcenter.messages.model import FAILED, Channel, Reason
from callcenter.messages.rules import Hours, within
from callcenter.messages.service import About
from callcenter.topics import Compartment

# Made once: to make a statement anew costs several times what it takes to run.
_OPEN = tables.assignment.c.ended_at.is_(None)
_TOLD = select(tables.assignment.c.told_at, tables.assignment.c.phone_from).where(
    tables.assignment.c.case == bindparam("of"), _OPEN
)
_SET_TOLD = update(tables.assignment).where(tables.assignment.c.case == bindparam("of"), _OPEN)
_PHONE_NOW = _SET_TOLD.where(
    tables.assignment.c.unit == bindparam("to"),
    tables.assignment.c.state == AssignmentState.SENT.value,
    tables.assignment.c.phone_from > bindparam("now"),
)
_TO_PHONE = (
    select(
        tables.case.c.id,
        tables.case.c.number,
        tables.assignment.c.unit,
        tables.case.c.compartment,
        tables.assignment.c.sent_at,
        tables.assignment.c.phone_from,
        tables.assignment.c.told_at,
    )
    .join_from(tables.assignment, tables.case, tables.case.c.id == tables.assignment.c.case)
    .where(
        # As it stands in the index, which else is not used.
        tables.assignment.c.state == literal_column("'sent'"),
        tables.assignment.c.phone_from <= bindparam("now"),
    )
    .order_by(tables.assignment.c.phone_from, tables.assignment.c.id)
    .limit(bindparam("most"))
)


# --- written to -----------------------------------------------------------------------------------


def write(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    row: Mapping[str, Any],
    was: CaseStatus,
    tell: Iterable[Tell],
    running: Iterable[Clock],
) -> int | None:
    """Put what is to be told of a case, and what is due to be told again; withdraw what is not true
    any more. Gives when to look again, None: not by itself.

    ``row``: its columns as they are kept now; ``was``: its status before; ``running``: its clocks.
    Each message is on the case's record as a Fact with its id and template; also one to a unit that
    can't be sent, because it has no address or there is no mail server.
    """
    if rules.writing is None:
        return None
    post = _Post(connection, keys, given, rules, rules.writing, row)
    if post.status is not was:
        over = letters.over(post.status)
        messages.withdraw(connection, keys, given.now, case=row["id"], templates=over)
    for one in tell:
        name = letters.template(one)
        if letters.true_in(name, post.status):
            post.reporter(name) if one.whom is Whom.REPORTER else post.unit(name, one)
    looks = []
    for clock in running:
        if clock.stopped is None and clock.kind is Kind.ACCEPT:
            looks.append(post.repeat(clock))
        elif clock.stopped is None and clock.kind in (Kind.SILENCE, Kind.NO_REPLY):
            looks.append(post.warn(clock))
    return min((at for at in looks if at is not None), default=None)


@dataclass(frozen=True)
class _Post:
    """What is written about one case, in one transaction."""

    connection: Connection
    keys: Keys
    given: Given
    rules: Rules
    writing: Writing
    row: Mapping[str, Any]

    @property
    def status(self) -> CaseStatus:
        return CaseStatus(self.row["status"])

    def unit(self, name: str, tell: Tell) -> None:
        """Write to the unit that ``tell`` concerns."""
        compartment = Compartment(self.row["compartment"])
        topic = self.rules.topics.get(self.row["topic"])
        to = letters.addressee(
            tell,
            self.rules.units,
            home=self.rules.home(compartment),
            responsible="" if topic is None else topic.unit,
            compartment=compartment,
        )
        if to is None:
            return
        params = letters.to_unit(self.row["number"], self.writing.pages)
        refused = self._put(Channel.EMAIL, name, to.language, to.address, params, unit=to.unit)
        if name in letters.WAITINGS:
            self._told(written=refused is None)

    def _told(self, *, written: bool) -> None:
        """The unit that the case waits for was written to, or can't be: then it is phoned."""
        now = self.given.now
        values: dict[str, int | None] = {"told_at": now}
        if not written:
            sent = self.connection.execute(_TOLD, {"of": self.row["id"]}).one()
            values = {"told_at": None, "phone_from": min(now, sent.phone_from)}
        self.connection.execute(_SET_TOLD, {"of": self.row["id"], **values})

    def repeat(self, accept: Clock) -> int | None:
        """Write again to a unit that has not accepted the case, if that is due. Gives when it will
        be; None: it can't be written to."""
        counting, now = self.rules.counting, self.given.now
        sent = self.connection.execute(_TOLD, {"of": self.row["id"]}).first()
        if sent is None or sent.told_at is None:
            return None
        at = letters.again_at(accept, sent.told_at, counting)
        if at > now:
            return at
        self.unit(letters.STILL_WAITING, Tell(Whom.UNIT, "", accept.unit))
        return letters.again_at(accept, now, counting)

    def warn(self, window: Clock) -> int | None:
        """Tell the reporter, once, that silence will close the case. Gives when that is due."""
        at = letters.warned_at(window, self.rules.counting)
        if at > self.given.now:
            return at
        case, since = self.row["id"], window.started
        if not messages.put_since(self.connection, case, letters.CLOSING, since):
            self.reporter(letters.CLOSING)
        return None

    def reporter(self, name: str) -> None:
        """Write to the reporter, if there is one who wants it, on a telephone of their own."""
        known = None if self.row["anonymous"] else self._contact()
        number = None if known is None else contacts.number(known[0], self.writing.allowed)
        if known is None or number is None:
            return
        contact, language = known
        number_by = messages.last_channel(self.connection, self.row["id"], letters.NUMBER)
        channel = letters.channel(self.writing, name, language, number_by)
        if channel is not None:
            hours = contacts.to_write(contact, _home(self.rules))
            params = letters.to_reporter(self.row["number"])
            self._put(channel, name, language, number, params, hours=hours)

    def _contact(self) -> tuple[Contact, str] | None:
        return _reached(self.connection, self.keys, self.row["reporter"])

    def _put(
        self,
        channel: Channel,
        name: str,
        language: str,
        recipient: str | None,
        params: Mapping[str, str],
        *,
        unit: str | None = None,
        hours: Hours | None = None,
    ) -> Reason | None:
        case, now = self.row["id"], self.given.now
        if name in letters.REPLACED:
            replaced = letters.TO_REPORTERS if name in letters.TO_REPORTERS else {name}
            messages.withdraw(self.connection, self.keys, now, case=case, templates=replaced)
        return messages.put(
            self.connection,
            self.keys,
            self.given,
            self.writing.allowed,
            channel=channel,
            template=name,
            language=language,
            recipient=recipient,
            params=params,
            about=About(case=case, unit=unit),
            hours=hours,
        )


def _home(rules: Rules) -> str:
    return rules.counting.home.zone.key


def _reached(
    connection: Connection, keys: Keys, reporter: str | None
) -> tuple[Contact, str] | None:
    """How the reporter may be reached, and their language; None: there is none, or they were
    forgotten."""
    known = None if reporter is None else reporters.read(connection, keys, reporter)
    if known is None:
        return None
    phones = tuple(one for one in known.phones if one not in known.shared)
    contact = Contact(
        phones,
        known.may_message,
        known.may_call,
        (known.safe_from, known.safe_until),
        (known.call_from, known.call_until),
        known.zone,
    )
    return contact, known.language


def send_code(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    *,
    row: Mapping[str, Any],
    code: str,
    call: str,
    by: str,
) -> bool:
    """Send ``code`` to the reporter of the case ``row``, on a telephone of their own. False: they
    may not be written to now, or can't be."""
    writing = rules.writing
    known = None if row["anonymous"] else _reached(connection, keys, row["reporter"])
    number = None
    if writing is not None and known is not None:
        number = contacts.number(known[0], writing.allowed)
    if writing is None or known is None or number is None:
        return False
    contact, language = known
    channel = letters.channel(writing, letters.CODE, language, Channel.SMS)
    if channel is None or not within(contacts.to_write(contact, _home(rules)), given.now):
        return False
    return not messages.put(
        connection,
        keys,
        given,
        writing.allowed,
        channel=channel,
        template=letters.CODE,
        language=language,
        recipient=number,
        params={"code": code},
        about=About(call=call, case=row["id"], agent=by),
    )


def heard(connection: Connection, keys: Keys, now: int, case: str) -> None:
    """The reporter was told how ``case`` stands: what waits to be sent has no news for them."""
    messages.withdraw(connection, keys, now, case=case, templates=letters.TO_REPORTERS)


def head_told(connection: Connection, case: str, since: int) -> bool:
    """Whether the head of a unit was written to since then that ``case`` is late."""
    return messages.told_since(connection, case, letters.LATE, since)


def call_at(
    connection: Connection, keys: Keys, rules: Rules, row: Mapping[str, Any], now: int
) -> int | None:
    """From when on the reporter of the case ``row`` may be rung up, on a telephone of their own:
    ``now``, or later; None: never."""
    known = None if row["anonymous"] else _reached(connection, keys, row["reporter"])
    return None if known is None else contacts.call_at(known[0], _home(rules), now)


# --- phoned ---------------------------------------------------------------------------------------


class ToPhone(msgspec.Struct, frozen=True):
    """A ``case`` that ``unit`` was sent at ``sent_at`` and has not accepted. ``since``: from when
    on it is to be phoned. ``told_at``: when it was last written to, None: it can't be."""

    case: str
    number: str
    unit: str
    compartment: str
    sent_at: int
    since: int
    told_at: int | None


def became(connection: Connection, given: Given, message: str) -> None:
    """Something became of ``message``. If it told a unit that a case waits for it and did not
    arrive, the unit is phoned at once: its address may be wrong."""
    found = messages.outcome(connection, message)
    if found is None or found.state not in FAILED or found.template not in letters.WAITINGS:
        return
    now = given.now
    wanted = {"of": found.case, "to": found.unit, "now": now, "phone_from": now}
    connection.execute(_PHONE_NOW, wanted)


def to_phone(connection: Connection, now: int, most: int) -> list[ToPhone]:
    """The list of the head of triage: cases whose unit is to be phoned, longest waiting first.

    A unit is phoned when it has not accepted a case in the limit ``unaccepted``, and at once when
    nobody can write to it: it has no address, there is no mail server, or its mail failed. Cases
    that not everybody may know of are among them: who is shown one is the caller's to decide.
    """
    return [ToPhone(*row) for row in connection.execute(_TO_PHONE, {"now": now, "most": most})]
