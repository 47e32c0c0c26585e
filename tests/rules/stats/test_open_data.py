"""What is published of complaints, and that nobody is found in it.

The oracle looks at single complaints with sets and sums of its own; it knows nothing of how the
rules come to what they publish.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.stats import open_data
from callcenter.stats.open_data import Cell, Counted
from callcenter.topics import Compartment
from tests.rules.cases.kit import shipped_topics

#: How many a figure has at least: of topics in danger, of the others, and of one that is no more.
LEAST = {
    "thr": 5, "upah": 5, "konsultasi": 5,
    "kecelakaan": 10, "pekerja_anak": 10, "serikat": 10, "pmi": 10, "pmi_ln": 10, "integritas": 10,
    "a_topic_of_old": 10,
}  # fmt: skip
PLACES = ("31", "32", "33", "94")
NORMAL = Compartment.NORMAL
JAKARTA = ZoneInfo("Asia/Jakarta")


class Complaint(NamedTuple):
    topic: str
    province: str | None
    compartment: Compartment
    employer: int | None

    @property
    def local(self) -> bool:
        """It may be in a province's figure."""
        secret = self.topic in ("pekerja_anak", "integritas") or self.compartment is not NORMAL
        return self.province in PLACES and not secret


Figures = dict[tuple[str, str | None], int | None]


def released(complaints: Iterable[Complaint]) -> Figures:
    counted = [
        Counted(one.topic, one.province, one.compartment, employer, 1)
        for one in complaints
        for employer in [None if one.employer is None else bytes([one.employer])]
    ]
    cells = open_data.release(counted, shipped_topics(), PLACES)
    assert len({(cell.topic, cell.province) for cell in cells}) == len(cells)
    return {(cell.topic, cell.province): cell.cases for cell in cells}


def nobody_stands_out(group: Sequence[Complaint]) -> bool:
    """The group's size may be known, as far as k and the employers go."""
    named = [one.employer for one in group if one.employer is not None]
    if len(group) < LEAST[group[0].topic]:
        return False
    if not named:  # asking for advice; only where the whole country is looked at
        return True
    return len(set(named)) >= 3 and 10 * max(map(named.count, named)) <= 7 * len(named)


def complaints() -> st.SearchStrategy[list[Complaint]]:
    """Some months: a few heaps of complaints that are alike, of one employer or of many."""

    def heap(
        topic: str, place: str | None, compartment: Compartment, first: int | None, spread: int,
        many: int,
    ) -> list[Complaint]:  # fmt: skip
        return [
            Complaint(topic, place, compartment, None if first is None else first + n % spread)
            for n in range(many)
        ]

    heaps = st.builds(
        heap,
        st.sampled_from(["thr"] * 3 + sorted(LEAST)),
        st.sampled_from([*PLACES, None, "99"]),
        st.sampled_from([NORMAL] * 4 + list(Compartment)),
        st.none() | st.integers(0, 3),
        st.integers(1, 6),
        st.integers(1, 12),
    )
    return st.lists(heaps, max_size=9).map(lambda found: list(itertools.chain(*found)))


@given(complaints())
def test_nobody_is_found_in_what_is_published(told: list[Complaint]) -> None:
    figures = released(told)
    of_old = {"a_topic_of_old"} if figures.get(("a_topic_of_old", None)) else set()
    assert {topic for topic, _ in figures} == {*shipped_topics(), *of_old}
    for topic in LEAST:
        mine = [one for one in told if one.topic == topic]
        of = {p: [one for one in mine if one.local and one.province == p] for p in PLACES}
        shown = [p for p in PLACES if figures.get((topic, p)) is not None]
        for place in shown:  # each is true, and big enough; what is sensitive is not in it
            assert figures[topic, place] == len(of[place])
            assert nobody_stands_out(of[place])
            assert any(one.employer is not None for one in of[place])
        country = figures.get((topic, None))
        if country is None:
            assert shown == []
            continue
        assert country == len(mine)
        assert nobody_stands_out(mine)
        # Whatever is taken from whatever: nothing, or a figure that might have been published.
        for some in itertools.chain.from_iterable(
            itertools.combinations(shown, size) for size in range(len(shown) + 1)
        ):
            rest = [one for one in mine if not (one.local and one.province in some)]
            assert not rest or nobody_stands_out(rest)
        assert sum(bool(of[place]) for place in PLACES if place not in shown) != 1


@given(st.dictionaries(st.sampled_from(PLACES), st.integers(5, 40)))
def test_what_shows_nobody_is_published(sizes: dict[str, int]) -> None:
    """All of it: a rule that hid everything would be safe, too."""
    told = [
        Complaint("thr", place, NORMAL, n) for place, size in sizes.items() for n in range(size)
    ]
    figures = released(told)
    wanted: Figures = {("thr", place): size for place, size in sizes.items()}
    wanted |= {("thr", None): len(told)} if told else {}
    assert {key: cases for key, cases in figures.items() if cases is not None} == wanted


def test_who_knows_the_rules_by_heart_still_does_not_find_a_few() -> None:
    """Every month of up to 16 cases in three provinces, or where nobody knows: of a province with
    one to four of them, other months with the same file have other numbers."""
    worlds: dict[tuple[int | None, ...], list[tuple[int, ...]]] = defaultdict(list)
    places = PLACES[:3]
    for sizes in itertools.product(range(17), repeat=4):
        if sum(sizes) > 16:
            continue
        # Every case has an employer of its own: only the numbers protect.
        counted = [
            Counted("thr", place, NORMAL, bytes([row, n]), 1)
            for row, (place, size) in enumerate(zip((*places, None), sizes, strict=True))
            for n in range(size)
        ]
        cells = open_data.release(counted, {"thr": shipped_topics()["thr"]}, places)
        worlds[tuple(cell.cases for cell in cells)].append(sizes)
    assert len(worlds) > 100
    for months in worlds.values():
        for place in range(3):
            possible = {sizes[place] for sizes in months}
            assert len(possible) >= 5 or not possible & {1, 2, 3, 4}


def thr(
    place: str | None, many: int, *employers: int | None, topic: str = "thr"
) -> list[Complaint]:
    return [Complaint(topic, place, NORMAL, employers[n % len(employers)]) for n in range(many)]


def test_examples_to_be_done_in_the_head() -> None:
    def seen(*heaps: list[Complaint], topic: str = "thr") -> list[int | None]:
        figures = released(itertools.chain(*heaps))
        return [figures[topic, place] for place in (None, *PLACES)]

    nothing = [None] * 5
    assert seen() == nothing  # as if it was kept back
    assert seen(thr("32", 4, 1, 2, 3)) == nothing
    assert seen(thr("32", 5, 1, 2, 3)) == [5, None, 5, None, None]
    # The country less Jawa Barat would be the two of Jawa Tengah: both are kept back.
    assert seen(thr("32", 9, 1, 2, 3), thr("33", 2, 4)) == [11, None, None, None, None]
    # ... with the smallest one, where there are more.
    both = thr("31", 20, 1, 2, 3), thr("32", 9, 1, 2, 3)
    assert seen(*both, thr("33", 2, 4)) == [31, 20, None, None, None]
    # Of one province and what is counted in the country alone, nothing helps.
    assert seen(thr("32", 9, 1, 2, 3), thr(None, 2, 4)) == nothing
    assert seen(*both, thr(None, 5, 4, 5, 6)) == [34, 20, 9, None, None]
    # Forty of one factory, and whoever else there is.
    assert seen(thr("32", 40, 1)) == nothing
    assert seen(thr("32", 40, 1), thr("31", 9, 2, 3, 4)) == nothing
    assert seen(thr("32", 40, 1), thr("31", 30, 2, 3, 4)) == [70, None, None, None, None]
    # 5 of 7 are over 70 percent, 7 of 10 are not; cases without an employer lessen no share.
    assert seen(thr("32", 7, 1, 1, 1, 1, 1, 2, 3)) == nothing
    assert seen(thr("32", 10, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4)) == [10, None, 10, None, None]
    assert seen(thr("32", 10, 1, 1, 1, 1, 1, 1, 1, 2, 3, None)) == nothing
    assert seen(thr("32", 9, 1, 2, None)) == nothing
    # Nobody who asks for advice names an employer.
    asked = thr("32", 9, None, topic="konsultasi"), thr("31", 9, None, topic="konsultasi")
    assert seen(*asked, topic="konsultasi") == [18, None, None, None, None]
    # Ten where people are in danger.
    assert seen(thr("32", 9, 1, 2, 3, topic="serikat"), topic="serikat") == nothing
    assert seen(thr("32", 10, 1, 2, 3, 4, topic="serikat"), topic="serikat")[2] == 10
    # A topic that is no more is not there because of a few.
    old = "a_topic_of_old"
    assert (old, None) not in released(thr("32", 9, 1, 2, 3, topic=old))
    assert seen(thr("32", 10, 1, 2, 3, topic=old), topic=old)[2] == 10


def test_the_file() -> None:
    cells = [Cell("thr", None, 12), Cell("thr", "32", None), Cell("a_topic_of_old", "94", None)]
    text = open_data.as_csv("2026-11", cells, shipped_topics())
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["month", "service_code", "service_name_id", "service_name_en", "province_code", "cases"],
        ["2026-11", "thr", "THR: tidak dibayar, kurang, atau terlambat",
         "Religious holiday allowance", "", "12"],
        ["2026-11", "thr", "THR: tidak dibayar, kurang, atau terlambat",
         "Religious holiday allowance", "32", "*"],
        ["2026-11", "a_topic_of_old", "a_topic_of_old", "a_topic_of_old", "94", "*"],
    ]  # fmt: skip
    assert text.count("\r\n") == text.count("\n") == 4


def test_a_month_is_one_of_where_the_ministry_is() -> None:
    assert open_data.span("1970-01", ZoneInfo("UTC")) == (0, 31 * 86_400_000)
    first, after = open_data.span("2026-12", JAKARTA)
    assert (after - first, first % 86_400_000) == (31 * 86_400_000, 17 * 3_600_000)
    assert open_data.span("2027-01", JAKARTA)[0] == after
    for wrong in ("", "2026", "2026-13", "2026-00", "2026-1", "2026-11-01", "26-11", "٢٠٢٦-١١"):
        with pytest.raises(ValueError, match="is no month"):
            open_data.span(wrong, JAKARTA)
