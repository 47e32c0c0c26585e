"""Papers and pictures beside a case, at the desk: who may put them there, read them and take them
away. Every reading is a Fact."""

from __future__ import annotations

from callcenter.cases.attachments import service as attachments
from callcenter.cases.attachments.rules import MOST, checked, clean_name
from callcenter.cases.attachments.service import File
from callcenter.cases.desk.acts.service import Desk
from callcenter.cases.errors import Refused
from callcenter.cases.facts import CaseFact
from callcenter.cases.hand.service import Work
from callcenter.cases.secrecy import Group
from callcenter.db.facts import Fact, append


def attach(desk: Desk, number: str, name: str, content: bytes) -> None:
    """Keep a file beside the case.

    Raises:
        NoCase: as :meth:`Desk.take`.
        BadForm: it is none that may be kept (:mod:`callcenter.cases.attachments.rules`).
        Refused: ``not_yours``, or ``too_many`` of them.
        KeyForgotten: the case was forgotten.
    """
    kind = checked(content)
    work = _mine(desk, number)
    if attachments.count(desk.connection, work.id) >= MOST:
        raise Refused("too_many", "content")
    file = File(clean_name(name, kind), kind, content)
    by = desk.person.id
    one = attachments.keep(desk.connection, work.key(), desk.given, work.id, file, by=by)
    _note(desk, CaseFact.ATTACHMENT_ADDED, work.id, one, size=len(content))


def remove(desk: Desk, number: str, one: str) -> None:
    """Destroy a file that does not belong there; that it was there stays on record.

    Raises:
        NoCase: as :meth:`Desk.take`.
        Refused: ``not_yours``, or ``unknown``: there is no such file.
    """
    work = _mine(desk, number)
    if not attachments.remove(desk.connection, work.id, one):
        raise Refused("unknown")
    _note(desk, CaseFact.ATTACHMENT_REMOVED, work.id, one)


def hand_out(desk: Desk, number: str, one: str) -> File | None:
    """A file to be read; None: there is none for the person.

    Raises:
        NoCase: as :meth:`Desk.look`.
        KeyForgotten: the case was forgotten.
    """
    case = desk.look(number)
    of = case.row["id"]
    if not case.rights.sees(Group.ATTACHMENTS):
        return None
    key = desk.keys.open(case.row["key"], f"case:{of}")
    found = attachments.read(desk.connection, key, of, one)
    if found is not None:
        _note(desk, CaseFact.ATTACHMENT_READ, of, one)
    return found


def _mine(desk: Desk, number: str) -> Work:
    work, rights = desk.take(number)
    if not rights.changes(Group.ATTACHMENTS):
        raise Refused("not_yours")
    return work


def _note(desk: Desk, kind: CaseFact, case: str, one: str, **more: int) -> None:
    data: dict[str, str | int | bool] = {"attachment": one, **more}
    fact = Fact(kind, desk.given.now, case=case, agent=desk.person.id, data=data)
    append(desk.connection, desk.keys, [fact])
