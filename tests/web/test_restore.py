"""A backup that is put back does not serve until it has forgotten again; nothing is left behind."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx2
import pytest
from sqlalchemy import select, update

from callcenter import settings as settings_module
from callcenter.calls import tables as call_tables
from callcenter.cases import service as cases
from callcenter.cases import tables
from callcenter.cases.service import CaseForm
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.store import Store, open_store
from tests.e2e.traces import traces
from tests.rules.cases.kit import shipped_rules
from tests.web.test_command_line import environment, run, serving

__all__ = ["environment"]

T = TypeVar("T")
NUMBER = "+6281298765432"
STORY = "Upah saya belum dibayar di pabrik sepatu"


class Ministry:
    """A database on the disk, and the command line beside it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.settings = settings_module.load(environment)
        self.var = self.settings.var
        self.file = self.var / "callcenter.db"

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        return run(self.environment, *args)

    def do(self, what: Callable[[Connection, Store], T]) -> T:
        store = open_store(self.settings)
        try:
            return store.db.write_sync(lambda conn: what(conn, store))
        finally:
            store.close()

    def backup(self, to: Path) -> None:
        with sqlite3.connect(self.file) as source:
            source.execute("VACUUM INTO ?", (str(to),))
        source.close()

    def put_back(self, backup: Path) -> None:
        for path in self.var.glob("callcenter.db*"):
            path.unlink()
        shutil.copy(backup, self.file)


def complain(conn: Connection, store: Store, number: str = NUMBER) -> tuple[str, list[bytes]]:
    """A closed complaint by somebody whose number was shown: its number, and what is secret of it
    as it lies in the database."""
    given = Given(store.clock.now())
    call = given.id()
    key, wrapped = store.keys.make(call_tables.owner(call))
    call_tables.insert_call(
        conn, call, "simulator", given.now, key=wrapped,
        number=key.encrypt(number.encode(), "call.number"),
        number_hash=store.keys.number_hash(number),
    )  # fmt: skip
    rules = shipped_rules()
    case, shown, _ = cases.open_case(
        conn, store.keys, given, rules, call=call, call_key=wrapped, topic="upah", language="id"
    )
    form = CaseForm(1, narrative=STORY, employer="PT Sepatu", reporter_name="Siti Aminah")
    cases.save(conn, store.keys, given, rules, case=case, agent="sari", form=form, caller=number)
    conn.execute(update(tables.case).values(status="closed"))
    conn.execute(update(call_tables.call).values(state="ended", ended_at=given.now))
    row = conn.execute(select(tables.case).where(tables.case.c.id == case)).one()
    person = conn.execute(select(tables.reporter).where(tables.reporter.c.id == row.reporter)).one()
    phone = conn.execute(select(tables.reporter_phone)).first()
    ringing = conn.execute(select(call_tables.call).where(call_tables.call.c.id == call)).one()
    assert phone is not None
    secrets = [
        row.key, row.narrative, row.employer, person.key, person.name, phone.number, ringing.key,
        ringing.number, ringing.number_hash.encode(),
    ]  # fmt: skip
    return shown, secrets


@pytest.fixture
def ministry(environment: dict[str, str]) -> Ministry:
    return Ministry(environment)


def left(ministry: Ministry, secrets: list[bytes], *more: Path) -> list[str]:
    """Where ciphertext, keys, hashes or the number itself are still found."""
    folders = (ministry.var, *more)
    found = traces(NUMBER, *folders)
    for path in (one for folder in folders for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        found += [f"{path}: {secret[:8].hex()}" for secret in secrets if secret in content]
    return found


@pytest.mark.parametrize("person_only", [False, True])
def test_what_was_forgotten_is_nowhere_on_the_disk(
    ministry: Ministry, tmp_path: Path, person_only: bool
) -> None:
    number, secrets = ministry.do(complain)
    gone = secrets[3:6] + secrets[7:] if person_only else secrets
    assert left(ministry, secrets)
    assert traces(NUMBER, ministry.var) == []
    options = ["--person-only"] if person_only else []
    done = ministry.cli("case", "forget", number, "--reason", "asked", *options)
    assert done.returncode == 0, done.stderr
    backups = tmp_path / "backups"
    backups.mkdir()
    ministry.backup(backups / "whole.db")
    (backups / "output").write_text(done.stdout + done.stderr)
    assert left(ministry, gone, backups) == []
    assert ministry.cli("audit", "verify").returncode == 0


def test_a_backup_that_is_put_back_does_not_serve_until_it_has_forgotten(
    ministry: Ministry, tmp_path: Path
) -> None:
    number, secrets = ministry.do(complain)
    backup = tmp_path / "yesterday.db"
    ministry.backup(backup)
    assert ministry.cli("case", "forget", number, "--reason", "asked").returncode == 0
    ministry.put_back(backup)
    assert left(ministry, secrets)
    refused = ministry.cli("serve")
    assert refused.returncode == 1
    assert "callcenter case replay-erasures" in refused.stderr
    assert "serving at" not in refused.stdout
    assert ministry.cli("case", "forget", number, "--reason", "asked").returncode == 1
    again = ministry.cli("case", "replay-erasures")
    assert again.returncode == 0, again.stderr
    assert again.stdout.startswith("3 erasures were done again")
    assert left(ministry, secrets) == []
    assert ministry.cli("case", "replay-erasures").stdout.startswith("0 erasures")
    with serving(ministry.environment, tmp_path / "log"):
        assert ready(ministry) == (200, "ok")
        with sqlite3.connect(ministry.file) as older:  # put back under a server that runs
            older.execute("DELETE FROM erasure")
        older.close()
        assert ready(ministry)[0] == 503


def ready(ministry: Ministry) -> tuple[int, str]:
    """What /readyz answers, and what it says of erasures."""
    answer = httpx2.get(f"http://127.0.0.1:{ministry.environment['PORT']}/readyz")
    return answer.status_code, answer.json()["checks"]["erasures"]


def test_heads_are_exported_and_a_cut_off_end_is_seen(ministry: Ministry, tmp_path: Path) -> None:
    ministry.do(complain)
    ministry.do(partial(_seal))
    backup = tmp_path / "before.db"
    ministry.backup(backup)
    ministry.do(complain)
    ministry.do(partial(_seal))
    head = ministry.cli("audit", "head")
    assert re.fullmatch(r"\d+ [0-9a-f]{64} \S+\n", head.stdout), head.stderr
    assert "1 exported heads" in ministry.cli("audit", "verify").stdout
    ministry.put_back(backup)
    cut = ministry.cli("audit", "verify")
    assert cut.returncode == 1
    assert "a head was exported at seq" in cut.stderr
    assert ministry.cli("case", "replay-erasures").returncode == 0
    known = ministry.cli("audit", "verify")
    assert known.returncode == 0
    assert "backups put back: 1" in known.stdout


def _seal(conn: Connection, store: Store) -> None:
    from callcenter.db.facts import _seal as seal

    seal(conn, store.keys.audit)


def test_a_case_on_hold_is_not_forgotten(ministry: Ministry) -> None:
    number, secrets = ministry.do(complain)
    assert ministry.cli("case", "hold", number).returncode == 0
    refused = ministry.cli("case", "forget", number, "--reason", "asked")
    assert refused.returncode == 1
    assert "law enforcement" in refused.stderr
    assert left(ministry, secrets)
    assert ministry.cli("case", "hold", number, "--end").returncode == 0
    assert ministry.cli("case", "forget", number, "--reason", "asked").returncode == 0
    assert ministry.cli("case", "forget", "26 0000 0000", "--reason", "asked").returncode == 1


def test_a_reporter_is_given_what_is_held_on_them(ministry: Ministry, tmp_path: Path) -> None:
    number, _ = ministry.do(complain)
    out = tmp_path / "handed-over.json"
    done = ministry.cli("case", "export", number, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert "1 cases" in done.stdout
    assert (out.stat().st_mode & 0o777) == 0o600
    held = json.loads(out.read_text())
    assert held["person"]["phones"] == [NUMBER]
    assert held["cases"][0]["narrative"] == STORY
    before = out.read_bytes()
    assert ministry.cli("case", "export", number, "--out", str(out)).returncode == 1
    assert out.read_bytes() == before
    out.unlink()
    assert ministry.cli("case", "forget", number, "--reason", "asked").returncode == 0
    refused = ministry.cli("case", "export", number, "--out", str(out))
    assert refused.returncode == 1
    assert "was forgotten" in refused.stderr
    assert not out.exists()


def test_retention_shows_what_is_due_before_it_is_forgotten(ministry: Ministry) -> None:
    _, secrets = ministry.do(complain)
    six_years = 6 * 366 * 86_400_000
    age = tables.case.c.status_at - six_years
    ministry.do(lambda conn, _store: conn.execute(update(tables.case).values(status_at=age)))
    shown = ministry.cli("case", "retention", "--preview")
    assert "1 x case by person" in shown.stdout, shown.stderr
    assert "1 are due" in shown.stdout
    assert left(ministry, secrets)
    assert ministry.cli("case", "retention").returncode == 1
    done = ministry.cli("case", "retention", "--run")
    assert "3 things were forgotten" in done.stdout, done.stderr
    assert left(ministry, secrets) == []
    assert "0 are due" in ministry.cli("case", "retention", "--preview").stdout
