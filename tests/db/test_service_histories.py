"""500 random histories through SQLite: the real Calls and Desk, interrupted and started again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from callcenter.db import Connection, Database, metadata
from callcenter.db.keys import Keys
from callcenter.db.migrate import upgrade
from tests.db.stored import Stored, add_agents, seeded
from tests.rules.flows import shipped, wild
from tests.rules.histories import LINES, OPEN, History, Knobs
from tests.rules.network import Luck, Schedule

AGENTS = 3

lucks = st.sampled_from([Luck(0, 0, 0, 0, 0.03), Luck(), Luck(0.2, 0.1, 0.05, 0.05, 0.1)])
knobs = st.builds(
    Knobs,
    callers=st.integers(1, 3),
    agents=st.integers(0, AGENTS),
    luck=lucks,
    breaks=st.integers(0, 2),
    wild=st.booleans(),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A migrated database for all histories, one after the other. (What SQLAlchemy compiles is
    kept with it, which is most of the time that a history would take.)"""
    url = f"sqlite:///{tmp_path_factory.mktemp('histories')}/callcenter.db"
    upgrade(url)
    database = Database(url, readers=1)
    yield database
    database.close_sync()


def empty(connection: Connection) -> None:
    """Nothing is in it but the accounts of agents."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))
    add_agents(connection, [f"agent-{number}" for number in range(AGENTS)])


def play(seed: int, made_of: Knobs, database: Database, keys: Keys) -> None:
    """Play the history of ``seed``."""
    rng, schedule = random.Random(seed), Schedule(OPEN)
    own, topics = shipped()
    flows = wild() if made_of.wild else own
    stored = Stored(database, keys, rng, schedule, flows, topics, LINES)
    history = History(rng, schedule, made_of, stored)

    async def whole() -> None:
        await stored.begin()
        await history.run()
        await stored.check_facts()

    database.write_sync(empty)
    try:
        with seeded():
            asyncio.run(whole())
    except Exception:
        note("\n".join(f"{at - OPEN:7} {what} {came}" for at, what, came in stored.trace[-40:]))
        raise
    finally:
        stored.tables.close()


@pytest.mark.timeout(600)
@settings(
    max_examples=500,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), made_of=knobs)
def test_nobody_is_lost_in_the_database(
    seed: int, made_of: Knobs, shared: Database, keys: Keys
) -> None:
    play(seed, made_of, shared, keys)
