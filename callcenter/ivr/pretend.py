"""An in-memory twin of what answers Needs: for trying a flow out, for scenarios, for tests.

It is honest about what a flow can notice: drafts get numbers with a right check digit, a wrong PIN
sounds like an unknown number, too many wrong PINs lock a case, a caller has a place in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from callcenter.ivr import needs
from callcenter.ivr.checks import damm
from callcenter.ivr.engine import Step, step
from callcenter.ivr.flowset import FlowSet
from callcenter.ivr.visit import Visit

#: Wrong PINs until a case is locked.
PIN_TRIES = 5


class PretendCase(msgspec.Struct, frozen=True):
    """A case that a caller may ask about. ``due``: UTC epoch milliseconds. ``phone``: of whoever
    calls; ``draft``: a call from there left it; ``openings``: the units that opened it, each time;
    ``can``: see :class:`callcenter.ivr.needs.CaseFound`."""

    number: str
    pin: str
    status: str
    topic: str
    unit: str | None = None
    due: int | None = None
    locked: bool = False
    wait: str | None = None
    late_days: int = 0
    head_told: bool = False
    note: str | None = None
    can: tuple[str, ...] = ()
    phone: bool = False
    draft: bool = False
    openings: tuple[str, ...] = ()


#: What becomes of a case when its reporter does something.
BECOMES = {
    "object": "in_progress",
    "withdraw": "withdrawn",
    "reopen": "reopened",
    "confirm": "closed",
}


@dataclass
class Pretend:
    """``cases`` are by number. ``fail``: tags of Needs that fail. ``staff`` answers AskStaff and,
    with ``waiting`` callers before, the place in the queue."""

    staff: needs.Staff = field(default_factory=lambda: needs.Staff(1, 0, 0, None))
    cases: dict[str, PretendCase] = field(default_factory=dict)
    fail: frozenset[str] = frozenset()
    #: What was asked, in order: tags of Needs.
    asked: list[str] = field(default_factory=list)
    #: Numbers of cases that were looked up, found or not.
    looked_up: list[str] = field(default_factory=list)
    #: Messages: case id, recording, seconds.
    appended: list[needs.AppendCase] = field(default_factory=list)
    wrong_pins: dict[str, int] = field(default_factory=dict)
    #: What was done to cases: their ids and the events.
    acted: list[needs.ActOnCase] = field(default_factory=list)
    opened: int = 0
    #: Why a caller can't be called back; None: they can.
    no_callback: str | None = None
    #: The visit of whom a callback keeps the place.
    kept: Visit | None = None

    def answer(self, need: needs.Need) -> needs.Answer:
        """Do what ``need`` asks."""
        tag = str(need.__struct_config__.tag)
        self.asked.append(tag)
        if tag in self.fail:
            return needs.NeedFailed("pretended")
        match need:
            case needs.OpenCase():
                return self._open()
            case needs.FindCase():
                return self._find(need)
            case needs.AppendCase():
                self.appended.append(need)
                return needs.CaseAppended()
            case needs.AskStaff():
                return self.staff
            case needs.JoinQueue():
                return needs.QueueJoined("entry", self.staff.waiting + 1)
            case needs.LeaveQueue():
                return needs.QueueLeft()
            case needs.KeepPlace() if self.no_callback is not None:
                return needs.PlaceRefused(self.no_callback)
            case needs.KeepPlace():
                return needs.PlaceKept("callback")
            case needs.Rejoin():
                return needs.QueueJoined("entry", 1)
            case needs.AskPosition():
                return needs.Position(self.staff.waiting + 1, self.staff.wait_s)
        return self._follow_up(need)

    def _follow_up(self, need: needs.Need) -> needs.Answer:
        match need:
            case needs.RecallDraft() | needs.ResumeCase():
                return self._draft(need)
            case needs.ActOnCase():
                return self._act(need)
            case needs.ChoosePin():
                return needs.PinWeak("repeat") if len(set(need.pin)) == 1 else needs.PinSet()
            case needs.TellNote():
                case = self._by_id(need.case)
                return needs.NoteTold(case.note if case else None)
            case needs.TellOpenings():
                case = self._by_id(need.case)
                units = case.openings if case else ()
                return needs.OpeningsTold(len(units), tuple(dict.fromkeys(units)))
        return needs.Custodian(None)

    def _open(self) -> needs.Answer:
        self.opened += 1
        body = f"26{self.opened * 7919 % 10_000_000:07d}"
        pin = f"{self.opened * 271_828 % 1_000_000:06d}"
        return needs.CaseOpened(f"case-{self.opened}", body + damm(body), pin)

    def _by_id(self, case: str) -> PretendCase | None:
        return self.cases.get(case.removeprefix("case-"))

    def _find(self, need: needs.FindCase) -> needs.Answer:
        number = need.number
        if number is None:
            of_phone = (case.number for case in self.cases.values() if case.phone)
            number = next(of_phone, "none")
        self.looked_up.append(number)
        case = self.cases.get(number)
        if case is None:
            return needs.CaseNotFound()
        if case.locked or self.wrong_pins.get(case.number, 0) >= PIN_TRIES:
            return needs.CaseLocked()
        if case.pin != need.pin:
            self.wrong_pins[case.number] = self.wrong_pins.get(case.number, 0) + 1
            return needs.CaseNotFound()
        found = needs.CaseFound(
            f"case-{case.number}", case.number, case.status, case.topic, case.unit, case.due
        )
        return msgspec.structs.replace(
            found,
            wait=case.wait,
            late_days=case.late_days,
            head_told=case.head_told,
            note=case.note is not None,
            can=case.can,
        )

    def _draft(self, need: needs.RecallDraft | needs.ResumeCase) -> needs.Answer:
        left = next((case for case in self.cases.values() if case.draft), None)
        if isinstance(need, needs.ResumeCase) and need.case is not None:
            left = self._by_id(need.case)
        if left is None:
            return needs.CaseNotFound()
        self.looked_up.append(left.number)
        if isinstance(need, needs.RecallDraft):
            return needs.DraftKnown()
        return needs.CaseResumed(f"case-{left.number}", left.topic)

    def _act(self, need: needs.ActOnCase) -> needs.Answer:
        case = self._by_id(need.case)
        if case is None or need.event not in case.can:
            return needs.CaseRefused("not_now")
        self.acted.append(need)
        status = BECOMES.get(need.event, case.status)
        can = case.can if need.event == "statement" else ("statement",)
        case = msgspec.structs.replace(case, status=status, can=can)
        self.cases[case.number] = case
        return needs.CaseActed(
            status, case.unit, case.due, case.wait, case.late_days, case.head_told, False, can
        )


def settle(flows: FlowSet, found: Step, pretend: Pretend, now: int) -> Step:
    """Answer Needs until the caller has a turn. The result holds all that was said and noted."""
    steps, notes = list(found.steps), list(found.notes)
    said, path = list(found.said), list(found.path)
    while found.need is not None:
        if isinstance(found.need, needs.KeepPlace):
            pretend.kept = found.visit
        found = step(flows, found.visit, pretend.answer(found.need), now)
        steps += found.steps
        notes += found.notes
        said += found.said
        path += found.path
    return msgspec.structs.replace(
        found, steps=tuple(steps), notes=tuple(notes), said=tuple(said), path=tuple(path)
    )
