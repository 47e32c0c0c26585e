"""Accounts, sign-ins and the board's restart on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callcenter import staff
from callcenter.clock import Given
from callcenter.db import Database
from callcenter.db.facts import Fact, Sealer, append
from callcenter.db.journal import Journal
from callcenter.db.keys import Keys
from callcenter.line import Device, DeviceKind
from callcenter.people import accounts, passwords, sign_ins, throttle
from callcenter.people.accounts import BadAccount, NewAccount
from callcenter.people.permissions import Role
from callcenter.people.service import NotSignedIn, People, SignInRefused
from callcenter.queue import service as queue
from callcenter.queue.agents import Agent, AgentState
from callcenter.stats.board import Board
from callcenter.stats.service import restore
from callcenter.store import Store
from tests.web.conftest import PASSWORD, MovedClock

ADDRESS = "203.0.113.7"


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def people(database: Database, keys: Keys, clock: MovedClock) -> Iterator[People]:
    made = People(database, keys, clock)
    made.add(NewAccount("petugas", "Rina", Role.OFFICER, PASSWORD))
    yield made
    made.close()


async def test_a_sign_in_lasts_until_it_is_ended(people: People, clock: MovedClock) -> None:
    opened = await people.sign_in("Petugas", PASSWORD, ADDRESS)
    present = await people.who(opened.token)
    assert (present.account.name, present.csrf) == ("Rina", opened.present.csrf)
    await people.sign_out(present)
    for token in (opened.token, "", "x"):
        with pytest.raises(NotSignedIn):
            await people.who(token)


async def test_being_seen_is_written_once_a_minute(
    people: People, clock: MovedClock, database: Database
) -> None:
    opened = await people.sign_in("petugas", PASSWORD, ADDRESS)
    began = opened.present.seen_at
    assert (await people.who(opened.token)).seen_at == began
    clock.ahead_ms += sign_ins.SEEN_EVERY_MS
    await people.who(opened.token)
    assert (await people.who(opened.token)).seen_at >= began + sign_ins.SEEN_EVERY_MS


async def test_a_hundred_tries_at_once_are_a_hundred(people: People) -> None:
    """No more are let through than the limit, however many run together."""

    async def wrong() -> type[Exception] | None:
        try:
            await people.sign_in("petugas", "salah-sekali", ADDRESS)
        except (SignInRefused, throttle.Throttled) as refused:
            return type(refused)
        return None

    ends = await asyncio.gather(*(wrong() for _ in range(40)))
    assert None not in ends
    # On PostgreSQL tries that begin in the same moment may each miss the others.
    assert ends.count(SignInRefused) <= throttle.MOST_PER_ACCOUNT + 8
    with pytest.raises(throttle.Throttled):
        await people.sign_in("petugas", PASSWORD, "198.51.100.1")


async def test_an_ipv6_network_is_one_address(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MOST_PER_ADDRESS", 2)
    for host in ("1", "2"):
        with pytest.raises(SignInRefused):
            await people.sign_in(f"nobody{host}", "salah-sekali", f"2001:db8::{host}")
    with pytest.raises(throttle.Throttled):
        await people.sign_in("petugas", PASSWORD, "2001:db8::3")
    await people.sign_in("petugas", PASSWORD, "2001:db8:0:1::3")


@pytest.mark.parametrize(
    "change, fields",
    [
        ({"username": "X"}, {"username"}),
        ({"username": "a b"}, {"username"}),
        ({"username": "x" * 64}, {"username"}),
        ({"name": " "}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"name": "x" * 101}, {"name"}),
        ({"language": "fr"}, {"language"}),
        ({"password": "short"}, {"password"}),
        ({"device": Device(DeviceKind.SIP, "sip:a@b")}, {"device"}),
        ({"role": Role.AGENT, "device": Device(DeviceKind.CALLER, "+62811000111")}, {"device"}),
        ({"username": "", "name": "", "password": ""}, {"username", "name", "password"}),
    ],
)
def test_an_account_that_can_not_be_names_every_field(
    change: dict[str, object], fields: set[str]
) -> None:
    good: dict[str, object] = {
        "username": "budi",
        "name": "Budi",
        "role": Role.OFFICER,
        "password": PASSWORD,
    }
    with pytest.raises(BadAccount) as refused:
        accounts.check(NewAccount(**(good | change)))  # type: ignore[arg-type]
    assert refused.value.fields.keys() == fields


def test_a_username_is_taken_once(people: People, database: Database) -> None:
    with pytest.raises(BadAccount, match="taken"):
        people.add(NewAccount("petugas", "Other", Role.ADMIN, PASSWORD))
    assert database.read_sync(accounts.count) == 1


def test_an_agents_device_is_kept(people: People, database: Database) -> None:
    device = Device(DeviceKind.PHONE, "+62811000111")
    made = people.add(NewAccount("agen", "Sari", Role.AGENT, PASSWORD, device=device))
    kept = database.read_sync(lambda conn: accounts.one(conn, made.id))
    assert kept == made
    assert kept is not None
    assert kept.device == device


def test_made_passwords_are_long_enough_and_never_the_same() -> None:
    made = {passwords.readable() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) >= passwords.FEWEST_CHARACTERS for one in made)
    assert all(set(one) <= set("abcdefghijklmnopqrstuvwxyz-") for one in made)


async def test_the_board_is_read_again_on_both_databases(
    database: Database, keys: Keys, clock: MovedClock
) -> None:
    zone, now = ZoneInfo("Asia/Jakarta"), clock.now()
    followed = Board(zone)
    sealer = Sealer(database, keys)
    await sealer.start()
    sealer.subscribe(followed.apply)
    facts = [
        Fact("agent_state", now, agent="a1", data={"state": "ready"}),
        *(Fact("call_arrived", now, call=f"c{n}") for n in range(1500)),
        Fact("queued", now, call="c1", entry="e1", data={"topic": "upah"}),
    ]
    await database.write(lambda conn: append(conn, keys, facts))
    while await sealer.seal():
        pass
    again = await database.read(lambda conn: restore(conn, zone, now))
    assert again.view(now) == followed.view(now)
    assert again.view(now).today.arrived == 1500
    assert again.seq == len(facts)


def test_ids_are_given_from_outside(database: Database) -> None:
    new = NewAccount("agen", "Sari", Role.AGENT, PASSWORD)
    given = Given(1_700_000_000_000, b"seed")
    made = database.write_sync(lambda conn: accounts.add(conn, given.again(), new, "hash"))
    assert made.id == given.again().id()


def journals(folder: Path, keys: Keys) -> tuple[Journal, Journal]:
    erasures, heads = (folder / name for name in ("erasures.jsonl", "heads.jsonl"))
    return Journal(erasures, keys.journal), Journal(heads, keys.journal)


async def test_who_is_closed_is_paused_and_signed_out_in_one_go(
    people: People, database: Database, keys: Keys, clock: MovedClock, tmp_path: Path
) -> None:
    store = Store(database, keys, clock, people, *journals(tmp_path, keys))
    made = await asyncio.to_thread(people.add, NewAccount("agen", "Sari", Role.AGENT, PASSWORD))
    ready = Agent(made.id, AgentState.READY, ready_since=1)
    await database.write(lambda conn: queue.save_agent(conn, ready))
    opened = await people.sign_in("agen", PASSWORD, ADDRESS)
    await asyncio.to_thread(staff.close, store, "agen")
    after = await database.read(lambda conn: queue.load_agent(conn, made.id, lock=False))
    assert after is not None
    assert after.state is AgentState.PAUSED
    with pytest.raises(NotSignedIn):
        await people.who(opened.token)
    with pytest.raises(SignInRefused):
        await people.sign_in("agen", PASSWORD, ADDRESS)
    await asyncio.to_thread(staff.set_password, store, "agen", "kata-sandi-baru")
    await asyncio.to_thread(staff.reopen, store, "agen")
    with pytest.raises(SignInRefused):
        await people.sign_in("agen", PASSWORD, ADDRESS)
    again = await people.sign_in("agen", "kata-sandi-baru", ADDRESS)
    await database.write(staff.end_of_closed)
    await people.who(again.token)  # who is open again stays


async def test_of_two_admins_who_are_closed_at_once_one_stays(
    people: People, database: Database, keys: Keys, clock: MovedClock, tmp_path: Path
) -> None:
    store = Store(database, keys, clock, people, *journals(tmp_path, keys))
    for name in ("adi", "ani"):
        new = NewAccount(name, name, Role.ADMIN, PASSWORD)
        await asyncio.to_thread(people.add, new)
    ends = await asyncio.gather(
        *(asyncio.to_thread(staff.close, store, name) for name in ("adi", "ani")),
        return_exceptions=True,
    )
    assert [type(end) for end in ends].count(BadAccount) == 1
    known = await database.read(accounts.every)
    assert [one.active for one in known if one.role is Role.ADMIN].count(True) == 1
