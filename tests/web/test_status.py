"""The public page: how a complaint stands, and nothing that could tell anybody else that it is."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, update

from callcenter.calls.vault import service as vault
from callcenter.cases import numbers, tables
from callcenter.cases import service as cases
from callcenter.cases.facts import CaseFact, NoteKind
from callcenter.cases.service import CaseForm
from callcenter.cases.statuses import CaseStatus
from callcenter.cases.work import service as work
from callcenter.cases.work.service import Standing
from callcenter.clock import Given
from callcenter.db.facts import Fact, append
from callcenter.db.tables import fact
from callcenter.people.tables import account
from callcenter.web.status import Telling, _told
from tests.rules.cases.kit import shipped_rules
from tests.web.conftest import House

SECRETS = ("Narasirahasia", "Perusahaanrahasia", "Namarahasia")
MOST_BYTES = 30_000


async def filed(house: House) -> tuple[str, str, str]:
    """A complaint with everything that must not be told: id, number, PIN."""
    app, given_ = house.app, Given(house.clock.now())
    shared = (app.db, app.store.keys)

    def make(conn: Any) -> tuple[str, str, str]:
        rules, keys = app.calls.rules, shared[1]
        given = given_.again()
        case, number, pin = cases.open_case(
            conn, keys, given, rules, call=None, call_key=None, topic="upah", language="id"
        )
        form = CaseForm(1, narrative=SECRETS[0], employer=SECRETS[1], reporter_name=SECRETS[2])
        cases.save(conn, keys, given, rules, case=case, agent="sari", form=form)
        return case, number, pin

    return await app.db.write(make)


async def ask(house: House, number: str, pin: str, language: str = "en") -> httpx2.Response:
    browser = house.browser()
    form = {"number": number, "pin": pin, "language": language}
    return await browser.http.post("/status", data=form)


def wrong(pin: str) -> str:
    return f"{(int(pin) + 1) % 1_000_000:06d}"


def unknown(number: str) -> str:
    """Another number with a good check digit."""
    return numbers.make_number(int(number[:2]), f"{(int(number[2:9]) + 1) % 10**7:07d}")


async def test_number_and_pin_show_how_it_stands(house: House) -> None:
    case, number, pin = await filed(house)
    app = house.app
    given = Given(house.clock.now())

    def on(conn: Any) -> None:
        shared = (conn, app.store.keys, given, app.calls.rules)
        work.note(*shared, case=case, kind=NoteKind.PUBLIC, text="Kami <b>periksa</b>.", by="x")
        append(conn, app.store.keys, [
            Fact(CaseFact.CASE_READ.value, given.now, agent=house.ids["petugas"], case=case),
            Fact(CaseFact.CASE_READ.value, given.now, agent=house.ids["agen"], case=case),
        ])  # fmt: skip

    await app.db.write(on)
    typed = f"{number[:2]}-{number[2:6]} {number[6:]}"
    answer = await ask(house, typed, pin)
    assert answer.status_code == 200
    assert numbers.groups(number) in answer.text
    assert "Kami &lt;b&gt;periksa&lt;/b&gt;." in answer.text
    assert "2 times: " in answer.text
    assert re.search(r"<dt>Due</dt><dd class=\"due\">\d{1,2} [A-Z][a-z]+ \d{4}</dd>", answer.text)
    assert not any(secret in answer.text for secret in SECRETS)
    indonesian = await ask(house, number, pin, "id")
    assert "Catatan terakhir untuk Anda" in indonesian.text
    house.clock.ahead_ms = 40 * 86_400_000
    late = await ask(house, number, pin)
    assert "working days late" in late.text
    given = Given(house.clock.now())
    shared, rules = (app.store.keys, app.calls.rules), app.calls.rules
    await app.db.write(lambda conn: work.look(conn, app.store.keys, given.again(), rules, case))
    told = "the head of the unit has been told"
    assert told not in (await ask(house, number, pin)).text  # there is no mail server
    now = await app.db.read(lambda conn: work.standing(conn, *shared, case, given.now))
    assert told in _told(
        "en", Telling(msgspec.structs.replace(now, head_told=True), 0, ()), rules, "1500630"
    )


async def test_a_wrong_pin_and_a_number_that_nobody_has_are_the_same(house: House) -> None:
    _, number, pin = await filed(house)
    seen: list[list[str]] = []
    engine = house.app.db._write_engine

    def count(_c: object, _k: object, text: str, *_rest: object) -> None:
        if seen:
            seen[-1].append(text)

    event.listen(engine, "before_cursor_execute", count)
    answers = []
    for asked in ((number, wrong(pin)), (unknown(number), pin)):
        seen.append([])
        answers.append(await ask(house, *asked))
        ours = [text for text in seen[-1] if "case_record" in text or "pin_attempt" in text]
        seen[-1] = ours
    event.remove(engine, "before_cursor_execute", count)
    assert seen[0] == seen[1] != []
    same = [
        (
            one.status_code,
            one.text.replace(f'value="{asked}"', ""),
            [h for h in one.headers.raw if h[0].lower() != b"date"],
        )
        for one, asked in zip(answers, (number, unknown(number)), strict=True)
    ]
    assert same[0] == same[1]
    assert "do not match" in answers[0].text


async def test_where_it_says_to_call_it_says_the_number(house: House) -> None:
    _, number, pin = await filed(house)
    for language, words in (("en", "call us on "), ("id", "telepon kami di ")):
        page = (await ask(house, number, pin, language)).text
        assert f'{words}<a href="tel:1500630">1500-630</a>.' in page
        assert len(page.encode()) < MOST_BYTES
    for _ in range(5):
        await ask(house, number, wrong(pin))
    locked = (await ask(house, number, wrong(pin))).text
    form = (await house.browser().get("/status")).text
    assert 'Lupa nomor atau PIN? Telepon kami di <a href="tel:1500630">1500-630</a>.' in form
    assert 'Please call us on <a href="tel:1500630">1500-630</a> and talk' in locked


async def test_what_was_typed_stands_there_to_be_looked_at_again(house: House) -> None:
    _, number, pin = await filed(house)
    typed = f"{number[:2]} {number[2:6]} {number[6:-1]}{(int(number[-1]) + 1) % 10}"
    swapped = await ask(house, typed, pin)
    assert f'value="{typed}" autofocus aria-describedby="problem"' in swapped.text
    refused = await ask(house, number, wrong(pin))
    assert f'value="{number}"' in refused.text
    assert 'name="pin" autofocus aria-describedby="problem"' in refused.text
    quoted = await ask(house, '"><b onclick=x>', pin)
    assert 'value="&quot;&gt;&lt;b onclick=x&gt;"' in quoted.text
    for page in (swapped, refused, quoted):
        assert page.text.count("autofocus") == 1
        assert pin not in page.text
        assert wrong(pin) not in page.text


async def test_the_number_of_a_merged_complaint_leads_to_where_it_goes_on(house: House) -> None:
    case, number, pin = await filed(house)
    last, other, _ = await filed(house)
    merge = update(tables.case).where(tables.case.c.id == case)
    await house.app.db.write(
        lambda conn: conn.execute(merge.values(status="merged", merged_into=last))
    )
    page = (await ask(house, number, pin)).text
    assert numbers.groups(other) in page
    assert "joined with this one" in page
    assert "joined with this one" not in (await ask(house, other, wrong(pin))).text


async def test_who_is_of_another_unit_opened_it_for_that_unit(house: House) -> None:
    case, number, pin = await filed(house)
    app, given = house.app, Given(house.clock.now())
    reader = Fact(CaseFact.CASE_READ.value, given.now, agent=house.ids["petugas"], case=case)
    await app.db.write(lambda conn: append(conn, app.store.keys, [reader]))

    def elsewhere(conn: Any) -> str:
        unit = conn.execute(select(tables.case.c.unit).where(tables.case.c.id == case)).scalar_one()
        other = next(one for one in app.calls.rules.units.units if one != unit)
        conn.execute(update(account).where(account.c.username == "petugas").values(unit=other))
        return app.calls.rules.units.units[other].name

    name = await app.db.write(elsewhere)
    assert f"once: {name}" in (await ask(house, number, pin)).text


async def test_a_complaint_that_was_forgotten_is_one_that_nobody_has(house: House) -> None:
    case, number, pin = await filed(house)
    app, given = house.app, Given(house.clock.now())

    def forget(conn: Any) -> None:
        conn.execute(update(tables.case).where(tables.case.c.id == case).values(status="closed"))
        vault.forget(conn, app.store.keys, given.again(), vault.Kind.CASE, case, reason="asked")

    await app.db.write(forget)
    forgotten = await ask(house, number, pin)
    nobodys = await ask(house, unknown(number), pin)
    assert forgotten.status_code == nobodys.status_code == 200
    assert forgotten.text == nobodys.text.replace(unknown(number), number)


async def test_after_five_tries_not_even_the_right_pin_is_heard(house: House) -> None:
    _, number, pin = await filed(house)
    for known in (number, unknown(number)):
        for _ in range(5):
            assert "do not match" in (await ask(house, known, wrong(pin))).text
        assert "Too many tries" in (await ask(house, known, pin)).text


async def test_an_address_has_twenty_tries_whatever_the_number(house: House) -> None:
    _, number, pin = await filed(house)
    other = number
    for _ in range(20):
        other = unknown(other)
        await ask(house, other, pin)
    assert "Too many tries" in (await ask(house, number, pin)).text
    house.clock.ahead_ms = 3_600_001
    assert numbers.groups(number) in (await ask(house, number, pin)).text


@pytest.mark.parametrize(
    "number, pin, said",
    [
        ("2648151612", "123456", "not complete"),
        ("", "", "not complete"),
        ("२६४८१५१६२१", "123456", "not complete"),
        ("2648151621" * 10_000, "123456", "not complete"),
        ("<script>", "123456", "not complete"),
        ("2648151621", "12345", "do not match"),
        ("2648151621", "१२३४५६", "do not match"),
        ("2648151621", "' OR 1=1", "do not match"),
    ],
)
async def test_what_cannot_be_right_costs_no_try(
    house: House, number: str, pin: str, said: str
) -> None:
    answer = await ask(house, number, pin)
    assert answer.status_code == 200
    assert said in answer.text
    assert "script>" not in answer.text
    tries = await house.app.db.read(lambda conn: conn.execute(select(tables.pin_attempt)).all())
    facts = await house.app.db.read(
        lambda conn: conn.execute(
            select(fact).where(fact.c.kind == CaseFact.PIN_REFUSED.value)
        ).all()
    )
    assert tries == facts == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a=1&b=2&c=3&d=4", b"number=%ff", b"[1]"])
async def test_another_form_than_ours(house: House, body: bytes) -> None:
    answer = await house.browser().http.post("/status", content=body)
    assert answer.status_code == 200
    assert "keliru" in answer.text


async def test_the_page_is_small_needs_no_script_and_is_kept_nowhere(house: House) -> None:
    _, number, pin = await filed(house)
    browser = house.browser()
    empty = await browser.get("/status")
    sheet = await browser.get("/status.css")
    full = await ask(house, number, pin)
    assert sheet.headers["content-type"].startswith("text/css")
    for page in (empty, full):
        assert len(page.content) + len(sheet.content) < MOST_BYTES
        assert "<script" not in page.text
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert pin not in page.text
    assert 'method="post"' in empty.text
    assert (await browser.get(f"/status?number={number}&pin={pin}")).text == empty.text
    elsewhere = {"Origin": "https://evil.example"}
    refused = await browser.http.post("/status", data={}, headers=elsewhere)
    assert refused.status_code == 403


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    status=st.sampled_from(CaseStatus),
    note=st.none() | texts,
    due=st.none() | st.integers(1_700_000_000_000, 1_900_000_000_000),
    late=st.integers(0, 99),
    told=st.booleans(),
    openings=st.integers(0, 9),
    unit=st.sampled_from(sorted(shipped_rules().units.units)),
    language=st.sampled_from(["id", "en"]),
)
def test_whatever_stands_in_it_the_page_is_html_and_tells_no_more(
    status: CaseStatus,
    note: str | None,
    due: int | None,
    late: int,
    told: bool,
    openings: int,
    unit: str,
    language: Any,
) -> None:
    standing = Standing(
        "2648151621", status, None, unit, due, late, told, None, note, "agent-7", frozenset()
    )
    page = _told(language, Telling(standing, openings, (unit,)), shipped_rules(), "")
    tags = {tag.split()[0] for tag in re.findall(r"<([^>]+)>", page)}
    assert tags <= {"p", "/p", "dl", "/dl", "dt", "/dt", "dd", "/dd", "a", "/a"}
    assert "agent-7" not in page
    assert "None" not in page or "None" in (note or "")
    fields = set(Standing.__struct_fields__)
    assert fields == {
        "number", "status", "wait", "unit", "due", "late_days", "head_told", "until",
        "public_note", "custodian", "can",
    }, "a new field may be told only after somebody thought about it"  # fmt: skip
