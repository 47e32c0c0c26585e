"""What each figure means, on numbers that can be done in the head."""

from __future__ import annotations

from callcenter.stats import metrics
from callcenter.stats.metrics import Counts


def test_nobody_has_no_average() -> None:
    nobody = Counts()
    assert metrics.average_wait_s(nobody) is None
    assert metrics.longest_wait_s(nobody) is None
    assert metrics.service_level(nobody) is None
    assert metrics.abandon_rate(nobody) is None


def test_the_average_wait_is_over_the_answered_only() -> None:
    counts = Counts(answered=4, waited_ms=50_000, abandoned=9, longest_wait_ms=99_999)
    assert metrics.average_wait_s(counts) == 12.5
    assert metrics.longest_wait_s(counts) == 99


def test_quick_hang_ups_are_in_no_rate() -> None:
    counts = Counts(answered=8, answered_in_target=6, abandoned=5, abandoned_short=3)
    assert metrics.service_level(counts) == 0.6
    assert metrics.abandon_rate(counts) == 0.2
    counts.abandoned += 100
    counts.abandoned_short += 100
    assert metrics.service_level(counts) == 0.6


def test_only_short_abandons_is_nobody() -> None:
    assert metrics.abandon_rate(Counts(abandoned=2, abandoned_short=2)) is None


def test_stretches_add_up_and_the_longest_stays_the_longest() -> None:
    total = Counts(arrived=1, waited_ms=10, longest_wait_ms=7)
    total.add(Counts(arrived=2, waited_ms=5, longest_wait_ms=3, messages=1))
    assert total == Counts(arrived=3, waited_ms=15, longest_wait_ms=7, messages=1)
