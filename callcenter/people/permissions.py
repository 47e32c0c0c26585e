"""Who may do what: one table from role to permissions, read by every door.

A role is what a person is; a permission is what a route asks for. A route never names a role.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Role(StrEnum):
    """What an account is for. The words stand in the database and in the HTTP interface."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OFFICER = "officer"
    ADMIN = "admin"


class Permission(StrEnum):
    """One thing that a person may do."""

    SIGNED_IN = "signed_in"  #: what everybody with a valid sign-in may do: see and end it
    TAKE_CALLS = "take_calls"  #: be offered calls, and write down the cases of one's own calls
    WATCH_BOARD = "watch_board"  #: see who waits and who works
    WORK_CASES = "work_cases"  #: find, read and change cases, as far as cases/secrecy.py lets them
    MANAGE_PEOPLE = "manage_people"  #: see the accounts and what they may do
    READ_METRICS = "read_metrics"  #: the machine-readable figures of the running process


#: An admin runs the system and has no business in complaints, so no WORK_CASES there.
PERMISSIONS: Final = MappingProxyType(
    {
        Role.AGENT: frozenset({Permission.SIGNED_IN, Permission.TAKE_CALLS, Permission.WORK_CASES}),
        Role.SUPERVISOR: frozenset(
            {Permission.SIGNED_IN, Permission.WATCH_BOARD, Permission.WORK_CASES}
        ),
        Role.OFFICER: frozenset({Permission.SIGNED_IN, Permission.WORK_CASES}),
        Role.ADMIN: frozenset(
            {
                Permission.SIGNED_IN,
                Permission.WATCH_BOARD,
                Permission.MANAGE_PEOPLE,
                Permission.READ_METRICS,
            }
        ),
    }
)


def may(role: Role, permission: Permission) -> bool:
    """Whether ``role`` has ``permission``."""
    return permission in PERMISSIONS[role]
