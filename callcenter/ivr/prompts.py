"""What is said: a prompt is a list of segments per language.

A segment is text with slots (``"Anda nomor {position|number}."``), a pause (``{pause: 400ms}``) or
a recording with the same words as text (``{text: "…", audio: id/welcome}``). A slot names a
variable and how it is read:

=============  ===========================================================================
number         in words, inside the sentence
date           day, month and year in words
words          an enum's own words: the prompt ``<variable>.<value>``, a topic's label
digits         one by one, each a sound of its own
case_number    in groups of 2, 4 and 4 digits
pin            one by one in two groups of three, each digit a sound of its own
=============  ===========================================================================

Digits that may be secret are never part of a sentence: a line may keep the sound of a text.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from callcenter import line
from callcenter.ivr.reader import Reader
from callcenter.ivr.visit import Value

#: Between groups of digits, milliseconds.
GROUP_PAUSE_MS = 400
#: The longest pause in a prompt, milliseconds.
LONGEST_PAUSE_MS = 5000
#: The longest text of one segment, characters.
TEXT_CHARS = 600


class Read(StrEnum):
    """How a slot is read."""

    NUMBER = "number"
    DATE = "date"
    WORDS = "words"
    DIGITS = "digits"
    CASE_NUMBER = "case_number"
    PIN = "pin"


#: Those that are sounds of their own, and the sizes of their groups (the last one repeats).
GROUPS = {Read.DIGITS: (4,), Read.CASE_NUMBER: (2, 4, 4), Read.PIN: (3,)}


@dataclass(frozen=True)
class Slot:
    """``{name|read}``"""

    name: str
    read: Read


@dataclass(frozen=True)
class Words:
    """One sentence: texts and slots in turn. ``audio`` holds the same words, recorded."""

    parts: tuple[str | Slot, ...]
    audio: str | None = None


Segment = Words | line.Pause | Slot


@dataclass(frozen=True)
class Prompt:
    """A prompt in one language."""

    segments: tuple[Segment, ...]

    def slots(self) -> Iterator[Slot]:
        """Every slot in it."""
        for segment in self.segments:
            if isinstance(segment, Slot):
                yield segment
            elif isinstance(segment, Words):
                yield from (part for part in segment.parts if isinstance(part, Slot))

    def plain(self) -> str | None:
        """Its words when it is one text without slots, recordings or pauses, else None."""
        match self.segments:
            case (Words(parts=(str(text),), audio=None),):
                return text
        return None


class BadPrompt(Exception):
    """The text is not a prompt; the message says why."""


_SLOT = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_PAUSE = re.compile(r"([1-9][0-9]{1,3})ms\Z")
_AUDIO = re.compile(r"[a-z0-9_-]+(/[a-z0-9_-]+)*\Z")


def parse_pause(text: str) -> line.Pause:
    """``400ms``. Raises :class:`BadPrompt`."""
    found = _PAUSE.match(text)
    if not found or int(found[1]) > LONGEST_PAUSE_MS:
        raise BadPrompt(f"a pause is 10ms to {LONGEST_PAUSE_MS}ms, not '{text}'")
    return line.Pause(int(found[1]))


def parse_text(text: str, audio: str | None = None) -> tuple[Segment, ...]:
    """Text with slots, cut where digits are sounds of their own. Raises :class:`BadPrompt`."""
    if not text.strip() or len(text) > TEXT_CHARS:
        raise BadPrompt(f"a text has 1 to {TEXT_CHARS} characters")
    pieces = _SLOT.split(" ".join(text.split()))
    segments: list[Segment] = []
    sentence: list[str | Slot] = []
    for index, piece in enumerate(pieces):
        if index % 2 == 0:
            _check_text(piece)
            if piece:
                sentence.append(piece)
            continue
        slot = _parse_slot(piece)
        if slot.read in GROUPS:
            segments += _sentence(sentence)
            segments.append(slot)
            sentence = []
        else:
            sentence.append(slot)
    segments += _sentence(sentence)
    if audio is None:
        return tuple(segments)
    return _recorded(segments, audio)


def _recorded(segments: list[Segment], audio: str) -> tuple[Segment, ...]:
    if not _AUDIO.match(audio):
        raise BadPrompt("audio is a path such as id/welcome, without an extension")
    match segments:
        case [Words(parts=(str(text),))]:
            return (Words((text,), audio),)
    raise BadPrompt("a recording can't hold a slot; make it a segment of its own")


def _check_text(text: str) -> None:
    if "{" in text or "}" in text:
        raise BadPrompt("a slot looks like {variable|number}")
    if any(char.isdigit() for char in text):
        raise BadPrompt("write numbers in words, or as a slot: voices read digits wrongly")
    if not text.isprintable():
        raise BadPrompt("a character that can't be spoken")


def _parse_slot(text: str) -> Slot:
    name, _, read = text.partition("|")
    if not _NAME.match(name) or read not in list(Read):
        raise BadPrompt(f"{{{text}}}: a slot is {{variable|{'|'.join(Read)}}}, with one of these")
    return Slot(name, Read(read))


def _sentence(parts: list[str | Slot]) -> list[Segment]:
    """The sentence, or nothing when only spaces and full stops are left of it."""
    if any(isinstance(part, Slot) or any(c.isalnum() for c in part) for part in parts):
        if isinstance(parts[0], str):
            parts[0] = parts[0].lstrip(" .,;:")
        if isinstance(parts[-1], str):
            parts[-1] = parts[-1].rstrip()
        return [Words(tuple(part for part in parts if part))]
    return []


@dataclass(frozen=True)
class Voice:
    """How prompts are read to one caller: in ``language``, by ``reader``, in ``timezone``;
    ``value`` gives a variable's value, ``words`` an enum's own words."""

    language: str
    reader: Reader
    timezone: dt.tzinfo
    value: Callable[[str], Value]
    words: Callable[[str, str], str]

    def say(self, prompt: Prompt) -> Iterator[line.Step]:
        """The steps of a prompt."""
        for segment in prompt.segments:
            if isinstance(segment, line.Pause):
                yield segment
            elif isinstance(segment, Slot):
                yield from self._grouped(segment)
            else:
                text = "".join(
                    part if isinstance(part, str) else self._inline(part) for part in segment.parts
                )
                if segment.audio is None:
                    yield line.Say(text, self.language)
                else:
                    yield line.Play(segment.audio, text, self.language)

    def _inline(self, slot: Slot) -> str:
        value = self.value(slot.name)
        if value is None:
            return self.reader.missing
        if slot.read is Read.WORDS:
            return self.words(slot.name, str(value))
        number = int(value)
        if slot.read is Read.NUMBER:
            return self.reader.number(number)
        return self.reader.date(dt.datetime.fromtimestamp(number / 1000, self.timezone).date())

    def _grouped(self, slot: Slot) -> Iterator[line.Step]:
        value = self.value(slot.name)
        if value is None:
            yield line.Say(self.reader.missing, self.language)
            return
        rest, sizes = str(value), GROUPS[slot.read]
        index = 0
        while rest:
            size = sizes[min(index, len(sizes) - 1)]
            group, rest, index = rest[:size], rest[size:], index + 1
            if slot.read is Read.CASE_NUMBER:
                yield line.Say(self.reader.spelled(group), self.language)
            else:
                yield from (line.Say(self.reader.key(key), self.language) for key in group)
            yield line.Pause(GROUP_PAUSE_MS)
