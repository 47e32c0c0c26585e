"""The sealer: every committed Fact gets its number and is told once, in order, to every process."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Connection, select, update

from callcenter.db import Database
from callcenter.db import facts as facts_module
from callcenter.db.facts import (
    Fact,
    SealedFact,
    Sealer,
    append,
    last_sealed,
    sealed,
    verify,
)
from callcenter.db.keys import Keys
from callcenter.db.tables import fact
from tests.databases import PostgreSQL
from tests.waiting import LIMIT_S, until

on_postgresql = pytest.mark.needs("postgresql")


def one(call: str) -> Fact:
    return Fact("call_arrived", 1, call=call)


async def write(database: Database, keys: Keys, *calls: str) -> None:
    await database.write(lambda c: append(c, keys, [one(call) for call in calls]))


class Listener:
    """A subscriber that remembers."""

    def __init__(self, sealer: Sealer) -> None:
        self.batches: list[list[SealedFact]] = []
        self.stop = sealer.subscribe(self.batches.append)

    @property
    def heard(self) -> list[SealedFact]:
        return [item for batch in self.batches for item in batch]

    @property
    def seqs(self) -> list[int]:
        return [item.seq for item in self.heard]

    @property
    def calls(self) -> list[str | None]:
        return [item.fact.call for item in self.heard]


@asynccontextmanager
async def running(*sealers: Sealer) -> AsyncIterator[None]:
    for sealer in sealers:
        await sealer.start()  # else it takes what is sealed meanwhile for told
    tasks = [asyncio.create_task(sealer.run()) for sealer in sealers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_nudge_seals_and_tells(database: Database, keys: Keys) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    async with running(sealer):
        await write(database, keys, "a", "b")
        sealer.nudge()
        await until(lambda: listener.calls == ["a", "b"])
        await write(database, keys, "c")
        sealer.nudge()
        await until(lambda: listener.calls == ["a", "b", "c"])
    assert listener.seqs == [1, 2, 3]


async def test_what_is_told_is_what_is_read(database: Database, keys: Keys) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    await write(database, keys, *"abc")
    await sealer.seal()
    assert listener.heard == await database.read(lambda c: sealed(c, 0))


async def test_what_was_rolled_back_is_never_told(database: Database, keys: Keys) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)

    def decide(connection: Connection) -> None:
        append(connection, keys, [one("never")])
        raise LookupError

    async with running(sealer):
        with pytest.raises(LookupError):
            await database.write(decide)
        sealer.nudge()
        await write(database, keys, "a")
        sealer.nudge()
        await until(lambda: listener.calls == ["a"])
    assert listener.seqs == [1]


async def test_facts_that_nobody_nudged_about_are_found(
    database: Database, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "IDLE_S", 0.05)
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    await write(database, keys, "before")
    async with running(sealer):
        await until(lambda: listener.calls == ["before"])
        await write(database, keys, "later")
        await until(lambda: listener.calls == ["before", "later"])


async def test_more_than_a_batch_is_sealed_at_once(
    database: Database, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "BATCH", 10)
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    await write(database, keys, *(str(number) for number in range(35)))
    async with running(sealer):
        await until(lambda: len(listener.heard) == 35)
    assert [len(batch) for batch in listener.batches] == [10, 10, 10, 5]
    assert listener.seqs == list(range(1, 36))


async def test_a_subscriber_hears_from_the_start_on_and_not_before(
    database: Database, keys: Keys
) -> None:
    await write(database, keys, "old")
    await Sealer(database, keys).seal()
    sealer = Sealer(database, keys)
    await sealer.start()
    listener = Listener(sealer)
    await write(database, keys, "new")
    await sealer.seal()
    listener.stop()
    listener.stop()
    await write(database, keys, "newer")
    await sealer.seal()
    assert listener.heard == [SealedFact(2, one("new"))]


async def test_a_subscriber_that_fails_does_not_blind_the_others(
    database: Database, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    sealer = Sealer(database, keys)

    def broken(_: list[SealedFact]) -> None:
        raise LookupError("broken page")

    sealer.subscribe(broken)
    listener = Listener(sealer)
    await write(database, keys, "a")
    await sealer.seal()
    assert listener.calls == ["a"]
    assert "a subscriber to Facts failed" in caplog.text


async def test_a_damaged_fact_stops_neither_the_sealer_nor_the_boards(
    database: Database, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    await write(database, keys, "a", "b", "c")
    damage = update(fact).where(fact.c.id == 2).values(text="{")
    await database.write(lambda c: c.execute(damage))
    assert await sealer.seal() == 3
    assert listener.calls == ["a", "c"]
    assert "Fact seq 2 cannot be read" in caplog.text
    found = await database.read(lambda c: verify(c, keys))
    assert found.bad == "seq 2 (id 2): text or mac was changed, or not written by us"


async def test_it_goes_on_after_a_failure(
    database: Database,
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    whole = facts_module._seal

    def broken(connection: Connection, key: bytes) -> object:
        whole(connection, key)
        raise ArithmeticError("in the middle")

    await write(database, keys, "a")
    monkeypatch.setattr(facts_module, "_seal", broken)
    async with running(sealer):
        await until(lambda: "sealing failed" in caplog.text)
        assert listener.heard == []
        monkeypatch.setattr(facts_module, "_seal", whole)
        await until(lambda: listener.calls == ["a"])
    assert listener.seqs == [1]


async def test_many_writers_and_every_fact_once(database: Database, keys: Keys) -> None:
    sealer = Sealer(database, keys)
    listener = Listener(sealer)

    async def writer(name: str) -> None:
        for number in range(20):
            await write(database, keys, f"{name}-{number}")
            sealer.nudge()

    async with running(sealer):
        await asyncio.gather(*(writer(name) for name in "abcdefgh"))
        await until(lambda: len(listener.heard) == 160)
    assert listener.seqs == list(range(1, 161))
    assert len(set(listener.calls)) == 160
    for name in "abcdefgh":  # a transaction that began after another's commit comes after it
        mine = [call for call in listener.calls if call and call.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(20)]
    assert (await database.read(lambda c: verify(c, keys))).bad is None


# --- PostgreSQL: transactions and processes side by side ----------------------------------------


@on_postgresql
async def test_a_transaction_that_commits_late_is_not_passed_over(
    postgresql_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    database = open_database(postgresql_url)
    written, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        append(connection, keys, [one("late")])
        written.set()
        assert go_on.wait(LIMIT_S)

    late = asyncio.create_task(database.write(slow))
    await until(written.is_set)
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    await write(database, keys, "quick")
    assert await sealer.seal() == 1
    go_on.set()
    await late
    assert await sealer.seal() == 1
    assert listener.heard == [SealedFact(1, one("quick")), SealedFact(2, one("late"))]
    by_seq = select(fact.c.id).order_by(fact.c.seq)
    assert await database.read(lambda c: list(c.execute(by_seq).scalars())) == [2, 1]
    assert (await database.read(lambda c: verify(c, keys))).bad is None


@on_postgresql
async def test_every_process_hears_every_fact_in_the_same_order(
    postgresql_url: str,
    open_database: Callable[[str], Database],
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts_module, "IDLE_S", 60.0)  # only NOTIFY can tell in time
    databases = [open_database(postgresql_url) for _ in range(3)]
    sealers = [Sealer(database, keys) for database in databases]
    listeners = [Listener(sealer) for sealer in sealers]
    for sealer in sealers:
        await sealer.start()

    async def writer(number: int) -> None:
        for turn in range(25):
            await write(databases[number % 3], keys, f"{number}-{turn}")
            sealers[number % 3].nudge()

    async with running(*sealers):
        await asyncio.gather(*(writer(number) for number in range(6)))
        await until(lambda: all(len(listener.heard) == 150 for listener in listeners))
    for listener in listeners:
        assert listener.seqs == list(range(1, 151))
        assert listener.heard == listeners[0].heard
    assert (await databases[0].read(lambda c: verify(c, keys))).bad is None


@on_postgresql
async def test_two_processes_seal_their_first_fact_at_the_same_time(
    postgresql_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    databases = [open_database(postgresql_url) for _ in range(4)]
    await write(databases[0], keys, *"abcd")
    done = await asyncio.gather(*(Sealer(database, keys).seal() for database in databases))
    assert sorted(done) == [0, 0, 0, 4]
    assert await databases[0].read(last_sealed) == 4


@on_postgresql
async def test_listening_begins_again_when_the_connection_is_lost(
    postgresql: PostgreSQL,
    postgresql_url: str,
    open_database: Callable[[str], Database],
    keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(facts_module, "IDLE_S", 60.0)
    here, there = open_database(postgresql_url), open_database(postgresql_url)
    sealer, other = Sealer(here, keys), Sealer(there, keys)
    listener = Listener(sealer)
    async with running(sealer):
        await write(there, keys, "a")
        await other.seal()
        await until(lambda: listener.calls == ["a"])
        listeners = "pg_stat_activity WHERE query LIKE 'LISTEN%'"
        postgresql.execute(f"SELECT pg_terminate_backend(pid) FROM {listeners}")
        await write(there, keys, "b")
        await other.seal()
        await until(lambda: listener.calls == ["a", "b"])


@on_postgresql
async def test_a_server_that_restarts_loses_nothing(
    postgresql: PostgreSQL,
    postgresql_url: str,
    open_database: Callable[[str], Database],
    keys: Keys,
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = open_database(postgresql_url)
    sealer = Sealer(database, keys)
    listener = Listener(sealer)
    async with running(sealer):
        await write(database, keys, "a")
        sealer.nudge()
        await until(lambda: listener.calls == ["a"])
        await write(database, keys, "b")
        postgresql.stop(signal.SIGQUIT)
        try:
            sealer.nudge()
            await until(lambda: "sealing waits for the database" in caplog.text)
        finally:
            postgresql.start()
        await until(lambda: listener.calls == ["a", "b"])
        await write(database, keys, "c")
        sealer.nudge()
        await until(lambda: listener.calls == ["a", "b", "c"])
    assert listener.seqs == [1, 2, 3]


@on_postgresql
async def test_another_process_hears_within_milliseconds(
    postgresql_url: str, open_database: Callable[[str], Database], keys: Keys
) -> None:
    here, there = open_database(postgresql_url), open_database(postgresql_url)
    sealer, other = Sealer(here, keys), Sealer(there, keys)
    listener = Listener(sealer)
    waits = []
    async with running(sealer, other):
        await sealer.start()
        for number in range(20):
            await write(there, keys, str(number))
            begin = time.monotonic()
            other.nudge()
            await until(lambda: len(listener.heard) > number)  # noqa: B023
            waits.append(time.monotonic() - begin)
    assert sorted(waits)[10] < 0.25
