"""How a complaint stands, for who has its number and its PIN: a plain page without scripts.

It tells what the telephone tells: status, unit, due date, being late, the last public note, and who
of the staff opened it. Never names, employer or what happened. A number that nobody has and a
wrong PIN get the same page after the same work; neither number nor PIN is ever in an address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from html import escape
from string import Template
from typing import Final, Literal
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from callcenter.cases import numbers
from callcenter.cases import service as cases
from callcenter.cases.followup import service as followup
from callcenter.cases.numbers import PIN_DIGITS
from callcenter.cases.rules import Rules
from callcenter.cases.statuses import told
from callcenter.cases.work import service as work
from callcenter.cases.work.service import Standing
from callcenter.clock import Given
from callcenter.db import Connection, DatabaseAway
from callcenter.db.keys import Keys
from callcenter.people.throttle import network
from callcenter.web.doors import Anyone, DepsOf
from callcenter.web.ports import Deps

router = APIRouter(
    include_in_schema=False,
    dependencies=[Depends(Anyone("number and PIN are asked for, not an account"))],
)

Language = Literal["id", "en"]
#: A longer form is no form of ours.
FIELDS_MOST: Final = 3
NUMBER_CHARS: Final = 20  #: with the blanks and strokes that people write between

_WORDS: Final[Mapping[str, Mapping[Language, str]]] = {
    "title": {"id": "Status pengaduan", "en": "How a complaint stands"},
    "intro": {
        "id": "Masukkan nomor pengaduan dan PIN yang Anda terima.",
        "en": "Enter the complaint number and the PIN that you were given.",
    },
    "number": {"id": "Nomor pengaduan (10 angka)", "en": "Complaint number (10 digits)"},
    "pin": {"id": "PIN (6 angka)", "en": "PIN (6 digits)"},
    "ask": {"id": "Lihat status", "en": "Show how it stands"},
    "again": {"id": "Lihat pengaduan lain", "en": "Look at another complaint"},
    "close": {
        "id": "Tutup halaman ini setelah selesai, apalagi di ponsel yang dipakai bersama.",
        "en": "Close this page when you are done, above all on a shared phone.",
    },
    "wrong": {
        "id": "Nomor itu keliru atau kurang lengkap. Periksa lagi angka demi angka.",
        "en": "That number is wrong or not complete. Check it digit by digit.",
    },
    "unknown": {
        "id": "Nomor dan PIN itu tidak cocok. Periksa keduanya.",
        "en": "Number and PIN do not match. Check both.",
    },
    "locked": {
        "id": "Terlalu banyak percobaan. Silakan telepon kami$at dan bicara dengan petugas.",
        "en": "Too many tries. Please call us$at and talk to an agent.",
    },
    "lost": {
        "id": "Lupa nomor atau PIN? Telepon kami$at.",
        "en": "Lost the number or the PIN? Call us$at.",
    },
    "away": {
        "id": "Status belum dapat ditampilkan. Silakan coba lagi beberapa menit lagi.",
        "en": "This cannot be shown at the moment. Please try again in a few minutes.",
    },
    "joined": {
        "id": "Pengaduan Anda sudah digabungkan dengan yang ini; PIN Anda tetap berlaku.",
        "en": "Your complaint was joined with this one; your PIN stays as it is.",
    },
    "status": {"id": "Status", "en": "Status"},
    "unit": {"id": "Ditangani oleh", "en": "With"},
    "due": {"id": "Batas waktu", "en": "Due"},
    "late_one": {"id": "terlambat 1 hari kerja", "en": "1 working day late"},
    "late": {"id": "terlambat $days hari kerja", "en": "$days working days late"},
    "head": {"id": "pimpinan unit sudah diberi tahu", "en": "the head of the unit has been told"},
    "note": {"id": "Catatan terakhir untuk Anda", "en": "Last note for you"},
    "until": {
        "id": "Anda dapat menjawab, berkeberatan, atau membuka kembali sampai",
        "en": "You can answer, object or reopen until",
    },
    "opened": {"id": "Dibuka oleh petugas", "en": "Opened by staff"},
    "once": {"id": "1 kali", "en": "once"},
    "times": {"id": "$count kali", "en": "$count times"},
    "never": {"id": "belum pernah", "en": "not yet"},
    followup.HOTLINE: {"id": "petugas layanan telepon", "en": "the hotline"},
    "call": {
        "id": "Untuk menambah keterangan, menagih jawaban, atau menarik pengaduan, telepon kami"
        "$at.",
        "en": "To add something, press for an answer or withdraw the complaint, call us$at.",
    },
}
#: After "call us": the number, where there is one.
_AT: Final[Mapping[Language, str]] = {"id": " di $number", "en": " on $number"}
_MONTHS: Final[Mapping[Language, str]] = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember",
    "en": "January February March April May June July August September October November December",
}
_PAGE: Final = Template("""<!doctype html>
<html lang="$language">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$title</title>
<link rel="stylesheet" href="/status.css">
</head>
<body>
<main>
<p class="language"><a href="/status?language=$other" lang="$other">$other_name</a></p>
<h1>$title</h1>
$body
</main>
</body>
</html>
""")
_FORM: Final = Template("""$problem<p>$intro</p>
<form method="post" action="/status" autocomplete="off">
<input type="hidden" name="language" value="$language">
<label for="number">$number_label</label>
<input id="number" name="number" value="$number" $at_number inputmode="numeric" maxlength="$most" \
required>
<label for="pin">$pin_label</label>
<input id="pin" name="pin" $at_pin type="password" inputmode="numeric" maxlength="12" required>
<button>$ask</button>
</form>
<p>$lost</p>
""")
_STYLE: Final = """
:root { color-scheme: light dark; font: 1.125rem/1.5 system-ui, sans-serif; }
body { margin: 0; background: Canvas; color: CanvasText; }
main { max-width: 34rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.2; }
.language { text-align: right; margin: 0; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input, button { font: inherit; box-sizing: border-box; width: 100%; min-height: 3rem; }
input { padding: 0 .75rem; border: 2px solid #767676; border-radius: .25rem; letter-spacing: .1em; }
button { margin-top: 1.5rem; border: 0; border-radius: .25rem; background: #0b5394; color: #fff; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
.problem { border-left: .375rem solid #b3261e; padding: .5rem .75rem; font-weight: 600; }
dt { margin-top: 1rem; opacity: .8; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.note { white-space: pre-line; }
[href^="tel:"] { font-weight: 600; white-space: nowrap; }
"""


class Telling(msgspec.Struct, frozen=True):
    """All that this page may know of a case. ``offices``: codes of who opened it; ``joined``: it
    was asked for by the number of one that was merged into it."""

    standing: Standing
    openings: int
    offices: tuple[str, ...]
    joined: bool = False


@router.get("/status")
async def form(deps: DepsOf, language: str = "id") -> Response:
    """The empty form, in Indonesian unless it is asked for in English."""
    chosen: Language = "en" if language == "en" else "id"
    return _answer(chosen, _form(chosen, _at(chosen, deps.hotline_number)))


@router.get("/status.css")
async def style() -> Response:
    """Its style; the content policy allows none inside a page."""
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(_STYLE, media_type="text/css", headers=headers)


@router.post("/status")
async def ask(request: Request, deps: DepsOf) -> Response:
    """How the complaint stands, or the form again with what was wrong."""
    fields = _fields(await request.body())
    language: Language = "en" if fields.get("language") == "en" else "id"
    at = _at(language, deps.hotline_number)
    typed = fields.get("number", "")
    number = numbers.typed(typed)
    pin = fields.get("pin", "").replace(" ", "")
    if number is None or len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        return _answer(language, _form(language, at, "unknown" if number else "wrong", typed))
    address = network(request.client.host if request.client else "unknown")
    given = Given(deps.clock.now())
    look = partial(_look, deps=deps, given=given, number=number, pin=pin, address=address)
    try:
        found = await deps.db.write(look)
    except DatabaseAway:
        return _answer(language, _form(language, at, "away", typed), 503)
    deps.nudge()
    if isinstance(found, str):
        return _answer(language, _form(language, at, found, typed))
    return _answer(language, _told(language, found, deps.calls.rules, at))


def _look(
    conn: Connection, deps: Deps, given: Given, number: str, pin: str, address: str
) -> Telling | str:
    keys: Keys = deps.keys
    rules = deps.calls.rules
    found = cases.find_case(
        conn,
        keys,
        given.again(),
        call=None,
        number=number,
        pin=pin,
        caller=keys.number_hash(f"address {address}"),
    )
    if isinstance(found, str):
        return found
    count, offices = followup.openings(conn, found.id)
    standing = work.standing(conn, keys, rules, found.id, given.now)
    return Telling(standing, count, offices, joined=found.number != number)


def _fields(body: bytes) -> dict[str, str]:
    try:
        read = parse_qs(body.decode("ascii"), max_num_fields=FIELDS_MOST, errors="strict")
    except ValueError:
        return {}
    return {name: values[0] for name, values in read.items()}


# --- what is shown --------------------------------------------------------------------------------


def _answer(language: Language, body: str, status: int = 200) -> Response:
    other: Language = "id" if language == "en" else "en"
    page = _PAGE.substitute(
        language=language,
        other=other,
        other_name={"id": "Bahasa Indonesia", "en": "English"}[other],
        title=_WORDS["title"][language],
        body=body,
    )
    headers = {"Cache-Control": "no-store"}
    return Response(page, status_code=status, media_type="text/html", headers=headers)


def _at(language: Language, number: str | None) -> str:
    """What follows "call us"."""
    if number is None:
        return ""
    dial = "".join(sign for sign in number if sign not in " -")
    link = f'<a href="tel:{dial}">{number}</a>'
    return Template(_AT[language]).substitute(number=link)


def _form(language: Language, at: str, problem: str | None = None, typed: str = "") -> str:
    """``typed``: the number as it was sent, so that it can be looked at again. The cursor stands
    where something is to be mended, and what is wrong is read out there."""
    said = "" if problem is None else Template(_WORDS[problem][language]).substitute(at=at)
    here = 'autofocus aria-describedby="problem"' if said else "autofocus"
    at_pin = problem is not None and problem != "wrong"
    return _FORM.substitute(
        language=language,
        problem=f'<p class="problem" id="problem" role="alert">{said}</p>\n' if said else "",
        number=escape(typed[:NUMBER_CHARS]),
        most=NUMBER_CHARS,
        at_number="" if at_pin else here,
        at_pin=here if at_pin else "",
        intro=_WORDS["intro"][language],
        number_label=_WORDS["number"][language],
        pin_label=_WORDS["pin"][language],
        ask=_WORDS["ask"][language],
        lost=Template(_WORDS["lost"][language]).substitute(at=at),
    )


def _told(language: Language, telling: Telling, rules: Rules, at: str) -> str:
    now = telling.standing
    rows = [("status", told(now.status, now.wait)[language])]
    if now.unit:
        rows.append(("unit", _unit(language, rules, now.unit)))
    if now.due is not None:
        rows.append(("due", _due(language, rules, now)))
    if now.public_note:
        rows.append(("note", now.public_note))
    if now.until is not None:
        rows.append(("until", _date(language, rules, now.unit, now.until)))
    rows.append(("opened", _openings(language, telling, rules)))
    shown = "\n".join(
        f'<dt>{_WORDS[name][language]}</dt><dd class="{name}">{escape(value)}</dd>'
        for name, value in rows
    )
    call = Template(_WORDS["call"][language]).substitute(at=at)
    joined = f"<p>{_WORDS['joined'][language]}</p>\n" if telling.joined else ""
    return (
        f"<p>{numbers.groups(now.number)}</p>\n{joined}<dl>\n{shown}\n</dl>\n"
        f"<p>{call}</p>\n<p>{_WORDS['close'][language]}</p>\n"
        f'<p><a href="/status?language={language}">{_WORDS["again"][language]}</a></p>'
    )


def _unit(language: Language, rules: Rules, code: str) -> str:
    if code == followup.HOTLINE:
        return _WORDS[code][language]
    known = rules.units.units.get(code)
    return known.name if known is not None else code


def _due(language: Language, rules: Rules, now: Standing) -> str:
    assert now.due is not None
    said = [_date(language, rules, now.unit, now.due)]
    if now.late_days > 0:
        late = _WORDS["late_one" if now.late_days == 1 else "late"][language]
        said.append(Template(late).substitute(days=now.late_days))
        if now.head_told:
            said.append(_WORDS["head"][language])
    return ", ".join(said)


def _openings(language: Language, telling: Telling, rules: Rules) -> str:
    if telling.openings == 0:
        return _WORDS["never"][language]
    words = _WORDS["once" if telling.openings == 1 else "times"][language]
    times = Template(words).substitute(count=telling.openings)
    return f"{times}: " + ", ".join(_unit(language, rules, one) for one in telling.offices)


def _date(language: Language, rules: Rules, unit: str, at: int) -> str:
    """A day, where the unit is."""
    zone: ZoneInfo = rules.counting.of(unit).zone
    day = dt.datetime.fromtimestamp(at / 1000, zone)
    return f"{day.day} {_MONTHS[language].split()[day.month - 1]} {day.year}"
