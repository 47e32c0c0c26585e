"""The files under ``ivr_flows/cases``, read strictly: every mistake at once, with its place."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")
#: A telephone number in these files, as it is dialled.
NUMBER = re.compile(r"\+?[0-9]{3,15}\Z")
NUMBER_WANTED = "3 to 15 digits, with + from abroad"


class FileError(ValueError):
    """A file is refused. ``mistakes``: one line each, ``file: item.field: why``."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


class _Strict(yaml.CSafeLoader):
    """YAML would keep the last of two equal keys without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen:
                place = f"line {key.start_mark.line + 1}"
                raise yaml.YAMLError(f"{place}: '{key.value}' is there twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class Reader:
    """One file. Mistakes are collected in ``mistakes`` until :meth:`done`."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.mistakes: list[str] = []
        try:
            tree = _Strict(text).get_single_data()
        except yaml.YAMLError as error:
            raise FileError([f"{file}: not YAML: {error}"]) from error
        if not isinstance(tree, dict):
            raise FileError([f"{file}: should be a mapping"])
        self._tree: dict[object, object] = tree
        self._read: set[str] = set()

    def wrong(self, place: str, why: str) -> None:
        """Note a mistake."""
        self.mistakes.append(f"{self.file}: {place}: {why}")

    def one(self, section: str, type_: type[T], default: T) -> T:
        """``section`` as a ``type_``; ``default`` when it is wrong or missing."""
        self._read.add(section)
        if section not in self._tree:
            self.wrong(section, "is missing")
            return default
        try:
            return msgspec.convert(self._tree[section], type_)
        except msgspec.ValidationError as error:
            self.wrong(section, str(error))
            return default

    def many(self, section: str, type_: type[T]) -> dict[str, T]:
        """The items of ``section`` that can be read, by their key."""
        self._read.add(section)
        items = self._tree.get(section)
        if not isinstance(items, dict) or not items:
            self.wrong(section, "should map codes to items")
            return {}
        found: dict[str, T] = {}
        for key, item in items.items():
            if not isinstance(key, str):
                self.wrong(f"{section}.{key}", "put the key in quotes")
                continue
            try:
                found[key] = msgspec.convert(item, type_)
            except msgspec.ValidationError as error:
                self.wrong(f"{section}.{key}", str(error))
        return found

    def keys(self, section: str) -> frozenset[str]:
        """The keys of ``section``, also of items that can't be read: one mistake is told once."""
        items = self._tree.get(section)
        return frozenset(map(str, items)) if isinstance(items, Mapping) else frozenset()

    def done(self) -> None:
        """The file was read to its end.

        Raises:
            FileError: with every mistake.
        """
        for section in self._tree:
            if section not in self._read:
                self.wrong(str(section), "there is no such section")
        if self.mistakes:
            raise FileError(self.mistakes)
