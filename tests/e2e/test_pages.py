"""The pages in a real browser, against the real application: what people do all day."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from callcenter.queue.entries import FIRST_CALL_S
from tests.capabilities import ROOT, require
from tests.e2e.served import (
    LIMIT_MS,
    People,
    Served,
    call_the_hotline,
    serving,
    sign_in,
)

pytestmark = pytest.mark.needs("chromium", "pages")

expect.set_options(timeout=LIMIT_MS)


def be_ready(page: Page, served: Served) -> None:
    """Sign in as the agent and take calls, by keyboard."""
    sign_in(page, served, "agen")
    expect(page.locator(".state-bar")).to_be_visible()
    page.keyboard.press("F4")
    expect(page.locator(".state-bar.good")).to_be_visible()


@pytest.fixture
def agent(people: People, served: Served) -> Iterator[Page]:
    """At the console and ready, by keyboard; signed out afterwards."""
    page = people.page()
    be_ready(page, served)
    yield page
    sign_out(page)


def sign_out(page: Page) -> None:
    page.click(".person button:not(.language)")
    expect(page.locator(".sign-in-form")).to_be_visible()


def finish(agent: Page) -> None:
    """From the wrap-up to ready: the first outcome, by keyboard."""
    expect(agent.locator(".wrapping")).to_be_visible()
    agent.keyboard.press("F6")
    agent.keyboard.press("1")
    expect(agent.locator(".state-bar.good")).to_be_visible()


def test_a_first_complaint_from_the_call_to_the_case(
    people: People, served: Served, agent: Page
) -> None:
    board = people.page()
    sign_in(board, served, "penyelia")
    caller = people.page()
    call_the_hotline(caller, served)

    expect(agent.locator(".offer h2")).to_have_text("Upah dan THR")
    expect(agent).to_have_title(re.compile("Panggilan masuk"))
    expect(board.locator(".tag")).to_have_text("sedang ditawarkan")
    agent.keyboard.press("F2")
    expect(agent.locator(".talk-state")).to_have_text("Berbicara")
    expect(caller.locator(".phone-state")).to_contain_text("Berbicara dengan petugas")

    # The agent may write at once, without a click.
    agent.keyboard.type("Upah dua bulan belum dibayar.")
    expect(agent.locator(".save-line")).to_contain_text("Tersimpan")
    number = agent.locator(".spoken").first.inner_text()
    assert re.fullmatch(r"\d\d \d{4} \d{4}", number)
    pin = agent.locator(".spoken").nth(1).inner_text().replace(" ", "")

    agent.keyboard.press("F9")
    expect(agent.locator(".wrapping")).to_be_visible()
    expect(caller.locator(".lines")).to_contain_text("PIN Anda")
    finish(agent)
    caller.click(".numbers .stop")
    expect(caller.locator(".phone-state")).to_contain_text("Panggilan berakhir")
    expect(board.locator(".tile", has_text="Dijawab").locator("dd").first).to_have_text("1")

    anywhere = people.page()
    anywhere.goto(served.url)
    anywhere.get_by_role("link", name="Anda pelapor?").click()
    expect(anywhere.locator("#number")).to_be_focused()
    anywhere.keyboard.type(number)
    anywhere.keyboard.press("Tab")
    anywhere.keyboard.type("000000")
    anywhere.keyboard.press("Enter")
    expect(anywhere.get_by_role("alert")).to_contain_text("tidak cocok")
    anywhere.fill("#number", number)
    anywhere.fill("#pin", pin)
    anywhere.click("button")
    expect(anywhere.locator(".status")).to_have_text("Diterima, menunggu pemeriksaan")
    assert anywhere.url == f"{served.url}/status"  # no number in it, and no PIN

    officer = people.page()
    sign_in(officer, served, "petugas")
    officer.click(f"tbody a:has-text('{number}')")
    expect(officer.locator(".narrative")).to_have_text("Upah dua bulan belum dibayar.")
    expect(officer.locator(".timeline")).to_contain_text("Isi kasus disimpan oleh Agen")


def test_two_matters_are_written_into_two_cases(
    people: People, served: Served, agent: Page
) -> None:
    caller = people.page()
    call_the_hotline(caller, served)
    expect(agent.locator(".offer h2")).to_be_visible()
    agent.keyboard.press("F2")
    narrative = agent.locator("textarea[name=narrative]")
    narrative.fill("Upah dua bulan belum dibayar.")
    first = agent.locator(".spoken").first.inner_text()
    agent.get_by_role("button", name="Masalah lain").click()
    expect(agent.locator(".matters button[aria-pressed=true]")).not_to_have_text(first)
    expect(narrative).to_have_value("")
    expect(agent.locator(".spoken").first).not_to_have_text(first)
    narrative.fill("Lalu di-PHK.")
    expect(agent.locator(".save-line")).to_contain_text("Tersimpan")
    agent.get_by_role("button", name=first).click()
    expect(narrative).to_have_value("Upah dua bulan belum dibayar.")
    caller.click(".numbers .stop")
    expect(agent.locator(".matters button[aria-pressed]")).to_have_count(2)
    finish(agent)


def test_a_callback_is_answered_and_passed_on_to_the_body_that_helps(
    people: People, served: Served
) -> None:
    agent = people.page()
    sign_in(agent, served, "agen")
    expect(agent.locator(".state-bar")).to_be_visible()
    caller = people.page()
    called = caller.locator(".phone-state")
    call_the_hotline(caller, served, "15")  # about migrant workers
    expect(caller.locator(".lines")).to_contain_text("tanpa kehilangan urutan, tekan satu")
    caller.keyboard.press("1")
    expect(caller.locator(".lines")).to_contain_text("Urutan Anda tetap")
    caller.click(".numbers .stop")
    expect(called).to_contain_text("Berdering bila ditelepon kembali")
    caller.reload()

    agent.keyboard.press("F4")
    officer = people.page()
    sign_in(officer, served, "petugas")
    offer = agent.locator(".offer")
    expect(offer).to_contain_text("Telepon kembali", timeout=FIRST_CALL_S * 1000 + LIMIT_MS)
    agent.keyboard.press("F2")
    expect(agent.locator(".talk-state")).to_have_text("Menelepon warga …")
    top = agent.locator("textarea").bounding_box()
    expect(called).to_contain_text("Layanan menelepon Anda")
    caller.keyboard.press("Enter")
    expect(caller.locator(".lines")).to_contain_text("berbicara dengan petugas, tekan satu")
    expect(agent.locator(".talk-state")).to_have_text("Menelepon warga …")
    caller.keyboard.press("1")
    expect(agent.locator(".talk-state")).to_have_text("Berbicara")
    expect(called).to_contain_text("Berbicara dengan petugas")
    agent.keyboard.type("Paspor ditahan majikan.")
    assert agent.locator("textarea").bounding_box() == top

    agent.get_by_role("button", name="Sambungkan").click()
    expect(agent.locator(".joined")).to_contain_text("Dihubungi")
    expect(agent.locator(".joined")).to_contain_text("Ikut bicara")
    agent.get_by_role("button", name="Serahkan ke KP2MI").click()
    expect(agent.locator(".wrapping")).to_be_visible()
    assert agent.locator("textarea").bounding_box() == top
    case = agent.locator(".case-status a").get_attribute("href")
    finish(agent)
    expect(called).to_contain_text("Berbicara dengan petugas")
    caller.click(".numbers .stop")
    expect(called).to_contain_text("Panggilan berakhir")
    officer.goto(f"{served.url}{case}")
    expect(officer.locator(".narrative")).to_have_text("Paspor ditahan majikan.")
    passed_on = officer.locator(".events li", has_text="Penelepon diserahkan")
    expect(passed_on).to_contain_text("(KP2MI)")
    expect(officer.locator(".events li.moved")).to_have_text(re.compile("Baru"))
    sign_out(agent)


def test_a_reload_in_mid_talk_loses_nothing(people: People, served: Served, agent: Page) -> None:
    caller = people.page()
    call_the_hotline(caller, served)
    expect(agent.locator(".offer")).to_be_visible()
    agent.keyboard.press("Enter")
    expect(agent.locator(".talk-state")).to_have_text("Berbicara")
    agent.fill("input[name=employer]", "PT Contoh")
    agent.on("dialog", lambda dialog: dialog.accept())
    agent.reload()
    expect(agent.locator(".talk-state")).to_have_text("Berbicara")
    expect(agent.locator("input[name=employer]")).to_have_value("PT Contoh")

    caller.click(".numbers .stop")
    expect(agent.locator(".wrapping")).to_be_visible()
    finish(agent)


def test_a_second_console_does_not_ring_and_can_take_over(
    people: People, served: Served, agent: Page
) -> None:
    second = people.page(agent.context)
    second.goto(f"{served.url}/console")
    expect(second.locator(".reach-what")).to_contain_text("tab lain")
    second.click("text=Pakai tab ini")
    expect(second.locator(".state-bar.good")).to_be_visible()
    expect(agent.locator(".reach-what")).to_contain_text("tab lain")
    second.close()
    expect(agent.locator(".state-bar.good")).to_be_visible()


def test_a_language_is_the_accounts(people: People, served: Served) -> None:
    page = people.page()
    sign_in(page, served, "petugas")
    page.click("button.language")
    expect(page.locator("h1")).to_have_text("Cases")
    expect(page.locator("html")).to_have_attribute("lang", "en")

    elsewhere = people.page()
    sign_in(elsewhere, served, "petugas")
    expect(elsewhere.locator("h1")).to_have_text("Cases")
    elsewhere.click("button.language")
    expect(elsewhere.locator("h1")).to_have_text("Kasus")


def test_a_session_that_ends_under_a_page_leaves_it_there(people: People, served: Served) -> None:
    board = people.page()
    sign_in(board, served, "penyelia")
    expect(board.locator(".freshness.live")).to_be_visible()
    elsewhere = people.page(board.context)
    elsewhere.goto(f"{served.url}/cases")
    elsewhere.click(".person button:not(.language)")

    again = board.locator("dialog")
    expect(again).to_contain_text("Sesi Anda sudah berakhir")
    expect(board.locator(".board-grid")).to_be_visible()
    again.locator("input[name=username]").fill("penyelia")
    again.locator("input[name=password]").fill(served.passwords["penyelia"])
    board.keyboard.press("Enter")
    expect(again).not_to_be_attached()
    expect(board.locator(".freshness.live")).to_be_visible()


def test_refusals_are_told_in_words(people: People, served: Served) -> None:
    page = people.page()
    page.goto(served.url)
    page.fill("input[name=username]", "agen")
    page.fill("input[name=password]", "salah")
    page.keyboard.press("Enter")
    expect(page.locator(".problem")).to_contain_text("kata sandi salah")
    sign_in(page, served, "petugas")
    page.goto(f"{served.url}/console")
    expect(page.locator("h1")).to_have_text("Halaman ini bukan untuk peran Anda.")
    page.goto(f"{served.url}/cases/2648151621")
    expect(page.locator(".problem")).to_contain_text("Tidak ada kasus")


def test_a_server_that_dies_is_told_at_once_and_taken_back(people: People, tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        console = people.page()
        be_ready(console, served)
        board = people.page()
        sign_in(board, served, "penyelia")
        expect(board.locator(".freshness.live")).to_be_visible()

        served.stop(signal.SIGKILL)
        expect(console.locator(".state-bar.bad")).to_contain_text("sambungan ke server putus")
        expect(board.locator(".freshness.lost")).to_contain_text("Data berumur")
        served.start()
        expect(console.locator(".state-bar.good")).to_be_visible()
        expect(board.locator(".freshness.live")).to_be_visible()


@pytest.mark.needs("node")
def test_what_the_pages_are_made_of() -> None:
    """The tests of the TypeScript sources themselves: ``npm test`` in ui/."""
    npx = require("node").with_name("npx")
    run = subprocess.run(
        [npx, "--no-install", "vitest", "run"], cwd=ROOT / "ui", capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_lost_pin_and_a_reporter_who_wants_no_name(
    people: People, served: Served, agent: Page
) -> None:
    """What comes up in a talk now and then, each with its own dialog."""
    caller = people.page()
    call_the_hotline(caller, served)
    expect(agent.locator(".offer h2")).to_be_visible()
    agent.keyboard.press("F2")
    expect(agent.locator(".talk-state")).to_have_text("Berbicara")
    agent.fill("textarea", "Upah belum dibayar.")
    agent.fill("input[name=reporter_name]", "Tuti Handayani")
    agent.fill("input[name=employer]", "PT Uji Coba")
    expect(agent.locator(".save-line")).to_contain_text("Tersimpan")
    first = agent.locator(".spoken").first.inner_text()

    agent.get_by_role("button", name="PIN hilang").click()
    agent.fill("dialog input[name=number]", first)
    agent.fill("dialog input[name=name]", "Tuti Handayani")
    agent.keyboard.press("Enter")
    expect(agent.locator("dialog .problem")).to_contain_text("Tidak cocok")
    agent.fill("dialog input[name=employer]", "uji coba")
    agent.keyboard.press("Enter")
    expect(agent.locator("dialog .spoken")).to_have_text(re.compile(r"\d{3} \d{3}"))
    agent.keyboard.press("Escape")

    agent.get_by_role("button", name="Jadikan anonim").click()
    agent.get_by_role("button", name="Lupakan siapa pelapornya").click()
    expect(agent.get_by_role("button", name="Anonim", exact=True)).to_be_disabled()
    expect(agent.locator("input[name=reporter_name]")).to_have_value("")
    agent.keyboard.press("F9")
    finish(agent)
