"""A case as its agent sees it and writes it down; what became different."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

#: Of a field, in a version.
Value = str | int | bool | None


class CaseView(msgspec.Struct, frozen=True):
    """A case as an agent or an officer sees it. ``pin`` only while its call is not wrapped up."""

    id: str
    number: str
    status: str
    topic: str
    unit: str
    custodian: str | None
    language: str
    opened_at: int
    updated_at: int
    version: int
    narrative: str
    reporter_name: str
    employer: str
    anonymous: bool = False
    pin: str | None = None


class CaseForm(msgspec.Struct, frozen=True):
    """What an agent writes down; None leaves a field as it is. ``version`` is the one they saw."""

    version: int
    topic: str | None = None
    narrative: str | None = None
    reporter_name: str | None = None
    employer: str | None = None
    anonymous: bool | None = None


class Change(msgspec.Struct, frozen=True):
    """What became different with ``version``: field → what it was, what it is."""

    version: int
    at: int
    by: str | None
    fields: Mapping[str, tuple[Value, Value]]
