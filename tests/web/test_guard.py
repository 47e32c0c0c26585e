"""What other sites send, what is too much, and the headers of every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from callcenter.web.guard import MOST_BODY_BYTES, Origins
from tests.web.conftest import House


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "file://",
        "garbage",
        "",
    ],
)
async def test_a_page_of_another_site_changes_nothing(house: House, origin: str) -> None:
    browser = await house.signed_in("agen")
    for path, body in (("/api/agent/state", {"state": "ready"}), ("/api/me/language", {})):
        answer = await browser.put(path, body, headers={"Origin": origin})
        assert answer.json()["error"]["code"] == "wrong_origin", path
    dial = await browser.post(
        "/simulator/calls", {"from": "+628111", "to": "1"}, headers={"Origin": origin}
    )
    assert dial.status_code == 403
    assert (await browser.agent())["agent"]["state"] == "paused"


@pytest.mark.parametrize(
    "site, status", [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)]
)
async def test_a_browser_that_names_no_origin_still_names_the_site(
    house: House, site: str, status: int
) -> None:
    browser = await house.signed_in("agen")
    del browser.http.headers["origin"]
    answer = await browser.put(
        "/api/agent/state", {"state": "ready"}, headers={"Sec-Fetch-Site": site}
    )
    assert answer.status_code == status


async def test_a_program_that_names_neither_needs_no_csrf_token(house: House) -> None:
    browser = await house.signed_in("agen")
    del browser.http.headers["origin"]
    assert (await browser.put("/api/agent/state", {"state": "ready"})).status_code == 200
    browser.csrf = None
    assert (await browser.put("/api/agent/state", {"state": "paused"})).status_code == 200
    browser.csrf = "x" * 43
    assert (await browser.put("/api/agent/state", {"state": "ready"})).status_code == 403


async def test_a_browser_that_names_only_the_site_needs_the_csrf_token(house: House) -> None:
    browser = await house.signed_in("agen")
    del browser.http.headers["origin"]
    browser.csrf = None
    answer = await browser.put(
        "/api/agent/state", {"state": "ready"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "base, any_host, origin, host, ours",
    [
        ("https://hotline.example", False, "https://hotline.example", "hotline.example", True),
        ("https://hotline.example", False, "https://hotline.example", "10.0.0.5:8000", True),
        ("https://hotline.example", False, "http://10.0.0.5:8000", "10.0.0.5:8000", False),
        ("https://hotline.example", False, "http://localhost:8000", "localhost:8000", True),
        ("https://hotline.example", False, "http://evil.example:8000", "evil.example:8000", False),
        ("http://127.0.0.1:8000", True, "http://pbx.local:8000", "pbx.local:8000", True),
        ("http://127.0.0.1:8000", True, "http://evil.example", "pbx.local:8000", False),
        ("http://127.0.0.1:8000", True, "http://127.0.0.1:9000", "127.0.0.1:8000", False),
        ("http://127.0.0.1:8000", True, "HTTP://LOCALHOST:8000", "localhost:8000", True),
    ],
)
def test_which_pages_are_ours(
    base: str, any_host: bool, origin: str, host: str, ours: bool
) -> None:
    assert Origins(base, any_host).ours(origin, host) is ours


async def test_every_answer_has_the_headers_that_protect_a_page(house: House) -> None:
    browser = house.browser()
    for path in ("/healthz", "/api/me", "/nothing/here", "/simulator/calls/x", "/assets/none.js"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_limit(house: House, chunked: bool) -> None:
    browser = await house.signed_in("agen")
    big = b'{"state": "' + b"x" * MOST_BODY_BYTES + b'"}'

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 8192):
            yield big[start : start + 8192]

    answer = await browser.http.put(
        "/api/agent/state",
        content=parts() if chunked else big,
        headers={"Content-Type": "application/json", "X-CSRF-Token": browser.csrf or ""},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 20_000, b"\xff\xfe", b'{"state": NaN}', b"null", b'"ready"', b"1e999"],
)
async def test_what_is_not_our_json_is_refused_and_changes_nothing(
    house: House, content: bytes
) -> None:
    browser = await house.signed_in("agen")
    answer = await browser.http.put(
        "/api/agent/state",
        content=content,
        headers={"Content-Type": "application/json", "X-CSRF-Token": browser.csrf or ""},
    )
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["code"] in ("bad_request", "invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_only_json_is_read(house: House, kind: str | None) -> None:
    browser = await house.signed_in("agen")
    headers = {"X-CSRF-Token": browser.csrf or ""} | ({"Content-Type": kind} if kind else {})
    answer = await browser.http.put(
        "/api/agent/state", content=b'{"state": "ready"}', headers=headers
    )
    assert answer.status_code == 422
    assert (await browser.agent())["agent"]["state"] == "paused"


@pytest.mark.parametrize("path", ["/api/agent/offers/%00/accept", "/api/agent/calls/a%0Ab/hangup"])
async def test_a_path_holds_no_control_characters(house: House, path: str) -> None:
    browser = await house.signed_in("agen")
    assert (await browser.post(path)).status_code in (404, 422)


async def test_an_exception_tells_the_client_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = await house.signed_in("penyelia")

    async def fail() -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(house.app.hub, "fresh", fail)
    answer = await browser.get("/api/board")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]
    assert "the secret inside" in caplog.text


async def test_the_access_log_knows_no_ids_and_no_queries(
    house: House, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    browser = await house.signed_in("petugas")
    caplog.clear()
    with caplog.at_level("INFO"):
        await browser.get("/api/cases/2498765432")
        await browser.post("/api/desk/search", {"query": "2498765432"})
        await browser.get("/2498765432")
    others = ("http", "uvicorn.access")  # the client of this test; switched off but heard by pytest
    ours = [record for record in caplog.records if not record.name.startswith(others)]
    told = "".join(capsys.readouterr()) + "".join(record.getMessage() for record in ours)
    assert "/api/cases/{number}" in told
    assert "2498765432" not in told
