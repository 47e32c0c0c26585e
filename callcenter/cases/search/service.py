"""Cases found by what stands in them, for staff; never more than the searcher may see.

There is one index, ``case_word``: whole words of narrative, employer, summary and public notes, and
the codes of unit, topics and custodian, each as a keyed hash. :func:`index` keeps it, in the
transaction that writes a version; forgetting a case deletes its rows. **Each compartment has hashes
of its own**, so a search never comes near a compartment that the searcher may not know of, not even
in how long it takes. Names and telephone numbers are found whole, by the keyed hashes in the
reporter's rows.

What a search may tell is decided by ``secrecy`` alone: a case counts only where the searcher may
see *the field* in which the word stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import FromClause, Row, Select, bindparam, delete, func, insert, select

from callcenter.cases import secrecy, tables, words
from callcenter.cases.rules import Rules
from callcenter.cases.secrecy import Access, Group, Person, Place, Relation, Secrecy
from callcenter.db import Connection
from callcenter.db.keys import Keys
from callcenter.topics import Compartment

#: So many cases are found at most.
FOUND_MOST: Final = 50
#: So many of the newest cases that have the rarest word are looked at, in each compartment: first
#: few, and only when too few of them are found the most.
LOOKED_AT: Final = (250, 1_000)
LOOKED_AT_MOST: Final = LOOKED_AT[-1]
#: Words of one search, the longest ones.
WORDS_MOST: Final = 8
#: A word in the names of more units and topics says nothing about a case's.
NAMED_MOST: Final = 8
#: Fewer digits are not the beginning of a number.
DIGITS_LEAST: Final = 4

_HASH_BYTES: Final = 8


class Field(StrEnum):
    """Where a word stands; as stored."""

    NARRATIVE = "n"
    EMPLOYER = "e"
    SUMMARY = "s"
    PUBLIC_NOTES = "p"
    CODES = "c"  #: unit, topics, custodian; and ``open``: not secret


_GROUPS: Final = {
    Field.NARRATIVE: Group.NARRATIVE,
    Field.EMPLOYER: Group.EMPLOYER,
    Field.SUMMARY: Group.NARRATIVE,  #: it retells it
    Field.PUBLIC_NOTES: Group.PUBLIC,
    Field.CODES: Group.PUBLIC,
}


class Found(msgspec.Struct, frozen=True):
    """``cases``: ids, the newest first. ``more``: not all that there may be was looked at, so one
    word more may find others."""

    cases: tuple[str, ...]
    more: bool


# Made once: to make a statement anew costs several times what it takes to run.
_W, _C, _R = tables.case_word, tables.case, tables.reporter
_HAS = select(_W.c.word, _W.c.field).where(_W.c.case == bindparam("of"))
_INSERT = insert(_W)
_DELETE = delete(_W).where(
    _W.c.word == bindparam("gone"), _W.c.case == bindparam("of"), _W.c.field == bindparam("at")
)
_NOTES = select(tables.note.c.text).where(
    tables.note.c.case == bindparam("of"), tables.note.c.text.is_not(None)
)
_TOPICS = select(tables.case_topic.c.topic).where(tables.case_topic.c.case == bindparam("of"))
_COUNT = select(func.count()).select_from(
    select(_W.c.case).where(_W.c.word == bindparam("wanted")).limit(LOOKED_AT_MOST).subquery()
)
_COLUMNS = [_C.c[name] for name in ("id", "unit", "custodian", *Secrecy.__struct_fields__)]
_BY_NUMBER = (
    select(*_COLUMNS)
    .where(_C.c.number >= bindparam("least"), _C.c.number < bindparam("past"))
    .order_by(_C.c.number)
    .limit(LOOKED_AT_MOST)
)
_BY_NAME = (
    select(*_COLUMNS)
    .join(_R, _R.c.id == _C.c.reporter)
    .where(_R.c.name_hash == bindparam("wanted"))
    .limit(LOOKED_AT_MOST)
)
_BY_PHONE = (
    select(*_COLUMNS)
    .join(tables.reporter_phone, tables.reporter_phone.c.reporter == _C.c.reporter)
    .where(tables.reporter_phone.c.number_hash == bindparam("wanted"))
    .limit(LOOKED_AT_MOST)
)


# --- the index ------------------------------------------------------------------------------------


def index(connection: Connection, keys: Keys, case: str, fields: Mapping[str, Any]) -> None:
    """Make the words of ``case`` those of ``fields``, as a version of it has them (see
    :func:`callcenter.cases.versions.service.write`), of its public notes and its topics."""
    within = Compartment(fields["compartment"])
    said = {
        Field.NARRATIVE: words.words(fields["narrative"] or ""),
        Field.EMPLOYER: words.of_employer(fields["employer"] or ""),
        Field.SUMMARY: words.words(fields["summary"] or ""),
        Field.PUBLIC_NOTES: words.words(
            "\n".join(connection.execute(_NOTES, {"of": case}).scalars())
        ),
    }
    wanted = {
        (_hash(keys, within, "word", word), field.value)
        for field, found in said.items()
        for word in found
    }
    codes = {("topic", topic) for topic in connection.execute(_TOPICS, {"of": case}).scalars()}
    codes |= {("topic", fields["topic"]), ("unit", fields["unit"])}
    if fields["custodian"]:
        codes.add(("custodian", fields["custodian"]))
    if not fields["secret"]:
        codes.add(("open", ""))
    wanted |= {(_hash(keys, within, *code), Field.CODES.value) for code in codes}
    has = {(row.word, row.field) for row in connection.execute(_HAS, {"of": case})}
    if gone := has - wanted:
        rows = [{"gone": word, "of": case, "at": field} for word, field in sorted(gone)]
        connection.execute(_DELETE, rows)
    if new := wanted - has:
        added = [{"word": word, "case": case, "field": field} for word, field in sorted(new)]
        connection.execute(_INSERT, added)


def _hash(keys: Keys, within: Compartment, kind: str, text: str) -> bytes:
    return keys.word_hash(f"{kind}:{within.value}", text)[:_HASH_BYTES]


# --- searching ------------------------------------------------------------------------------------


def find(
    connection: Connection,
    keys: Keys,
    rules: Rules,
    person: Person,
    text: str,
    *,
    phone: str | None = None,
    named: bool = False,
) -> Found:
    """The newest :data:`FOUND_MOST` cases that ``person`` may know of and ``text`` is about.

    ``text`` is, all at once: a case number or its beginning (:data:`DIGITS_LEAST` digits at least);
    the whole name of a reporter; words that must all stand somewhere in the case (narrative,
    employer, summary, public notes) or in the names of its unit and topics, or be their codes.
    ``phone``: ``text`` as a telephone number, as ``calls.callers.normalise`` reads it. ``named``:
    ``person`` is named for sensitive cases. An empty text finds nothing. Who is on the phone with
    a reporter does not find the case for that.
    """
    eyes = _Eyes(person, rules, named=named)
    found: set[str] = set()
    more = False
    digits = "".join(sign for sign in text if not (sign.isspace() or sign in "-–.‑"))
    if digits.isascii() and digits.isdigit() and len(digits) >= DIGITS_LEAST:
        given = {"least": digits, "past": digits + ":"}
        found |= eyes.seen(connection.execute(_BY_NUMBER, given), Group.PUBLIC)
    if name := words.person(text):
        given_name = {"wanted": keys.word_hash("person", name)}
        found |= eyes.seen(connection.execute(_BY_NAME, given_name), Group.NAME)
    if phone is not None:
        given_phone = {"wanted": keys.number_hash(phone)}
        found |= eyes.seen(connection.execute(_BY_PHONE, given_phone), Group.PHONES)
    sought = sorted(words.sought(text), key=lambda word: (-len(word), word))[:WORDS_MOST]
    if sought:
        names = _names(rules)
        for within in Compartment:
            for scope in eyes.scopes(within):
                # A word itself, or the code of what has it in its name.
                meant = [[("word", word), *names.get(word, ())] for word in sought]
                meant += [[code] for code in scope]
                wanted = [frozenset(_hash(keys, within, *one) for one in each) for each in meant]
                cases, cut = _with_words(connection, eyes, wanted)
                found |= cases
                more |= cut
    newest = sorted(found, reverse=True)
    return Found(tuple(newest[:FOUND_MOST]), more or len(newest) > FOUND_MOST)


class _Eyes:
    """What one searcher may see, remembered for as long as one search takes."""

    def __init__(self, person: Person, rules: Rules, *, named: bool) -> None:
        self._person = person
        self._units = rules.units
        self._named = named
        self._known: dict[tuple[Secrecy, frozenset[Relation]], frozenset[Group]] = {}

    def groups(self, row: Row[Any]) -> frozenset[Group]:
        """The fields of a case that may be seen."""
        case = Secrecy(row.anonymous, row.secret, Compartment(row.compartment))
        return self._groups(case, Place(row.unit, row.custodian))

    def see_all(self, row: Row[Any], fields: Iterable[str]) -> bool:
        """Whether all these fields of a case may be seen."""
        groups = self.groups(row)
        return all(_GROUPS[Field(field)] in groups for field in fields)

    def seen(self, rows: Iterable[Row[Any]], group: Group) -> set[str]:
        """The ids of those whose ``group`` may be seen."""
        return {row.id for row in rows if group in self.groups(row)}

    def scopes(self, within: Compartment) -> list[tuple[tuple[str, str], ...]]:
        """Codes by which the cases of a compartment are narrowed to those that may be seen: none
        (all of them), the searcher's unit, the searcher as custodian, those that are not secret."""
        elsewhere = Place(unit="")
        if self._groups(Secrecy(compartment=within), elsewhere):
            return [()]
        scopes: list[tuple[tuple[str, str], ...]] = []
        unit, one = self._person.unit, self._person.id
        if unit is not None and self._groups(Secrecy(compartment=within), Place(unit)):
            scopes.append((("unit", unit),))
        if self._groups(Secrecy(compartment=within), Place("", one)):
            scopes.append((("custodian", one),))
        if self._groups(Secrecy(secret=False, compartment=within), elsewhere):
            scopes.append((("open", ""),))
        return scopes

    def _groups(self, case: Secrecy, place: Place) -> frozenset[Group]:
        who = secrecy.relations(self._person, place, self._units)
        known = self._known.get((case, who))
        if known is None:
            row = secrecy.access(case, who, named=self._named)
            known = frozenset(group for group, one in row.items() if one is not Access.NONE)
            self._known[case, who] = known
        return known


def _names(rules: Rules) -> dict[str, list[tuple[str, str]]]:
    """Word → the topics and units that have it in their names or codes."""
    found: dict[str, list[tuple[str, str]]] = {}
    named = {
        ("topic", code): " ".join(topic.label.values()) for code, topic in rules.topics.items()
    }
    named |= {("unit", code): unit.name for code, unit in rules.units.units.items()}
    for one, name in named.items():
        for word in words.words(f"{one[1]} {name}"):
            found.setdefault(word, []).append(one)
    return {word: codes for word, codes in found.items() if len(codes) <= NAMED_MOST}


@cache
def _together(others: int) -> Select[Any]:
    """The newest ``most`` cases with the word ``lead`` that also have one of each of ``words_1``,
    ``words_2``, …; and in which field each stands, as ``field_0`` and so on."""
    lead = (
        select(_W.c.case, _W.c.field)
        .where(_W.c.word == bindparam("lead"))
        .order_by(_W.c.case.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    joined: FromClause = lead.join(_C, _C.c.id == lead.c.case)
    fields = [lead.c.field]
    conditions = []
    for place in range(1, others + 1):
        other = _W.alias()
        joined = joined.join(other, other.c.case == lead.c.case)
        conditions.append(other.c.word.in_(bindparam(f"words_{place}", expanding=True)))
        fields.append(other.c.field)
    shown = [field.label(f"field_{place}") for place, field in enumerate(fields)]
    return select(*_COLUMNS, *shown).select_from(joined).where(*conditions)


def _with_words(
    connection: Connection, eyes: _Eyes, wanted: Sequence[Collection[bytes]]
) -> tuple[set[str], bool]:
    """The newest cases that have one of each of ``wanted`` where it may be seen, and whether there
    may be more. The rarest one leads."""
    counts = [_count(connection, one) for one in wanted]
    if min(counts) == 0:
        return set(), False
    lead, *others = sorted(wanted, key=lambda one: counts[wanted.index(one)])
    given: dict[str, object] = {
        f"words_{place}": list(one) for place, one in enumerate(others, start=1)
    }
    statement = _together(len(others))
    found: set[str] = set()
    cut = False
    for word in lead:
        there, mine = _count(connection, [word]), set()
        for most in LOOKED_AT:
            rows = connection.execute(statement, given | {"lead": word, "most": most})
            mine = {row.id for row in rows if eyes.see_all(row, row[len(_COLUMNS) :])}
            if len(mine) > FOUND_MOST or there <= most:
                break
        found |= mine
        cut |= there >= LOOKED_AT_MOST
    return found, cut


def _count(connection: Connection, hashes: Collection[bytes]) -> int:
    """How many rows there are of them, counted no further than needed. Of codes there are many."""
    if len(hashes) > 1:
        return LOOKED_AT_MOST * len(hashes)
    (wanted,) = hashes
    found: int = connection.execute(_COUNT, {"wanted": wanted}).scalar_one()
    return found
