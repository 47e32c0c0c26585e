"""10,000 random histories on the pure core: nobody is lost, nobody is in two places.

What each history checks is in ``invariants.py`` (after every step), ``center.py`` (duplicates,
refusals, purity, what is kept comes back) and ``histories.py`` (at rest, and at the end). A failure
prints its seed, a smaller history that fails too, and what happened in it.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callcenter import line
from callcenter.calls import late, life
from callcenter.calls.model import CallState
from callcenter.calls.moves import Doing, Life
from callcenter.queue import agents
from callcenter.queue.agents import AgentEvent, AgentState
from tests.rules import histories
from tests.rules.network import Network

HISTORIES = 10_000
BLOCK = 1_000
#: Lines of the table that 600 histories may miss.
RARE = 10


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, HISTORIES, BLOCK))
def test_nobody_is_lost_in_random_histories(first: int) -> None:
    for seed in range(first, first + BLOCK):
        if histories.failure(seed) is not None:
            pytest.fail(histories.report(seed, histories.shrink(seed)), pytrace=False)


def test_a_seed_is_one_history() -> None:
    for seed in range(20):
        one, same = histories.in_memory(seed), histories.in_memory(seed)
        histories.play(one)
        histories.play(same)
        assert one.center.trace == same.center.trace
        assert one.center.snapshot() == same.center.snapshot()


def test_histories_reach_everything() -> None:
    """What never happens is not tested: every line of the table is walked, but for a few that need
    two pieces of bad luck at once (``test_life.py`` and ``test_late.py`` walk those)."""
    walked: set[tuple[CallState, str]] = set()

    def noting(key: tuple[CallState, str], handler: life.Handler) -> life.Handler:
        def walk(one: Life, happened: life.Happened) -> Doing:
            yield from handler(one, happened)
            if one.refused is None:
                walked.add(key)

        return walk

    table = dict(life.TABLE)
    try:
        life.TABLE.update({key: noting(key, handler) for key, handler in table.items()})
        for seed in range(800):
            histories.play(histories.in_memory(seed))
    finally:
        life.TABLE.update(table)
    rare = {key for key in table.keys() - walked if table[key].__module__ != late.__name__}
    assert len(rare) <= RARE, rare


# --- the histories would notice -------------------------------------------------------------------


def _forgetting(*keys: tuple[CallState, str]) -> Callable[[pytest.MonkeyPatch], None]:
    def forget(monkeypatch: pytest.MonkeyPatch) -> None:
        for key in keys:
            monkeypatch.delitem(life.TABLE, key)

    return forget


def _no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(agents.AGENT_TABLE, (AgentState.OFFERED, AgentEvent.RELEASE))


def _still_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Life, "leave", lambda _life, _reason: None)


def _phones_ring_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def do(network: Network, line_name: str, command: line.Command) -> None:
        if not isinstance(command, line.EndLeg):
            done(network, line_name, command)

    done = Network.do
    monkeypatch.setattr(Network, "do", do)


@pytest.mark.parametrize(
    "mistake",
    [
        pytest.param(_forgetting((CallState.WAITING, "timer ring")), id="no ring time-out"),
        pytest.param(_forgetting((CallState.WAITING, "timer join")), id="no join time-out"),
        pytest.param(_forgetting((CallState.WAITING, "agent gone")), id="agent gone is not seen"),
        pytest.param(_forgetting((CallState.TALKING, "agent gone")), id="end of talk is not seen"),
        pytest.param(_forgetting((CallState.TALKING, "caller gone")), id="caller gone is not seen"),
        pytest.param(_no_release, id="an agent stays offered"),
        pytest.param(_still_in_the_queue, id="an entry stays open"),
        pytest.param(_phones_ring_on, id="phones are not ended"),
    ],
)
def test_histories_notice_a_mistake(
    mistake: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake(monkeypatch)
    assert any(histories.failure(seed) is not None for seed in range(300))
