"""Everything that is held on one reporter, as one document for them (law 27/2022, articles 5 to 7).

Never anybody else's data: of other people only what the reporter said themselves, in their own
words. Staff appear as offices. A telephone number that is not one of the reporter's is not shown,
nor what was sent to it. What is left out is said in the document, with the reason.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, bindparam, select

from callcenter.calls import tables as calls
from callcenter.cases import statuses, tables
from callcenter.cases.attachments import service as attachments
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.followup import service as followup
from callcenter.cases.reporters import service as reporters
from callcenter.cases.reporters.service import Reporter
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import CaseStatus
from callcenter.cases.versions import service as versions
from callcenter.clock import Given
from callcenter.db import Connection, by_key
from callcenter.db.facts import Fact, append
from callcenter.db.keys import DataKey, Keys
from callcenter.db.tables import fact
from callcenter.messages import service as messages

Document = dict[str, Any]

#: Facts by which somebody has looked at a case.
_LOOKED: Final = (
    CaseFact.CASE_READ.value,
    CaseFact.ATTACHMENT_READ.value,
    CaseFact.GLASS_BROKEN.value,
    CaseFact.EXPORTED.value,
)
#: What of a case is the reporter's to read as it was before.
_EARLIER: Final = ("topic", "status", "narrative", "employer", "public_note", "anonymous", "secret")
_PLAIN: Final = (
    "number", "channel", "topic", "track", "priority", "language", "anonymous", "secret",
    "province", "regency", "workers", "outcome",
)  # fmt: skip

ABOUT: Final = {
    "id": "Semua yang kami simpan tentang Anda sebagai pelapor. Kata-kata Anda dikutip apa adanya;"
    " waktu menurut zona waktu kementerian.",
    "en": "All that we keep about you as a reporter. Your words stand here as you said them; times"
    " are in the ministry's time zone.",
}
#: What is never in the document, and why.
LEFT_OUT: Final = (
    {
        "id": "Catatan dan petunjuk antarpetugas: menyangkut cara kerja dan orang lain.",
        "en": "What staff wrote for each other: it is about how they work, and about others.",
    },
    {
        "id": "Nama petugas: yang disebut hanya kantornya.",
        "en": "Names of staff: only their office is told.",
    },
    {
        "id": "Nomor telepon yang bukan milik Anda, dan pesan yang dikirim ke sana.",
        "en": "Telephone numbers that are not yours, and what was sent to them.",
    },
    {
        "id": "Suara rekaman: mintalah dengan menyebut namanya di sini.",
        "en": "The sound of recordings: ask for it by the names that are given here.",
    },
    {
        "id": "Panggilan yang tidak menjadi pengaduan: tidak dapat dipastikan siapa yang menelepon;"
        " dihapus sesudah 30 hari.",
        "en": "Calls that led to no complaint: nobody can tell who it was that called; they are"
        " forgotten after 30 days.",
    },
    {
        "id": "PIN, kunci, dan sidik kata untuk pencarian: tidak dapat dibaca siapa pun.",
        "en": "PINs, keys, and the hashes by which cases are found: nobody can read them.",
    },
    {
        "id": "Yang sudah dihapus sebelumnya.",
        "en": "What was forgotten before.",
    },
)

# Made once: to make a statement anew costs several times what it takes to run.
_FACTS = select(fact.c.text).where(fact.c.case == bindparam("of")).order_by(fact.c.id)
_NOTES = (
    select(tables.note)
    .where(tables.note.c.case == bindparam("of"))
    .order_by(tables.note.c.at, tables.note.c.id)
)
_CALLS = (
    select(tables.call_case.c.call, tables.call_case.c.role, tables.call_case.c.at)
    .where(tables.call_case.c.case == bindparam("of"))
    .order_by(tables.call_case.c.at, tables.call_case.c.call)
)
_RECORDINGS = (
    select(tables.recording.c.name, tables.recording.c.at, tables.recording.c.seconds)
    .where(tables.recording.c.case == bindparam("of"))
    .order_by(tables.recording.c.at)
)
_TRIES = (
    select(tables.pin_attempt.c.at)
    .where(tables.pin_attempt.c.case == bindparam("of"))
    .order_by(tables.pin_attempt.c.at)
)
_OUTSIDE = select(tables.external_ref).where(tables.external_ref.c.case == bindparam("of"))


class Forgotten(Exception):
    """The case was forgotten: there is nothing to hand out."""


def export(
    connection: Connection,
    keys: Keys,
    given: Given,
    rules: Rules,
    case: str,
    *,
    by: str | None = None,
) -> Document:
    """All that is held on the reporter of ``case``, in all their cases; of an anonymous one this
    case alone. Each case keeps a Fact that it was handed out.

    Raises:
        LookupError: no such case.
        Forgotten: it was forgotten.
    """
    row = connection.execute(by_key(tables.case), {"key": case}).first()
    if row is None:
        raise LookupError(case)
    if not row.key:
        raise Forgotten(case)
    person = None if row.reporter is None else reporters.read(connection, keys, row.reporter)
    about = [case] if person is None else reporters.cases_of(connection, person.id)
    writer = _Writer(connection, keys, rules, person)
    document = {
        "made_at": writer.at(given.now),
        "about": ABOUT,
        "person": None if person is None else writer.person(person),
        "cases": [writer.case(one) for one in about],
        "left_out": LEFT_OUT,
    }
    data: dict[str, str | int | bool] = {"cases": len(about)}
    if person is not None:
        data["reporter"] = person.id
    told = [Fact(CaseFact.EXPORTED, given.now, case=one, agent=by, data=data) for one in about]
    append(connection, keys, told)
    return document


class _Writer:
    """Writes the document of one person."""

    def __init__(
        self, connection: Connection, keys: Keys, rules: Rules, person: Reporter | None
    ) -> None:
        self._connection = connection
        self._keys = keys
        self._rules = rules
        self._phones = frozenset(person.phones if person is not None else ())

    def at(self, ms: int | None) -> str | None:
        if ms is None:
            return None
        zone = self._rules.counting.home.zone
        return dt.datetime.fromtimestamp(ms / 1000, zone).isoformat(timespec="seconds")

    def person(self, person: Reporter) -> Document:
        hashes = [self._keys.number_hash(one) for one in person.phones]
        wants_none = any(messages.is_opted_out(self._connection, one) for one in hashes)
        kept = msgspec.to_builtins(person)
        return {name: kept[name] for name in kept if name != "id"} | {
            "wants_no_messages": wants_none
        }

    def case(self, case: str) -> Document:
        row = self._connection.execute(by_key(tables.case), {"key": case}).one()
        key = self._keys.open(row.key, f"case:{case}")
        facts = [
            msgspec.json.decode(text, type=Fact)
            for text in self._connection.execute(_FACTS, {"of": case}).scalars()
        ]
        return {
            **{name: getattr(row, name) for name in _PLAIN},
            "incident_on": None if row.incident_on is None else row.incident_on.isoformat(),
            "status": row.status,
            "status_told_as": statuses.WORDING[CaseStatus(row.status)].text,
            "unit": self._unit(row.unit),
            "opened_at": self.at(row.opened_at),
            "updated_at": self.at(row.updated_at),
            "narrative": _opened(key, row.narrative, "case.narrative"),
            "employer": _opened(key, row.employer, "case.employer"),
            "summary": row.summary or "",
            **self._notes(case, key),
            "earlier": self._earlier(case),
            "what_happened": self._history(facts),
            "opened_by": self._opened_by(case),
            "calls": [self._call(one) for one in self._rows(_CALLS, case)],
            "messages": self._messages(case),
            "recordings": [
                {"name": one.name, "at": self.at(one.at), "seconds": one.seconds}
                for one in self._rows(_RECORDINGS, case)
            ],
            "attachments": [
                {"name": one.name, "base64": base64.b64encode(one.content).decode()}
                for one in attachments.whole(self._connection, key, case)
            ],
            "elsewhere": [
                {"body": one.system, "their_number": one.ref, "at": self.at(one.at)}
                for one in self._rows(_OUTSIDE, case)
            ],
            "wrong_pins_at": [self.at(one.at) for one in self._rows(_TRIES, case)],
        }

    def _rows(self, statement: Any, case: str) -> Sequence[Row[Any]]:
        rows: Sequence[Row[Any]] = self._connection.execute(statement, {"of": case}).all()
        return rows

    def _unit(self, code: str) -> str:
        unit = self._rules.units.units.get(code)
        return code if unit is None else unit.name

    def _notes(self, case: str, key: DataKey) -> Document:
        """What the reporter was told and what they said; of the others how many there are."""
        told, said, others = [], [], 0
        for note in self._rows(_NOTES, case):
            if note.kind == NoteKind.PUBLIC.value:
                told.append({"at": self.at(note.at), "text": note.text or ""})
            elif note.kind == NoteKind.REPORTER.value:
                text = _opened(key, note.sealed, "case_note.sealed")
                said.append({"at": self.at(note.at), "text": text})
            else:
                others += 1
        return {"told_to_you": told, "said_by_you": said, "notes_left_out": others}

    def _earlier(self, case: str) -> list[Document]:
        """What stood in it before each change; the name is the person's, and is not kept twice."""
        found = []
        for change in versions.changes(self._connection, self._keys, case):
            was = {name: change.fields[name][0] for name in _EARLIER if name in change.fields}
            was = {name: value for name, value in was.items() if value not in (None, "")}
            if was:
                found.append({"until": self.at(change.at), **was})
        return found

    def _history(self, facts: Sequence[Fact]) -> list[Document]:
        return [
            {
                "at": self.at(one.at),
                "what": one.kind,
                **{name: one.data[name] for name in _CODES if name in one.data},
            }
            for one in facts
            if one.kind not in _LOOKED
        ]

    def _opened_by(self, case: str) -> Document:
        """How often it was opened, and by which offices."""
        times, offices = followup.openings(self._connection, case)
        return {"times": times, "offices": [self._unit(one) for one in offices]}

    def _call(self, link: Row[Any]) -> Document:
        row = self._connection.execute(by_key(calls.call), {"key": link.call}).first()
        number = None
        if row is not None and row.key and row.number is not None:
            key = self._keys.open(row.key, calls.owner(link.call))
            number = key.decrypt(row.number, "call.number").decode()
        return {
            "at": self.at(link.at),
            "role": link.role,
            "number": number if number in self._phones else None,
        }

    def _messages(self, case: str) -> list[Document]:
        """Those to the reporter's own numbers."""
        found = []
        for one in messages.sent(self._connection, self._keys, case):
            if one.recipient in self._phones:
                kept: Mapping[str, Any] = msgspec.to_builtins(one)
                found.append(dict(kept) | {"at": self.at(one.at)})
        return found


#: The codes of a Fact that tell of nobody else.
_CODES: Final = ("event", "was", "status", "unit", "kind", "fields", "seconds", "channel")


def _opened(key: DataKey, sealed: bytes | None, context: str) -> str:
    return "" if sealed is None else key.decrypt(sealed, context).decode()
