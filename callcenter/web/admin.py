"""What an admin sees: the accounts, and the figures of the running process."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callcenter.people import accounts
from callcenter.people.permissions import PERMISSIONS, Permission
from callcenter.web.documents import Staff, StaffMember
from callcenter.web.doors import Allow, AskedInside, DepsOf, HubOf, Manager
from callcenter.web.hub import Hub
from callcenter.web.sign_in import account_document

router = APIRouter(tags=["admin"])


@router.get("/api/accounts")
async def staff(_me: Manager, deps: DepsOf) -> Staff:
    """The accounts and what each may do. They are made with ``callcenter user add``."""
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
async def metrics(request: Request, hub: HubOf) -> Response:
    """Figures for Prometheus: from this machine, or for whoever may read them."""
    client = request.client.host if request.client else ""
    if not _is_loopback(client):
        await Allow(Permission.READ_METRICS).enter(request)
    board = CollectorRegistry()
    board.register(BoardGauges(hub))
    text = generate_latest(REGISTRY) + generate_latest(board)
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


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
