"""Units: the shipped file is whole and right, and every mistake is told at once."""

from __future__ import annotations

import pytest

from callcenter.cases import units
from callcenter.cases.files import FileError
from callcenter.cases.units import Level, Power
from callcenter.topics import Track
from tests.rules.cases.kit import shipped_topics, shipped_units, text

#: From the presidential decree on time zones (41/1987), by Kemendagri's codes.
WITA = {"51", "52", "53", "63", "64", "65", "71", "72", "73", "74", "75", "76"}
WIT = {"81", "82", "91", "92", "93", "94", "95", "96"}

SMALL = """\
provinces: {"31": DKI Jakarta, "32": Jawa Barat}
tracks: {jamsos: BPJS, pmi: BPJS, pidana: BPJS, integritas: ITJEN}
units:
  PTSA: {name: Front office, level: pusat, powers: [triase]}
  ITJEN: {name: Inspektorat, level: pusat}
  BPJS: {name: BPJS, level: eksternal}
  P31: {name: Jakarta, level: provinsi, provinces: ["31"], powers: [pengawas, mediator]}
  P32: {name: Jabar, level: provinsi, provinces: ["32"], powers: [pengawas, mediator]}
  K3216: {name: Bekasi, level: kabkota, parent: P32, provinces: ["32"], regency: "3216",
          powers: [mediator]}
"""


def test_all_38_provinces_with_inspectors_and_mediators() -> None:
    shipped = shipped_units()
    assert len(shipped.provinces) == 38
    for province in shipped.provinces:
        unit = shipped.provincial(province)
        assert unit.code == f"P{province}"
        assert unit.powers == {Power.PENGAWAS, Power.MEDIATOR}
    assert shipped.triage == "PTSA"


def test_a_unit_may_have_a_telephone() -> None:
    for phone in ("021-525 5733", "+62215255733", "177"):
        named = SMALL.replace("Inspektorat, level", f'Inspektorat, phone: "{phone}", level')
        assert units.load(named).units["ITJEN"].phone == phone
    assert units.load(SMALL).units["ITJEN"].phone is None


def test_every_province_is_in_its_time_zone() -> None:
    shipped = shipped_units()
    assert set(shipped.provinces) > WITA | WIT
    for unit in shipped.units.values():
        (place,) = unit.provinces or ("31",)
        zone = (
            "Asia/Makassar"
            if place in WITA
            else "Asia/Jayapura"
            if place in WIT
            else "Asia/Jakarta"
        )
        assert unit.zone == zone, unit.code


def test_only_provinces_have_inspectors_and_regencies_have_mediators() -> None:
    for unit in shipped_units().units.values():
        assert (Power.PENGAWAS in unit.powers) == (unit.level is Level.PROVINSI)
        if unit.level is Level.KABKOTA:
            assert unit.powers == {Power.MEDIATOR}
    assert shipped_units().local("3578") is shipped_units().units["K3578"]
    assert shipped_units().local("9999") is None


def test_topics_name_units_that_there_are() -> None:
    known = shipped_units().units
    for topic in shipped_topics().values():
        assert topic.unit in known
        assert known.keys() >= set(topic.also)
        assert topic.unit not in topic.also


def test_external_bodies_are_external() -> None:
    shipped = shipped_units()
    outside = {code for code, unit in shipped.units.items() if unit.external}
    assert outside == {"BPJSTK", "KP2MI", "POLRI", "PPPA"}
    assert shipped.tracks[Track.INTEGRITAS] == "ITJEN"


def test_the_small_file_is_good() -> None:
    assert set(units.load(SMALL).units) == {"PTSA", "ITJEN", "BPJS", "P31", "P32", "K3216"}


@pytest.mark.parametrize(
    "old, new, expected",
    [
        ("powers: [triase]", "powers: [triase, pengawas]", "units.PTSA.powers: inspectors are the"),
        ("powers: [triase]", "powers: []", "units: one unit has the power triase, here 0"),
        ("level: eksternal", "level: eksternal, powers: [mediator]", "units.BPJS.powers: an ext"),
        ('regency: "3216"', 'regency: "3116"', "units.K3216.provinces: should be ['31']"),
        ('regency: "3216"', 'regency: "321"', "units.K3216.regency: a code has four digits"),
        (', regency: "3216"', "", "units.K3216.regency: a regency or city has one"),
        ("parent: P32", "parent: P31", "units.K3216.parent: should be the unit of its province"),
        ("parent: P32", "parent: P99", "units.K3216.parent: there is no unit 'P99'"),
        ("level: pusat}", "level: pusat, parent: ITJEN}", "units.ITJEN.parent: leads in a circle"),
        ("level: pusat}", "level: pusat, zone: WIB}", "units.ITJEN.zone: one of Asia/Jakarta"),
        ("level: pusat}", "level: pusat, zone: Asia/Tokyo}", "units.ITJEN.zone: one of"),
        ("level: pusat}", "level: pusat, hours: 8-16}", "units.ITJEN.hours: as 08:00-16:00"),
        ("level: pusat}", 'level: pusat, hours: "16:00-08:00"}', "units.ITJEN.hours: as"),
        ("level: pusat}", "level: pusat, email: desk}", "units.ITJEN.email: is no address"),
        ("level: pusat}", 'level: pusat, phone: "12"}', "units.ITJEN.phone: 3 to 15 digits"),
        ("level: pusat}", 'level: pusat, phone: "021-5255733 ext 2"}', "units.ITJEN.phone: 3 to"),
        ("level: pusat}", 'level: pusat, phone: "021--5255733"}', "units.ITJEN.phone: 3 to"),
        ("level: pusat}", "level: ditjen}", "units.ITJEN: Invalid enum value 'ditjen'"),
        ("level: pusat}", "level: pusat, fax: 1}", "units.ITJEN: Object contains unknown field"),
        ("[pengawas, mediator]}\n  P32", "[mediator]}\n  P32", "units.P31.powers: pengawas is mis"),
        ('provinces: ["31"]', 'provinces: ["33"]', "units.P31.provinces: '33' is unknown"),
        ('provinces: ["31"]', 'provinces: ["32"]', "provinces.31: has 0 provincial units"),
        ('provinces: ["31"]', 'provinces: ["32"]', "provinces.32: has 2 provincial units"),
        ('"31": DKI Jakarta', "31: DKI Jakarta", "provinces.31: put the key in quotes"),
        ("integritas: ITJEN", "integritas: BPJS", "tracks.integritas: is the ministry's own"),
        ("integritas: ITJEN", "none: ITJEN", "tracks.none: depends on topic and province"),
        ("integritas: ITJEN", "none: ITJEN", "tracks.integritas: is missing"),
        ("jamsos: BPJS", "jamsos: BPJSTK", "tracks.jamsos: there is no unit 'BPJSTK'"),
        ("tracks:", "track:", "track: there is no such section"),
        ("tracks:", "track:", "tracks: is missing"),
        ("  P31:", "  P32:", "'P32' is there twice"),
        ("  P31:", "  p31:", "units.p31.code: capital letters"),
        ("units:\n", "units: [\n", "not YAML"),
    ],
)
def test_mistakes(old: str, new: str, expected: str) -> None:
    broken = SMALL.replace(old, new, 1)
    assert broken != SMALL
    with pytest.raises(FileError) as bad:
        units.load(broken)
    assert any(
        f"cases/units.yaml: {expected}" in one or ("twice" in expected and expected in one)
        for one in bad.value.mistakes
    ), bad.value


def test_every_mistake_at_once() -> None:
    broken = SMALL.replace("level: pusat}", "level: pusat, zone: WIB}").replace("BPJS}", "B}")
    broken = broken.replace("jamsos: BPJS", "jamsos: NN").replace("parent: P32", "parent: P31")
    with pytest.raises(FileError) as bad:
        units.load(broken)
    assert len(bad.value.mistakes) == 3


def test_an_unreadable_unit_is_told_once() -> None:
    with pytest.raises(FileError) as bad:
        units.load(SMALL.replace("name: Inspektorat, ", ""))
    assert bad.value.mistakes == (
        "cases/units.yaml: units.ITJEN: Object missing required field `name`",
    )


def test_no_address_is_made_up() -> None:
    assert "@" not in text(units.FILE)
