"""What an admin sees: the accounts, and the figures of the running process."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import Final

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callcenter.cases.clocks import Counting
from callcenter.people import accounts
from callcenter.people.permissions import PERMISSIONS, Permission
from callcenter.web.documents import Staff, StaffMember
from callcenter.web.doors import Allow, AskedInside, DepsOf, HubOf, Manager
from callcenter.web.hub import Hub
from callcenter.web.ports import Counts
from callcenter.web.sign_in import account_document

router = APIRouter(tags=["admin"])


@router.get("/api/accounts")
async def staff(_me: Manager, deps: DepsOf) -> Staff:
    """The accounts and what each may do. ``callcenter user`` makes and changes them."""
    found = await deps.db.read(accounts.every)
    return Staff(
        accounts=[
            StaffMember(
                **account_document(one).model_dump(),
                device_kind=one.device.kind.value if one.device else None,
                active=one.active,
                permissions=sorted(PERMISSIONS[one.role]),
            )
            for one in found
        ]
    )


@router.get(
    "/metrics",
    dependencies=[Depends(AskedInside(Permission.READ_METRICS))],
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request, hub: HubOf, deps: DepsOf) -> Response:
    """Figures for Prometheus: from this machine, or for whoever may read them."""
    client = request.client.host if request.client else ""
    if not _is_loopback(client):
        await Allow(Permission.READ_METRICS).enter(request)
    now = CollectorRegistry()
    now.register(BoardGauges(hub))
    now.register(LineFigures(deps.counts, deps.trunk))
    now.register(CalendarFigures(deps.calls.rules.counting, deps.clock.now()))
    text = generate_latest(REGISTRY) + generate_latest(now)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


class BoardGauges(Collector):
    """The board's figures, read from the fold when asked, so that they can't drift from it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """The gauges of this moment."""
        view = self._hub.view()
        waiting = GaugeMetricFamily("callcenter_waiting", "Callers waiting", labels=["topic"])
        for topic in sorted({one.topic for one in view.waiting}):
            waiting.add_metric([topic], sum(one.topic == topic for one in view.waiting))
        yield waiting
        longest = view.at - view.waiting[0].since if view.waiting else 0
        yield GaugeMetricFamily(
            "callcenter_longest_wait_seconds", "Of those who wait", longest / 1000
        )
        owed = GaugeMetricFamily(
            "callcenter_callbacks_owed", "Callers to be called back", labels=["state"]
        )
        for state in sorted({one.state for one in view.callbacks}):
            owed.add_metric([state], sum(one.state == state for one in view.callbacks))
        yield owed
        oldest = view.at - view.callbacks[0].since if view.callbacks else 0
        yield GaugeMetricFamily(
            "callcenter_oldest_callback_seconds", "Of those to be called back", oldest / 1000
        )
        agents = GaugeMetricFamily("callcenter_agents", "Agents signed on", labels=["state"])
        for state in sorted({one.state for one in view.agents}):
            agents.add_metric([state], sum(one.state == state for one in view.agents))
        yield agents
        yield GaugeMetricFamily("callcenter_in_ivr", "Callers in a flow", view.today.in_ivr)
        yield GaugeMetricFamily("callcenter_talking", "Callers talking", view.today.talking)
        yield GaugeMetricFamily("callcenter_sealed_fact", "Newest sealed Fact", view.seq)
        pages = GaugeMetricFamily("callcenter_pages", "Open live pages", labels=["page"])
        pages.add_metric(["agent"], self._hub.count(board=False))
        pages.add_metric(["board"], self._hub.count(board=True))
        yield pages


#: What lines count → what it means. Another name than these is not shown; tests/docs looks.
LINE_COUNTS: Final = {
    "connects": "Connections made to the phone network",
    "resyncs": "Comparisons with the calls that the phone network has",
    "failed_signals": "Signals that could not be handled",
    "refused_rings": "Agents' phones that could not be rung",
    "missing_sounds": "Prompts that were left out",
    "refused_webhooks": "Webhooks that nobody we trust has signed",
    "late_webhooks": "Webhooks of a Turn that was over",
    "fallbacks": "Answers of ours that the phone network could not use",
    "wrong_passwords": "Attacks: sign-ins with a wrong password",
    "unknown_accounts": "Attacks: requests of nobody we know",
    "refused_addresses": "Attacks: from an address that may not",
    "refused_requests": "Attacks: requests that are wrong or not allowed",
    "overloads": "Requests refused because there were too many",
    "lost_registrations": "Registrations with the carrier that ended or were refused",
    "trunk_losses": "Times that the carrier did not answer any more",
    "manager_connects": "Connections made to Asterisk's manager",
}


class LineFigures(Collector):
    """What the lines count by themselves."""

    def __init__(self, counts: Counts, trunk: Callable[[], bool | None] | None) -> None:
        self._counts = counts
        self._trunk = trunk

    def collect(self) -> Iterator[Metric]:
        """The counters of this moment."""
        lines = self._counts()
        for name, meaning in LINE_COUNTS.items():
            family = CounterMetricFamily(f"callcenter_line_{name}", meaning, labels=["line"])
            for line, counts in lines.items():
                if name in counts:
                    family.add_metric([line], counts[name])
            yield family
        reachable = GaugeMetricFamily("callcenter_trunk_reachable", "Whether the carrier answers")
        if self._trunk is not None and (answers := self._trunk()) is not None:
            reachable.add_metric([], answers)
        yield reachable


class CalendarFigures(Collector):
    """Whether the coming days off are known, which due dates are counted by."""

    def __init__(self, counting: Counting, now: int) -> None:
        self._counting = counting
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """The gauge of this moment."""
        yield GaugeMetricFamily(
            "callcenter_undecreed_days",
            "Coming days whose joint leave nobody has decreed: add it to the calendars",
            len(self._counting.undecreed(self._now)),
        )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
