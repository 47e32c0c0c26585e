"""Who withholds their number leaves no trace of it; everybody's number is only ever encrypted."""

from __future__ import annotations

import base64
import re
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from callcenter import settings as settings_module
from callcenter.db.keys import Keys
from tests.e2e.application import Application
from tests.e2e.asterisk import Asterisk, running_asterisk
from tests.e2e.desks import WAGES, Desk, desks, sign_in, wait_hears_anything
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phone, Phones
from tests.e2e.traces import traces
from tests.e2e.wire import Wire

HIDDEN, SHOWN, WITHDRAWN = "+6281298765432", "+6281387654321", "+6281476543219"


@pytest.mark.parametrize(
    "written",
    [
        "tel:+62 812-9876.5432", "(0812) 9876 5432", "81298765432", "23456789218",
        b"81298765432".hex(), "%2B62%38%31%32%39%38%37%36%35%34%33%32",
        "81298765432".encode("utf-16-le"),
        (6281298765432).to_bytes(8, "little"), (81298765432).to_bytes(8, "big"),
        bytes.fromhex("261892785634f2"), bytes.fromhex("081298765432"),
        *(base64.b64encode(b"x" * shift + b"+6281298765432...") for shift in range(4)),
    ],
)  # fmt: skip
def test_every_spelling_is_found(written: str | bytes, tmp_path: Path) -> None:
    content = written.encode() if isinstance(written, str) else written
    (tmp_path / "file").write_bytes(b"\x01before" + content + b"after")
    assert traces(HIDDEN, tmp_path)
    assert not traces(SHOWN, tmp_path)


def test_a_number_in_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / "call-081298765432.wav").touch()
    assert traces(HIDDEN, tmp_path)


@pytest.fixture
def own_asterisk(tmp_path: Path) -> Iterator[Asterisk]:
    """An Asterisk that nobody has called before."""
    with running_asterisk(tmp_path / "asterisk") as running:
        yield running


@pytest.fixture
def own_phones(
    own_asterisk: Asterisk, wire: Wire, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Phones]:
    made = Phones(tmp_path_factory.mktemp("phones"), wire, own_asterisk.sip_port)
    yield made
    made.stop()


def test_numbers_leave_no_trace(
    own_asterisk: Asterisk, own_phones: Phones, open_flows: Path, tmp_path: Path
) -> None:
    """Withheld, withdrawn and shown: the database with its log, a backup, our logs, Asterisk's,
    names of files, the ledger and what was handed out; all of it again after an erasure."""
    application = Application(tmp_path / "application", own_asterisk, open_flows)
    (desk,) = desks(application, own_phones, "upah", "sari", hertz=800)
    application.start()
    places = (application.folder, own_asterisk.folder, tmp_path / "copies")
    (tmp_path / "copies").mkdir()
    try:
        sign_in(application, [desk], ready=True)
        (hidden,) = own_phones.call(
            sender='"Anonymous" <sip:anonymous@anonymous.invalid>',
            headers=(
                f'P-Asserted-Identity: "Budi" <sip:{HIDDEN}@carrier.example>',
                f"Remote-Party-ID: <sip:{HIDDEN}@carrier.example>;privacy=full;party=calling",
                "Privacy: id",
            ),
        )
        pins = [journey(desk, hidden, None)]
        (asks,) = own_phones.call(HIDDEN, headers=("Privacy: id",))
        pins.append(journey(desk, asks, None))
        (known,) = own_phones.call(SHOWN)
        pins.append(journey(desk, known, SHOWN))
        (wishes,) = own_phones.call(WITHDRAWN)
        pins.append(journey(desk, wishes, WITHDRAWN, anonymous=True))
        Exchange(own_asterisk).wait_empty()
        application.wait_settled()
        copy(application, tmp_path / "copies", "running")
        for number in (HIDDEN, SHOWN, WITHDRAWN):
            assert traces(number, *places) == []
        kept = [(call.number is None, call.number_hash is None) for call in application.calls()]
        assert kept == [(True, True), (True, True), (False, False), (True, True)]
        ours = identified(application)
        assert all(ours.secrets)
    finally:
        application.stop()
    own_asterisk.stop()
    for number in (HIDDEN, SHOWN, WITHDRAWN):
        assert traces(number, *places) == []
    # Of who wants to be anonymous not even the hash by which a number is found.
    assert hashes(application, WITHDRAWN, *places[:2]) == []
    assert hashes(application, SHOWN, *places[:2])
    written = b"".join(path.read_bytes() for path in files(*places))
    assert b"Anonymous" not in written
    assert b"Budi" not in written
    for pin in pins:
        assert not re.search(rb"(?<![0-9a-f.])" + pin.encode() + rb"(?![0-9a-f])", written)
    forget(application, ours, tmp_path / "copies")
    assert traces(SHOWN, *places) == []
    assert hashes(application, SHOWN, *places[:2]) == []
    for secret in ours.secrets:
        assert [path for path in files(*places[:2]) if secret in path.read_bytes()] == []


def journey(desk: Desk, caller: Phone, number: str | None, **more: bool) -> str:
    """A complaint from the first prompt to the wrap-up, with number and PIN heard; the PIN."""
    caller.press(WAGES)
    talk = desk.console.wait_state("talking")["call"]
    assert talk["caller"] == number
    caller.speak()
    caller.wait_hears(desk.hertz)
    desk.console.put(
        f"/api/agent/calls/{talk['id']}/case",
        version=talk["case"]["version"], narrative="Upah belum dibayar.", **more,
    )  # fmt: skip
    over = time.time()
    desk.console.post(f"/api/agent/calls/{talk['id']}/hangup")
    desk.console.wait_state("wrap_up")
    wait_hears_anything(caller, over)
    caller.hang_up()
    desk.console.wrap_up()
    return str(talk["case"]["pin"])


@dataclass(frozen=True)
class Identified:
    """The case of the caller whose number is known, and what is secret of them as it is stored."""

    number: str
    secrets: tuple[bytes, ...]


def identified(application: Application) -> Identified:
    (row,) = application.rows(
        "SELECT r.number, r.key, r.narrative, p.key AS whose, t.number AS phone, c.key AS called,"
        " c.number AS caller FROM case_record r JOIN reporter p ON p.id = r.reporter"
        ' JOIN reporter_phone t ON t.reporter = p.id JOIN call_case l ON l."case" = r.id'
        " JOIN call c ON c.id = l.call WHERE length(p.key) > 0"
    )
    return Identified(row.number, tuple(row[1:]))


def copy(application: Application, folder: Path, name: str) -> None:
    """A backup, and all that is held on the reporter of each case."""
    source = sqlite3.connect(application.folder / "callcenter.db")
    source.execute("VACUUM INTO ?", (str(folder / f"{name}.db"),))
    source.close()
    for row in application.rows("SELECT number, reporter FROM case_record WHERE length(key) > 0"):
        if row.reporter is None:  # the others are told their own number
            out = folder / f"{name}-{row.number}.json"
            application.command("case", "export", row.number, "--out", str(out))
    (folder / f"{name}-head").write_text(application.command("audit", "head"))


def forget(application: Application, ours: Identified, copies: Path) -> None:
    """The known caller's case is closed, and forgotten; then everything is copied again."""
    for path in copies.iterdir():
        path.unlink()
    source = sqlite3.connect(application.folder / "callcenter.db")
    source.execute("UPDATE case_record SET status = 'closed'")
    source.commit()
    source.close()
    said = application.command("case", "forget", ours.number, "--reason", "asked")
    (copies / "said").write_text(said)
    copy(application, copies, "forgotten")
    assert application.command("audit", "verify")


def hashes(application: Application, number: str, *folders: Path) -> list[Path]:
    """Where the keyed hash of ``number`` is found."""
    settings = settings_module.load(application.environment)
    keys = Keys.load(settings.secret, settings.secret_file, make=False)
    lookup = keys.number_hash(number).encode()
    return [path for path in files(*folders) if lookup in path.read_bytes()]


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
