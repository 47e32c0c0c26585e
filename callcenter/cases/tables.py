"""The case store's tables. What a person said or is called is in encrypted columns.

Ciphertext of a case is under the case's own key, that of a reporter under the reporter's: each is
wrapped by the master key, and forgetting one destroys it. Codes, dates and public texts are plain.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    func,
    text,
)

from callcenter.db.schema import metadata

#: Who complained, unless anonymously: then there is no row at all.
reporter = Table(
    "reporter",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("key", LargeBinary),  #: wrapped; empty once the person was forgotten
    Column("name", LargeBinary),
    Column("name_hash", LargeBinary(16)),  #: keyed, of the name as words.person gives it
    Column("language", String(8), nullable=False),
    Column("minor", Boolean, nullable=False),
    #: Whether and when the reporter may be written to and called; the hours in minutes since
    #: midnight, in the zone of the reporter. Calls have hours of their own where they are others.
    Column("may_message", Boolean, nullable=False),
    Column("may_call", Boolean, nullable=False),
    Column("safe_from", Integer),
    Column("safe_until", Integer),
    Column("call_from", Integer),
    Column("call_until", Integer),
    Column("zone", String(40)),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_reporter_name_hash", "name_hash"),
)

reporter_phone = Table(
    "reporter_phone",
    metadata,
    Column("reporter", String(40), ForeignKey("reporter.id"), primary_key=True),
    Column("number_hash", String(64), primary_key=True),
    Column("number", LargeBinary, nullable=False),
    Column("shared", Boolean, nullable=False),  #: others answer it, an employer's say
    Index("ix_reporter_phone_number_hash", "number_hash"),
)

case = Table(
    "case_record",  # CASE is a word of SQL
    metadata,
    Column("id", String(40), primary_key=True),
    Column("number", String(10), nullable=False, unique=True),
    Column("pin_hash", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("wait_reason", String(16)),
    Column("channel", String(16), nullable=False),  #: how it came to us
    Column("topic", String(40), nullable=False),  #: the primary one; all are in case_topic
    Column("track", String(16), nullable=False),
    Column("priority", String(2), nullable=False),
    Column("compartment", String(16), nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("secret", Boolean, nullable=False),
    Column("unit", String(40), nullable=False),  #: that must act
    Column("officer", String(40)),  #: who accepted it there
    Column("custodian", String(40)),
    Column("reporter", String(40), ForeignKey("reporter.id")),
    Column("language", String(8), nullable=False),
    Column("province", String(2)),
    Column("regency", String(4)),
    Column("incident_on", Date),
    Column("workers", Integer),
    Column("outcome", String(40)),
    #: Many reporters' complaints are joined under it; it has no reporter of its own.
    Column("gathers", Boolean, nullable=False),
    Column("parent", String(40), ForeignKey("case_record.id")),
    Column("merged_into", String(40), ForeignKey("case_record.id")),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("status_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),  #: the reporter has number and PIN
    Column("taken_at", BigInteger),  #: somebody of the staff did something to it
    #: The earliest running clock: for lists. The clocks themselves are computed from the Facts.
    Column("due_at", BigInteger),
    Column("place", BigInteger, nullable=False),  #: in every list; see cases/places.py
    Column("version", Integer, nullable=False),
    Column("held_at", BigInteger),  #: law enforcement runs: nothing is erased
    Column("key", LargeBinary),  #: wrapped; empty once the case was forgotten
    Column("narrative", LargeBinary),
    Column("employer", LargeBinary),
    Column("employer_hash", LargeBinary(16)),  #: keyed, of the name as words.employer gives it
    Column("summary", Text),  #: the officer's words, fit to be searched
    Column("public_note", Text),  #: the newest one; what the telephone reads
    Index("ix_case_place", "place"),
    Index("ix_case_status", "status", "place"),
    Index("ix_case_topic", "topic", "place"),
    Index("ix_case_topic_status", "topic", "status", "place"),
    Index("ix_case_unit", "unit", "place"),
    Index("ix_case_unit_status", "unit", "status", "place"),
    Index("ix_case_unit_topic", "unit", "topic", "place"),
    Index("ix_case_officer", "officer", "place"),
    Index("ix_case_custodian", "custodian", "place"),
    Index("ix_case_reporter", "reporter"),
    Index("ix_case_employer", "employer_hash", "opened_at"),
)
# Nearly all have neither; an index of them all looks useless to whoever plans a statement.
for _name, _column in (("ix_case_parent", case.c.parent), ("ix_case_merged", case.c.merged_into)):
    _some = _column.is_not(None)
    Index(_name, _column, sqlite_where=_some, postgresql_where=_some)
#: Those that other units may see too.
Index(
    "ix_case_open",
    case.c.place,
    sqlite_where=text("secret IS 0"),
    postgresql_where=text("secret IS false"),
)

#: Those that were not forgotten.
_readable = func.length(case.c.key) > 0
Index("ix_case_kept", case.c.status_at, sqlite_where=_readable, postgresql_where=_readable)

case_topic = Table(
    "case_topic",
    metadata,
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("topic", String(40), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index("ix_case_topic_topic", "topic", "at"),
)

#: What stood in a case after each change: all fields as JSON, under the case's key.
case_version = Table(
    "case_version",
    metadata,
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(40)),
    Column("body", LargeBinary),
)

note = Table(
    "case_note",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(40)),  #: account; NULL: the reporter
    Column("kind", String(16), nullable=False),  #: see :class:`~callcenter.cases.facts.NoteKind`
    Column("sealed", LargeBinary),  #: under the case's key, unless it is public
    Column("text", Text),  #: public ones only
    Index("ix_case_note_case", "case", "at"),
)

#: A case handed to a unit.
assignment = Table(
    "assignment",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), nullable=False),
    Column("unit", String(40), nullable=False),
    Column("hop", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(40)),
    Column("better", String(16)),  #: the unit that was named instead
    Column("by", String(40)),  #: who sent it
    Column("officer", String(40)),  #: who accepted or declined it
    Column("instruction", LargeBinary),  #: under the case's key
    Column("sent_at", BigInteger, nullable=False),
    #: When triage phones a unit that has not accepted it: at once if it can't be written to.
    Column("phone_from", BigInteger, nullable=False),
    Column("told_at", BigInteger),  #: when the unit was last written to
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Index("ix_assignment_case", "case", "sent_at"),
    Index("ix_assignment_unit_state", "unit", "state", "sent_at"),
    Index(
        "ix_assignment_phone",
        "phone_from",
        sqlite_where=text("state = 'sent'"),
        postgresql_where=text("state = 'sent'"),
    ),
    Index(
        "uq_assignment_open",
        "case",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

#: What a reporter or custodian asked the unit for ("tagih").
reminder = Table(
    "reminder",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", String(40)),  #: account; NULL: the reporter
    Column("due_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Index("ix_reminder_case", "case", "at"),
    Index(
        "ix_reminder_open",
        "case",
        "due_at",
        sqlite_where=text("answered_at IS NULL"),
        postgresql_where=text("answered_at IS NULL"),
    ),
)

escalation = Table(
    "escalation",
    metadata,
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("clock", String(24), primary_key=True),
    Column("started", BigInteger, primary_key=True),
    #: Percent of the clock, or which one on the list of those on call.
    Column("level", Integer, primary_key=True),
    Column("unit", String(40), primary_key=True),  #: that had the case; empty: none
    Column("at", BigInteger, nullable=False),
    Column("to_role", String(24), nullable=False),
    Column("acked_at", BigInteger),
)

#: Somebody looks where they may not, for a reason; why, in words, is a note of the case.
glass = Table(
    "case_glass",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), nullable=False),
    Column("account", String(40), nullable=False),
    Column("emergency", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Index("ix_case_glass_account", "account", "case", "until"),
)

#: A paper or a picture. What was removed or forgotten leaves its row.
attachment = Table(
    "attachment",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), nullable=False),
    Column("name", LargeBinary),
    Column("content", LargeBinary),
    Column("kind", String(8), nullable=False),
    Column("size", Integer, nullable=False),
    Column("by", String(40), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_attachment_case", "case", "at"),
)

#: A body outside that a case was referred to, with its own id for it.
external_ref = Table(
    "external_ref",
    metadata,
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("system", String(24), primary_key=True),
    Column("ref", String(80)),
    Column("at", BigInteger, nullable=False),
    Column("result_at", BigInteger),
    Index("ix_external_ref_ref", "system", "ref"),
)

#: What a case is found by, as keyed hashes: whole words of what stands in it, and codes; see
#: :mod:`callcenter.cases.search.service`. Deleted when the case is forgotten. Ids sort by age, so
#: the newest case with a word is the last one of its range.
case_word = Table(
    "case_word",
    metadata,
    Column("word", LargeBinary(8), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("field", String(1), primary_key=True),
    # No order by case in it, so that PostgreSQL does not take it for the newest with a word.
    Index("ix_case_word_case", "case", postgresql_using="hash"),
    sqlite_with_rowid=False,
)

call_case = Table(
    "call_case",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("pin", LargeBinary),  #: readable for the agent only until the call is wrapped up
    Column("resumes", String(64)),  #: the call whose draft this one went on with
    Index("ix_call_case_case", "case", "at"),
)

pin_attempt = Table(
    "pin_attempt",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("case", String(40), nullable=False),
    Column("call", String(64)),
    Column("caller_hash", String(64)),  #: keyed; NULL: withheld
    Column("at", BigInteger, nullable=False),
    Index("ix_pin_attempt_case", "case", "at"),
    Index("ix_pin_attempt_call", "call"),
    Index("ix_pin_attempt_caller", "caller_hash", "at"),
    Index("ix_pin_attempt_at", "at"),
)

#: A code on its way to a reporter who lost the PIN: the newest one of a case.
pin_code = Table(
    "pin_code",
    metadata,
    Column("case", String(40), ForeignKey("case_record.id"), primary_key=True),
    Column("code_hash", String(64), nullable=False),  #: keyed
    Column("until", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),  #: wrong ones
)

recording = Table(
    "recording",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("line", String(16), nullable=False),
    Column("call", String(64), nullable=False, index=True),
    Column("case", String(40), ForeignKey("case_record.id"), index=True),
    Column("seconds", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key", LargeBinary),  #: wrapped; opens the file that we keep; empty once forgotten
    Column("file", String(80)),  #: below the recordings folder, NULL until it was fetched
)

_heard = recording.c.key.is_(None) | (func.length(recording.c.key) > 0)
Index("ix_recording_kept", recording.c.case, sqlite_where=_heard, postgresql_where=_heard)

#: Whose key was destroyed, by whose order: ids only. A copy lies outside the database, so that a
#: backup that is put back forgets them again.
erasure = Table(
    "erasure",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(16), nullable=False),  #: of calls/vault/service.py:Kind
    Column("ref", String(80), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("by", String(40)),
    Column("at", BigInteger, nullable=False),
    Index("ix_erasure_ref", "kind", "ref"),
)
