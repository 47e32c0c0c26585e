"""The storage, opened: database, keys and people; and who is made on the first start.

The server, the command line and the tools begin here.
"""

from __future__ import annotations

import dataclasses
import fcntl
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from callcenter import resources
from callcenter import topics as topic_files
from callcenter.calls.vault import service as vault
from callcenter.cases import directory
from callcenter.cases import rules as rule_files
from callcenter.cases.post import letters
from callcenter.cases.post.letters import Writing
from callcenter.cases.rules import Rules
from callcenter.cases.units import Units
from callcenter.clock import Clock, SystemClock
from callcenter.db import Connection, Database, migrate
from callcenter.db.journal import Journal
from callcenter.db.keys import Keys, unlock
from callcenter.messages import texts
from callcenter.messages.model import Channel
from callcenter.messages.rules import Allowed
from callcenter.people import accounts, passwords
from callcenter.people.accounts import Account, NewAccount
from callcenter.people.permissions import Role
from callcenter.people.service import People
from callcenter.queue import service as queue
from callcenter.settings import Settings
from callcenter.topics import Topic, Track, uppers


class AlreadyRunning(Exception):
    """Another process serves this SQLite file."""


class NotReplayed(Exception):
    """The database holds what was forgotten; the message says what to do."""


@dataclass
class Store:
    """The storage alone, for the command line."""

    db: Database
    keys: Keys
    clock: Clock
    people: People
    ledger: Journal  #: what was forgotten; see :mod:`callcenter.calls.vault.service`
    heads: Journal  #: ends of the chain of Facts that were exported
    scrub: bool = False  #: something was forgotten, and the disk still has its traces

    def close(self) -> None:
        """Let go of it. Blocks."""
        self.people.close()
        self.db.close_sync()


def open_store(
    settings: Settings, *, clock: Clock | None = None, database: type[Database] = Database
) -> Store:
    """Open the database, brought up to date, with its keys. Blocks.

    Raises:
        DatabaseAway, ValueError: the database can't be used.
        db.keys.SecretError: the secret is missing, or is another database's.
    """
    clock = clock or SystemClock()
    migrate.upgrade(settings.database_url)
    db = database(settings.database_url)
    keys = unlock(db, settings.secret, settings.secret_file)
    ledger, heads = (
        Journal(settings.ledger / name, keys.journal) for name in ("erasures.jsonl", "heads.jsonl")
    )
    store = Store(db, keys, clock, People(db, keys, clock), ledger, heads)

    def before_commit(connection: Connection) -> None:
        store.scrub |= vault.write_ledger(connection, ledger)

    db.before_commit = before_commit
    return store


def check_erasures(store: Store) -> None:
    """Look whether the database has forgotten all that the ledger says. Blocks.

    Raises:
        NotReplayed: it has not.
        JournalBroken, OSError: the ledger can't be trusted, or read.
    """
    left = store.db.read_sync(lambda conn: vault.behind(conn, store.ledger))
    if left:
        raise NotReplayed(
            f"{len(left)} erasures of the ledger {store.ledger.path} are not in this database,"
            " because it was put back from a backup or we were stopped in the middle of one:"
            " run `callcenter case replay-erasures`, then start again"
        )
    store.db.read_sync(lambda conn: vault.complete(conn, store.ledger))


def sqlite_file(settings: Settings) -> Path | None:
    """The file of the database, None where a server has it."""
    url = settings.database_url
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def hold(settings: Settings) -> IO[str] | None:
    """Hold an SQLite file for this process: two writers would see each other's timers.

    Raises:
        AlreadyRunning: another process has it.
    """
    path = sqlite_file(settings)
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.with_name(path.name + ".lock").open("a", encoding="ascii")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        held.close()
        raise AlreadyRunning(f"another process serves {path}") from error
    return held


# --- accounts -------------------------------------------------------------------------------------

#: Who is made on the first start: username, role, name, and the page where they begin.
_FIRST: Final = (
    ("agen", Role.AGENT, "Agen", "/console"),
    ("penyelia", Role.SUPERVISOR, "Penyelia", "/board"),
    ("petugas", Role.OFFICER, "Petugas triase", "/cases"),
    ("kepala", Role.OFFICER, "Kepala triase", "/cases"),
    ("disnaker", Role.OFFICER, "Petugas disnaker", "/cases"),
    ("itjen", Role.OFFICER, "Petugas inspektorat", "/cases"),
    ("admin", Role.ADMIN, "Admin", "/"),
)


def add_account(
    store: Store, settings: Settings, new: NewAccount, topics: Collection[str] | None = None
) -> Account:
    """Make an account; an agent knows ``topics``, or all that callers choose.

    Raises:
        BadAccount: with every field that is wrong.
        FlowErrors, TopicError, FileError: topics or units can't be read.
    """
    if new.unit is not None:
        accounts.check_known(new.unit, read_rules(settings).units.inner)
    if new.role is not Role.AGENT:
        return store.people.add(new)
    known = uppers(read_topics(settings))
    accounts.check_topics(topics or (), known)
    made = store.people.add(new)
    store.db.write_sync(lambda conn: queue.set_topics(conn, made.id, topics or known))
    return made


def first_accounts(store: Store, settings: Settings) -> list[tuple[str, str, str]]:
    """On an empty database one account of each role; gives username, password, page of each.

    The passwords are kept nowhere else.
    """
    if store.db.read_sync(accounts.count):
        return []
    made = []
    units = _first_units(read_rules(settings).units)
    for username, role, name, page in _FIRST:
        password = passwords.readable()
        new = NewAccount(
            username,
            name,
            role,
            password,
            unit=units.get(username),
            head=username == "kepala",
            named=username == "kepala",
        )
        add_account(store, settings, new)
        made.append((username, password, page))
    return made


def _first_units(units: Units) -> dict[str, str]:
    """Whose officers the first accounts are: of triage, of a province, of the inspectorate."""
    province = "32" if "32" in units.provinces else min(units.provinces)
    return {
        "petugas": units.triage,
        "kepala": units.triage,
        "disnaker": units.provincial(province).code,
        "itjen": units.tracks[Track.INTEGRITAS],
    }


def read_rules(settings: Settings, channels: Collection[Channel] = ()) -> Rules:
    """What the ministry decided about cases, and what is written about them; ``channels``: those
    that something sends on. Beside topics of its own, the files that its folder has not are the
    shipped ones, but for the directory, whose bodies know the shipped topics.

    Raises:
        FileError, TextErrors: with every mistake in the files of cases, or of texts.
        OSError: there are no topics.
    """
    folder, shipped = settings.flows or resources.flows(), resources.flows()
    read = {topic_files.FILE: (folder / topic_files.FILE).read_text(encoding="utf-8")}
    for file in (*rule_files.FILES, texts.FILE):
        own = folder / file
        if file not in read and (own.is_file() or file != directory.FILE):
            path = own if own.is_file() else shipped / file
            read[file] = path.read_text(encoding="utf-8")
    written = texts.load(read[texts.FILE])
    rules = rule_files.load(read)
    allowed = Allowed(
        frozenset(channels),
        settings.twilio_prefixes,
        settings.messages_a_day,
        letters.addresses(rules.units),
    )
    return dataclasses.replace(rules, writing=Writing(written, allowed, settings.base_url))


def read_topics(settings: Settings) -> dict[str, Topic]:
    """The topics of the flows in use.

    Raises:
        TopicError: the file can't be read.
    """
    folder = settings.flows or resources.flows()
    return topic_files.load((folder / "topics.yaml").read_text(encoding="utf-8"))
