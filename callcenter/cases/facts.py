"""The Facts of cases: their kinds, and the codes that they carry."""

from __future__ import annotations

from enum import StrEnum


class CaseFact(StrEnum):
    CASE_OPENED = "case_opened"  #: topic
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
