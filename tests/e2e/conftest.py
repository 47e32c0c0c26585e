"""The real thing: one Asterisk for all stories of a run, the application as its own process."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import TELEPHONES
from tests.e2e.application import Application, flows_with_hours
from tests.e2e.asterisk import Asterisk, free_port, running_asterisk
from tests.e2e.exchange import Exchange
from tests.e2e.journeys import Journey, journey
from tests.e2e.phones import Phones
from tests.e2e.served import People, Served, browsing, serving
from tests.e2e.wire import Wire

#: Runs alone.
SOAK = "tests/soak/"
#: What every story with telephones needs.
NEEDS = ("asterisk", "sipp", "espeak", "sox")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "wire" in fixtures:
            item.add_marker(pytest.mark.needs(*NEEDS))
        if fixtures & {"asterisk", "wire"} and not item.nodeid.startswith((*TELEPHONES, SOAK)):
            raise pytest.UsageError(f"{item.nodeid} has telephones: tests/conftest.py lists those")


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """Listens to all sound of this run."""
    listening = Wire()
    listening.start()
    yield listening
    listening.stop()


@pytest.fixture(scope="session")
def asterisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asterisk]:
    """The Asterisk that the stories share. Its trunk leads to the port of ``trunk_peer``."""
    peer = f"127.0.0.1:{free_port(socket.SOCK_DGRAM)}"
    folder = tmp_path_factory.mktemp("asterisk")
    with running_asterisk(folder / "run", trunk_peer=peer) as running:
        yield running


@pytest.fixture(scope="session")
def exchange(asterisk: Asterisk) -> Exchange:
    """A look into the shared Asterisk."""
    return Exchange(asterisk)


@pytest.fixture
def phones(asterisk: Asterisk, exchange: Exchange, wire: Wire, tmp_path: Path) -> Iterator[Phones]:
    """Telephones around the shared Asterisk."""
    made = Phones(tmp_path / "phones", wire, asterisk.sip_port)
    yield made
    made.stop()
    exchange.end_calls()


@pytest.fixture(scope="session")
def open_flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flows_with_hours(tmp_path_factory.mktemp("open") / "flows", always_open=True)


@pytest.fixture(scope="session")
def closed_flows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flows_with_hours(tmp_path_factory.mktemp("closed") / "flows", always_open=False)


Make = Callable[..., Application]


@pytest.fixture(scope="module")
def make_application(
    asterisk: Asterisk,
    exchange: Exchange,
    open_flows: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Make]:
    """Makes applications that are not started yet, and stops them afterwards. One at a time: they
    share an Asterisk."""
    made: list[Application] = []

    def make(**more: object) -> Application:
        for earlier in made:
            earlier.stop()
        exchange.sweep()
        settings: dict[str, object] = {"asterisk": asterisk, "flows": open_flows} | more
        folder = tmp_path_factory.mktemp("application")
        made.append(Application(folder, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for application in made:
        application.stop()
    exchange.sweep()


@pytest.fixture
def application(make_application: Make) -> Application:
    """The application with its doors open, on SQLite; not started yet."""
    return make_application()


@pytest.fixture
async def hotline(tmp_path: Path) -> AsyncIterator[Journey]:
    """The application with simulated telephones, on a clock that jumps."""
    async with journey(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for the tests of a file; mark them ``needs("chromium", "pages")``."""
    with browsing() as launched:
        yield launched


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application, simulated telephones and all, in a process of its own; for a file."""
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def people(browser: Browser) -> Iterator[People]:
    """Who opens pages; afterwards none has seen an error."""
    all_of_them = People(browser)
    yield all_of_them
    all_of_them.close()
    assert all_of_them.wrong == []
