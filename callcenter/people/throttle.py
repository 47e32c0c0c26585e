"""How often a password may be tried: counted in the database, by account and by address.

Every try counts from the moment it begins, so a hundred at once are a hundred; the right password
takes back what it counted. Successes are not held against an office behind one address, and the
owner of an account that somebody guesses at waits at most WINDOW_MS.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Final

from sqlalchemy import delete, func, insert, select

from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.people.tables import sign_in_attempt

WINDOW_MS: Final = 15 * 60 * 1000
MOST_PER_ACCOUNT: Final = 10
MOST_PER_ADDRESS: Final = 50


class Throttled(Exception):
    """Too many wrong passwords lately. ``retry_after_s``: when the oldest of them is forgotten."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many tries; again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Attempt:
    """The rows that one try has written."""

    def __init__(self, ids: list[str], account_key: str) -> None:
        self.ids = ids
        self.account_key = account_key


def begin(conn: Connection, given: Given, secret: bytes, username: str, address: str) -> Attempt:
    """Count one try of ``username`` from ``address``.

    Raises:
        Throttled: the limit is reached; this try is not counted, or it would never end.
    """
    conn.execute(delete(sign_in_attempt).where(sign_in_attempt.c.at <= given.now - WINDOW_MS))
    account_key = _key(secret, "account", username.lower())
    address_key = _key(secret, "address", network(address))
    waits = [
        _wait_ms(conn, given.now, account_key, MOST_PER_ACCOUNT),
        _wait_ms(conn, given.now, address_key, MOST_PER_ADDRESS),
    ]
    if max(waits) > 0:
        raise Throttled(-(-max(waits) // 1000))
    ids = [given.id(), given.id()]
    conn.execute(
        insert(sign_in_attempt),
        [
            {"id": row, "key": key, "at": given.now}
            for row, key in zip(ids, (account_key, address_key), strict=True)
        ],
    )
    return Attempt(ids, account_key)


def forgive(conn: Connection, attempt: Attempt) -> None:
    """The password was right: forget this try, and the wrong ones at this account."""
    conn.execute(
        delete(sign_in_attempt).where(
            sign_in_attempt.c.id.in_(attempt.ids) | (sign_in_attempt.c.key == attempt.account_key)
        )
    )


def _wait_ms(conn: Connection, now: int, key: str, most: int) -> int:
    """How long until one more try of ``key`` is within ``most``; 0 when it is now."""
    query = select(func.count(), func.min(sign_in_attempt.c.at)).where(sign_in_attempt.c.key == key)
    count, oldest = conn.execute(query).one()
    return int(oldest) + WINDOW_MS - now if count >= most else 0


def _key(secret: bytes, what: str, value: str) -> str:
    text = f"sign-in attempt\0{what}\0{value}".encode(errors="surrogatepass")
    return hmac.digest(secret, text, hashlib.sha256).hex()


def network(address: str) -> str:
    """What one client can be held to: an IPv4 address, or the /64 an IPv6 address is in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
