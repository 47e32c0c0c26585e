"""Who withholds their number leaves no trace of it; everybody's number is only ever encrypted."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.application import Application
from tests.e2e.asterisk import Asterisk, running_asterisk
from tests.e2e.desks import WAGES, Desk, desks, sign_in, wait_hears_anything
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phone, Phones
from tests.e2e.traces import traces
from tests.e2e.wire import Wire

HIDDEN, SHOWN = "+6281298765432", "+6281387654321"


@pytest.mark.parametrize(
    "written",
    [
        "tel:+62 812-9876.5432", "(0812) 9876 5432", "81298765432", "23456789218",
        b"81298765432".hex(), "81298765432".encode("utf-16-le"),
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
    application = Application(tmp_path / "application", own_asterisk, open_flows)
    (desk,) = desks(application, own_phones, "upah", "sari", hertz=800)
    application.start()
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
        Exchange(own_asterisk).wait_empty()
        application.wait_settled()
        places = (application.folder, own_asterisk.folder)
        for number in (HIDDEN, SHOWN):
            assert traces(number, *places) == []
        kept = [(call.number is None, call.number_hash is None) for call in application.calls()]
        assert kept == [(True, True), (True, True), (False, False)]
    finally:
        application.stop()
    own_asterisk.stop()
    for number in (HIDDEN, SHOWN):
        assert traces(number, *places) == []
    written = b"".join(path.read_bytes() for path in files(*places))
    assert b"Anonymous" not in written
    assert b"Budi" not in written
    for pin in pins:
        assert not re.search(rb"(?<![0-9a-f.])" + pin.encode() + rb"(?![0-9a-f])", written)


def journey(desk: Desk, caller: Phone, number: str | None) -> str:
    """A complaint from the first prompt to the wrap-up, with number and PIN heard; the PIN."""
    caller.press(WAGES)
    talk = desk.console.wait_state("talking")["call"]
    assert talk["caller"] == number
    caller.speak()
    caller.wait_hears(desk.hertz)
    desk.console.put(
        f"/api/agent/calls/{talk['id']}/case",
        version=talk["case"]["version"], narrative="Upah belum dibayar.",
    )  # fmt: skip
    over = time.time()
    desk.console.post(f"/api/agent/calls/{talk['id']}/hangup")
    desk.console.wait_state("wrap_up")
    wait_hears_anything(caller, over)
    caller.hang_up()
    desk.console.wrap_up()
    return str(talk["case"]["pin"])


def files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]
