"""The texts of messages: ``messages.yaml``, a file that the ministry edits.

A text is neutral: a number and how to call, nothing that tells others what it is about. What may be
filled in is fixed here for each template, so a file can't leak more.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import yaml

FILE: Final = "messages.yaml"
LANGUAGES: Final = ("id", "en")
#: template → what may, and must, be filled in
TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "case_number": ("number",),  #: what a caller is sent about their complaint
    "how_to_ask": (),  #: the one answer to whatever people write to us
    "stop_confirmed": (),  #: the answer to a word that stops messages
}
#: A message in more parts costs as much as so many messages.
MOST_PARTS: Final = 2

#: The GSM 7-bit alphabet (3GPP TS 23.038): the basic table, and what takes two septets.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
#: (alone, each of several), in septets and in UTF-16 units.
_GSM: Final = (160, 153)
_UCS2: Final = (70, 67)

_CONTENT = re.compile(r"HX[0-9a-f]{32}")
#: As long as what is filled in can be.
_SAMPLE: Final = "26-4815-1621"


class TextErrors(ValueError):
    """The file can't be used; ``errors`` names everything that is wrong with it."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: dict[str, str]
    whatsapp: dict[str, str] = {}


class Texts(msgspec.Struct, frozen=True):
    """By template and language; ``contents``: the names of approved WhatsApp templates."""

    texts: Mapping[tuple[str, str], str]
    contents: Mapping[tuple[str, str], str]

    def text(self, template: str, language: str, params: Mapping[str, str]) -> str:
        """The text in ``language``, or in the first one where there is none."""
        key = (template, language if language in LANGUAGES else LANGUAGES[0])
        return self.texts[key].format_map(params)

    def content(self, template: str, language: str) -> str | None:
        """The provider's name of the approved template that says the same on WhatsApp."""
        return self.contents.get((template, language if language in LANGUAGES else LANGUAGES[0]))


def load(text: str) -> Texts:
    """The texts of a ``messages.yaml``.

    Raises:
        TextErrors: with everything that is wrong.
    """
    try:
        tree: Any = yaml.load(text, Loader=yaml.CSafeLoader)
        entries = msgspec.convert(tree, dict[str, dict[str, _Entry]])["messages"]
    except (yaml.YAMLError, msgspec.ValidationError, KeyError) as error:
        raise TextErrors([f"{FILE}: {error}"]) from error
    errors = [f"{FILE}: {name}: no such message" for name in sorted(entries.keys() - TEMPLATES)]
    texts: dict[tuple[str, str], str] = {}
    contents: dict[tuple[str, str], str] = {}
    for name, params in TEMPLATES.items():
        entry = entries.get(name)
        if entry is None:
            errors.append(f"{FILE}: {name}: missing")
            continue
        others = sorted((entry.text.keys() | entry.whatsapp) - set(LANGUAGES))
        errors += [f"{FILE}: {name}.{language}: no such language" for language in others]
        for language in LANGUAGES:
            given = entry.text.get(language, "").strip()
            errors += [f"{FILE}: {name}.text.{language}: {why}" for why in _wrong(given, params)]
            texts[name, language] = given
            content = entry.whatsapp.get(language)
            if content is None:
                continue
            contents[name, language] = content
            if not _CONTENT.fullmatch(content):
                errors.append(f"{FILE}: {name}.whatsapp.{language}: use HX and 32 hex digits")
    if errors:
        raise TextErrors(errors)
    return Texts(texts, contents)


def _wrong(text: str, params: tuple[str, ...]) -> list[str]:
    if not text:
        return ["missing"]
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in text):
        return ["a line break or another control character"]
    try:
        fields = [
            (name, spec, conversion)
            for _, name, spec, conversion in string.Formatter().parse(text)
            if name is not None
        ]
    except ValueError as error:
        return [f"braces that don't match: {error}"]
    wrong = [f"{{{name}}} can't be filled in" for name, _, _ in fields if name not in params]
    wrong += [f"{{{name}}} takes nothing else" for name, spec, how in fields if spec or how]
    names = [name for name, _, _ in fields]
    wrong += [f"{{{name}}} is missing" for name in params if name not in names]
    if not wrong:
        count = parts(text.format_map(dict.fromkeys(params, _SAMPLE)))
        if count > MOST_PARTS:
            wrong.append(f"it takes {count} messages; use at most {MOST_PARTS}")
    return wrong


def parts(text: str) -> int:
    """How many SMS the text takes: 160 characters of the GSM alphabet, or 70 of any other."""
    if all(sign in _BASIC or sign in _EXTENDED for sign in text):
        length, (alone, each) = sum(2 if sign in _EXTENDED else 1 for sign in text), _GSM
    else:
        length, (alone, each) = len(text.encode("utf-16-le")) // 2, _UCS2
    return 1 if length <= alone else -(-length // each)
