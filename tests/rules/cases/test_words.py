"""Words for keyed hashes: the same text, however it is typed, gives the same words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.words import LETTERS_MOST, WORDS_MOST, employer, plain, words


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Upah SAYA belum dibayar!", {"upah", "saya", "belum", "dibayar"}),
        ("dipecat, pemecatan; memecat", {"dipecat", "pemecatan", "memecat"}),
        ("buruh-buruh", {"buruh"}),
        ("hari Jum'at / Jum’at", {"hari", "jumat"}),
        ("Rp3.500.000,- sejak 2024", {"3500000", "sejak", "2024"}),
        ("upah 1,250,000 dan 12.30", {"upah", "1250000", "dan", "12", "30"}),
        ("café CAFÉ cafe\u0301", {"cafe"}),
        ("di PT X ke 5", set()),
        ("k3", set()),
        ("gaji_pokok", {"gaji", "pokok"}),
        ("ga\u200bji \u202egaji\u202c", {"gaji"}),
        ("٢٠٢٤ ２０２４", {"2024"}),
        ("", set()),
        ("…!?", set()),
        ("straße STRASSE", {"strasse"}),
    ],
)
def test_words(text: str, expected: set[str]) -> None:
    assert words(text) == expected


def test_a_phone_number_is_one_word() -> None:
    assert words("telepon 081234567890") == {"telepon", "081234567890"}


def test_there_is_a_limit() -> None:
    many = " ".join(f"{n:06d}" for n in range(WORDS_MOST + 50))
    found = words(many)
    assert len(found) == WORDS_MOST
    assert "000000" in found
    assert f"{WORDS_MOST:06d}" not in found
    assert words("a" * 500) == {"a" * LETTERS_MOST}


@given(st.text())
def test_words_are_their_own_words(text: str) -> None:
    found = words(text)
    assert words(" ".join(found)) == found
    assert all(len(word) <= LETTERS_MOST for word in found)


@given(st.text())
def test_how_it_was_typed_does_not_matter(text: str) -> None:
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))


@given(st.text("abcdefg hijklmno", max_size=40))
def test_case_does_not_matter(text: str) -> None:
    assert words(text.upper()) == words(text) == words(text.title())


@given(st.text(), st.text())
def test_a_search_is_found_in_what_holds_it(before: str, after: str) -> None:
    assert words("pesangon") <= words(f"{before} pesangon {after}"[-2_000:] + " pesangon")


@given(st.text())
def test_plain_is_plain(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    "name",
    [
        "PT Maju Jaya",
        "PT. Maju Jaya, Tbk.",
        "P.T. MAJU JAYA (Persero) Tbk",
        "maju  jaya",
        "Maju Jaya, PT",
        "PT.Maju-Jaya",
        "CV MAJU JAYA",
        "C.V. Maju Jaya",
        "UD Maju Jaya",
    ],
)
def test_one_employer_in_many_spellings(name: str) -> None:
    assert employer(name) == "maju jaya"


@pytest.mark.parametrize(
    "name, expected",
    [
        ("PT Sinar & Putra", "sinar dan putra"),
        ("Toko Sinar dan Putra", "toko sinar dan putra"),
        ("PT", "pt"),
        ("", ""),
        ("PT 88 Garmen", "88 garmen"),
        ("Yayasan Pendidikan Bangsa", "pendidikan bangsa"),
        ("PT A. Yani", "a yani"),
    ],
)
def test_other_employers(name: str, expected: str) -> None:
    assert employer(name) == expected


@given(st.text())
def test_an_employer_compared_twice_is_the_same(name: str) -> None:
    assert employer(employer(name)) == employer(name)
    assert employer(f"PT {name} maju") == employer(f"{name} maju")
