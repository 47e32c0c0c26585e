"""Sign-ins: a random token in a cookie, its hash in a row. All SQL of the sign_in table is here."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, delete, insert, select, update

from callcenter.db import Connection
from callcenter.people import accounts
from callcenter.people.accounts import Account
from callcenter.people.permissions import Permission, Role, may
from callcenter.people.tables import account, sign_in

#: A sign-in ends after this long whatever happens: a shift and its overtime.
LIFETIME_MS: Final = 12 * 60 * 60 * 1000
#: ... and after this long without a request. An open page counts as one every few seconds.
IDLE_MS: Final = 60 * 60 * 1000
#: The time of the latest request is kept to within this.
SEEN_EVERY_MS: Final = 60 * 1000


class Secrets(msgspec.Struct, frozen=True):
    """What a new sign-in is made of; drawn before the transaction."""

    token: str
    csrf: str

    @classmethod
    def draw(cls) -> Secrets:
        """256 random bits each."""
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32))


class Present(msgspec.Struct, frozen=True):
    """A person who is signed in. ``sign_in`` identifies the sign-in and is no secret."""

    account: Account
    sign_in: str
    csrf: str
    seen_at: int
    expires_at: int

    def may(self, permission: Permission) -> bool:
        """Whether this person's role has ``permission``."""
        return may(self.account.role, permission)


class Ended(msgspec.Struct, frozen=True):
    """A sign-in that is over."""

    sign_in: str
    account: str
    role: Role


def name_of(token: str) -> str:
    """The row's key for a token."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def begin(conn: Connection, who: Account, drawn: Secrets, now: int) -> Present:
    """Store a sign-in of ``who``."""
    present = Present(who, name_of(drawn.token), drawn.csrf, now, now + LIFETIME_MS)
    conn.execute(
        insert(sign_in).values(
            token_hash=present.sign_in,
            account=who.id,
            csrf=drawn.csrf,
            created_at=now,
            seen_at=now,
            expires_at=present.expires_at,
        )
    )
    return present


def find(conn: Connection, name: str, now: int) -> Present | None:
    """The sign-in ``name`` if it is neither expired nor idle. Closing an account ends its sign-ins;
    who is in a call then keeps this one until that is over."""
    query = (
        select(account, sign_in.c.csrf, sign_in.c.seen_at, sign_in.c.expires_at)
        .join(sign_in, sign_in.c.account == account.c.id)
        .where(
            sign_in.c.token_hash == name,
            sign_in.c.expires_at > now,
            sign_in.c.seen_at > now - IDLE_MS,
        )
    )
    row = conn.execute(query).mappings().one_or_none()
    if row is None:
        return None
    who = accounts.from_row(row)
    return Present(who, name, row["csrf"], row["seen_at"], row["expires_at"])


def seen(conn: Connection, name: str, now: int) -> None:
    """This sign-in was used just now."""
    conn.execute(update(sign_in).where(sign_in.c.token_hash == name).values(seen_at=now))


def end(conn: Connection, name: str) -> None:
    """End one sign-in; none such is no error."""
    conn.execute(delete(sign_in).where(sign_in.c.token_hash == name))


def end_of_account(conn: Connection, account_id: str) -> list[Ended]:
    """End every sign-in of an account."""
    return _end_where(conn, sign_in.c.account == account_id)


def end_expired(conn: Connection, now: int) -> list[Ended]:
    """End the sign-ins that are over, and say which they were."""
    return _end_where(conn, (sign_in.c.expires_at <= now) | (sign_in.c.seen_at <= now - IDLE_MS))


def of_closed(conn: Connection) -> list[str]:
    """The closed accounts that are still signed in somewhere."""
    query = (
        select(sign_in.c.account)
        .join(account, account.c.id == sign_in.c.account)
        .where(account.c.active.is_(False))
        .distinct()
        .order_by(sign_in.c.account)
    )
    return list(conn.execute(query).scalars())


def has_any(conn: Connection, account_id: str) -> bool:
    """Whether the account has a sign-in left."""
    query = select(sign_in.c.token_hash).where(sign_in.c.account == account_id).limit(1)
    return conn.execute(query).first() is not None


def _end_where(conn: Connection, condition: ColumnElement[bool]) -> list[Ended]:
    query = (
        select(sign_in.c.token_hash, sign_in.c.account, account.c.role)
        .join(account, account.c.id == sign_in.c.account)
        .where(condition)
    )
    over = [Ended(row.token_hash, row.account, Role(row.role)) for row in conn.execute(query)]
    if over:
        names = [ended.sign_in for ended in over]
        conn.execute(delete(sign_in).where(sign_in.c.token_hash.in_(names)))
    return over
