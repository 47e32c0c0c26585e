"""What an operator changes about an account, in the database alone.

A server that runs on the same database notices: it reads sign-ins and agents from there, and tidies
up after us once a minute (``app.housekeeping``). Nothing here ends a talk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from callcenter.calls import tables as calls
from callcenter.calls.model import TimerKind
from callcenter.calls.moves import agent_moved
from callcenter.db import Connection, exclusive, timers
from callcenter.db.facts import Fact, append
from callcenter.people import accounts, passwords, sign_ins
from callcenter.people.accounts import Account, BadAccount
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentEvent, AgentState
from callcenter.store import Store

_LANGUAGE: Final = re.compile(r"[a-z]{2}")
#: Changes one account in a transaction; ``now`` is the third.
Change = Callable[[Connection, Account, int], None]


def listed(store: Store) -> list[tuple[Account, list[str], list[str]]]:
    """Every account, by username, with the codes of the topics that an agent knows, and of the
    languages that they speak besides Indonesian."""

    def look(conn: Connection) -> list[tuple[Account, list[str], list[str]]]:
        return [
            (one, queue.topics_of(conn, one.id), queue.languages_of(conn, one.id))
            for one in accounts.every(conn)
        ]

    return store.db.read_sync(look)


def set_password(store: Store, username: str, password: str) -> None:
    """Give a new password; whoever is signed in with the old one is signed out.

    Raises:
        BadAccount: no such account, or a password that is too short or too long.
    """
    accounts.check_password(password)
    hashed = passwords.make_hash(password)

    def change(conn: Connection, who: Account, now: int) -> None:
        accounts.set_password(conn, who.id, hashed)
        sign_ins.end_of_account(conn, who.id)
        _no_more_offers(conn, store, who, now)

    _change(store, username, change)


def set_topics(
    store: Store, username: str, topics: Collection[str], known: Collection[str]
) -> None:
    """The agent knows these of the ``known`` topics, and no others.

    Raises:
        BadAccount: no such agent, or no such topic.
    """
    accounts.check_topics(topics, known)

    def change(conn: Connection, who: Account, now: int) -> None:
        if who.role is not Role.AGENT:
            raise BadAccount(username=f"{who.username} is no agent")
        queue.set_topics(conn, who.id, topics)
        if queue.may_match(conn):
            timers.set_timer(conn, TimerKind.MATCH, who.id, now)

    _change(store, username, change)


def set_languages(store: Store, username: str, languages: Collection[str]) -> None:
    """The agent speaks these besides Indonesian (codes of ISO 639-1, as ``en``, ``jv``).

    Raises:
        BadAccount: no such agent, or no such code.
    """
    for one in languages:
        if not _LANGUAGE.fullmatch(one):
            raise BadAccount(language=f"{one}: two letters of ISO 639-1")

    def change(conn: Connection, who: Account, now: int) -> None:
        if who.role is not Role.AGENT:
            raise BadAccount(username=f"{who.username} is no agent")
        queue.set_languages(conn, who.id, languages)
        if queue.may_match(conn):
            timers.set_timer(conn, TimerKind.MATCH, who.id, now)

    _change(store, username, change)


def set_unit(
    store: Store,
    username: str,
    unit: str | None,
    known: Collection[str],
    *,
    head: bool,
    named: bool,
) -> None:
    """The officer is of this one of the ``known`` units from now on, or of none; ``head`` of it;
    ``named`` for sensitive cases, which agents can be, too.

    Raises:
        BadAccount: no such account, no such unit, or nobody who can have one.
    """
    accounts.check_known(unit, known)

    def change(conn: Connection, who: Account, _now: int) -> None:
        accounts.check_unit(who.role, unit, head=head)
        accounts.set_unit(conn, who.id, unit, head=head, named=named)

    _change(store, username, change)


def close(store: Store, username: str) -> None:
    """Let nobody sign in with this account any more, and sign it off. It is kept: Facts name it.

    An agent in the middle of a call stays signed in until it is wrapped up, and gets no other.

    Raises:
        BadAccount: no such account, or the last admin who could still sign in.
    """

    def change(conn: Connection, who: Account, now: int) -> None:
        exclusive(conn, "accounts")  # two that are closed at once are each the other's last
        others = [one for one in accounts.every(conn) if one.active and one.id != who.id]
        if who.role is Role.ADMIN and not any(one.role is Role.ADMIN for one in others):
            raise BadAccount(username=f"{who.username} is the last open admin")
        accounts.set_active(conn, who.id, False)
        if not _no_more_offers(conn, store, who, now):
            sign_ins.end_of_account(conn, who.id)

    _change(store, username, change)


def reopen(store: Store, username: str) -> None:
    """Let the account be used again, with the password that it had.

    Raises:
        BadAccount: no such account.
    """
    _change(store, username, lambda conn, who, _now: accounts.set_active(conn, who.id, True))


def end_of_closed(conn: Connection) -> list[sign_ins.Ended]:
    """End the sign-ins of closed accounts, but of those who are in a call."""
    closed = sign_ins.of_closed(conn)
    agents = queue.load_agents(conn, closed, lock=True)
    free = [one for one in closed if one not in agents or agents[one].call is None]
    return [ended for one in free for ended in sign_ins.end_of_account(conn, one)]


def _change(store: Store, username: str, change: Change) -> None:
    now = store.clock.now()

    def write(conn: Connection) -> None:
        found = accounts.by_username(conn, username)
        if found is None:
            raise BadAccount(username=f"{username}: no such account")
        change(conn, found[0], now)

    store.db.write_sync(write)


def _no_more_offers(conn: Connection, store: Store, who: Account, now: int) -> bool:
    """Pause the agent, now or when the call is over; whether there is one under way."""
    before = queue.load_agent(conn, who.id, lock=False)
    if before is not None and before.call is not None:
        calls.lock(conn, before.call)  # the order of all locks
    before = queue.load_agent(conn, who.id, lock=True)
    if before is None:
        return False
    after = before.after(AgentEvent.PAUSE, now)
    if after is not None and before.state is not AgentState.PAUSED:
        queue.save_agent(conn, after)
        facts, _ = agent_moved(before, after)
        drafts = [Fact(one.kind, now, agent=one.agent, data=one.data) for one in facts]
        append(conn, store.keys, drafts)
    return before.call is not None
