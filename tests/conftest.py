"""Skips what the machine can't run, says so in the last lines, or fails it under REQUIRE_ALL=1."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator
from functools import cache

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.capabilities import lacking

pytest_plugins = ["tests.databases"]

REQUIRE_ALL = os.environ.get("REQUIRE_ALL", "") not in ("", "0")

# A machine that is busy with something else is no reason for a rule to fail.
hypothesis.settings.register_profile("callcenter", deadline=None, print_blob=True)
hypothesis.settings.load_profile("callcenter")


#: Real telephones take real time and little of the processor. Those of SIPp draw their ports from
#: one range, so one story is told after the other; the lines' telephones are Asterisks.
_WITH_ASTERISK = (
    "away browser called_back crash first_complaint journeys_asterisk privacy stories watch"
)
TELEPHONES = (
    "tests/lines/",
    *(f"tests/e2e/test_{name}.py" for name in _WITH_ASTERISK.split()),
)
#: Of the lines that pass one contract, those that need no telephone.
_MADE_OF_WORDS = ("[simulator", "[twilio")
#: What begins first, because it takes longest; then all else as it comes.
_FIRST = ("telephones", "lines", "pages")
#: How much longer the rest may wait for the processor: what is heard is heard in real time.
_NICE = 5


def unit(name: str) -> str:
    """Which tests one worker runs in a row: all stories with telephones; what lines do with them;
    all that look at pages (a browser keeps a processor busy); a file whose tests may share a
    server; else each for itself."""
    if name.startswith(TELEPHONES) and not any(line in name for line in _MADE_OF_WORDS):
        return "lines" if name.startswith("tests/lines/") else "telephones"
    file = name.partition("::")[0]
    if file.startswith("tests/e2e/"):
        return "pages" if file.endswith(("page.py", "pages.py")) else file
    return name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Where several tests run at a time (``-n``), those of a unit don't. (Marks of ``xdist_group``
    do nothing with this pytest: its tests have no name to add them to.)"""
    config.option.loadscopereorder = False  # they are in order
    made = LoadScopeScheduling(config, log)
    made._split_scope = unit
    return made


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        first = {name: place for place, name in enumerate(_FIRST)}
        items.sort(key=lambda item: first.get(unit(item.nodeid), len(first)))


@cache
def _make_way() -> None:
    """What this worker runs from now on is in no hurry."""
    os.nice(_NICE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ and unit(item.nodeid) not in ("telephones", "lines"):
        _make_way()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before any fixture: is everything there that the test's ``needs`` marks name?"""
    names = tuple(str(name) for mark in item.iter_markers("needs") for name in mark.args)
    reason = lacking(names)
    if reason is None:
        return
    if REQUIRE_ALL:
        pytest.fail(f"REQUIRE_ALL is set, and there is {reason}", pytrace=False)
    pytest.skip(reason)


def _skipped(config: pytest.Config) -> Counter[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons: Counter[str] = Counter()
    if reporter is None:  # a worker of pytest-xdist: its controller counts
        return reasons
    for report in reporter.stats.get("skipped", []):
        place = report.longrepr
        why = place[2] if isinstance(place, tuple) else str(place)
        reasons[why.removeprefix("Skipped: ")] += 1
    return reasons


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under REQUIRE_ALL nothing may be skipped, for whatever reason."""
    if REQUIRE_ALL and _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None]:
    """Last of all, what was not tested and why."""
    yield
    skipped = _skipped(config)
    if not skipped:
        return
    verdict = "which REQUIRE_ALL forbids" if REQUIRE_ALL else "REQUIRE_ALL=1 would fail them"
    terminalreporter.section(f"tests that did not run here: {skipped.total()} ({verdict})")
    for why, count in skipped.most_common():
        terminalreporter.line(f"{count:4} x {why}")
