"""The Facts of cases: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class CaseFact(StrEnum):
    #: topic, channel, status, unit. Such a Fact and those of the moves are the history of a case.
    CASE_OPENED = "case_opened"
    #: event, was, status, unit, actor; reason, wait, target, other,
    #: outcome where there are any
    CASE_MOVED = "case_moved"
    ASSIGNMENT_SENT = "assignment_sent"  #: unit, hop
    ASSIGNMENT_ACCEPTED = "assignment_accepted"  #: this and the next: unit, hop; reason, better
    ASSIGNMENT_DECLINED = "assignment_declined"
    ASSIGNMENT_RETURNED = "assignment_returned"
    ASSIGNMENT_RECALLED = "assignment_recalled"
    ASSIGNMENT_DONE = "assignment_done"
    ESCALATED = "escalated"  #: to, clock, started, level, unit
    NOTE_ADDED = "note_added"  #: note, kind
    ATTACHMENT_ADDED = "attachment_added"  #: attachment, size
    ATTACHMENT_REMOVED = "attachment_removed"  #: attachment
    ATTACHMENT_READ = "attachment_read"  #: attachment
    REMINDED = "reminded"  #: due
    CONTACT_TRIED = "contact_tried"  #: somebody tried to reach the reporter
    STATUTE_SET = "statute_set"  #: code, on (a day; empty: it was a mistake)
    ACKNOWLEDGED = "acknowledged"  #: the reporter has number and PIN
    PIN_SET = "pin_set"
    GLASS_BROKEN = "glass_broken"  #: reason
    CASE_JOINED = "case_joined"  #: parent
    CASE_SAVED = "case_saved"  #: fields, version
    CASE_READ = "case_read"
    CALL_LINKED = "call_linked"  #: role
    MESSAGE_LEFT = "message_left"  #: seconds
    STATUS_READ = "status_read"  #: status
    PIN_REFUSED = "pin_refused"  #: reason: wrong, unknown or locked
    REPORTER_SAVED = "reporter_saved"  #: reporter, fields
    CASE_ANONYMOUS = "case_anonymous"  #: the person was taken off the case
    CASE_HELD = "case_held"  #: held: law enforcement runs, so nothing is erased
    ERASED = "erased"  #: erasure, kind, reason
    EXPORTED = "exported"  #: reporter, cases: they were given a copy of all that is held on them


class NoteKind(StrEnum):
    INTERNAL = "internal"
    TO_UNIT = "to_unit"  #: what the hotline or triage tells the unit that has the case
    PUBLIC = "public"  #: what the reporter is told, also by telephone
    REPORTER = "reporter"  #: what the reporter said later
    CONTACT = "contact"  #: somebody tried to reach the reporter
    GLASS = "glass"  #: why somebody looked where they may not
