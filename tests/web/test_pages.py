"""Pages, and what needs no sign-in."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC
from pathlib import Path
from typing import cast

import httpx2
import pytest
from prometheus_client.core import CollectorRegistry

from callcenter.db import DatabaseAway
from callcenter.db.facts import Fact, SealedFact
from callcenter.stats.board import Board, BoardView
from callcenter.web import make_web
from callcenter.web.admin import BoardGauges
from callcenter.web.hub import Hub
from tests.web.conftest import House


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder of built pages."""
    (tmp_path / "pages" / "assets").mkdir(parents=True)
    (tmp_path / "pages" / "index.html").write_text("<!doctype html><title>Hotline</title>")
    (tmp_path / "pages" / "assets" / "index-abc123.js").write_text("export {};")
    (tmp_path / "pages" / "favicon.svg").write_text("<svg/>")
    (tmp_path / "pages" / "notes.md").write_text("not a part of the pages")
    (tmp_path / "secret.js").write_text("outside")
    return tmp_path / "pages"


@pytest.fixture
def pages(house: House, built: Path) -> httpx2.AsyncClient:
    """A browser in front of an application with these pages."""
    deps = dataclasses.replace(house.app.web.state.deps, pages=built)
    transport = httpx2.ASGITransport(app=make_web(deps))
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/console",
        "/phone",
        "/board",
        "/cases",
        "/cases/2412345678",
        "/cases/new",
        "/directory",
    ],
)
async def test_every_address_is_the_one_page_and_is_asked_for_each_time(
    pages: httpx2.AsyncClient, path: str
) -> None:
    answer = await pages.get(path)
    assert answer.status_code == 200
    assert "<title>Hotline</title>" in answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = await pages.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_assets_never_change_and_say_so(pages: httpx2.AsyncClient) -> None:
    answer = await pages.get("/assets/index-abc123.js")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (await pages.get("/favicon.svg")).headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/%2e%2e/%2e%2e/secret.js",
        "/assets/..%2f..%2fsecret.js",
        "/assets//etc/passwd",
        "/assets/%00.js",
        "/assets/",
        "/assets/none.js",
        "/notes.md",
        "/..%2fsecret.js",
        "/.env",
        "/index.html",
    ],
)
async def test_nothing_else_is_served(pages: httpx2.AsyncClient, path: str) -> None:
    answer = await pages.get(path)
    assert answer.status_code == 404, answer.text
    assert "outside" not in answer.text


async def test_pages_that_are_not_built_say_what_to_do(house: House) -> None:
    deps = dataclasses.replace(house.app.web.state.deps, pages=None)
    transport = httpx2.ASGITransport(app=make_web(deps))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        answer = await browser.get("/")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_built")
    assert "make ui" in answer.json()["error"]["message"]


async def test_there_is_no_phone_page_without_the_simulator(house: House, built: Path) -> None:
    deps = dataclasses.replace(house.app.web.state.deps, pages=built, simulator=None)
    transport = httpx2.ASGITransport(app=make_web(deps))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as browser:
        assert (await browser.get("/phone")).status_code == 404


async def test_alive_and_ready(house: House) -> None:
    browser = house.browser()
    assert (await browser.get("/healthz")).json() == {"status": "alive"}
    answer = await browser.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "checks": dict.fromkeys(
            ("database", "schema", "background", "erasures", "line_simulator"), "ok"
        ),
        "trunk_reachable": "unknown",
    }


async def test_not_ready_says_what_is_missing_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_fn: object) -> None:
        raise DatabaseAway("password=geheim host=db")

    browser = await house.signed_in("penyelia")
    monkeypatch.setattr(house.app.db, "read", away)
    answer = await browser.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == "DatabaseAway"
    assert "geheim" not in answer.text
    refused = await browser.get("/api/board")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "database_away")
    assert refused.headers["retry-after"]
    assert "geheim" not in refused.text
    assert (await browser.get("/healthz")).status_code == 200


async def test_metrics_are_for_this_machine_or_for_who_may_read_them(house: House) -> None:
    await house.signed_in("agen")
    await house.caller_waits()
    await house.signed_in("penyelia")
    local = await house.browser().get("/metrics")
    assert local.status_code == 200
    assert 'callcenter_agents{state="paused"} 1.0' in local.text
    assert "callcenter_http_requests_total" in local.text
    assert "callcenter_undecreed_days" in local.text
    from_afar = {"X-Forwarded-For": "203.0.113.9"}
    assert (await house.browser().get("/metrics", headers=from_afar)).status_code == 401
    for username, status in (("admin", 200), ("agen2", 403)):
        browser = await house.signed_in(username)
        assert (await browser.get("/metrics", headers=from_afar)).status_code == status


class _Hub:
    def __init__(self, board: Board) -> None:
        self._board = board

    def view(self) -> BoardView:
        return self._board.view(20_000)

    def count(self, *, board: bool) -> int:
        return int(board)


def _kept(seq: int, at: int, kind: str = "place_kept") -> SealedFact:
    data: dict[str, str | int | bool] = {"topic": "upah", "waited_ms": 1000, "tries": 1}
    return SealedFact(seq, Fact(kind=kind, at=at, entry=f"e{seq % 10}", data=data))


def test_the_gauges_count_who_is_to_be_called_back() -> None:
    board = Board(UTC)
    gauges = BoardGauges(cast(Hub, _Hub(board)))
    figures = CollectorRegistry()
    figures.register(gauges)
    assert figures.get_sample_value("callcenter_oldest_callback_seconds") == 0
    board.apply([_kept(1, 5_000), _kept(2, 9_000), _kept(3, 9_000), _kept(11, 9_500, "dialled")])
    owed = {
        state: figures.get_sample_value("callcenter_callbacks_owed", {"state": state})
        for state in ("waiting", "dialled", "offered")
    }
    assert owed == {"waiting": 2, "dialled": 1, "offered": None}
    assert figures.get_sample_value("callcenter_oldest_callback_seconds") == 16


async def test_the_interface_describes_itself(house: House) -> None:
    schema = (await house.browser().get("/api/openapi.json")).json()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["tags"], (method, path)
            assert operation["summary"], (method, path)
            assert "description" in operation, (method, path)
            if "json" in str(operation["responses"].get("200", "")):
                content = operation["responses"]["200"]["content"]["application/json"]
                assert content["schema"], (method, path)
            refused = operation["responses"]["409"]["content"]["application/json"]["schema"]
            assert refused == {"$ref": "#/components/schemas/Problem"}, (method, path)
    assert {"error"} == schema["components"]["schemas"]["Problem"]["properties"].keys()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))
    assert named - schema["components"]["schemas"].keys() == set()


async def test_accounts_are_for_admins_and_hold_no_password(house: House) -> None:
    admin = await house.signed_in("admin")
    answer = await admin.get("/api/accounts")
    assert [one["username"] for one in answer.json()["accounts"]] == [
        "admin",
        "agen",
        "agen2",
        "penyelia",
        "petugas",
    ]
    assert "argon2" not in answer.text


async def test_topics_are_for_everybody_who_is_signed_in(house: House) -> None:
    browser = await house.signed_in("petugas")
    assert (await browser.get("/api/topics")).json() == [
        {"code": "upah", "label": {"id": "upah", "en": "wages"}},
        {"code": "phk", "label": {"id": "PHK", "en": "dismissal"}},
    ]
