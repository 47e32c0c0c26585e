"""The desk of cases with years of complaints in the store: list, search, open and save over HTTP.

The application runs as it does in earnest; one officer of a provincial unit and one of triage ask,
one request after the other.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
from sqlalchemy import create_engine, select

from bench.figures import Figure, one, quantile
from bench.filling import EMPLOYERS, UNIT, VOCABULARY, fill, story_word
from bench.processes import free_port, listening, process
from bench.stores import Store
from callcenter.cases import tables
from callcenter.clock import Given
from callcenter.db.database import parse_url
from callcenter.people import accounts, passwords
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role

CASES: Final = 200_000
#: Requests of each kind.
TIMES: Final = 100
SECRET: Final = bytes(range(32)).hex()
PASSWORD: Final = "kata-sandi-ukur"
WARM: Final = 5

#: Asks once; gives the seconds that the answer took.
Ask = Callable[[], Awaitable[float]]


def measure(store: Store, folder: Path) -> Iterator[Figure]:
    """How long each thing takes that an officer waits for."""
    url, now = store.fresh(), time.time_ns() // 1_000_000
    began = time.monotonic()
    fill(url, SECRET, CASES, now)
    yield one(f"{CASES:,} cases put in", time.monotonic() - began, "s")
    mine = _people(url, now)
    yield from asyncio.run(_measure(url, folder.resolve(), mine))


def _people(url: str, now: int) -> list[str]:
    """Make the accounts; gives numbers of cases of the officer's unit, in no order."""
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        hashed = passwords.make_hash(PASSWORD)
        for username, unit in (("petugas", UNIT), ("triase", "PTSA")):
            new = NewAccount(username, username, Role.OFFICER, PASSWORD, unit=unit)
            accounts.add(connection, Given(now), new, hashed)
        chosen = select(tables.case.c.number).where(tables.case.c.unit == UNIT)
        numbers = list(connection.execute(chosen).scalars())
    engine.dispose()
    random.Random(1).shuffle(numbers)
    return numbers


async def _measure(url: str, folder: Path, mine: list[str]) -> list[Figure]:
    port = free_port()
    environment = {
        "CALLCENTER_VAR": str(folder),
        "CALLCENTER_SECRET": SECRET,
        "DATABASE_URL": url,
        "PORT": str(port),
        "SIMULATOR": "off",
        "LOG_LEVEL": "error",
    }
    found = []
    async with process(["-m", "callcenter", "serve"], environment):
        address = f"http://127.0.0.1:{port}"
        await listening(port)
        officer, triage = [await _signed_in(address, name) for name in ("petugas", "triase")]
        try:
            for name, ask in _asked(officer, triage, mine):
                found.append(await _times(name, ask))
        finally:
            await officer.close()
            await triage.close()
    return found


async def _signed_in(address: str, username: str) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(address, cookie_jar=aiohttp.CookieJar(unsafe=True))
    body = {"username": username, "password": PASSWORD}
    async with session.post("/api/sign-in", json=body) as answer:
        answer.raise_for_status()
        session.headers["X-CSRF-Token"] = (await answer.json())["csrf"]
    return session


def _asked(
    officer: aiohttp.ClientSession, triage: aiohttp.ClientSession, mine: list[str]
) -> Iterator[tuple[str, Ask]]:
    rng = random.Random(2)
    saved = iter(mine)

    def cases(session: aiohttp.ClientSession, least: int = 1, **params: Callable[[], str]) -> Ask:
        async def ask() -> float:
            chosen = {name: choose() for name, choose in params.items()}
            page, took = await _got(session, "/api/desk/cases", chosen)
            if len(page["cases"]) < least:
                raise AssertionError(f"{chosen} found nothing")
            return took

        return ask

    async def desk() -> float:
        return (await _got(triage, "/api/desk"))[1]

    async def opened() -> float:
        return (await _got(officer, f"/api/cases/{rng.choice(mine)}"))[1]

    async def save() -> float:
        path = f"/api/cases/{next(saved)}"
        file, _ = await _got(officer, path)
        body = {"version": file["version"], "summary": f"Diperiksa {rng.random()}."}
        begun = time.perf_counter()
        async with officer.put(path, json=body) as answer:
            answer.raise_for_status()
            await answer.read()
        return time.perf_counter() - begun

    def word(least: int) -> str:
        return story_word(rng.randrange(least, VOCABULARY))

    yield "list: what waits for me, with its counts", desk
    yield "list: my unit, by due time", cases(officer, list=lambda: "unit")
    yield "list: everything", cases(triage, list=lambda: "all")
    yield (
        "list: everything closed about one topic",
        cases(triage, list=lambda: "all", status=lambda: "closed", topic=lambda: "thr"),
    )
    yield "list: the twentieth page", cases(triage, list=lambda: "all", page=lambda: "20")
    yield "search: the beginning of a number", cases(officer, query=lambda: rng.choice(mine)[:6])
    yield "search: a rare word", cases(triage, least=0, query=lambda: word(5_000))
    yield "search: a word of every third case", cases(triage, query=lambda: story_word(2))
    yield "search: two words", cases(triage, least=0, query=lambda: f"{story_word(3)} {word(50)}")
    yield (
        "search: an employer",
        cases(triage, query=lambda: f"usaha {story_word(rng.randrange(EMPLOYERS))}"),
    )
    yield (
        "search: a reporter's name",
        cases(triage, least=0, query=lambda: f"Budi Santoso {rng.randrange(CASES)}"),
    )
    yield (
        "search: a telephone number",
        cases(triage, query=lambda: f"+62{rng.randrange(CASES):011d}", least=0),
    )
    yield "open a case", opened
    yield "save a case", save


async def _got(
    session: aiohttp.ClientSession, path: str, params: dict[str, str] | None = None
) -> tuple[dict[str, Any], float]:
    begun = time.perf_counter()
    searches = params is not None and "query" in params
    asked = (
        session.post("/api/desk/search", json=params)
        if searches
        else session.get(path, params=params)
    )
    async with asked as answer:
        answer.raise_for_status()
        body = await answer.json()
    return body, time.perf_counter() - begun


async def _times(name: str, ask: Ask) -> Figure:
    for _ in range(WARM):
        await ask()
    took = [await ask() for _ in range(TIMES)]
    shares = {"p50": 0.5, "p95": 0.95, "most": 1.0}
    values = {share: float(f"{quantile(took, of) * 1000:.3g}") for share, of in shares.items()}
    return Figure(name, values, "ms", len(took))
