"""Routing: every topic in every province goes to exactly one unit, and that one has the power."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.routing import LOCAL, Route, Way, able, route, track_of
from callcenter.cases.units import Level, Power
from callcenter.topics import Compartment, Track
from tests.rules.cases.kit import shipped_topics, shipped_units

TOPICS = shipped_topics()
UNITS = shipped_units()
PROVINCES = list(UNITS.provinces)
REGENCIES = [unit.regency for unit in UNITS.units.values() if unit.regency is not None]


@pytest.mark.parametrize(
    "topic, province, regency, unit, way",
    [
        ("upah_tunggak", "31", None, "P31", "assign"),
        ("upah_tunggak", "32", "3216", "P32", "assign"),  # a regency has no inspectors
        ("phk_pesangon", "32", "3216", "K3216", "assign"),
        ("phk_pesangon", None, "3216", "K3216", "assign"),
        ("phk_pesangon", "32", "3201", "P32", "assign"),  # a regency that is not in the file
        ("phk_pesangon", "32", None, "P32", "assign"),
        ("hak_kepentingan", "73", "7371", "K7371", "assign"),
        ("upah_minimum", None, None, "PTSA", "triage"),
        ("phk_pesangon", None, None, "PTSA", "triage"),
        ("upah_minimum", "99", None, "PTSA", "triage"),
        ("upah", "31", None, "PTSA", "triage"),  # nobody has said more yet
        ("jamsos_klaim", None, None, "BPJSTK", "refer"),
        ("jamsos_daftar", "35", None, "P35", "assign"),
        ("pmi_ln", None, None, "KP2MI", "refer"),
        ("kerja_paksa", "96", None, "POLRI", "refer"),
        ("integritas", "31", "3216", "ITJEN", "assign"),
        ("integritas", None, None, "ITJEN", "assign"),
        ("loker_magang", "31", None, "PENTA", "assign"),
        ("konsultasi", None, None, "PTSA", "assign"),
    ],
)
def test_the_ways(
    topic: str, province: str | None, regency: str | None, unit: str, way: str
) -> None:
    found = route(UNITS, TOPICS[topic], province=province, regency=regency)
    assert (found.unit, found.way) == (unit, Way(way))


def test_every_topic_in_every_province_has_one_unit_with_the_power() -> None:
    ways = 0
    for topic in TOPICS.values():
        for province in PROVINCES:
            for track in [None, *Track]:
                found = route(UNITS, topic, province=province, track=track)
                taken = track_of(topic, track)
                if taken is None:
                    assert found == Route(UNITS.triage, Way.TRIAGE, "topic", topic.also)
                    continue
                assert found.way is not Way.TRIAGE
                assert able(UNITS, found.unit, taken, province)
                assert UNITS.units[found.unit].external == (found.way is Way.REFER)
                assert found.unit not in found.also
                ways += 1
    assert ways == (26 * 8 + 7 * 7) * 38


places = st.none() | st.sampled_from(PROVINCES) | st.from_regex(r"[0-9]{2}", fullmatch=True)
regencies = st.none() | st.sampled_from(REGENCIES) | st.from_regex(r"[0-9]{4}", fullmatch=True)


@given(
    st.sampled_from(list(TOPICS.values())), places, regencies, st.none() | st.sampled_from(Track)
)
def test_wherever_it_is(
    topic: object, province: str | None, regency: str | None, track: Track | None
) -> None:
    """There is always one unit; where the place is not known that one is triage."""
    assert topic in TOPICS.values()
    chosen = next(one for one in TOPICS.values() if one is topic)
    found = route(UNITS, chosen, province=province, regency=regency, track=track)
    assert found.unit in UNITS.units
    if found.way is Way.TRIAGE:
        assert Power.TRIASE in UNITS.units[found.unit].powers
        return
    taken = track_of(chosen, track)
    assert taken is not None
    place = regency[:2] if regency is not None else province
    assert able(UNITS, found.unit, taken, place)
    unit = UNITS.units[found.unit]
    if taken is Track.PENGAWASAN:
        assert unit.level is Level.PROVINSI
        assert unit.provinces == (place,)
    if taken in LOCAL:
        assert not unit.external


def test_a_complaint_about_officials_goes_to_the_inspectorate_and_nobody_is_told_beside() -> None:
    topic = TOPICS["integritas"]
    assert topic.compartment is Compartment.INTEGRITY
    for track in [None, *Track]:
        for province in [None, *PROVINCES]:
            assert route(UNITS, topic, province=province, track=track) == Route(
                "ITJEN", Way.ASSIGN, "integritas"
            )
    for code, other in TOPICS.items():
        found = route(UNITS, other, province="31", track=Track.INTEGRITAS)
        assert (found.unit, found.also) == ("ITJEN", ()), code
    assert [code for code in UNITS.units if able(UNITS, code, Track.INTEGRITAS, "31")] == ["ITJEN"]


def test_only_the_provinces_own_inspectors_are_able() -> None:
    assert [code for code in UNITS.units if able(UNITS, code, Track.PENGAWASAN, "32")] == ["P32"]
    mediators = {code for code in UNITS.units if able(UNITS, code, Track.PERSELISIHAN, "32")}
    assert mediators == {"PHI", "P32", "K3216", "K3275"}
    assert not able(UNITS, "NOBODY", Track.NONE, None)


def test_whom_else_it_concerns_is_told() -> None:
    assert route(UNITS, TOPICS["jamsos_daftar"], province="35").also == ("BPJSTK",)
    assert route(UNITS, TOPICS["jamsos_daftar"], track=Track.JAMSOS).also == ()
    assert route(UNITS, TOPICS["kerja_paksa"], province="35").also == ("WAS",)
