"""Sign-in and sign-out: loads, asks the rules, saves. The web's only way to people."""

from __future__ import annotations

import msgspec

from callcenter.clock import Clock, Given
from callcenter.db import Connection, Database
from callcenter.db.facts import Fact, append
from callcenter.db.keys import Keys
from callcenter.people import accounts, passwords, sign_ins, throttle
from callcenter.people.accounts import Account, NewAccount
from callcenter.people.permissions import Role
from callcenter.people.sign_ins import Ended, Present, Secrets


class SignInRefused(Exception):
    """Wrong username or password, or an account that is closed: never said which."""


class NotSignedIn(Exception):
    """No sign-in, or one that is over."""


class Opened(msgspec.Struct, frozen=True):
    """A sign-in that has just begun. ``token`` goes into the cookie and is kept nowhere.

    ``ended``: the agent's earlier sign-ins, which this one replaces (an agent has one console).
    """

    token: str
    present: Present
    ended: tuple[Ended, ...]


class People:
    """The staff and their sign-ins."""

    def __init__(self, db: Database, keys: Keys, clock: Clock) -> None:
        self._db = db
        self._keys = keys
        self._clock = clock
        self._checker = passwords.PasswordChecker()

    def close(self) -> None:
        """End the threads that check passwords."""
        self._checker.close()

    async def sign_in(self, username: str, password: str, address: str) -> Opened:
        """Check a password and begin a sign-in.

        ``address`` is the network address it comes from. A wrong password, an unknown username and
        a closed account take the same time and look the same.

        Raises:
            SignInRefused: not these.
            throttle.Throttled: too many wrong ones lately, from here or at this account.
        """
        given = Given(self._clock.now())
        drawn = Secrets.draw()

        def count(conn: Connection) -> throttle.Attempt:
            return throttle.begin(conn, given.again(), self._keys.audit, username, address)

        attempt = await self._db.write(count)
        found = await self._db.read(lambda conn: accounts.by_username(conn, username))
        right = await self._checker.matches(found[1] if found else None, password)
        if not right or found is None or not found[0].active:
            raise SignInRefused

        who, matched = found

        def begin(conn: Connection) -> tuple[Present, list[Ended]]:
            still = accounts.by_username(conn, username)
            if still is None or not still[0].active or still[1] != matched:
                raise SignInRefused  # closed, or another password, while we looked at this one
            throttle.forgive(conn, attempt)
            ended = sign_ins.end_of_account(conn, who.id) if who.role is Role.AGENT else []
            present = sign_ins.begin(conn, who, drawn, given.now)
            self._note(conn, "signed_in", present.account, given.now)
            return present, ended

        present, ended = await self._db.write(begin)
        return Opened(drawn.token, present, tuple(ended))

    async def who(self, token: str) -> Present:
        """The person that a cookie belongs to.

        Raises:
            NotSignedIn: nobody, or no longer.
        """
        return await self.still(sign_ins.name_of(token))

    async def still(self, sign_in: str) -> Present:
        """The same for a sign-in that is known by name (an open page); counts as being used.

        Raises:
            NotSignedIn: it is over.
        """
        now = self._clock.now()
        present = await self._db.read(lambda conn: sign_ins.find(conn, sign_in, now))
        if present is None:
            raise NotSignedIn
        if now - present.seen_at >= sign_ins.SEEN_EVERY_MS:
            await self._db.write(lambda conn: sign_ins.seen(conn, sign_in, now))
        return present

    async def sign_out(self, present: Present) -> None:
        """End this sign-in. Twice is once."""
        now = self._clock.now()

        def end(conn: Connection) -> None:
            sign_ins.end(conn, present.sign_in)
            self._note(conn, "signed_out", present.account, now)

        await self._db.write(end)

    async def end_expired(self) -> list[Ended]:
        """End the sign-ins that are over by now; called every minute."""
        now = self._clock.now()
        return await self._db.write(lambda conn: sign_ins.end_expired(conn, now))

    async def set_language(self, present: Present, language: str) -> Account:
        """Set what language the pages speak to this person.

        Raises:
            accounts.BadAccount: a language that the pages don't have.
        """

        def change(conn: Connection) -> Account:
            accounts.set_language(conn, present.account.id, language)
            return msgspec.structs.replace(present.account, language=language)

        return await self._db.write(change)

    def add(self, new: NewAccount) -> Account:
        """Make an account (the command line's; it stops the thread while it hashes).

        Raises:
            accounts.BadAccount: with every field that is wrong.
        """
        accounts.check(new)
        hashed = passwords.make_hash(new.password)
        given = Given(self._clock.now())
        return self._db.write_sync(lambda conn: accounts.add(conn, given.again(), new, hashed))

    def _note(self, conn: Connection, kind: str, who: Account, now: int) -> None:
        """Keep it as a Fact. An agent's comes with the change of state, from ``calls``."""
        if who.role is not Role.AGENT:
            fact = Fact(kind, now, agent=who.id, data={"role": who.role.value})
            append(conn, self._keys, [fact])
