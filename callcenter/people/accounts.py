"""Accounts: what one is, how one is made and found. All SQL of the account table is here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Final

import msgspec
from sqlalchemy import RowMapping, func, insert, select, update

from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.line import Device, DeviceKind
from callcenter.people import passwords
from callcenter.people.permissions import Role
from callcenter.people.tables import account

LANGUAGES: Final = ("id", "en")
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
MOST_NAME_CHARACTERS: Final = 100


class BadAccount(Exception):
    """An account can't be made like this. ``fields``: field name to what is wrong with it."""

    def __init__(self, **fields: str) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields


class Account(msgspec.Struct, frozen=True):
    """One member of the staff. ``unit``: an officer's, its code; ``head`` of it; ``named`` for
    sensitive cases."""

    id: str
    username: str
    name: str
    role: Role
    language: str
    device: Device | None  #: None: what the running line offers
    active: bool
    unit: str | None = None
    head: bool = False
    named: bool = False


class NewAccount(msgspec.Struct, frozen=True):
    """What an account is made from. ``password`` is clear here and nowhere else."""

    username: str
    name: str
    role: Role
    password: str
    language: str = "id"
    device: Device | None = None
    unit: str | None = None
    head: bool = False
    named: bool = False


def check(new: NewAccount) -> None:
    """Refuse what can't become an account.

    Raises:
        BadAccount: with every field that is wrong.
    """
    wrong: dict[str, str] = {}
    if not _USERNAME.fullmatch(new.username):
        wrong["username"] = "2 to 63 of a-z, 0-9, dot, dash, underscore"
    if not new.name.strip() or len(new.name) > MOST_NAME_CHARACTERS:
        wrong["name"] = f"1 to {MOST_NAME_CHARACTERS} characters"
    if any(unicodedata.category(letter).startswith("C") for letter in new.name):
        wrong["name"] = "no control characters"
    if new.language not in LANGUAGES:
        wrong["language"] = "one of " + ", ".join(LANGUAGES)
    try:
        check_password(new.password)
    except BadAccount as bad:
        wrong |= bad.fields
    if new.device is not None:
        if new.role is not Role.AGENT:
            wrong["device"] = "only an agent has one"
        elif new.device.kind is DeviceKind.CALLER:
            wrong["device"] = "an agent's is browser, sip, phone or simulated"
        elif new.device.kind in (DeviceKind.SIP, DeviceKind.PHONE) and not new.device.address:
            wrong["device"] = "a SIP device or a phone needs an address"
    try:
        check_unit(new.role, new.unit, head=new.head)
    except BadAccount as bad:
        wrong |= bad.fields
    if wrong:
        raise BadAccount(**wrong)


def check_password(password: str) -> None:
    """Refuse a password that is too short or too long.

    Raises:
        BadAccount: it is.
    """
    fewest, most = passwords.FEWEST_CHARACTERS, passwords.MOST_CHARACTERS
    if not fewest <= len(password) <= most:
        raise BadAccount(password=f"{fewest} to {most} characters")


def check_topics(topics: Collection[str], known: Collection[str]) -> None:
    """Refuse topics that there are not.

    Raises:
        BadAccount: it names them.
    """
    if unknown := sorted(set(topics) - set(known)):
        raise BadAccount(topic=f"{', '.join(unknown)}: no such topic")


def check_unit(role: Role, unit: str | None, *, head: bool) -> None:
    """Refuse a unit for who can't have one, and a head of none.

    Raises:
        BadAccount
    """
    if unit is not None and role is not Role.OFFICER:
        raise BadAccount(unit="only an officer has one")
    if head and unit is None:
        raise BadAccount(head="of which unit?")


def check_known(unit: str | None, known: Collection[str]) -> None:
    """Refuse a unit that there is not.

    Raises:
        BadAccount: it names the known ones.
    """
    if unit is not None and unit not in known:
        raise BadAccount(unit=f"{unit}: no such unit; there are {', '.join(sorted(known))}")


def add(conn: Connection, given: Given, new: NewAccount, password_hash: str) -> Account:
    """Store a checked ``new`` with the hash of its password.

    Raises:
        BadAccount: the username is taken.
    """
    if by_username(conn, new.username) is not None:
        raise BadAccount(username="is taken")
    made = Account(
        given.id(),
        new.username,
        new.name.strip(),
        new.role,
        new.language,
        new.device,
        True,
        new.unit,
        new.head,
        new.named,
    )
    conn.execute(
        insert(account).values(
            id=made.id,
            username=made.username,
            name=made.name,
            role=made.role.value,
            language=made.language,
            password_hash=password_hash,
            device_kind=made.device.kind.value if made.device else None,
            device_address=made.device.address if made.device else None,
            active=True,
            unit=made.unit,
            head=made.head,
            named=made.named,
            created_at=given.now,
        )
    )
    return made


def from_row(row: RowMapping) -> Account:
    """The account in a row of its table."""
    device = None
    if row["device_kind"] is not None:
        device = Device(DeviceKind(row["device_kind"]), row["device_address"] or row["id"])
    return Account(
        id=row["id"],
        username=row["username"],
        name=row["name"],
        role=Role(row["role"]),
        language=row["language"],
        device=device,
        active=row["active"],
        unit=row["unit"],
        head=row["head"],
        named=row["named"],
    )


def by_username(conn: Connection, username: str) -> tuple[Account, str] | None:
    """The account with this username (any case) and its password hash, or None."""
    row = conn.execute(select(account).where(account.c.username == username.lower())).mappings()
    found = row.one_or_none()
    return None if found is None else (from_row(found), found["password_hash"])


def one(conn: Connection, account_id: str) -> Account | None:
    """The account with this id, or None."""
    query = select(account).where(account.c.id == account_id)
    row = conn.execute(query).mappings().one_or_none()
    return None if row is None else from_row(row)


def every(conn: Connection) -> list[Account]:
    """All accounts, by username."""
    rows = conn.execute(select(account).order_by(account.c.username)).mappings()
    return [from_row(row) for row in rows]


def of_unit(conn: Connection, unit: str) -> list[Account]:
    """The open accounts of a unit's officers, by name."""
    query = select(account).where(account.c.unit == unit, account.c.active.is_(True))
    rows = conn.execute(query.order_by(account.c.name, account.c.id)).mappings()
    return [from_row(row) for row in rows]


def count(conn: Connection) -> int:
    """How many accounts there are."""
    return conn.execute(select(func.count()).select_from(account)).scalar_one()


def set_language(conn: Connection, account_id: str, language: str) -> None:
    """What language the pages speak to this person.

    Raises:
        BadAccount: not one of LANGUAGES.
    """
    if language not in LANGUAGES:
        raise BadAccount(language="one of " + ", ".join(LANGUAGES))
    conn.execute(update(account).where(account.c.id == account_id).values(language=language))


def set_password(conn: Connection, account_id: str, password_hash: str) -> None:
    """Store the hash of a new password."""
    change = update(account).where(account.c.id == account_id)
    conn.execute(change.values(password_hash=password_hash))


def set_unit(
    conn: Connection, account_id: str, unit: str | None, *, head: bool, named: bool
) -> None:
    """Which unit's officer this is, whether its head, and whether named for sensitive cases."""
    change = update(account).where(account.c.id == account_id)
    conn.execute(change.values(unit=unit, head=head, named=named))


def set_active(conn: Connection, account_id: str, active: bool) -> None:
    """Whether this account may be signed in with."""
    conn.execute(update(account).where(account.c.id == account_id).values(active=active))
