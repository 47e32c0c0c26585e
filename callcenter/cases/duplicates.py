"""Duplicates: the same complaint twice, and the same employer by many.

One reporter's cases are merged, by hand. Many reporters' cases are joined under a parent, and each
of them stays what it was: an employer, a colleague or another reporter learns nothing by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from callcenter.cases.statuses import CaseEvent
from callcenter.topics import Compartment

#: Older cases are not the same complaint any more.
WINDOW_DAYS: Final = 90
#: So many reporters with one employer and topic are worth a parent.
MANY: Final = 3

DAY_MS: Final = 86_400_000


class Complaint(msgspec.Struct, frozen=True):
    """What is compared of a case. ``reporter``: a keyed hash, None when there is no reporter or
    nobody knows who; ``employer``: as :func:`words.employer` gives it, "" when unknown; ``topic``:
    the upper one, because the same story is told under two lower ones. ``joined``: the parent;
    ``over``: nobody works on it any more."""

    case: str
    opened_at: int
    topic: str
    employer: str
    reporter: str | None = None
    anonymous: bool = False
    compartment: Compartment = Compartment.NORMAL
    merged: bool = False
    joined: str | None = None
    parent: bool = False
    over: bool = False


class Kind(StrEnum):
    SAME = "same"  #: one reporter: merge
    MASS = "mass"  #: many reporters: join under a parent


class Suggestion(msgspec.Struct, frozen=True):
    """``cases``: the others, newest first. ``parent`` of many: the case that gathers them; None:
    there is none yet, somebody has to open it."""

    kind: Kind
    cases: tuple[str, ...]
    parent: str | None = None


def suggest(new: Complaint, others: Iterable[Complaint]) -> list[Suggestion]:
    """What somebody should look at. Nothing is ever merged or joined by itself.

    Only normal cases are compared: that a sensitive one exists is told by no suggestion.
    """
    if not new.employer or new.compartment is not Compartment.NORMAL:
        return []
    near = [
        one
        for one in others
        if one.case != new.case
        and not one.merged
        and one.compartment is Compartment.NORMAL
        and one.employer == new.employer
        and one.topic == new.topic
        and abs(new.opened_at - one.opened_at) <= WINDOW_DAYS * DAY_MS
    ]
    near.sort(key=lambda one: (-one.opened_at, one.case))
    same = [one.case for one in near if not one.parent and may_merge(new, one) is None]
    found = [Suggestion(Kind.SAME, tuple(same))] if same else []
    # Each anonymous case counts as a reporter: there is no way to know better.
    rest = [one for one in near if not one.parent and one.case not in same]
    if new.parent:
        loose = tuple(one.case for one in rest if one.joined is None)
        if loose:
            found.append(Suggestion(Kind.MASS, loose, new.case))
        return found
    parents = [one.case for one in near if one.parent]
    reporters = {one.reporter or one.case for one in [new, *rest]}
    if new.joined is None and parents:
        found.append(Suggestion(Kind.MASS, tuple(parents), parents[0]))
    elif new.joined is None and len(reporters) >= MANY:
        found.append(Suggestion(Kind.MASS, tuple(one.case for one in rest)))
    return found


class Refusal(StrEnum):
    SELF = "self"
    MERGED = "merged"  #: one of them is part of another case already
    OVER = "over"  #: nobody would work on it: open that case again first
    ANONYMOUS = "anonymous"  #: nobody knows whether it is the same person
    REPORTER = "reporter"  #: two people, or unknown ones: join them under a parent
    PARENT = "parent"  #: one of them is a parent, or is not
    JOINED = "joined"  #: it has a parent
    COMPARTMENT = "compartment"
    EMPLOYER = "employer"


def may_merge(one: Complaint, other: Complaint) -> Refusal | None:
    """Whether ``one`` may go on as ``other``. None: it may."""
    if one.case == other.case:
        return Refusal.SELF
    if one.merged or other.merged:
        return Refusal.MERGED
    if one.parent or other.parent:
        return Refusal.PARENT
    if one.anonymous or other.anonymous:
        return Refusal.ANONYMOUS
    if one.reporter is None or one.reporter != other.reporter:
        return Refusal.REPORTER
    if one.compartment is not other.compartment:
        return Refusal.COMPARTMENT
    return Refusal.OVER if other.over else None


def may_join(child: Complaint, parent: Complaint) -> Refusal | None:
    """Whether ``child`` may come under ``parent``. None: it may."""
    if child.case == parent.case:
        return Refusal.SELF
    if child.merged or parent.merged:
        return Refusal.MERGED
    if child.parent or not parent.parent:
        return Refusal.PARENT
    if child.joined is not None:
        return Refusal.JOINED
    if child.compartment is not Compartment.NORMAL or (
        parent.compartment is not Compartment.NORMAL
    ):
        return Refusal.COMPARTMENT
    if not child.employer or child.employer != parent.employer:
        return Refusal.EMPLOYER
    return None


# --- what passes between a parent and its children ------------------------------------------------

#: What may happen to a parent and, when somebody marks it so, to each child that stands ready for
#: it: so one inspection notice answers all. The note to the reporter, the outcome and the periods
#: of law go with it. Nothing goes up, and nothing from child to child; what is a reporter's to do
#: (object, agree, withdraw, reopen) is each child's own, and so are number, PIN, flags and clocks:
#: a parent does not say who or how many its children are to any of them.
WITH_CHILDREN: Final = frozenset(
    {
        CaseEvent.VERIFY,
        CaseEvent.ROUTE,
        CaseEvent.ACCEPT,
        CaseEvent.WAIT,
        CaseEvent.RESUME,
        CaseEvent.FOLLOW_UP,
    }
)
