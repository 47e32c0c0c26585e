"""Twilio's webhooks through the whole application, beside a bare route with the same payload.

Signed forms come over loopback from several callers at once, each through the shipped flow: it
calls, is silent once, chooses in two menus, and hangs up. The application checks the signature,
decides, commits, and answers with TwiML. The bare route is FastAPI with the same form, which it
reads, and an answer of the same length.

``python -m bench.webhooks PORT`` is the bare route.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import aiohttp
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import Response

from bench.figures import Figure, one, spread
from bench.processes import free_port, listening, process
from bench.stores import Store
from tests.fake_twilio.signing import signed_headers

ACCOUNT, TOKEN, NUMBER = "AC" + "a1" * 16, "f" * 32, "+622150630150"
BASE = "https://hotline.example"
#: Callers at once, and for how long.
CALLERS = 16
RUN_S = 10.0
#: The application waits so long for a Twilio that does not answer.
WARM_S = 7.0
#: About as long as a menu's TwiML.
ANSWER_BYTES = 1200

Ask = Callable[[str, dict[str, str]], Awaitable[str]]


@dataclass
class Stopwatch:
    """Answers taken, in seconds each, and what went wrong."""

    took: list[float] = field(default_factory=list)
    wrong: int = 0


def measure(store: Store, folder: Path) -> Iterator[Figure]:
    """Webhooks a second and their times: the application's and the bare route's, and their share.

    Twilio's REST API is not there: nothing is asked of it for calls that stay in the flow.
    """
    bare = asyncio.run(_bare())
    ours = asyncio.run(_application(store, folder.resolve()))
    for name, watch in (("application", ours), ("bare route", bare)):
        note = f"{watch.wrong} answers were wrong" if watch.wrong else ""
        yield one(f"{name}, webhooks", len(watch.took) / RUN_S, "a second", note)
        yield spread(f"{name}, answer", watch.took, f"{CALLERS} callers at once")
    yield one("share of the bare route", 100 * len(ours.took) / max(1, len(bare.took)), "%")


async def _bare() -> Stopwatch:
    port = free_port()
    async with process(["-m", "bench.webhooks", str(port)], {}):
        return await _load(f"http://127.0.0.1:{port}", check=False)


async def _application(store: Store, folder: Path) -> Stopwatch:
    port = free_port()
    environment = {
        "CALLCENTER_VAR": str(folder),
        "DATABASE_URL": store.fresh(),
        "PORT": str(port),
        "PUBLIC_BASE_URL": BASE,
        "ALWAYS_OPEN": "twilio",
        "LOG_LEVEL": "error",
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_NUMBER": NUMBER,
        "TWILIO_API_URL": "http://127.0.0.1:9",
    }
    async with process(["-m", "callcenter", "serve"], environment):
        await listening(port)
        await asyncio.sleep(WARM_S)
        return await _load(f"http://127.0.0.1:{port}", check=True)


# --- callers --------------------------------------------------------------------------------------


async def _load(address: str, *, check: bool) -> Stopwatch:
    watch = Stopwatch()
    port = int(address.rpartition(":")[2])
    await listening(port)
    end = time.monotonic() + RUN_S
    async with aiohttp.ClientSession() as session:
        ask = _asker(session, address, watch, check)
        await asyncio.gather(*(_calls(ask, end) for _ in range(CALLERS)))
    return watch


def _asker(session: aiohttp.ClientSession, address: str, watch: Stopwatch, check: bool) -> Ask:
    async def ask(path: str, form: dict[str, str]) -> str:
        headers = signed_headers(BASE + path, list(form.items()), TOKEN)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.perf_counter()
        async with session.post(address + path, data=urlencode(form), headers=headers) as answer:
            text = await answer.text()
        watch.took.append(time.perf_counter() - began)
        good = answer.status == 204 or "<Response>" in text
        watch.wrong += answer.status >= 400 or (check and not good)
        return text

    return ask


async def _calls(ask: Ask, end: float) -> None:
    """One citizen after the other, until ``end``."""
    while time.monotonic() < end:
        sid = "CA" + secrets.token_hex(16)
        form = {
            "CallSid": sid,
            "AccountSid": ACCOUNT,
            "From": f"+62811{secrets.randbelow(10**7):07}",
            "To": NUMBER,
            "CallStatus": "in-progress",
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
        }
        await ask("/twilio/voice", form)
        for rev, digits in enumerate(("", "2", ""), 1):
            await ask(f"/twilio/legs/{sid}/keys?rev={rev}", {**form, "Digits": digits})
        await ask("/twilio/status", {**form, "CallStatus": "completed"})


# --- the bare route -------------------------------------------------------------------------------


def serve_bare(port: int) -> None:
    """FastAPI with one route that reads the form and answers."""
    app = FastAPI()
    answer = b"<Response>" + b" " * ANSWER_BYTES + b"</Response>"

    @app.post("/{path:path}")
    async def webhook(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        assert form["CallSid"]
        return Response(answer, media_type="text/xml")

    uvicorn.run(app, port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    serve_bare(int(sys.argv[1]))
