"""Every limit of a case with where it comes from. The file is ``cases/deadlines.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.files import Reader

FILE: Final = "cases/deadlines.yaml"


class Code(StrEnum):
    """The limits, each with what begins and what ends it."""

    DRAFT = "draft"  #: a draft that nobody came back to is abandoned, or filed if it was begun
    ACKNOWLEDGE = "acknowledge"  #: the reporter has number and PIN
    ON_CALL = "on_call"  #: P0: somebody on call answers, or the next one is told
    ON_CALL_TIMES = "on_call_times"  #: so many are told; then the heads, by the other clocks
    VERIFY = "verify"  #: triage decides where it goes
    VERIFY_URGENT = "verify_urgent"  #: the same for P0 and P1
    ACCEPT = "accept"  #: from being sent to a unit until the unit accepts
    UNACCEPTED = "unaccepted"  #: from being sent until triage phones the unit
    REPEAT = "repeat"  #: from one word to a unit that has not accepted until the next
    PRESS = "press"  #: the unit answers a reporter who pressed for news
    NO_REPLY = "no_reply"  #: the reporter was asked something and stays away
    CONTACTS = "contacts"  #: tries to reach the reporter before that closes a case
    DECLINES = "declines"  #: after so many the head of triage decides where it goes
    HOPS = "hops"  #: units that a case is sent to before the head of triage decides
    SILENCE = "silence"  #: the reporter says nothing to what was done
    REOPEN = "reopen"  #: the reporter may open it again
    CALLBACK = "callback"  #: a body outside has it: we ask for its number and the result
    RESOLVE_INFO = "resolve_info"  #: from the first call until advice is given
    RESOLVE_OTHER = "resolve_other"  #: the same for what is not inspected
    RESOLVE_INSPECTION = "resolve_inspection"  #: the same for labour inspection
    INFORMATION = "information"  #: the same for a request for public information
    INFORMATION_LONGER = "information_longer"  #: added once, in writing
    BIPARTITE = "bipartite"  #: worker and employer talk
    CHOOSE_FORUM = "choose_forum"  #: they choose conciliation or arbitration, or go to mediation
    MEDIATION = "mediation"  #: a mediator talks with both
    ADVICE_REPLY = "advice_reply"  #: they answer the mediator's advice; silence is a refusal
    AGREEMENT = "agreement"  #: the mediator helps to write the agreement
    COURT = "court"  #: the industrial relations court, first instance
    NOTICE_1 = "notice_1"  #: the employer obeys the inspectors' first notice
    NOTICE_2 = "notice_2"  #: and the second
    BREACH = "breach"  #: a breach of personal data is told
    CONSENT_WITHDRAWN = "consent_withdrawn"  #: processing stops
    RESTRICTION = "restriction"  #: processing is restricted
    WARN_ASSIGNEE = "warn_assignee"  #: of a clock: whoever has to act is told
    WARN_HEAD = "warn_head"  #: the head of the unit is told
    WARN_DIRECTORATE = "warn_directorate"  #: the directorate is told, and it counts in public
    WARN_REPORTER = "warn_reporter"  #: of silence: the reporter is told that it closes the case
    REOPENED = "reopened"  #: so many reopenings, and the inspectorate looks at it
    DAYS_AHEAD = "days_ahead"  #: for so long ahead the days off must be decreed


class Measure(StrEnum):
    WORKING_DAYS = "working_days"
    WORKING_HOURS = "working_hours"
    CLOCK_HOURS = "clock_hours"
    CLOCK_MINUTES = "clock_minutes"
    DAYS = "days"  #: of the calendar
    PERCENT = "percent"  #: of a clock
    TIMES = "times"


#: Periods that a law gives: they begin and end on days.
STATUTES: Final = (
    Code.BIPARTITE,
    Code.CHOOSE_FORUM,
    Code.MEDIATION,
    Code.ADVICE_REPLY,
    Code.AGREEMENT,
    Code.COURT,
    Code.NOTICE_1,
    Code.NOTICE_2,
)
_WARNINGS: Final = (Code.WARN_ASSIGNEE, Code.WARN_HEAD, Code.WARN_DIRECTORATE)
_COUNTS: Final = (Code.CONTACTS, Code.DECLINES, Code.HOPS, Code.ON_CALL_TIMES, Code.REOPENED)
_IN_DAYS: Final = (Measure.WORKING_DAYS, Measure.DAYS)
#: What a limit may be measured in; the others in any time.
_MEASURES: Final[Mapping[Code, tuple[Measure, ...]]] = {
    **dict.fromkeys(STATUTES, _IN_DAYS),
    **dict.fromkeys((*_WARNINGS, Code.WARN_REPORTER), (Measure.PERCENT,)),
    **dict.fromkeys(_COUNTS, (Measure.TIMES,)),
    Code.ON_CALL: (Measure.CLOCK_MINUTES, Measure.CLOCK_HOURS),
    Code.DAYS_AHEAD: (Measure.DAYS,),
    Code.INFORMATION: (Measure.WORKING_DAYS,),
    Code.INFORMATION_LONGER: (Measure.WORKING_DAYS,),
    Code.RESOLVE_INFO: (Measure.WORKING_DAYS,),
    Code.RESOLVE_OTHER: (Measure.WORKING_DAYS,),
    Code.RESOLVE_INSPECTION: (Measure.WORKING_DAYS,),
}
_TIMES: Final = (
    Measure.WORKING_DAYS,
    Measure.WORKING_HOURS,
    Measure.CLOCK_HOURS,
    Measure.CLOCK_MINUTES,
    Measure.DAYS,
)
MOST: Final = 1000


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``pauses``: stands still while the case waits for its reporter. ``verified``: the number was
    read in its source; a decision of the project's own is its own source."""

    value: int
    measure: Measure
    source: str
    verified: bool
    pauses: bool = False


Deadlines = Mapping[Code, Limit]


def load(text: str) -> dict[Code, Limit]:
    """The limits of a ``deadlines.yaml``: all of them, and no other.

    Raises:
        FileError: with every mistake in it.
    """
    reader = Reader(FILE, text)
    found = reader.many("limits", Limit)
    there = reader.keys("limits")
    for code in Code:
        if code not in there:
            reader.wrong(f"limits.{code}", "is missing")
    for name in sorted(found.keys() - set(Code)):
        reader.wrong(f"limits.{name}", "there is no such limit")
    limits = {code: found[code] for code in Code if code in found}
    for code, limit in limits.items():
        for field, why in _mistakes(code, limit):
            reader.wrong(f"limits.{code}.{field}", why)
    warnings = [limits[code].value for code in _WARNINGS if code in limits]
    if warnings != sorted(set(warnings)):
        reader.wrong("limits", f"{', '.join(_WARNINGS)}: each should be larger than the one before")
    reader.done()
    return limits


def _mistakes(code: Code, limit: Limit) -> list[tuple[str, str]]:
    wrong = []
    if not 1 <= limit.value <= MOST:
        wrong.append(("value", f"1 to {MOST}"))
    allowed = _MEASURES.get(code, _TIMES)
    if limit.measure not in allowed:
        wrong.append(("measure", f"one of {', '.join(allowed)}"))
    if limit.pauses and limit.measure not in _TIMES:
        wrong.append(("pauses", "only time can stand still"))
    if not limit.source.strip():
        wrong.append(("source", "say where the number comes from"))
    return wrong
