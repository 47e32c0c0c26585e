"""Open data: how many complaints a month has brought, by topic, in the country and its provinces.

Counts and nothing else: no text, employer, regency, day or number of a case. What is kept back has
a mark, and the mark says nothing, not even that there was a complaint: no complaint has it, too
(ILO C81, article 15(c)). Nobody is found in what is published:

- A figure counts at least :data:`LEAST` cases, or :data:`LEAST_TENDER` of topics that put people in
  danger, of at least :data:`EMPLOYERS` employers of whom none has more than :data:`SHARE` percent.
  Cases whose employer nobody knows belong to nobody: they count, but add no employer and lessen no
  share. Where no employer is known at all, as of those who ask for advice, the figure is published
  for the whole country only.
- Sensitive cases and complaints about officials are in the country's figures only. So are cases
  whose province is not known.
- Nothing is found by taking one figure from another. The country less its published provinces is a
  figure like any other: none, or one that may be published, and never that of one province alone.
  Where it is not, the smallest published province is kept back, too; where that does not help, all
  of the topic is. Below a country's figure that is kept back nothing is published, because what is
  would tell why. There is no total of topics.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import msgspec

from callcenter.topics import Compartment, Priority, Topic

LEAST: Final = 5
LEAST_TENDER: Final = 10
#: Topics, and what lies within them, whose people are in danger when they are known; besides those
#: of priority P0.
TENDER: Final = frozenset({"integritas", "pmi", "serikat"})
EMPLOYERS: Final = 3
SHARE: Final = 70
MARK: Final = "*"
COLUMNS: Final = (
    "month", "service_code", "service_name_id", "service_name_en", "province_code", "cases",
)  # fmt: skip
_MONTH: Final = re.compile(r"([1-9][0-9]{3})-(0[1-9]|1[0-2])")

#: Cases by employer; None: nobody knows which.
Tally = Counter[bytes | None]


class Counted(msgspec.Struct, frozen=True):
    """Cases of one month that have all of this in common. ``topic``: the primary one; ``employer``:
    whatever tells employers apart."""

    topic: str
    province: str | None
    compartment: Compartment
    employer: bytes | None
    cases: int


class Cell(msgspec.Struct, frozen=True):
    """``province`` None: the whole country. ``cases`` None: kept back, or there were none."""

    topic: str
    province: str | None
    cases: int | None


def span(month: str, zone: dt.tzinfo) -> tuple[int, int]:
    """The first moment of ``month``, as 2026-11, and the first after it, epoch ms.

    Raises:
        ValueError: that is no month.
    """
    found = _MONTH.fullmatch(month)
    if found is None:
        raise ValueError(f"{month} is no month: write it as 2026-11")
    year, number = int(found[1]), int(found[2])
    first = dt.datetime(year, number, 1, tzinfo=zone)
    after = dt.datetime(year + number // 12, number % 12 + 1, 1, tzinfo=zone)
    return int(first.timestamp() * 1000), int(after.timestamp() * 1000)


def release(
    counted: Iterable[Counted], topics: Mapping[str, Topic], provinces: Collection[str]
) -> list[Cell]:
    """A cell for each topic and place, whether it has cases or not: the country before its
    provinces, by code. A topic that the file has no more is a tender one, and is there only if
    something of it is published: marks alone would tell of it."""
    tallies: dict[str, dict[str | None, Tally]] = defaultdict(lambda: defaultdict(Counter))
    for one in counted:
        topic = topics.get(one.topic)
        open_topic = topic is None or topic.compartment is Compartment.NORMAL
        local = one.compartment is Compartment.NORMAL and open_topic and one.province in provinces
        tallies[one.topic][one.province if local else None][one.employer] += one.cases
    cells = []
    for code in (*topics, *sorted(tallies.keys() - topics.keys())):
        figures = _published(tallies.get(code, {}), _least(topics.get(code)))
        if code in topics or figures:
            cells += [Cell(code, place, figures.get(place)) for place in (None, *sorted(provinces))]
    return cells


def _least(topic: Topic | None) -> int:
    tender = topic is None or topic.priority is Priority.P0 or {topic.code, topic.within} & TENDER
    return LEAST_TENDER if tender else LEAST


def _published(places: Mapping[str | None, Tally], least: int) -> dict[str | None, int]:
    """The figures of one topic that are published. ``places``: None has what is counted in the
    country alone; each has a case at least."""
    size = {place: tally.total() for place, tally in places.items()}
    country = sum(places.values(), Tally())
    if not _may(country, least, local=False):
        return {}
    fit = [place for place in places if place is not None and _may(places[place], least)]
    fit.sort(key=lambda place: (size[place], place))
    for more in range(len(fit) + 1):  # so many of the smallest are kept back, too
        shown = fit[more:]
        back = [place for place in places if place not in shown]
        rest = sum((places[place] for place in back), Tally())
        alone = sum(place is not None for place in back) == 1
        if not alone and (not rest or _may(rest, least, local=False)):
            return {None: country.total()} | {place: size[place] for place in shown}
    return {}


def _may(tally: Tally, least: int, *, local: bool = True) -> bool:
    """Whether a figure may be published. ``local``: it is of one province."""
    known = [cases for employer, cases in tally.items() if employer is not None]
    if tally.total() < least:
        return False
    if not known:
        return not local
    return len(known) >= EMPLOYERS and 100 * max(known) <= SHARE * sum(known)


def as_csv(month: str, cells: Iterable[Cell], topics: Mapping[str, Topic]) -> str:
    """The file that is published (RFC 4180). The code of a province is Kemendagri's; it is empty
    where the whole country is counted."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(COLUMNS)
    for cell in cells:
        topic = topics.get(cell.topic)
        names = [topic.label[language] if topic else cell.topic for language in ("id", "en")]
        cases = MARK if cell.cases is None else cell.cases
        rows.writerow((month, cell.topic, *names, cell.province or "", cases))
    return text.getvalue()
