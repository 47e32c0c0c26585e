"""``python -m bench``: measure everything, print the table, write the JSON.

``--only PART`` (several times) leaves the other parts out. Exit status 1 when a part failed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import structlog

from bench import asterisk, desk, engine, figures, machine, storage, webhooks
from bench.figures import Figure, Part, Run
from bench.stores import Files, Server, Store, running_server
from tests.capabilities import ROOT

log = logging.getLogger("bench")

FOLDER = ROOT / "var" / "bench"
RESULT = ROOT / "var" / "bench.json"


class Bench:
    """One run: what its parts share."""

    def __init__(self, only: frozenset[str]) -> None:
        self._only = only
        self._shared = contextlib.ExitStack()
        self._server: Server | None = None
        self.parts: list[Part] = []

    def close(self) -> None:
        """End what the parts have started."""
        self._shared.close()

    def run(self) -> None:
        """Every part that is wanted, one after the other."""
        files = Files(FOLDER / "sqlite")
        self._part("disk", "Disk", lambda: machine.disk(FOLDER))
        self._part("engine", "Flow engine (the shipped flows)", engine.measure)
        self._part("calls", "Transactions of a whole call (simulator line)", self._a_call)
        self._storage("sqlite", "SQLite", lambda: files)
        self._storage("postgresql", "PostgreSQL", self.server)
        for name, shown, store in (
            ("cases", "SQLite", lambda: files),
            ("cases-postgresql", "PostgreSQL", self.server),
        ):
            title = f"The desk of cases over HTTP, {desk.CASES:,} of them, on {shown}"
            self._part(name, title, partial(self._desk, store, name))
        self._part(
            "webhooks",
            "Twilio's webhooks on SQLite, beside a bare route",
            lambda: webhooks.measure(files, FOLDER / "webhooks"),
        )
        self._part(
            "app_queue",
            "Asterisk alone under SIPp: its own dialplan and app_queue",
            lambda: asterisk.own(FOLDER / "app_queue"),
        )
        self._part(
            "asterisk",
            "The same journey through the application on SQLite",
            lambda: asterisk.application(files, FOLDER / "asterisk", all_rates=True),
        )
        self._part(
            "asterisk-postgresql",
            "The same journey through the application on PostgreSQL",
            lambda: asterisk.application(self.server(), FOLDER / "asterisk-pg", all_rates=False),
        )

    def server(self) -> Server:
        """The PostgreSQL server of this run, started by who needs it first."""
        if self._server is None:
            self._server = self._shared.enter_context(running_server())
        return self._server

    def _storage(self, name: str, shown: str, store: Callable[[], Store]) -> None:
        self._part(
            name,
            f"{shown}: as many calls as it takes (simulator line, in process)",
            lambda: storage.most(store(), FOLDER / "var"),
        )
        self._part(
            f"{name}-steady",
            f"{shown}: steady callers (simulator line, in process)",
            lambda: storage.at_rates(store(), FOLDER / "var"),
        )

    def _a_call(self) -> Iterator[Figure]:
        files = Files(FOLDER / "sqlite-one")
        for agent_ends in (False, True):
            yield from storage.a_call(files, FOLDER / "var", agent_ends=agent_ends)

    def _desk(self, store: Callable[[], Store], name: str) -> Iterator[Figure]:
        return desk.measure(store(), FOLDER / name)

    def _part(self, name: str, title: str, measure: Callable[[], Iterator[Figure]]) -> None:
        if self._only and name not in self._only:
            return
        print(f"{title} …", file=sys.stderr, flush=True)
        began = time.monotonic()
        found: list[Figure] = []
        failed = None
        try:
            found.extend(measure())
        except Exception as error:
            log.exception("%s failed", name)
            failed = f"{type(error).__name__}: {error}"
        took = round(time.monotonic() - began, 1)
        self.parts.append(Part(title, tuple(found), failed, took))


def main() -> int:
    """Run it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="PART")
    parser.add_argument("--json", type=Path, default=RESULT)
    wanted = parser.parse_args()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began_at, began = time.time_ns() // 1_000_000, time.monotonic()
    watch = machine.Watch()
    bench = Bench(frozenset(wanted.only))
    try:
        bench.run()
    finally:
        bench.close()
        took = round(time.monotonic() - began, 1)
        run = Run(began_at, took, watch.describe(), tuple(bench.parts))
        wanted.json.write_bytes(msgspec.json.format(msgspec.json.encode(run)) + b"\n")
        print("\n".join(figures.table(run)), flush=True)
    return 1 if any(part.failed is not None for part in bench.parts) else 0


if __name__ == "__main__":
    sys.exit(main())
