"""Passwords: argon2id, away from the event loop, at most two at once.

The parameters (2 passes, 19 MiB, 1 lane) are OWASP's smallest recommendation for argon2id; one
check costs about 45 ms and 19 MiB here, so two at once bound both the memory and the processor
time that a flood of sign-ins can take from callers.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.low_level import Type

#: A password of this many characters or fewer is checked; a longer one is wrong without a look.
MOST_CHARACTERS: Final = 256
FEWEST_CHARACTERS: Final = 10
AT_ONCE: Final = 2

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)

#: What an unknown username is checked against, so that it takes the time a known one takes. The
#: password is thrown away: nobody can sign in with it.
_NOBODY: Final = _HASHER.hash(secrets.token_urlsafe(32))

#: Syllables that can be read out over a desk: no letter that looks like another, none silent.
_FIRST: Final = "bdfgjkmnprstvwy"
_SECOND: Final = "aeiou"


class WeakPassword(Exception):
    """The password is too short or too long."""


def make_hash(password: str) -> str:
    """The argon2id hash of ``password`` in PHC form.

    Raises:
        WeakPassword: fewer than FEWEST_CHARACTERS or more than MOST_CHARACTERS characters.
    """
    if not FEWEST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise WeakPassword(f"not {FEWEST_CHARACTERS} to {MOST_CHARACTERS} characters")
    return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one ``stored`` was made from; ``None`` (no such account) takes as
    long as a wrong password and is False."""
    if len(password) > MOST_CHARACTERS:
        stored, password = None, ""
    try:
        _HASHER.verify(stored or _NOBODY, password)
    except (Argon2Error, InvalidHashError):
        return False
    return stored is not None


def readable() -> str:
    """A random password that can be read out and typed, such as ``kuvi-joba-rino-tefu`` (49 bits,
    plenty where every wrong try is counted)."""

    def syllable() -> str:
        return secrets.choice(_FIRST) + secrets.choice(_SECOND)

    return "-".join(syllable() + syllable() for _ in range(4))


class PasswordChecker:
    """Checks passwords in threads of its own, AT_ONCE at a time; the others wait their turn."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="password")

    async def matches(self, stored: str | None, password: str) -> bool:
        """:func:`matches`, without stopping the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, matches, stored, password)

    def close(self) -> None:
        """End the threads; checks still waiting are dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
