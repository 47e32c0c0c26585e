"""What may be kept beside a case: papers and pictures, by what they are and not by their names."""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Final

from callcenter.cases.errors import BadForm

#: Of one file. A page that a telephone photographs has 2 to 4 MB.
MOST_BYTES: Final = 5 * 1024 * 1024
#: Of one case.
MOST: Final = 20
NAME_MOST: Final = 120
#: What file systems take for something else.
_BAD: Final = frozenset('"<>|:*?')


class Kind(StrEnum):
    """What a file is; no kind that can hold a program for the reader's machine but PDF, which
    every office needs, and which is handed out to be saved, never shown in our pages."""

    PDF = "pdf"
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        return "application/pdf" if self is Kind.PDF else f"image/{self.value}"


def kind_of(content: bytes) -> Kind | None:
    """By its first bytes (the formats' own signatures); None: it is none of these."""
    if content.startswith(b"%PDF-"):
        return Kind.PDF
    if content.startswith(b"\xff\xd8\xff"):
        return Kind.JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return Kind.WEBP
    return None


def checked(content: bytes) -> Kind:
    """The kind of a file that may be kept.

    Raises:
        BadForm: ``content`` is empty, too large, or none of the kinds.
    """
    if not content:
        raise BadForm({"content": "is empty"})
    if len(content) > MOST_BYTES:
        raise BadForm({"content": f"has more than {MOST_BYTES} bytes"})
    kind = kind_of(content)
    if kind is None:
        raise BadForm({"content": "is neither a PDF nor a picture (JPEG, PNG, WebP)"})
    return kind


def clean_name(given: str, kind: Kind) -> str:
    """The last part of a file's name without what could mislead or lead elsewhere: paths, signs
    that are not seen (right-to-left marks, say) and quotes; ended by what it is."""
    last = given.replace("\\", "/").rsplit("/", 1)[-1]
    seen = (" " if one.isspace() else one for one in unicodedata.normalize("NFC", last))
    kept = "".join(
        one for one in seen if unicodedata.category(one)[0] != "C" and one not in '"<>|:'
    )
    stem = " ".join(kept.split())
    ends = (".jpeg", ".jpg") if kind is Kind.JPEG else (f".{kind.value}",)
    for end in ends:
        stem = stem[: -len(end)] if stem.lower().endswith(end) else stem
    return (stem.strip(". ")[:NAME_MOST].strip(". ") or "lampiran") + ends[-1]
