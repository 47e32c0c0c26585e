"""What is done beside the calls: daily by the server, or at once by the command line.

The end of the chain of Facts is exported; what is due is forgotten; files of recordings that no row
names are deleted; and the disk is scrubbed of what was overwritten.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from callcenter import resources
from callcenter.calls.access import service as access
from callcenter.calls.retention import service as retention
from callcenter.calls.vault import service as vault
from callcenter.calls.vault.service import Erasure, Kind
from callcenter.cases import retention as rule_files
from callcenter.cases.clocks import Counting
from callcenter.cases.retention import Due, Refusal, Rule
from callcenter.clock import Given
from callcenter.db import Connection, facts
from callcenter.db.facts import Head
from callcenter.settings import Settings
from callcenter.stats import open_data
from callcenter.stats import service as stats
from callcenter.store import Store, check_erasures, read_rules

log = logging.getLogger(__name__)

#: Between two exports of the chain's end, and two looks at what is due.
DAILY_MS: Final = 86_400_000
LOOK_S: Final = 60
#: So many are forgotten in one transaction.
BATCH: Final = 50
#: A file that no row names yet may be of a recording that is just coming home.
SWEEP_S: Final = 3_600


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The retention rules of the flows in use, or the shipped ones.

    Raises:
        FileError: with every mistake in the file.
    """
    own = (settings.flows or resources.flows()) / rule_files.FILE
    file = own if own.is_file() else resources.flows() / rule_files.FILE
    return rule_files.load(file.read_text(encoding="utf-8"))


async def find_due(store: Store, settings: Settings) -> list[Due]:
    """What is to be forgotten now."""
    read, zone = rules(settings), settings.time_zone
    now = store.clock.now()
    return await store.db.read(lambda conn: retention.find_due(conn, read, now, zone))


async def forget_due(store: Store, settings: Settings, dues: Sequence[Due]) -> int:
    """Forget ``dues`` and their traces; gives how many things were forgotten."""
    forgotten = 0
    for start in range(0, len(dues), BATCH):
        given = Given(store.clock.now())
        batch = dues[start : start + BATCH]

        def forget(conn: Connection, given: Given = given, batch: Sequence[Due] = batch) -> int:
            return len(retention.forget_due(conn, store.keys, given.again(), batch))

        forgotten += await store.db.write(forget)
    now = store.clock.now()
    await store.db.write(lambda conn: retention.forget_old_pins(conn, now))
    await scrub(store, settings)
    return forgotten


async def scrub(store: Store, settings: Settings) -> None:
    """Leave nothing of what was forgotten in files and logs of ours."""
    kept = await store.db.read(vault.kept_files)
    await asyncio.to_thread(_sweep, settings.var / "recordings", kept)
    if store.scrub and await store.db.scrub():
        store.scrub = False


def _sweep(folder: Path, kept: frozenset[str]) -> None:
    oldest = time.time() - SWEEP_S
    for path in folder.glob("*.sound*") if folder.is_dir() else ():
        if path.name not in kept and path.stat().st_mtime < oldest:
            path.unlink()


def export_head(store: Store) -> Head | None:
    """Sign the end of the chain into the file of heads. Blocks. Raises as facts.export_head."""
    now = store.clock.now()
    return store.db.read_sync(
        partial(facts.export_head, keys=store.keys, heads=store.heads, now=now)
    )


def replay(store: Store) -> int:
    """Forget again what the ledger says and this database has not; gives how much. Blocks."""
    given = Given(store.clock.now())

    def again(conn: Connection) -> int:
        return len(vault.replay(conn, store.keys, given.again(), store.ledger))

    done = store.db.write_sync(again)
    store.scrub |= done > 0
    store.db.read_sync(lambda conn: facts.note_restored(conn, store.keys, store.heads, given.now))
    return done


async def daily(store: Store, settings: Settings, counting: Counting) -> None:
    """What is done once a day; look often, it is done when a day has passed since the last head."""
    now = store.clock.now()
    last = await asyncio.to_thread(store.heads.last)
    at = last.get("at") if last is not None else None
    if isinstance(at, int) and now - at < DAILY_MS:
        if store.scrub:
            await scrub(store, settings)
        return
    if unknown := counting.undecreed(now):
        log.error(
            "Due dates from %s on may be too early: nobody has told us the joint leave of that"
            " year. Add it to cases/days.yaml, or update the holidays library.",
            unknown[0],
        )
    await forget_due(store, settings, await find_due(store, settings))
    await asyncio.to_thread(export_head, store)


async def run(
    store: Store, settings: Settings, counting: Counting, nudge: Callable[[], None]
) -> None:
    """Look again and again whether the daily work is to be done; ``nudge`` when it was."""
    while True:
        await daily(store, settings, counting)
        nudge()
        await asyncio.sleep(LOOK_S)


# --- by order ----------------------------------------------------------------------------------


def forget(store: Store, number: str, reason: str, *, person_only: bool = False) -> list[Erasure]:
    """Forget the case with this number, or its person alone. Blocks.

    Raises:
        ValueError: no such case, it may not be forgotten now, or the reason is no word.
        NotReplayed, JournalBroken, OSError: see store.check_erasures.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", reason):
        raise ValueError("the reason is a word of small letters, digits and _")
    check_erasures(store)
    given = Given(store.clock.now())
    kind = Kind.ANONYMOUS if person_only else Kind.CASE

    def order(conn: Connection) -> list[Erasure]:
        case = _case(conn, number)
        return vault.forget(conn, store.keys, given.again(), kind, case, reason=reason)

    try:
        return store.db.write_sync(order)
    except vault.Held as held:
        raise ValueError(f"{number} may not be forgotten: {_WHY[held.why]}") from None


def hold(store: Store, number: str, *, on: bool) -> None:
    """Law enforcement needs the case with this number, or does not any more. Blocks.

    Raises:
        ValueError: no such case.
    """
    given = Given(store.clock.now())
    store.db.write_sync(
        lambda conn: vault.hold(conn, store.keys, given, _case(conn, number), on=on)
    )


def export(store: Store, settings: Settings, number: str) -> access.Document:
    """All that is held on the reporter of the case with this number. Blocks.

    Raises:
        ValueError: no such case, or it was forgotten.
        NotReplayed, JournalBroken, OSError: see store.check_erasures.
    """
    check_erasures(store)
    read, given = read_rules(settings), Given(store.clock.now())

    def copy(conn: Connection) -> access.Document:
        return access.export(conn, store.keys, given.again(), read, _case(conn, number))

    try:
        return store.db.write_sync(copy)
    except access.Forgotten:
        raise ValueError(f"{number} was forgotten: nothing is held") from None


def release(store: Store, settings: Settings, month: str) -> str:
    """The open data of ``month``, as 2026-11, as a CSV file. Blocks.

    Raises:
        ValueError: that is no month, or it is not over.
        NotReplayed, JournalBroken, OSError: see store.check_erasures.
    """
    start, end = open_data.span(month, settings.time_zone)
    if store.clock.now() < end:
        raise ValueError(f"{month} is not over: a month is released once, when all of it is there")
    check_erasures(store)
    rules = read_rules(settings)
    counted = store.db.read_sync(partial(stats.complaints, start=start, end=end))
    cells = open_data.release(counted, rules.topics, rules.units.provinces)
    return open_data.as_csv(month, cells, rules.topics)


def _case(conn: Connection, number: str) -> str:
    """The id of the case with this number, however its digits are grouped."""
    case = vault.id_of(conn, "".join(filter(str.isdigit, number)))
    if case is None:
        raise ValueError(f"there is no case {number}")
    return case


_WHY: Final = {
    Refusal.LAW: "law enforcement needs it (`callcenter case hold`)",
    Refusal.STATUTORY: "a procedure that a law sets runs",
    Refusal.OPEN: "somebody works on it; withdraw or close it first",
    Refusal.LIVE: "its caller is on the phone",
}
