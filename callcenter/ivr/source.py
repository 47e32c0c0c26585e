"""YAML, read strictly, with the line of every value.

A careful subset: no tags, no anchors, no duplicate keys, keys are strings, and a word that YAML
would quietly turn into something else (``no``, ``012``, ``12:30``, a date) must be in quotes.
Built from the parser's events, so depth and size are bounded whatever the file holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from callcenter.ivr.errors import FlowError

#: Larger files are refused, characters.
FILE_CHARS = 256 * 1024
#: Deeper nesting is refused, levels.
DEPTH = 12

Path = tuple[str | int, ...]
Data = str | int | float | bool | None | list["Data"] | dict[str, "Data"]

_RESOLVER = yaml.resolver.Resolver()
_PLAIN_INT = re.compile(r"-?(0|[1-9][0-9]{0,9})\Z")
_PLAIN_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,9}\Z")
_STR = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class Document:
    """A file's data, and the line (from 1) at which the value of each path begins."""

    file: str
    data: Data
    lines: Mapping[Path, int]

    def error(self, path: Path, message: str) -> FlowError:
        """A mistake at ``path``, or at the nearest place around it that exists."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return FlowError(self.file, self.lines.get(known, 1), dotted(path), message)


def dotted(path: Path) -> str:
    """``("nodes", "topic", 0)`` as ``nodes.topic.0``."""
    return ".".join(map(str, path))


def read(file: str, text: str) -> tuple[Document, list[FlowError]]:
    """``text`` as a document; where it is broken, the errors and what could be read."""
    if len(text) > FILE_CHARS:
        empty = Document(file, {}, {})
        return empty, [FlowError(file, 1, "", f"longer than {FILE_CHARS} characters")]
    reader = _Reader(file)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if not reader.take(event):
                break
    except yaml.reader.ReaderError as bad:
        line = text.count("\n", 0, bad.position) + 1
        reader.errors.append(FlowError(file, line, "", "a character that YAML does not allow"))
    except yaml.MarkedYAMLError as bad:
        mark = bad.problem_mark or bad.context_mark
        line = mark.line + 1 if mark else 1
        reader.errors.append(FlowError(file, line, "", f"not YAML: {bad.problem or bad.context}"))
    return Document(file, reader.root, reader.lines), reader.errors


@dataclass
class _Level:
    """An open mapping or list."""

    into: list[Data] | dict[str, Data]
    path: Path
    key: str | None = None


@dataclass
class _Reader:
    file: str
    root: Data = None
    lines: dict[Path, int] = field(default_factory=dict)
    errors: list[FlowError] = field(default_factory=list)
    levels: list[_Level] = field(default_factory=list)
    documents: int = 0

    def take(self, event: yaml.Event) -> bool:
        """Use one event; False: give up reading."""
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._refuse(line, "one document a file")
                return False
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(line, "anchors and aliases are not used here")
            return False
        elif isinstance(event, yaml.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            return self._open(event, line)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.levels.pop()
        return True

    def _refuse(self, line: int, message: str) -> None:
        path = self._path()
        self.errors.append(FlowError(self.file, line, dotted(path), message))

    def _path(self) -> Path:
        """Where the next value goes."""
        if not self.levels:
            return ()
        level = self.levels[-1]
        if isinstance(level.into, list):
            return (*level.path, len(level.into))
        return level.path if level.key is None else (*level.path, level.key)

    def _open(self, event: yaml.CollectionStartEvent, line: int) -> bool:
        self._marked(event, line)
        if self._wants_key():
            self._refuse(line, "a key must be a word")
            return False
        if len(self.levels) >= DEPTH:
            self._refuse(line, f"nested deeper than {DEPTH} levels")
            return False
        path = self._path()
        into: list[Data] | dict[str, Data]
        into = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(into, line)
        self.levels.append(_Level(into, path))
        return True

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        self._marked(event, line)
        if not self._wants_key():
            self._put(self._value(event, line), line)
            return
        level = self.levels[-1]
        if not event.style and self._tag(event.value) != _STR:
            self._refuse(line, f'put the key in quotes: "{event.value}"')
        assert isinstance(level.into, dict)
        level.key = event.value
        if event.value in level.into:
            self._refuse(line, "the key is there twice")
        self.lines[(*level.path, event.value)] = line

    def _wants_key(self) -> bool:
        if not self.levels:
            return False
        level = self.levels[-1]
        return isinstance(level.into, dict) and level.key is None

    def _put(self, value: Data, line: int) -> None:
        path = self._path()
        self.lines.setdefault(path, line)
        if not self.levels:
            self.root = value
            return
        level = self.levels[-1]
        if isinstance(level.into, list):
            level.into.append(value)
        elif level.key is not None:
            level.into[level.key] = value
            level.key = None

    def _marked(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, line: int) -> None:
        if event.anchor is not None:
            self._refuse(line, "anchors and aliases are not used here")
        if event.tag is not None:
            self._refuse(line, f"tags are not used here ({event.tag})")

    @staticmethod
    def _tag(plain: str) -> str:
        tag = _RESOLVER.resolve(yaml.ScalarNode, plain, (True, False))  # type: ignore[no-untyped-call]
        return str(tag)

    def _value(self, event: yaml.ScalarEvent, line: int) -> Data:
        plain: str = event.value
        if event.style or self._tag(plain) == _STR:
            return plain
        if plain in ("", "null"):
            return None
        if plain in ("true", "false"):
            return plain == "true"
        if _PLAIN_INT.match(plain):
            return int(plain)
        if _PLAIN_FLOAT.match(plain):
            return float(plain)
        self._refuse(line, f'YAML would not read this as written; put it in quotes: "{plain}"')
        return plain
