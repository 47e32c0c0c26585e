"""Topics: what a call is about. They are a file that the ministry edits, ``topics.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml


class Topic(msgspec.Struct, frozen=True):
    """``head_start_s``: how much earlier than its arrival a caller of this topic counts as queued.

    ``unit`` is the code of the part of the ministry that acts on it. ``label`` has a text for each
    language.
    """

    code: str
    label: Mapping[str, str]
    head_start_s: int
    unit: str


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: dict[str, str]
    unit: str
    head_start_s: int = 0


class TopicError(ValueError):
    """The topics file can't be read; the message names the topic and the field."""


def load(text: str) -> dict[str, Topic]:
    """The topics of a ``topics.yaml``, by code, in the order of the file.

    Raises:
        TopicError: the text is not a topics file.
    """
    try:
        tree: Any = yaml.load(text, Loader=yaml.CSafeLoader)
        entries = msgspec.convert(tree, dict[str, dict[str, _Entry]])["topics"]
    except (yaml.YAMLError, msgspec.ValidationError, KeyError) as error:
        raise TopicError(f"topics.yaml: {error}") from error
    topics = {}
    for code, entry in entries.items():
        if missing := {"id", "en"} - entry.label.keys():
            raise TopicError(f"topics.yaml: {code}.label: no text in {', '.join(sorted(missing))}")
        topics[code] = Topic(code, entry.label, entry.head_start_s, entry.unit)
    return topics
