"""Which files are kept, and what they are called."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.cases.attachments.rules import MOST_BYTES, NAME_MOST, Kind, checked, clean_name
from callcenter.cases.errors import BadForm

FILES = {
    Kind.PDF: b"%PDF-1.7\n...",
    Kind.JPEG: b"\xff\xd8\xff\xe0\x00\x10JFIF",
    Kind.PNG: b"\x89PNG\r\n\x1a\n\x00\x00",
    Kind.WEBP: b"RIFF\x24\x00\x00\x00WEBPVP8 ",
}


@pytest.mark.parametrize("kind", Kind)
def test_a_file_is_what_its_first_bytes_say(kind: Kind) -> None:
    assert checked(FILES[kind]) is kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00",  # a program
        b"PK\x03\x04word/document.xml",
        b"<svg onload=alert(1)>",
        b"<html>%PDF-",
        b"RIFF\x24\x00\x00\x00WAVE",
        b"GIF89a",
        b"%PDF-1.7" + b"x" * MOST_BYTES,
    ],
)
def test_anything_else_is_refused_and_the_field_named(content: bytes) -> None:
    with pytest.raises(BadForm) as refused:
        checked(content)
    assert refused.value.fields.keys() == {"content"}


@pytest.mark.parametrize(
    "given_name, kind, name",
    [
        ("slip gaji.pdf", Kind.PDF, "slip gaji.pdf"),
        ("Slip Gaji.PDF", Kind.PDF, "Slip Gaji.pdf"),
        ("foto.jpeg", Kind.JPEG, "foto.jpg"),
        ("foto.exe", Kind.JPEG, "foto.exe.jpg"),
        ("../../etc/passwd", Kind.PDF, "passwd.pdf"),
        ("C:\\Users\\budi\\kontrak.pdf", Kind.PDF, "kontrak.pdf"),
        ("gaji\u202egpj.exe", Kind.PNG, "gajigpj.exe.png"),
        ('a"b\r\nSet-Cookie: x.pdf', Kind.PDF, "ab Set-Cookie x.pdf"),
        ("", Kind.PNG, "lampiran.png"),
        ("....", Kind.PNG, "lampiran.png"),
        (".pdf", Kind.PDF, "lampiran.pdf"),
    ],
)
def test_its_name_leads_nowhere_and_says_what_it_is(given_name: str, kind: Kind, name: str) -> None:
    assert clean_name(given_name, kind) == name


@given(st.text(max_size=300), st.sampled_from(list(Kind)))
def test_whatever_it_is_called(given_name: str, kind: Kind) -> None:
    name = clean_name(given_name, kind)
    assert name == clean_name(name, kind)
    assert 0 < len(name) <= NAME_MOST + 5
    assert not any(unicodedata.category(one)[0] == "C" for one in name)
    assert not set(name) & set('/\\"<>|:')
    assert not name.startswith(".")
