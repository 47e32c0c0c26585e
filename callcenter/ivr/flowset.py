"""Flows, prompts, calendars and topics that were checked together, under one hash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FlowSet:
    """``sources``: path below the flows' folder to text, from which :func:`loader.parse` makes an
    equal set again; ``hash``: sha256 of them, hex."""

    hash: str
    sources: Mapping[str, str]
    languages: tuple[str, ...]
