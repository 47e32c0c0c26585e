"""Puts the web together: routes, doors, errors, headers; and refuses a route without a door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIWebSocketRoute

from callcenter.web import (
    admin,
    agent,
    errors,
    live,
    officer,
    pages,
    phone,
    public,
    sign_in,
    status,
    supervisor,
    twilio,
)
from callcenter.web.directory import Directory
from callcenter.web.documents import Problem
from callcenter.web.doors import Allow, Anyone, AskedInside, Door
from callcenter.web.guard import Guard, Origins
from callcenter.web.hub import Hub
from callcenter.web.ports import Deps
from callcenter.web.softphones import Softphones

_ROUTERS: Final = (
    public.router,
    status.router,
    sign_in.router,
    agent.router,
    supervisor.router,
    officer.router,
    admin.router,
    live.router,
)
_AT: Final = "#/components/schemas/{model}"
#: Described, and not given as a ``model``: of that FastAPI makes one anew for each status of each
#: route, at the first request of a process.
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": why,
        "content": {"application/json": {"schema": {"$ref": _AT.format(model="Problem")}}},
    }
    for status, why in (
        (401, "Nobody is signed in"),
        (403, "The role, the origin or the CSRF token is wrong"),
        (404, "There is no such thing"),
        (409, "Too late, not now, or changed meanwhile"),
        (413, "The body is too large"),
        (422, "A field is wrong: `fields` says which and why"),
        (429, "Too many tries; see Retry-After"),
        (503, "The database or the phone network is away; see Retry-After"),
    )
}


class RouteWithoutDoor(Exception):
    """A route does not say who may pass."""


class _Web(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """With what :data:`_REFUSALS` refer to."""
        described: dict[str, Any] = super().openapi()
        problem = Problem.model_json_schema(ref_template=_AT, mode="serialization")
        schemas = described["components"]["schemas"]
        for name, schema in ({"Problem": problem} | problem.pop("$defs")).items():
            schemas.setdefault(name, schema)
        return described


def make_web(deps: Deps) -> FastAPI:
    """The whole web as an ASGI application.

    Raises:
        RouteWithoutDoor: a route has no door, or more than one.
    """
    app = _Web(
        title="Call center",
        version="1",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=_REFUSALS,
    )
    directory = Directory(deps.db, deps.clock)
    app.state.deps = deps
    app.state.directory = directory
    app.state.phones = Softphones(deps.devices, deps.default_device, deps.voice)
    compose = supervisor.composer(directory, deps.calls.topics)
    app.state.hub = Hub(deps.time_zone, deps.clock, compose)
    lines = [*([phone.router] if deps.simulator else []), *([twilio.router] if deps.twilio else [])]
    routers = (*_ROUTERS, *lines, pages.router)
    for router in routers:
        for route in routes_of(router):
            door_of(route)
        app.include_router(router)
    errors.install(app)
    app.add_middleware(
        Guard,
        origins=Origins(deps.base_url, deps.any_host),
        connect=_connect(deps),
        https=deps.base_url.startswith("https:"),
    )
    return app


def routes_of(router: APIRouter) -> Iterator[APIRoute | APIWebSocketRoute]:
    """The routes of ``router``, those of routers inside it too.

    Raises:
        RouteWithoutDoor: one is of a kind that can't have a door.
    """
    for route in router.routes:
        if isinstance(route, APIRoute | APIWebSocketRoute):
            yield route
        elif isinstance(inner := getattr(route, "original_router", None), APIRouter):
            yield from routes_of(inner)
        else:
            raise RouteWithoutDoor(repr(route))


def door_of(route: APIRoute | APIWebSocketRoute) -> Door:
    """The one door of ``route``.

    Raises:
        RouteWithoutDoor: it has none, or several.
    """
    doors = list(_doors(route.dependant))
    if len(doors) != 1:
        raise RouteWithoutDoor(f"{route.path} has {len(doors)} doors")
    return doors[0]


def _doors(dependant: Dependant) -> Iterator[Door]:
    for inner in dependant.dependencies:
        if isinstance(inner.call, Allow | AskedInside | Anyone):
            yield inner.call
        yield from _doors(inner)


def _connect(deps: Deps) -> tuple[str, ...]:
    """Where pages may connect to besides here: the same place by WebSocket (older browsers don't
    count it as ``'self'``), and the line that their softphone registers with."""
    places = ["ws" + deps.base_url.removeprefix("http")]
    if deps.browser_ws:
        scheme, _, rest = deps.browser_ws.partition("://")
        places.append(f"{scheme}://{rest.partition('/')[0]}")
    return (*places, *(deps.voice.hosts if deps.voice else ()))


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """The board is read again and followed as long as the server runs."""
    deps: Deps = app.state.deps
    hub: Hub = app.state.hub
    unsubscribe = deps.subscribe(hub.hear)
    hub.begin(await deps.restore())
    publisher = asyncio.create_task(hub.run(), name="board")
    try:
        yield {}
    finally:
        publisher.cancel()
        await asyncio.gather(publisher, return_exceptions=True)
        unsubscribe()
