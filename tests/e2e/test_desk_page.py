"""The desk of cases in a real browser: what officers of triage and of a unit do there."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.served import LIMIT_MS, People, Served, sign_in

pytestmark = pytest.mark.needs("chromium", "pages")
expect.set_options(timeout=LIMIT_MS)

STORY = "Upah September dan Oktober belum dibayar."
#: The province whose officer is among the first accounts.
UNIT = "P32"


@pytest.fixture
def triage(people: People, served: Served) -> Page:
    page = people.page()
    sign_in(page, served, "petugas")
    expect(page.locator("nav.lists a")).to_have_count(5)
    return page


def take_down(page: Page, served: Served) -> str:
    """A complaint without a call, by keyboard as far as one types; gives its address."""
    return take_down_with_pin(page, served)[0]


def take_down_with_pin(
    page: Page, served: Served, employer: str = "CV Contoh Sejahtera"
) -> tuple[str, str]:
    page.goto(f"{served.url}/cases")
    expect(page.locator("nav.lists a").first).to_be_visible()
    page.keyboard.press("n")
    page.select_option("select[name=channel]", "letter")
    page.select_option("select[name=topic]", "upah_tunggak")
    page.fill("textarea[name=narrative]", STORY)
    page.fill("input[name=employer]", employer)
    page.select_option("select[name=province]", "32")
    page.fill("input[name=name]", "Siti Aminah")
    page.fill("input[name=phone]", "0811 1000 222")
    page.keyboard.press("Control+Enter")
    told = page.locator(".told .spoken")
    expect(told).to_have_count(2)
    number, pin = told.all_inner_texts()
    assert re.fullmatch(r"\d\d \d{4} \d{4}", number)
    assert re.fullmatch(r"\d{3} \d{3}", pin)
    page.keyboard.press("o")
    expect(page.locator("h1")).to_have_text(number)
    expect(page.locator(".narrative")).to_have_text(STORY)
    assert pin not in page.inner_text("main")
    return page.url, pin.replace(" ", "")


def send(page: Page) -> None:
    """Triage looks at it and sends it where the rules say."""
    page.keyboard.press("1")
    expect(page.locator(".status.verifying")).to_be_visible()
    page.click("[data-event=route]")
    expect(page.locator("form.move select[name=unit]")).to_have_value(UNIT)
    page.keyboard.press("Control+Enter")
    expect(page.locator(".page-head .status.routed")).to_be_visible()


@pytest.fixture
def officer(people: People, served: Served, triage: Page) -> Page:
    """Of the unit that was just sent a case, with the case before them."""
    address = take_down(triage, served)
    send(triage)
    page = people.page()
    sign_in(page, served, "disnaker")
    page.goto(address)
    expect(page.locator("[data-event=accept]")).to_be_visible()
    return page


def accept(page: Page) -> None:
    page.keyboard.press("1")
    expect(page.locator(".page-head .status.in_progress")).to_be_visible()


def test_a_complaint_is_accepted_noted_and_closed(officer: Page, served: Served) -> None:
    number = officer.locator("h1").inner_text()
    accept(officer)
    officer.keyboard.press("n")
    officer.keyboard.type("HRD minta waktu sampai Senin.")
    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".note-form .good-text")).to_have_text("Catatan tersimpan.")
    expect(officer.locator("#note-text")).to_have_value("")
    expect(officer.locator(".timeline")).to_contain_text("HRD minta waktu sampai Senin.")

    officer.click("[data-event=follow_up]")
    officer.keyboard.type("Upah September sudah dibayar.")
    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".page-head .status.followed_up")).to_be_visible()
    expect(officer.locator(".facts").first).to_contain_text("Upah September sudah dibayar.")
    expect(officer.locator(".actions [role=status]")).to_contain_text("Ditindaklanjuti")

    # In the list by keyboard alone: it is there, and the first arrow and Enter lead back to it.
    officer.keyboard.press("l")
    officer.keyboard.press("1")
    expect(officer.locator("nav.lists [aria-current=page]")).to_contain_text("Kasus saya")
    expect(officer.locator("tbody")).to_contain_text(number)
    officer.keyboard.press("ArrowDown")
    officer.keyboard.press("Enter")
    expect(officer.locator("h1")).to_have_text(re.compile(r"\d\d \d{4} \d{4}"))


def test_a_unit_that_nobody_can_write_to_is_on_the_list_of_those_who_are_phoned(
    triage: Page, served: Served
) -> None:
    take_down(triage, served)
    send(triage)
    number = triage.locator("h1").inner_text()
    triage.keyboard.press("l")
    triage.keyboard.press("4")
    expect(triage.locator("nav.lists [aria-current=page]")).to_contain_text("Perlu ditelepon")
    row = triage.locator("tbody tr", has_text=number)
    expect(row).to_contain_text("Disnaker Provinsi Jawa Barat")
    expect(row).to_contain_text("belum ada di daftar unit")


def test_what_two_change_at_once_is_shown_and_nothing_typed_is_lost(
    people: People, officer: Page
) -> None:
    accept(officer)
    other = people.page(officer.context)
    other.goto(officer.url)
    expect(other.locator("[data-event=follow_up]")).to_be_visible()

    officer.keyboard.press("e")
    officer.fill("input[name=employer]", "CV Contoh Abadi")
    officer.fill("input[name=workers]", "25")
    other.keyboard.press("e")
    other.fill("input[name=employer]", "PT Contoh Makmur")
    other.fill("textarea[name=summary]", "Dua bulan upah")
    other.keyboard.press("Control+Enter")
    expect(other.locator(".edit-form")).not_to_be_attached()

    officer.keyboard.press("Control+Enter")
    told = officer.locator(".conflicts")
    expect(told).to_contain_text("Petugas disnaker mengubah kasus ini")
    expect(told).to_contain_text("PT Contoh Makmur")
    expect(told).to_contain_text("Dua bulan upah")
    # Mine stays, theirs is beside it; what only the other one wrote is there already.
    expect(officer.locator("input[name=employer]")).to_have_value("CV Contoh Abadi")
    expect(officer.locator("input[name=workers]")).to_have_value("25")
    expect(officer.locator("textarea[name=summary]")).to_have_value("Dua bulan upah")
    officer.click(".case-fields .conflict button")
    expect(officer.locator("input[name=employer]")).to_have_value("PT Contoh Makmur")
    officer.focus("input[name=workers]")
    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".edit-form")).not_to_be_attached()
    facts = officer.locator(".facts").first
    expect(facts).to_contain_text("PT Contoh Makmur")
    expect(facts).to_contain_text("25")


def test_a_move_that_came_too_late_says_so_and_keeps_its_text(
    people: People, officer: Page
) -> None:
    accept(officer)
    other = people.page(officer.context)
    other.goto(officer.url)
    officer.click("[data-event=follow_up]")
    officer.keyboard.type("Sudah dibayar semua.")
    other.click("[data-event=return]")
    other.select_option("form.move select[name=reason]", "other_region")
    other.keyboard.press("Control+Enter")
    # It is triage's again, and what is in it is no more theirs.
    expect(other.locator(".notice-line")).to_contain_text("sudah berpindah")

    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".problem")).to_contain_text("sudah berpindah")
    expect(officer.locator("form.move textarea")).to_have_value("Sudah dibayar semua.")


def test_another_unit_is_named_and_the_case_goes_back(officer: Page, triage: Page) -> None:
    officer.click("[data-event=decline]")
    officer.keyboard.press("Control+Enter")  # nothing chosen yet: the browser asks for it
    officer.select_option("form.move select[name=reason]", "other_region")
    officer.select_option("form.move select[name=unit]", "P33")
    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".notice-line")).to_contain_text("sudah berpindah")

    triage.reload()
    expect(triage.locator(".page-head .status.verifying")).to_be_visible()
    ways = triage.locator("section[aria-label='Perjalanan antarunit']")
    expect(ways).to_contain_text("bukan wewenang")
    expect(ways).to_contain_text("sebaiknya Disnaker Provinsi Jawa Tengah")


def test_what_is_typed_waits_while_one_looks_elsewhere(triage: Page, served: Served) -> None:
    take_down(triage, served)
    triage.keyboard.press("n")
    triage.keyboard.type("Belum selesai ditulis")
    triage.keyboard.press("Escape")
    triage.keyboard.press("1")
    expect(triage.locator(".status.verifying")).to_be_visible()
    triage.click("[data-event=need_info]")
    triage.keyboard.type("Sejak kapan?")
    triage.keyboard.press("Escape")  # closes an empty form alone
    expect(triage.locator("form.move textarea")).to_have_value("Sejak kapan?")
    triage.click("nav a[href='/directory']")
    expect(triage.locator("tbody tr").first).to_be_visible()
    triage.fill("input[name=find]", "bpjs")
    expect(triage.locator("tbody tr")).to_have_count(1)
    triage.go_back()
    expect(triage.locator("#note-text")).to_have_value("Belum selesai ditulis")
    triage.click("[data-event=need_info]")
    expect(triage.locator("form.move textarea")).to_have_value("Sejak kapan?")
    triage.click("form.move button:not([type=submit])")
    triage.keyboard.press("n")
    triage.keyboard.press("Control+Enter")
    expect(triage.locator(".note-form .good-text")).to_have_text("Catatan tersimpan.")


def test_a_reporter_withdraws_at_the_desk_by_their_pin(triage: Page, served: Served) -> None:
    _, pin = take_down_with_pin(triage, served)
    wrong = "111119" if pin != "111119" else "222229"
    triage.click("[data-event=withdraw]")
    triage.keyboard.type(wrong)
    triage.keyboard.press("Control+Enter")
    expect(triage.locator("form.move .problem")).to_contain_text("PIN pelapor: salah")
    expect(triage.locator("input[name=pin]")).to_have_value("")
    triage.fill("input[name=pin]", pin)
    triage.keyboard.press("Control+Enter")
    expect(triage.locator(".page-head .status.withdrawn")).to_be_visible()


def test_of_an_anonymous_reporter_nothing_is_asked_or_kept(triage: Page, served: Served) -> None:
    triage.keyboard.press("n")
    triage.select_option("select[name=channel]", "letter")
    triage.select_option("select[name=topic]", "lembur")
    triage.fill("textarea[name=narrative]", STORY)
    triage.fill("input[name=name]", "Siti Rahasia")
    triage.check("input[name=anonymous]")
    expect(triage.locator("input[name=name], input[name=phone]")).to_have_count(0)
    with triage.expect_request("**/api/cases") as sent:
        triage.keyboard.press("Control+Enter")
    assert "Siti" not in (sent.value.post_data or "")
    expect(triage.locator(".told .spoken")).to_have_count(2)
    triage.keyboard.press("o")
    expect(triage.locator(".flags")).to_contain_text("Anonim")
    expect(triage.locator("p.glass")).to_have_count(0)


def test_many_reporters_are_answered_at_once(triage: Page, served: Served) -> None:
    addresses = [take_down_with_pin(triage, served, "PT Contoh Ramai") for _ in range(3)]
    triage.click(".related button:has-text('Cari yang serupa')")
    triage.click(".related button:has-text('Buat kasus induk')")
    expect(triage.locator(".related [role=status]")).to_contain_text("PIN")
    triage.click(".cases-beside li:has-text('Kasus induk') a")
    expect(triage.locator(".flags")).to_contain_text("Menghimpun")
    triage.click(".related button:has-text('Cari yang serupa')")
    triage.click(".related button:has-text('Gabung semuanya ke sini')")
    expect(triage.locator(".cases-beside li:has-text('Digabung di bawah ini')")).to_have_count(
        len(addresses)
    )
    triage.click("[data-event=verify]")
    expect(triage.locator("input[name=copy]")).to_be_checked()
    triage.keyboard.press("Control+Enter")
    expect(triage.locator(".page-head .status.verifying")).to_be_visible()
    expect(triage.locator(".cases-beside .status.verifying")).to_have_count(len(addresses))
    triage.click("[data-event=route]")
    triage.uncheck("input[name=copy]")
    triage.keyboard.press("Control+Enter")
    expect(triage.locator(".page-head .status.routed")).to_be_visible()
    expect(triage.locator(".cases-beside .status.verifying")).to_have_count(len(addresses))


def test_an_agent_reads_what_they_wrote_down_and_changes_nothing(
    people: People, served: Served
) -> None:
    agent = people.page()
    sign_in(agent, served, "agen")
    cases = agent.locator("nav a[href='/cases']")
    expect(cases).to_have_attribute("target", "_blank")
    body = {"channel": "phone", "topic": "upah_tunggak", "narrative": STORY, "name": "Siti"}
    number = agent.evaluate(
        """async (body) => {
          const { csrf } = await (await fetch("/api/me")).json();
          const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
          const asked = { method: "POST", headers, body: JSON.stringify(body) };
          return (await (await fetch("/api/cases", asked)).json()).number;
        }""",
        body,
    )
    agent.goto(f"{served.url}/cases/{number}")
    expect(agent.locator(".narrative")).to_have_text(STORY)
    expect(agent.locator(".page-head .status.new")).to_be_visible()
    expect(agent.locator(".timeline li").first).to_be_visible()
    expect(agent.locator(".actions, .note-form, .related, .panel-head button")).to_have_count(0)


def test_a_period_of_the_law_is_noted_with_its_last_day(officer: Page) -> None:
    accept(officer)
    officer.keyboard.press("e")
    officer.click("summary")
    officer.fill("input[name=began_bipartite]", "2026-02-02")
    officer.focus("textarea[name=summary]")
    officer.keyboard.press("Control+Enter")
    expect(officer.locator(".edit-form")).not_to_be_attached()
    limits = officer.locator("section[aria-label='Batas waktu']")
    expect(limits).to_contain_text("Perundingan bipartit2 Feb 2026 sampai")


def test_two_clicks_are_one(officer: Page) -> None:
    officer.dblclick("[data-event=accept]")
    expect(officer.locator(".page-head .status.in_progress")).to_be_visible()
    officer.wait_for_load_state("networkidle")
    expect(officer.locator(".conflicts, .problem")).to_have_count(0)


def test_a_name_is_searched_for_and_stands_in_no_address(triage: Page, served: Served) -> None:
    number = take_down(triage, served).rsplit("/", 1)[1]
    triage.keyboard.press("l")
    triage.keyboard.press("/")
    triage.keyboard.type("siti aminah")
    triage.keyboard.press("Enter")
    expect(triage.locator(f"tbody a[href='/cases/{number}']")).to_be_visible()
    triage.keyboard.press("/")
    triage.keyboard.press("Control+a")
    triage.keyboard.type("somebody else")
    triage.keyboard.press("Enter")
    expect(triage.locator(".nothing")).to_contain_text("Tidak ada kasus yang cocok")
    triage.click(".nothing a")
    expect(triage.locator(f"tbody a[href='/cases/{number}']")).to_be_visible()
    assert "siti" not in triage.evaluate("JSON.stringify([history.length, location.href])")
    triage.go_back()
    assert "siti" not in triage.url


def test_one_reporters_cases_are_merged_when_somebody_made_sure(
    triage: Page, served: Served
) -> None:
    first = take_down(triage, served).rsplit("/", 1)[1]
    take_down(triage, served)
    triage.keyboard.press("1")
    expect(triage.locator(".status.verifying")).to_be_visible()
    triage.click(".related .panel-head button")
    merge = triage.locator("button", has_text="Lebur ke sana")
    there = triage.locator(f"a[href='/cases/{first}']")
    row = triage.locator(".cases-beside li", has=there).filter(has=merge)
    row.locator("button", has_text="Lebur ke sana").click()
    triage.click(".related .stop")
    expect(triage.locator(".related .problem")).to_contain_text("pelapornya berbeda")
    triage.check(".ask input[type=checkbox]")
    triage.click(".related .stop")
    expect(triage.locator(".page-head .status.merged")).to_be_visible()
    expect(triage.locator(".related")).to_contain_text("Diteruskan sebagai")


def test_a_supervisor_opens_a_name_for_a_reason(
    people: People, served: Served, triage: Page
) -> None:
    address = take_down(triage, served)
    page = people.page()
    sign_in(page, served, "penyelia")
    page.goto(address)
    expect(page.locator(".facts").first).to_contain_text("Tidak untuk Anda")
    assert "Siti Aminah" not in page.content()
    page.click("p.glass button")
    page.select_option("select[name=emergency]", "danger")
    page.fill("textarea[name=reason]", "Pelapor terkurung di mes, polisi bertanya.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".facts").first).to_contain_text("Siti Aminah")
    expect(page.locator(".notice-line")).to_contain_text("Terbuka bagi Anda")
    triage.reload()
    expect(triage.locator(".timeline")).to_contain_text("Nyawa atau keselamatan terancam")
    expect(triage.locator(".timeline")).to_contain_text("Pelapor terkurung di mes")


def test_nothing_moves_while_the_page_fills(people: People, served: Served, triage: Page) -> None:
    address = take_down(triage, served)
    page = people.page(triage.context)
    # LayoutShift entries that no click or key of the person's explains.
    page.add_init_script(
        """window.moved = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries())
            if (!entry.hadRecentInput) window.moved += entry.value;
        }).observe({type: "layout-shift", buffered: true});"""
    )
    for path in (f"{served.url}/cases?list=all", address, f"{served.url}/directory"):
        page.goto(path)
        expect(page.locator("tbody tr, .actions button").first).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.moved") < 0.02, path


def test_only_who_may_open_a_case_for_a_reason_is_offered_it(
    people: People, served: Served
) -> None:
    for username, offers in (("penyelia", 1), ("petugas", 1), ("disnaker", 0)):
        page = people.page()
        sign_in(page, served, username)
        page.goto(f"{served.url}/cases/2600000000")
        expect(page.locator(".problem")).to_contain_text("Tidak ada kasus")
        page.wait_for_load_state("networkidle")
        expect(page.locator(".out-of-sight button")).to_have_count(offers)
