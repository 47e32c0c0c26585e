"""The directory of bodies outside: what callers are told, and unverified numbers say so."""

from __future__ import annotations

import re

import pytest
import yaml

from callcenter.cases import directory
from callcenter.cases.directory import Directory, Reach, about, of_unit
from callcenter.cases.files import FileError
from tests.rules.cases.kit import shipped_topics, shipped_units, text

TOPICS = shipped_topics()
UNITS = shipped_units().units

SMALL = """\
bodies:
  A:
    label: {id: Satu, en: One}
    numbers: [{dial: "175", reach: indonesia, verified: true, source: read}]
    topics: [upah]
    unit: BPJSTK
"""


def load(text_: str) -> Directory:
    return directory.load(text_, topics=TOPICS, units=UNITS)


SHIPPED = load(text(directory.FILE))


def test_every_body_that_cases_are_referred_to_can_be_reached() -> None:
    for code, unit in UNITS.items():
        found = of_unit(SHIPPED, code)
        assert (found is not None) == unit.external, code
        if found is not None:
            assert found.number(Reach.INDONESIA) is not None


def test_migrants_are_given_the_number_that_works_from_abroad() -> None:
    body = of_unit(SHIPPED, "KP2MI")
    assert body is not None
    abroad, home = body.number(Reach.ABROAD), body.number(Reach.INDONESIA)
    assert abroad is not None
    assert home is not None
    assert (abroad.dial, abroad.show) == ("+622129244800", "+62 21 2924 4800")
    assert home.show == "0-800-1000"
    assert body.number(Reach.WHATSAPP) is not None
    assert SHIPPED["DARURAT"].number(Reach.ABROAD) is None


def test_emergencies_come_first() -> None:
    for topic in ("kecelakaan", "kekerasan", "pekerja_anak", "kerja_paksa"):
        named = about(SHIPPED, topic, TOPICS[topic].within)
        assert named[0].emergency
        assert sorted(named, key=lambda body: not body.emergency) == named
    assert {"DARURAT", "AMBULANS"} <= {body.code for body in about(SHIPPED, "kecelakaan")}
    assert "SAPA" in {body.code for body in about(SHIPPED, "pekerja_anak")}


def test_a_body_is_there_for_the_topic_or_the_one_around_it() -> None:
    assert [body.code for body in about(SHIPPED, "jamsos_klaim", "jamsos")] == ["BPJSTK"]
    assert [body.code for body in about(SHIPPED, "jamsos")] == ["BPJSTK"]
    assert about(SHIPPED, "lembur", "upah") == []


def test_what_was_not_read_anywhere_says_so() -> None:
    unsure = {
        number.dial for body in SHIPPED.values() for number in body.numbers if not number.verified
    }
    assert unsure == {"112", "110", "119"}
    for body in SHIPPED.values():
        for number in body.numbers:
            assert ("not verified" in number.source) != number.verified


def test_the_hours_of_social_security_are_local() -> None:
    assert SHIPPED["BPJSTK"].hours == "06:00-22:00"
    assert SHIPPED["DARURAT"].hours == directory.ALL_DAY


_DIGITS = {
    "id": "nol satu dua tiga empat lima enam tujuh delapan sembilan",
    "en": "zero one two three four five six seven eight nine",
}


@pytest.mark.parametrize("language", ["id", "en"])
def test_callers_in_danger_are_told_the_numbers_that_stand_here(language: str) -> None:
    """The prompt has them in words, so that it is said without looking anything up."""
    digits = {word: str(n) for n, word in enumerate(_DIGITS[language].split())}
    said = str(yaml.safe_load(text(f"prompts/{language}.yaml"))["emergency.advice"])
    spoken = "".join(digits.get(word, " ") for word in re.findall(r"[a-z]+", said.lower()))
    due = about(SHIPPED, "kecelakaan", TOPICS["kecelakaan"].within)
    numbers = {one.number(Reach.INDONESIA) for one in due if one.emergency}
    assert {run for run in spoken.split() if len(run) > 1} == {
        number.dial for number in numbers if number is not None
    }


@pytest.mark.parametrize(
    "old, new, expected",
    [
        (", en: One", "", "bodies.A.label: no text in en"),
        ('dial: "175"', "dial: 175", "bodies.A: Expected `str`, got `int`"),
        ('dial: "175"', 'dial: "17"', "bodies.A.numbers.0.dial: 3 to 15 digits"),
        ('dial: "175"', 'dial: "+175"', "bodies.A.numbers.0.dial: from abroad, and only then"),
        ("reach: indonesia", "reach: abroad", "bodies.A.numbers.0.dial: from abroad, and only"),
        ("verified: true", 'verified: true, show: "176"', "bodies.A.numbers.0.show: has other"),
        ("source: read", "source: ''", "bodies.A.numbers.0.source: is missing"),
        (", source: read", "", "bodies.A: Object missing required field `source`"),
        ("[upah]", "[upahh]", "bodies.A.topics: 'upahh' is unknown"),
        ("unit: BPJSTK", "unit: BPJS", "bodies.A.unit: there is no unit 'BPJS'"),
        ("unit: BPJSTK", "hours: 24 jam", "bodies.A.hours: as 06:00-22:00"),
        ("unit: BPJSTK", "hour: 1", "bodies.A: Object contains unknown field `hour`"),
        ("bodies:", "body:", "bodies: should map codes to items"),
    ],
)
def test_mistakes(old: str, new: str, expected: str) -> None:
    broken = SMALL.replace(old, new, 1)
    assert broken != SMALL
    with pytest.raises(FileError, match=re.escape(f"cases/directory.yaml: {expected}")):
        load(broken)
