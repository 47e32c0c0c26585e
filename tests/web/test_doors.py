"""Every route, taken from the application itself, and everybody who must not pass it."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute

from callcenter.people.permissions import PERMISSIONS, Permission, Role, may
from callcenter.web import factory
from callcenter.web.doors import Allow, Anyone, AskedInside
from callcenter.web.factory import RouteWithoutDoor, door_of, routes_of
from tests.web.conftest import STAFF, Browser, House

#: What needs no sign-in. A new route appears here only when somebody wants it to.
OPEN = {
    "/",
    "/api/openapi.json",
    "/api/sign-in",
    "/assets/{path:path}",
    "/board",
    "/cases",
    "/cases/{number}",
    "/console",
    "/directory",
    "/healthz",
    "/phone",
    "/readyz",
    "/simulator/calls",
    "/simulator/calls/{call}",
    "/simulator/calls/{call}/answer",
    "/simulator/calls/{call}/busy",
    "/simulator/calls/{call}/hangup",
    "/simulator/calls/{call}/keys",
    "/simulator/calls/{call}/silence",
    "/simulator/calls/{call}/speak",
    "/simulator/phones/{number}",
    "/simulator/sounds/{name}.wav",
    "/status",
    "/status.css",
    "/{name}",
}
ASKED_INSIDE = {"/api/live", "/metrics"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def guarded(house: House) -> list[tuple[str, str, Permission]]:
    """(method, path, permission) of every route that asks for one."""
    found = []
    for route in routes_of(house.app.web.router):
        door = door_of(route)
        if isinstance(door, Allow):
            assert isinstance(route, APIRoute)
            path = re.sub(r"{number}", "2412345678", route.path)
            path = re.sub(r"{\w+}", "x", path)
            found += [(method, path, door.permission) for method in sorted(route.methods or ())]
    return found


async def ask(browser: Browser, method: str, path: str, csrf: str | None) -> tuple[int, str]:
    headers = {"X-CSRF-Token": csrf} if csrf else {}
    answer = await browser.http.request(method, path, json={}, headers=headers)
    refused = answer.status_code >= 400
    return answer.status_code, answer.json()["error"]["code"] if refused else ""


async def test_what_is_open_is_open_on_purpose(house: House) -> None:
    doors = {route.path: door_of(route) for route in routes_of(house.app.web.router)}
    assert {path for path, door in doors.items() if isinstance(door, Anyone)} == OPEN
    inside = {path for path, door in doors.items() if isinstance(door, AskedInside)}
    assert inside == ASKED_INSIDE
    assert all(door.why for door in doors.values() if isinstance(door, Anyone))


async def test_nobody_passes_without_a_sign_in(house: House) -> None:
    routes = guarded(house)
    assert len(routes) >= 15
    for method, path, _ in routes:
        assert await ask(house.browser(), method, path, "x") == (401, "not_signed_in"), path


@pytest.mark.parametrize("username", ["agen", "penyelia", "petugas", "admin"])
async def test_a_role_passes_only_what_its_permissions_open(house: House, username: str) -> None:
    role = STAFF[username][0]
    browser = await house.signed_in(username)
    for method, path, permission in guarded(house):
        if path == "/api/sign-out":
            continue
        status, code = await ask(browser, method, path, browser.csrf)
        if may(role, permission):
            assert code not in ("forbidden", "wrong_csrf", "not_signed_in"), (method, path)
            assert status < 500, (method, path)
        else:
            assert (status, code) == (403, "forbidden"), (method, path)


@pytest.mark.parametrize("username", ["agen", "penyelia", "petugas", "admin"])
@pytest.mark.parametrize("token", [None, "x" * 43])
async def test_nothing_is_changed_without_the_csrf_token(
    house: House, username: str, token: str | None
) -> None:
    role = STAFF[username][0]
    browser = await house.signed_in(username)
    changes = [
        (method, path)
        for method, path, permission in guarded(house)
        if method in UNSAFE and may(role, permission)
    ]
    assert changes
    for method, path in changes:
        assert await ask(browser, method, path, token) == (403, "wrong_csrf"), path


async def test_another_sign_ins_csrf_token_does_not_do(house: House) -> None:
    one, other = await house.signed_in("penyelia"), await house.signed_in("penyelia")
    assert await ask(one, "POST", "/api/sign-out", other.csrf) == (403, "wrong_csrf")


def test_every_role_may_sign_out_and_no_one_may_everything() -> None:
    assert PERMISSIONS.keys() == set(Role)
    for permissions in PERMISSIONS.values():
        assert Permission.SIGNED_IN in permissions
        assert permissions != set(Permission)


async def test_an_application_with_a_route_without_a_door_is_not_built(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    careless = APIRouter()

    @careless.get("/api/everything")
    async def everything() -> None: ...

    monkeypatch.setattr(factory, "_ROUTERS", (careless,))
    with pytest.raises(RouteWithoutDoor, match="/api/everything"):
        factory.make_web(house.app.web.state.deps)

    doubly = APIRouter(dependencies=[Depends(Anyone("why")), Depends(Allow(Permission.SIGNED_IN))])
    doubly.add_api_route("/api/twice", everything)
    monkeypatch.setattr(factory, "_ROUTERS", (doubly,))
    with pytest.raises(RouteWithoutDoor, match="2 doors"):
        factory.make_web(house.app.web.state.deps)
