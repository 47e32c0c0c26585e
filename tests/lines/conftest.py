"""The lines that the contract suite runs on."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.capabilities import require
from tests.lines.drivers.asterisk import AsteriskDriver, Pair, asterisk_driver
from tests.lines.drivers.base import LineDriver
from tests.lines.drivers.simulator import simulator_driver
from tests.lines.drivers.twilio import twilio_driver

#: name of a line -> what its driver needs from the machine
LINES: dict[str, list[pytest.MarkDecorator]] = {
    "asterisk": [pytest.mark.needs("asterisk", "espeak", "sox")],
    "simulator": [],
    "twilio": [],
}


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two Asterisks, ours and that of the phones, shared by all tests of a run."""
    made = Pair.make(tmp_path_factory.mktemp("asterisk"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=[pytest.param(name, marks=marks) for name, marks in LINES.items()])
async def driver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LineDriver]:
    """A line with phones, one after the other."""
    if request.param == "simulator":
        async with simulator_driver() as made:
            yield made
    elif request.param == "twilio":
        async with twilio_driver() as fake:
            yield fake
    else:
        async with asterisk_driver(request.getfixturevalue("pair"), tmp_path) as real:
            yield real


@pytest.fixture
async def asterisk(pair: Pair, tmp_path: Path) -> AsyncIterator[AsteriskDriver]:
    """The Asterisk line alone, for what only it does."""
    async with asterisk_driver(pair, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """An Asterisk whose net is quick: the guard is short, and so are its prompts."""
    folder = tmp_path_factory.mktemp("guarded")
    sounds = folder / "asterisk" / "net-sounds"
    made = require("asterisk") / "usr/share/callcenter"
    shutil.copytree(made / "moh", sounds / "moh")
    (sounds / "net").mkdir()
    for name in ("apology", "message", "thanks", "beep"):
        shutil.copy(made / "net/beep.alaw", sounds / f"net/{name}.alaw")
    pair = Pair.make(
        folder,
        ASTERISK_GUARD_S="2",
        ASTERISK_NET_SOUNDS=str(sounds),
    )
    pair.start()
    yield pair
    pair.stop()


@pytest.fixture
async def hung(guarded: Pair, tmp_path: Path) -> AsyncIterator[AsteriskDriver]:
    """A line that never says it is well: what Asterisk sees of a hung process."""
    async with asterisk_driver(guarded, tmp_path, guard_s=3600) as made:
        yield made


@pytest.fixture
async def well(guarded: Pair, tmp_path: Path) -> AsyncIterator[AsteriskDriver]:
    async with asterisk_driver(guarded, tmp_path, guard_s=2) as made:
        yield made
