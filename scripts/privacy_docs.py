"""What `docs/privacy.md` takes from the code: where personal data lies, who sees it, how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from sqlalchemy import Column, LargeBinary

import callcenter.app  # noqa: F401  (all tables are known then)
from callcenter import resources
from callcenter.cases import deadlines, retention, secrecy
from callcenter.cases.secrecy import Access, Group, Relation
from callcenter.db import metadata
from callcenter.topics import Compartment

#: What opens something, and what it is forgotten with.
CASE, PERSON, CALL, MESSAGE, SOUND = "case", "person", "call", "message", "recording"
_HASH: Final = "keyed hash"
#: table.column → what it holds, how it is kept, what it is forgotten with (empty: see the text).
PERSONAL: Final[dict[str, tuple[str, str, str]]] = {
    "case_record.narrative": ("what happened, in the reporter's words", "encrypted", CASE),
    "case_record.employer": ("the employer's name", "encrypted", CASE),
    "case_record.employer_hash": ("to find it by", _HASH, CASE),
    "case_record.summary": ("an officer's words on the case", "plain", CASE),
    "case_record.public_note": ("the newest thing that the reporter was told", "plain", CASE),
    "case_record.pin_hash": ("the reporter's PIN", _HASH, CASE),
    "case_version.body": ("what stood in a case before each change", "encrypted", CASE),
    "case_note.sealed": ("notes of staff; what the reporter said later", "encrypted", CASE),
    "case_note.text": ("what the reporter was told", "plain", CASE),
    "assignment.instruction": ("what triage told the unit", "encrypted", CASE),
    "attachment.name": (
        "papers and pictures beside a case: what they are called",
        "encrypted",
        CASE,
    ),
    "attachment.content": ("the papers and pictures themselves", "encrypted", CASE),
    "case_word.word": ("words to find a case by", _HASH, CASE),
    "external_ref.ref": ("its number at a body outside", "plain", CASE),
    "call_case.pin": ("a PIN, until its call is wrapped up", "encrypted", CALL),
    "reporter.name": ("the reporter's name", "encrypted", PERSON),
    "reporter.name_hash": ("to find it by", _HASH, PERSON),
    "reporter_phone.number": ("the reporter's telephones", "encrypted", PERSON),
    "reporter_phone.number_hash": ("to find them by", _HASH, PERSON),
    "call.number": ("whence a call came", "encrypted", CALL),
    "call.number_hash": ("to find it by", _HASH, CALL),
    "call.reconnect": ("an anonymous caller's, for a day", _HASH, CALL),
    "call.visit": ("what a caller keyed in, while they are in the menu", "encrypted", CALL),
    "leg.turn": ("what a caller hears now", "encrypted", CALL),
    "pin_attempt.caller_hash": ("who tried a wrong PIN, for two days", _HASH, CALL),
    "pin_code.code_hash": ("a code that was sent to who lost the PIN", _HASH, CASE),
    "message.recipient": ("whom a message went to", "encrypted", MESSAGE),
    "message.recipient_hash": ("to count them by", _HASH, MESSAGE),
    "message.params": ("what was filled in: a case number, or a code", "encrypted", MESSAGE),
    "opted_out.recipient_hash": ("who wants no messages", _HASH, ""),
    "answered_writer.writer_hash": ("whom we answered lately", _HASH, ""),
    "recording.file": ("name of an encrypted file with a voice message", "chance", SOUND),
    "account.username": ("staff: how they sign in", "plain", ""),
    "account.name": ("staff: their name", "plain", ""),
    "account.password_hash": ("staff: their password", "argon2id", ""),
    "account.device_address": ("staff: a SIP address or a telephone", "plain", ""),
    "agent.device_address": ("the same, while they are at work", "plain", ""),
    "sign_in.token_hash": ("staff: an open sign-in", "SHA-256", ""),
    "sign_in_attempt.key": ("who tried to sign in, and whence", _HASH, ""),
}
#: Binary and long columns that hold nothing of a person: keys, checks, ids and codes, flows.
NOT_PERSONAL: Final = frozenset(
    {
        "call.key", "case_record.key", "reporter.key", "message.key", "recording.key",
        "fact.text", "fact.mac", "fact.hash", "fact_head.hash", "fact_head.mac", "key_check.value",
        "command.body",
        "flow_version.hash", "assignment.phone_from", "erasure.ref", "recording.name", "timer.ref",
    }
)  # fmt: skip
_NAMED = re.compile(r"hash|name$|address|reconnect|recipient$|phone|text$|note$|summary|^ref$")

_RELATIONS: Final = {
    Relation.IN_CALL: "the agent who is on the phone with the reporter",
    Relation.OWN_UNIT: "an officer of the unit that has the case",
    Relation.CUSTODIAN: "the agent who wrote it down",
    Relation.TRIAGE: "triage",
    Relation.SUPERVISOR: "a supervisor of the hotline",
    Relation.ADMIN: "an admin",
    Relation.OTHER_UNIT: "an officer of another unit",
    Relation.INSPECTORATE: "the inspectorate",
    Relation.REPORTER: "whoever has number and PIN",
    Relation.PUBLIC: "anybody else",
}
_MARKS: Final = {Access.NONE: "", Access.SEE: "sees", Access.CHANGE: "changes"}
_LIMITS: Final = (
    deadlines.Code.BREACH,
    deadlines.Code.CONSENT_WITHDRAWN,
    deadlines.Code.RESTRICTION,
)


def table(*rows: Iterable[str]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = (list(row) for row in rows)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *body])


def looks_personal(column: Column[object]) -> bool:
    """Whether somebody must say in this file what a column holds."""
    return isinstance(column.type, LargeBinary) or _NAMED.search(column.name) is not None


def unknown() -> list[str]:
    """Columns that may hold something personal, and of which this file says nothing; and columns
    that it names and that are no more."""
    there = {
        f"{one.name}.{column.name}": column
        for one in metadata.sorted_tables
        for column in one.columns
    }
    told = PERSONAL.keys() | NOT_PERSONAL
    new = {name for name, column in there.items() if looks_personal(column)} - told
    return sorted(new | (told - there.keys()))


def columns() -> str:
    """Where personal data lies."""
    if missing := unknown():
        raise ValueError(f"scripts/privacy_docs.py says nothing of {', '.join(missing)}")
    rows = [[f"`{name}`", what, how, key or "-"] for name, (what, how, key) in PERSONAL.items()]
    return table(["where", "what", "kept", "forgotten with"], *rows)


def access(compartment: Compartment) -> str:
    """Who sees what of the cases of a compartment."""
    rows = [
        [
            _RELATIONS[relation],
            *(_MARKS[secrecy.TABLE[compartment, relation][group]] for group in Group),
        ]
        for relation in Relation
    ]
    rows = [row for row in rows if any(row[1:])]
    return table(["", *(group.value for group in Group)], *rows)


def glass() -> str:
    """Who may look in an emergency, and at what."""
    rows = [
        [compartment.value, _RELATIONS[relation], ", ".join(sorted(groups))]
        for (compartment, relation), groups in secrecy.GLASS.items()
    ]
    return table(["compartment", "who", "at what"], *rows)


def kept() -> str:
    """How long, as the shipped file has it."""
    rules = retention.load((resources.flows() / retention.FILE).read_text(encoding="utf-8"))
    rows = []
    for rule in rules:
        span = f"{rule.years} years" if rule.years else f"{rule.days} days"
        held = ", ".join(sorted(rule.holds)) or "nothing"
        parts = ", ".join(rule.parts)
        since = rule.since.replace("_", " ")
        rows.append([f"`{rule.code}`", parts, f"{span} after: {since}", held, rule.source])
    return table(["rule", "what", "forgotten", "held by", "source"], *rows)


def limits() -> str:
    """The periods that the law sets."""
    shipped = deadlines.load((resources.flows() / deadlines.FILE).read_text(encoding="utf-8"))
    rows = [
        [f"`{code}`", f"{shipped[code].value} {shipped[code].measure.replace('_', ' ')}",
         shipped[code].source]
        for code in _LIMITS
    ]  # fmt: skip
    return table(["limit", "value", "source"], *rows)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "personal-data": columns,
    "who-sees-normal": lambda: access(Compartment.NORMAL),
    "who-sees-sensitive": lambda: access(Compartment.SENSITIVE),
    "who-sees-integrity": lambda: access(Compartment.INTEGRITY),
    "break-glass": glass,
    "retention": kept,
    "privacy-limits": limits,
}
