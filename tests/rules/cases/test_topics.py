"""Topics: two levels, both readings of the file agree, and THR is urgent around Idul Fitri."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter import topics
from callcenter.ivr.errors import FlowErrors
from callcenter.ivr.loader import parse
from callcenter.topics import (
    Compartment,
    Priority,
    Rise,
    Topic,
    TopicError,
    Track,
    priority_on,
    upper,
    uppers,
)
from tests.rules.cases.kit import shipped_topics, text
from tests.rules.flows import shipped

#: What callers choose, by key.
CHOSEN = ["upah", "phk", "jamsos", "k3", "pmi", "lain", "info"]
#: lower topic → upper, track, priority, working days
SEED = {
    "upah_tunggak": ("upah", "pengawasan", "P2", 60),
    "upah_minimum": ("upah", "pengawasan", "P2", 60),
    "lembur": ("upah", "pengawasan", "P3", 60),
    "thr": ("upah", "pengawasan", "P2", 60),
    "waktu_kerja": ("lain", "pengawasan", "P3", 60),
    "phk_pesangon": ("phk", "perselisihan", "P2", 14),
    "kontrak": ("phk", "pengawasan", "P3", 60),
    "alih_daya": ("phk", "pengawasan", "P3", 60),
    "hak_kepentingan": ("phk", "perselisihan", "P3", 14),
    "serikat": ("phk", "pengawasan", "P2", 60),
    "tahan_dokumen": ("phk", "pengawasan", "P2", 60),
    "jamsos_daftar": ("jamsos", "pengawasan", "P2", 60),
    "jamsos_klaim": ("jamsos", "jamsos", "P3", 14),
    "k3_bahaya": ("k3", "pengawasan", "P1", 60),
    "kecelakaan": ("k3", "pengawasan", "P0", 60),
    "kekerasan": ("k3", "pengawasan", "P0", 60),
    "pekerja_anak": ("k3", "pengawasan", "P0", 60),
    "kerja_paksa": ("k3", "pidana", "P0", 60),
    "diskriminasi": ("lain", "pengawasan", "P2", 60),
    "pmi_ln": ("pmi", "pmi", "P1", 14),
    "pmi_penempatan": ("pmi", "pmi", "P1", 14),
    "tka": ("lain", "pengawasan", "P3", 60),
    "loker_magang": ("lain", "none", "P3", 14),
    "layanan": ("lain", "none", "P3", 14),
    "integritas": ("lain", "integritas", "P1", 60),
    "konsultasi": ("info", "none", "P4", 5),
}

SMALL = """\
topics:
  upah: {label: {id: Upah, en: Wages}, unit: WAS, head_start_s: 60}
  lembur:
    within: upah
    label: {id: Upah lembur, en: Overtime}
    unit: WAS
    track: pengawasan
    priority: P3
    resolve_days: 60
"""


def test_callers_choose_seven_and_cases_have_twenty_six_more() -> None:
    every = shipped_topics()
    assert list(uppers(every)) == CHOSEN
    lower = {code: one for code, one in every.items() if one.within is not None}
    assert {
        code: (one.within, one.track.value, one.priority.value, one.resolve_days)
        for code, one in lower.items()
    } == SEED
    assert all(upper(every, code) == SEED[code][0] for code in lower)
    assert [upper(every, code) for code in CHOSEN] == CHOSEN
    assert upper(every, "gone") == "gone"


def test_compartments_are_those_of_children_violence_trafficking_and_officials() -> None:
    closed = {
        code: one.compartment
        for code, one in shipped_topics().items()
        if one.compartment is not Compartment.NORMAL
    }
    assert closed == {
        "kekerasan": Compartment.SENSITIVE,
        "pekerja_anak": Compartment.SENSITIVE,
        "kerja_paksa": Compartment.SENSITIVE,
        "integritas": Compartment.INTEGRITY,
    }


def test_flows_know_the_upper_topics_alone() -> None:
    flows, known = shipped()
    assert list(flows.topics) == list(known) == CHOSEN
    sources = dict(flows.sources)
    main = sources["flows/main.yaml"]
    sources["flows/main.yaml"] = main.replace("topic: upah", "topic: lembur")
    assert sources["flows/main.yaml"] != main
    with pytest.raises(FlowErrors, match="unknown topic 'lembur'"):
        parse(sources)


def test_a_lower_topic_waits_as_its_upper_one() -> None:
    loaded = topics.load(SMALL)
    assert loaded["lembur"].head_start_s == 60
    assert loaded["lembur"].track is Track.PENGAWASAN


BROKEN = [
    ("within: upah", "within: upahh", "lembur.within: 'upahh' is no topic that callers choose"),
    ("within: upah", "within: lembur", "lembur.within: 'lembur' is no topic that callers choose"),
    ("    track: pengawasan\n", "", "lembur.track: is missing"),
    ("    priority: P3\n", "", "lembur.priority: is missing"),
    ("    resolve_days: 60\n", "", "lembur.resolve_days: is missing"),
    ("priority: P3", "head_start_s: 5", "lembur.head_start_s: callers wait by the topic"),
    ("priority: P3", "priority: P7", "lembur"),
    ("track: pengawasan", "track: inspeksi", "lembur"),
    ("resolve_days: 60", "resolve_days: 0", "lembur"),
    ("unit: WAS\n    track", "units: WAS\n    track", "lembur"),
    ("resolve_days: 60", "rise: {to: P1, feast: nyepi, days: 3}", "lembur"),
    ("resolve_days: 60", "rise: {to: P1, feast: idul_fitri, days: 0}", "lembur"),
    ("resolve_days: 60", "compartment: secret", "lembur"),
]


@pytest.mark.parametrize("old, new, expected", BROKEN)
def test_both_readings_refuse_the_same(old: str, new: str, expected: str) -> None:
    broken = SMALL.replace(old, new)
    assert broken != SMALL
    with pytest.raises(TopicError) as bad:
        topics.load(broken)
    assert f"topics.yaml: {expected}" in str(bad.value)
    own = shipped()[0]
    with pytest.raises(FlowErrors) as refused:
        parse({**own.sources, "topics.yaml": broken})
    assert any("topics.lembur" in str(error) for error in refused.value.errors)


def test_every_mistake_at_once() -> None:
    broken = SMALL.replace(", en: Overtime", "").replace("P3", "P9").replace("en: Wages", "de: L")
    with pytest.raises(TopicError) as bad:
        topics.load(broken)
    assert "upah.label: no text in en" in str(bad.value)
    assert "lembur: Invalid enum value 'P9'" in str(bad.value)


def test_what_is_no_topics_file_is_refused() -> None:
    for text_ in ["", "[]", "topics: 1", "topics: {a: b}", "a: [", "x: {}"]:
        with pytest.raises(TopicError, match=r"topics\.yaml"):
            topics.load(text_)


@pytest.mark.parametrize(
    "day, expected",
    [
        ("2026-03-06", "P2"),  # Idul Fitri 2026: 20 March in the library, 21 by decree
        ("2026-03-08", "P1"),
        ("2026-03-20", "P1"),
        ("2026-04-03", "P1"),
        ("2026-04-05", "P2"),
        ("2026-08-17", "P2"),
        ("2033-01-02", "P1"),  # twice in one year: 2 January and 23 December (estimated)
        ("2033-12-20", "P1"),
        ("2032-12-25", "P1"),  # before the feast, in the year before
        ("2033-07-01", "P2"),
    ],
)
def test_thr_is_urgent_around_idul_fitri(day: str, expected: str) -> None:
    thr = shipped_topics()["thr"]
    assert thr.priority_on(dt.date.fromisoformat(day)) is Priority(expected)


def test_the_window_is_fourteen_days_each_way() -> None:
    thr = shipped_topics()["thr"]
    start, days = dt.date(2026, 1, 1), 365
    urgent = [
        start + dt.timedelta(days=n)
        for n in range(days)
        if thr.priority_on(start + dt.timedelta(days=n)) is Priority.P1
    ]
    assert len(urgent) == 29
    assert (urgent[-1] - urgent[0]).days == 28


def test_a_rise_never_makes_a_case_less_urgent() -> None:
    loaded = topics.load(
        SMALL.replace(
            "priority: P3", "priority: P0\n    rise: {to: P1, feast: idul_fitri, days: 9}"
        )
    )
    assert loaded["lembur"].priority_on(dt.date(2026, 3, 20)) is Priority.P0


# --- as long as nobody has said more than the upper topic -----------------------------------------


@pytest.mark.parametrize(
    "day, expected",
    [
        ("2025-03-16", "P3"),  # Idul Fitri 2025: 31 March
        ("2025-03-17", "P1"),
        ("2025-04-14", "P1"),
        ("2025-04-15", "P3"),
    ],
)
def test_wages_are_as_urgent_as_the_allowance_may_be(day: str, expected: str) -> None:
    on = dt.date.fromisoformat(day)
    assert priority_on(shipped_topics(), "upah", on) is Priority(expected)
    # Said to be about something else within it, it is what that is.
    assert priority_on(shipped_topics(), "lembur", on) is Priority.P3
    assert priority_on(shipped_topics(), "upah_tunggak", on) is Priority.P2


def test_nothing_else_is_presumed() -> None:
    """Most complaints about safety are no accidents, and no season makes them so."""
    known = shipped_topics()
    for n in range(365):
        on = dt.date(2026, 1, 1) + dt.timedelta(days=n)
        for code, topic in known.items():
            if code not in ("upah", "thr"):
                assert priority_on(known, code, on) is topic.priority
        assert (priority_on(known, "upah", on) is Priority.P1) == known["thr"].rises_on(on)


priorities = st.sampled_from(Priority)
rises = st.none() | st.builds(
    Rise, to=priorities, feast=st.just("idul_fitri"), days=st.integers(1, 60)
)
branches = st.lists(st.tuples(priorities, rises), min_size=1, max_size=5)


@given(branches=branches, day=st.dates(dt.date(2020, 1, 1), dt.date(2040, 12, 31)))
def test_an_upper_topic_presumes_what_is_in_season_within_it(
    branches: list[tuple[Priority, Rise | None]], day: dt.date
) -> None:
    """The first is the upper one, and another tree stands beside it."""
    known = {
        f"t{n}": Topic(
            f"t{n}", {}, 0, "WAS", within="t0" if n else None, priority=priority, rise=rise
        )
        for n, (priority, rise) in enumerate(branches)
    }
    beside = Topic("u0", {}, 0, "WAS", within="u", priority=Priority.P0, rise=branches[0][1])
    known["u0"] = beside
    found = priority_on(known, "t0", day)
    assert found <= known["t0"].priority_on(day)
    seasons = [one for one in known.values() if one.within == "t0" and one.rises_on(day)]
    assert all(found <= one.priority_on(day) for one in seasons)
    if not seasons:
        assert found is known["t0"].priority_on(day)
    assert found in {known["t0"].priority_on(day), *(one.priority_on(day) for one in seasons)}
    for code, one in known.items():
        if one.within is not None:
            assert priority_on(known, code, day) is one.priority_on(day)


def test_the_shipped_file_says_where_it_comes_from() -> None:
    assert "sippn.menpan.go.id" in text(topics.FILE)
