"""The texts of messages: ``messages.yaml``, a file that the ministry edits.

A text is neutral: a number and how to call, or where to look, nothing that tells others what it is
about. What may be filled in is fixed here for each template, so a file can't leak more.
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
#: By SMS and WhatsApp: template → what may, and must, be filled in.
TEMPLATES: Final[dict[str, tuple[str, ...]]] = {
    "case_number": ("number",),  #: what a caller is sent about their complaint
    "case_news": ("number",),  #: something has become of it
    "case_question": ("number",),  #: the reporter is asked something
    "case_closing": ("number",),  #: it is closed soon if the reporter says nothing
    "pin_code": ("code",),  #: what a caller who lost the PIN reads out to the agent
    "how_to_ask": (),  #: the one answer to whatever people write to us
    "stop_confirmed": (),  #: the answer to a word that stops messages
}
#: By e-mail, to units. ``link``: the desk's page of the case.
MAILS: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(
    (
        "unit_waiting",  #: a case waits to be accepted
        "unit_still_waiting",  #: it still does
        "unit_news",  #: the reporter has said something
        "unit_gone",  #: the case is not this unit's any more
        "unit_pressed",  #: the reporter presses for an answer
        "unit_due",  #: a limit comes near
        "head_late",  #: to the head of a unit: a limit has passed
        "head_opened",  #: to the head of triage: somebody looks where they may not, with a reason
        "directorate_late",  #: it has passed twice over
        "inspectorate_review",  #: a case was opened again too often
        "on_call",  #: life may be in danger
    ),
    ("number", "link"),
)
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
_SUBJECT_CHARS: Final = 78


class TextErrors(ValueError):
    """The file can't be used; ``errors`` names everything that is wrong with it."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: dict[str, str]
    whatsapp: dict[str, str] = {}


class _Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    subject: dict[str, str]
    text: dict[str, str]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    messages: dict[str, _Entry]
    mails: dict[str, _Mail] = {}


class Texts(msgspec.Struct, frozen=True):
    """By template and language; ``contents``: the names of approved WhatsApp templates;
    ``subjects``: of e-mails."""

    texts: Mapping[tuple[str, str], str]
    contents: Mapping[tuple[str, str], str]
    subjects: Mapping[tuple[str, str], str]

    def text(self, template: str, language: str, params: Mapping[str, str]) -> str:
        """The text in ``language``, or in the first one where there is none."""
        key = (template, language if language in LANGUAGES else LANGUAGES[0])
        return self.texts[key].format_map(params)

    def subject(self, template: str, language: str, params: Mapping[str, str]) -> str:
        """The subject of an e-mail, "" for what has none."""
        key = (template, language if language in LANGUAGES else LANGUAGES[0])
        return self.subjects.get(key, "").format_map(params)

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
        file = msgspec.convert(tree, _File)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise TextErrors([f"{FILE}: {error}"]) from error
    entries = file.messages
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
            wrong = _wrong(given, params) or _too_long(given, params)
            errors += [f"{FILE}: {name}.text.{language}: {why}" for why in wrong]
            texts[name, language] = given
            content = entry.whatsapp.get(language)
            if content is None:
                continue
            contents[name, language] = content
            if not _CONTENT.fullmatch(content):
                errors.append(f"{FILE}: {name}.whatsapp.{language}: use HX and 32 hex digits")
    subjects, bodies, wrong_mails = _mails(file.mails)
    if errors or wrong_mails:
        raise TextErrors(errors + wrong_mails)
    return Texts(texts | bodies, contents, subjects)


_ByLanguage = dict[tuple[str, str], str]


def _mails(mails: Mapping[str, _Mail]) -> tuple[_ByLanguage, _ByLanguage, list[str]]:
    """Subjects and texts of e-mails, and what is wrong with them."""
    errors = [f"{FILE}: {name}: no such mail" for name in sorted(mails.keys() - MAILS)]
    subjects: _ByLanguage = {}
    texts: _ByLanguage = {}
    for name, params in MAILS.items():
        mail = mails.get(name)
        if mail is None:
            errors.append(f"{FILE}: {name}: missing")
            continue
        others = sorted((mail.subject.keys() | mail.text) - set(LANGUAGES))
        errors += [f"{FILE}: {name}.{language}: no such language" for language in others]
        for language in LANGUAGES:
            subject = mail.subject.get(language, "").strip()
            text = mail.text.get(language, "").strip()
            subjects[name, language], texts[name, language] = subject, text
            wrong = _wrong(subject, params[:1])  # a subject is shown to whoever passes by
            if not wrong and len(subject.format_map({params[0]: _SAMPLE})) > _SUBJECT_CHARS:
                wrong = [f"longer than {_SUBJECT_CHARS} characters"]
            errors += [f"{FILE}: {name}.subject.{language}: {why}" for why in wrong]
            wrong = _wrong(text.replace("\n", " "), params)
            errors += [f"{FILE}: {name}.text.{language}: {why}" for why in wrong]
    return subjects, texts, errors


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
    return wrong + [f"{{{name}}} is missing" for name in params if name not in names]


def _too_long(text: str, params: tuple[str, ...]) -> list[str]:
    count = parts(text.format_map(dict.fromkeys(params, _SAMPLE)))
    return [f"it takes {count} messages; use at most {MOST_PARTS}"] if count > MOST_PARTS else []


def parts(text: str) -> int:
    """How many SMS the text takes: 160 characters of the GSM alphabet, or 70 of any other."""
    if all(sign in _BASIC or sign in _EXTENDED for sign in text):
        length, (alone, each) = sum(2 if sign in _EXTENDED else 1 for sign in text), _GSM
    else:
        length, (alone, each) = len(text.encode("utf-16-le")) // 2, _UCS2
    return 1 if length <= alone else -(-length // each)
