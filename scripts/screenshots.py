#!/usr/bin/env python3
"""Makes docs/screenshots/*.png: every page of the real application in the middle of a busy hour.

Starts a server of its own on a free port of loopback with a fresh database in a temporary folder,
plays callers by HTTP and an agent by keyboard, and ends it. Needs Chromium and the built pages:

    .venv/bin/python scripts/screenshots.py [FOLDER]
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, FilePayload, Page  # noqa: E402

from tests.e2e.served import (  # noqa: E402
    SCREEN,
    Served,
    browsing,
    call_the_hotline,
    serving,
    sign_in,
)

LIMIT_S = 20.0
#: Callers who go on waiting, by the topic they choose.
WAITING = ("1", "1", "2", "5")
NARRATIVE = (
    "Pelapor bekerja di bagian pengepakan sejak Maret. Upah bulan September dan Oktober belum "
    "dibayar; atasan menjanjikan pembayaran setiap Jumat. Sekitar dua puluh rekan mengalami hal "
    "yang sama. Pelapor meminta upahnya dibayar."
)


class Pictures:
    """Takes them, and says which."""

    def __init__(self, folder: Path, browser: Browser) -> None:
        self.folder = folder
        self._browser = browser
        folder.mkdir(parents=True, exist_ok=True)

    def open(self, *, scheme: Literal["light", "dark"] = "light") -> Page:
        context = self._browser.new_context(
            viewport=SCREEN,
            locale="id-ID",
            timezone_id="Asia/Jakarta",
            color_scheme=scheme,
            reduced_motion="reduce",
        )
        return context.new_page()

    def take(self, page: Page, name: str, *, whole: bool = False) -> None:
        path = self.folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        print(path)


def ask(served: Served, path: str, body: dict[str, str] | None = None) -> dict[str, object]:
    """One request of a simulated caller."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{served.url}{path}", data, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        answer: dict[str, object] = json.load(response)
        return answer


def caller_waits(served: Served, number: str, topic: str) -> object:
    """A caller with a new complaint, who chooses ``topic`` and is in the queue; their call."""
    call = ask(served, "/simulator/calls", {"from": number, "to": "1500630"})["call"]
    for key in ("1", topic):
        wait_for(served, call, "keys")
        ask(served, f"/simulator/calls/{call}/keys", {"keys": key})
    wait_for(served, call, "music")
    return call


def calls_back(served: Served, pictures: Pictures, agent: Page) -> None:
    """A caller keeps the place; ``agent``, who is paused, becomes ready, has them called, and lets
    them be."""
    call = caller_waits(served, "+628110002230", "1")
    ask(served, f"/simulator/calls/{call}/keys", {"keys": "1"})
    wait_for(served, call, "gone", "state")
    agent.keyboard.press("F4")
    agent.wait_for_selector(".offer .countdown .left")
    pictures.take(agent, "console-callback")
    agent.keyboard.press("F2")
    agent.wait_for_selector(".talk-state.dialling")
    pictures.take(agent, "console-dialling")
    agent.keyboard.press("F9")
    agent.wait_for_selector(".notice")
    agent.keyboard.press("Escape")


def wait_for(served: Served, call: object, what: str, of: str = "wait") -> None:
    deadline = time.monotonic() + LIMIT_S
    while ask(served, f"/simulator/calls/{call}?after=1000")[of] != what:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the caller does not come to {what}")
        time.sleep(0.05)


def english(page: Page) -> None:
    page.click("button.language")
    page.wait_for_selector("html[lang=en]")


def story(served: Served, pictures: Pictures) -> None:
    """One complaint, with others waiting."""
    front = pictures.open()
    front.goto(served.url)
    front.wait_for_selector(".sign-in-form")
    pictures.take(front, "sign-in")

    agent = pictures.open()
    sign_in(agent, served, "agen")
    agent.wait_for_selector(".state-bar")
    calls_back(served, pictures, agent)
    agent.wait_for_selector(".state-bar.good")
    pictures.take(agent, "console-ready")

    phone = pictures.open()
    call_the_hotline(phone, served)
    agent.wait_for_selector(".offer")
    pictures.take(agent, "console-offer")
    pictures.take(phone, "phone")
    agent.keyboard.press("F2")
    agent.wait_for_selector(".talk-state.talking")
    for at, topic in enumerate(WAITING):
        caller_waits(served, f"+6281100022{at}", topic)

    agent.fill("input[name=employer]", "CV Contoh Sejahtera")
    agent.fill("textarea", NARRATIVE)
    agent.wait_for_selector(".save-line.clean")
    pictures.take(agent, "console-talk")
    agent.get_by_role("button", name="PIN hilang").click()
    pictures.take(agent, "console-lost-pin")
    agent.keyboard.press("Escape")
    brings_in(pictures, agent)
    number, pin = agent.locator(".spoken").all_inner_texts()[:2]
    watch(served, pictures)
    agent.keyboard.press("F9")
    agent.wait_for_selector(".wrapping")
    agent.mouse.move(0, 0)
    pictures.take(agent, "console-wrap-up")
    english(agent)
    agent.emulate_media(color_scheme="dark")
    pictures.take(agent, "console-wrap-up-dark-en")
    read(served, pictures)
    follow_up(served, pictures, number, pin)


def brings_in(pictures: Pictures, agent: Page) -> None:
    """The matter turns out to be one of migrant workers: their ministry joins the talk, and is let
    go again."""
    agent.select_option("select[name=topic]", "pmi_ln")
    agent.get_by_role("button", name="Sambungkan").click()
    agent.wait_for_selector(".joined >> text=Ikut bicara")
    pictures.take(agent, "console-joined")
    agent.get_by_role("button", name="Lepaskan").click()
    agent.wait_for_selector(".joined", state="detached")
    agent.keyboard.press("Escape")
    agent.select_option("select[name=topic]", "upah")
    agent.wait_for_selector(".save-line.clean")


def watch(served: Served, pictures: Pictures) -> None:
    """The supervisor's board, while one talks and others wait."""
    board = pictures.open()
    sign_in(board, served, "penyelia")
    board.wait_for_selector(".chart canvas")
    pictures.take(board, "board", whole=True)
    english(board)
    board.emulate_media(color_scheme="dark")
    pictures.take(board, "board-dark-en", whole=True)


PAPER = b"%PDF-1.7\n" + bytes(180_000)
#: Complaints that came without a call: topic, province, employer, how many workers.
CAME = (
    ("upah_tunggak", "32", "CV Contoh Sejahtera", 20),
    ("thr", "32", "PT Contoh Makmur", 140),
    ("phk_pesangon", "32", "PT Contoh Sentosa", 1),
    ("kecelakaan", "32", "UD Contoh Jaya", 2),
)
#: A request of a signed-in page: method, path, body.
ASK = """async ([method, path, body]) => {
  const { csrf } = await (await fetch("/api/me")).json();
  const answer = await fetch(path, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}"""


def move(page: Page, number: str, event: str, *, together: bool = False, **fields: str) -> None:
    """Somebody at ``page`` does ``event`` to a case; ``together``: and to those under it."""
    version = page.evaluate(
        "(path) => fetch(path).then((answer) => answer.json())", f"/api/cases/{number}"
    )["version"]
    body = {"event": event, "version": version, "fields": fields, "copy": together}
    page.evaluate(ASK, ["POST", f"/api/cases/{number}/moves", body])


def write_down(triage: Page, pictures: Pictures) -> list[str]:
    """Complaints without a call, the first of them by keyboard; their numbers."""
    triage.keyboard.press("n")
    topic, province, employer, workers = CAME[0]
    triage.select_option("select[name=channel]", "walk_in")
    triage.select_option("select[name=topic]", topic)
    triage.fill("textarea[name=narrative]", NARRATIVE)
    triage.select_option("select[name=province]", province)
    triage.fill("input[name=employer]", employer)
    triage.fill("input[name=workers]", str(workers))
    triage.fill("input[name=name]", "Siti Aminah")
    triage.fill("input[name=phone]", "0811 1000 222")
    triage.check("input[name=may_message]")
    triage.fill("input[name=safe_from]", "17:00")
    triage.fill("input[name=safe_until]", "20:00")
    pictures.take(triage, "case-new", whole=True)
    triage.keyboard.press("Control+Enter")
    triage.wait_for_selector(".told")
    pictures.take(triage, "case-told")
    triage.keyboard.press("o")
    triage.wait_for_selector(".actions button")
    numbers = [triage.url.rsplit("/", 1)[1]]
    for topic, province, employer, workers in CAME[1:]:
        body = {
            "channel": "letter",
            "topic": topic,
            "province": province,
            "employer": employer,
            "workers": workers,
        }
        opened = triage.evaluate(ASK, ["POST", "/api/cases", body | {"narrative": NARRATIVE}])
        numbers.append(opened["number"])
    return numbers


def read(served: Served, pictures: Pictures) -> None:
    """Complaints at the desk: taken down, sent to a unit, accepted, changed by two at once."""
    triage = pictures.open()
    sign_in(triage, served, "petugas")
    triage.wait_for_selector("tbody a")
    numbers = write_down(triage, pictures)
    for number in numbers:
        move(triage, number, "verify")
        unit = "K3216" if number == numbers[2] else "P32"
        move(triage, number, "route", unit=unit)
    triage.goto(f"{served.url}/cases?list=all")
    triage.wait_for_selector("tbody a")
    pictures.take(triage, "cases")

    officer = pictures.open()
    sign_in(officer, served, "disnaker")
    officer.wait_for_selector("tbody a")
    move(officer, numbers[1], "accept")
    officer.goto(f"{served.url}/cases/{numbers[0]}")
    officer.wait_for_selector(".actions button")
    paper = FilePayload(name="slip gaji.pdf", mimeType="application/pdf", buffer=PAPER)
    officer.set_input_files(".attachments input", files=[paper])
    officer.wait_for_selector(".attachments a")
    pictures.take(officer, "case", whole=True)
    officer.click("[data-event=decline]")
    officer.select_option("select[name=reason]", "other_region")
    pictures.take(officer, "case-decline")
    officer.click("form.move button:not([type=submit])")
    conflict(officer, pictures)
    many(triage, officer, served, pictures)
    officer.goto(f"{served.url}/directory")
    officer.wait_for_selector("tbody")
    pictures.take(officer, "directory")
    officer.goto(f"{served.url}/cases/{numbers[1]}")
    english(officer)
    officer.emulate_media(color_scheme="dark")
    officer.wait_for_selector("[data-event=follow_up]")
    officer.click("[data-event=follow_up]")
    pictures.take(officer, "case-close-dark-en")


def many(triage: Page, officer: Page, served: Served, pictures: Pictures) -> None:
    """Complaints of several reporters under one case, which is about to be closed with them."""
    about = {"channel": "letter", "topic": "thr", "province": "32", "employer": "PT Contoh Jaya"}
    body = about | {"narrative": NARRATIVE}
    cases = [triage.evaluate(ASK, ["POST", "/api/cases", body]) for _ in range(3)]
    parent = triage.evaluate(ASK, ["POST", "/api/cases", about | {"gathers": True}])["number"]
    joined = {"children": [one["number"] for one in cases]}
    triage.evaluate(ASK, ["POST", f"/api/cases/{parent}/children", joined])
    move(triage, parent, "verify", together=True)
    move(triage, parent, "route", together=True, unit="P32")
    move(officer, parent, "accept", together=True)
    officer.goto(f"{served.url}/cases/{parent}")
    officer.click("[data-event=follow_up]")
    officer.fill("textarea[name=public_note]", "Perusahaan diperintahkan membayar THR.")
    officer.select_option("select[name=outcome]", "notice")
    pictures.take(officer, "case-parent", whole=True)
    officer.click("form.move button:not([type=submit])")


def conflict(officer: Page, pictures: Pictures) -> None:
    """Two pages change the employer of a case."""
    officer.click("[data-event=accept]")
    officer.wait_for_selector(".status.in_progress")
    other = officer.context.new_page()
    other.goto(officer.url)
    for page, employer in ((officer, "CV Contoh Abadi"), (other, "PT Contoh Makmur")):
        page.click(".panel-head button:has-text('Ubah')")
        page.fill("input[name=employer]", employer)
    other.keyboard.press("Control+Enter")
    other.wait_for_selector(".edit-form", state="detached")
    other.close()
    officer.bring_to_front()
    officer.keyboard.press("Control+Enter")
    officer.wait_for_selector(".conflicts")
    pictures.take(officer, "case-conflict", whole=True)
    officer.click(".edit-form .form-end button:not([type=submit])")


def follow_up(served: Served, pictures: Pictures, number: str, pin: str) -> None:
    """The public page, on a phone."""
    anyone = pictures.open()
    anyone.set_viewport_size({"width": 390, "height": 780})
    anyone.goto(f"{served.url}/status")
    anyone.fill("#number", number)
    anyone.fill("#pin", pin.replace(" ", ""))
    pictures.take(anyone, "status-form")
    anyone.click("button")
    anyone.wait_for_selector("dl")
    pictures.take(anyone, "status")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    with (
        tempfile.TemporaryDirectory() as temporary,
        serving(Path(temporary), HOTLINE_NUMBER="1500-630") as served,
        browsing() as browser,
    ):
        story(served, Pictures(folder, browser))


if __name__ == "__main__":
    main()
