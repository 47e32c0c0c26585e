"""The command line, as a newcomer and as an operator use it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

FLOWS = Path(__file__).with_name("flows")
LIMIT_S = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    ours = {
        "CALLCENTER_VAR": str(tmp_path / "var"),
        "CALLCENTER_FLOWS": str(FLOWS),
        "SIMULATOR": "on",
        "PORT": str(free_port()),
        "PYTHONUNBUFFERED": "1",
    }
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return inherited | ours


def run(
    environment: dict[str, str], *args: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "callcenter", *args],
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


@contextlib.contextmanager
def serving(environment: dict[str, str], log: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``callcenter serve`` until the block ends; gives what it printed until it served."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "callcenter", "serve"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    printed = ""
    try:
        while "serving at" not in printed:
            line = process.stdout.readline()
            assert line, log.read_text()
            printed += line
        yield process, printed
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()


def test_the_first_start_makes_accounts_whose_passwords_are_shown_once(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with serving(environment, log) as (process, printed):
        accounts = dict(re.findall(r"^  (\w+) +([a-z]{4}(?:-[a-z]{4}){3}) ", printed, re.M))
        officers = {"petugas", "kepala", "disnaker", "itjen"}
        assert accounts.keys() == {"agen", "penyelia", "admin"} | officers
        url = re.findall(r"serving at (\S+)", printed)[0]
        assert f"{url}/console" in printed
        assert f"{url}/phone" in printed
        assert "callcenter demo" in printed
        with httpx2.Client(base_url=url, headers={"Origin": url}) as browser:
            assert browser.get("/readyz").json()["ready"] is True
            for username, password in accounts.items():
                body = {"username": username, "password": password}
                assert browser.post("/api/sign-in", json=body).status_code == 200, username
        again = run(environment, "serve")
        assert again.returncode == 1
        assert "another process serves" in again.stderr
    assert process.returncode == 0
    stored = b"".join(path.read_bytes() for path in (tmp_path / "var").rglob("*") if path.is_file())
    told = log.read_text()
    for password in accounts.values():
        assert password.encode() not in stored
        assert password not in told
    assert all(json.loads(line) for line in told.splitlines())

    with serving(environment, log) as (_, printed):
        assert "passwords" not in printed


def test_the_body_of_an_answer_does_not_wait_for_its_head_to_arrive(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(environment, tmp_path / "log") as (_, printed):
        url = re.findall(r"serving at (\S+)", printed)[0]
        took = []
        with httpx2.Client(base_url=url) as browser:
            for _ in range(40):
                began = time.monotonic()
                assert browser.get("/healthz").status_code == 200
                took.append(time.monotonic() - began)
    # Linux acknowledges the first packets of a connection at once, and those after them when it
    # has something to say, or after 40 ms.
    assert min(took[20:]) < 0.035


def test_a_page_that_is_open_does_not_hold_up_the_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with serving(environment, tmp_path / "log") as (process, printed):
        url = re.findall(r"serving at (\S+)", printed)[0]
        with httpx2.Client(base_url=url) as browser:
            assert browser.get("/healthz").status_code == 200
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "bad, told",
    [
        ({"PORT": "x"}, "PORT"),
        ({"HOST": "0.0.0.0"}, "SIMULATOR"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"CALLCENTER_SECRET": "abc"}, "CALLCENTER_SECRET"),
        ({"CALLCENTER_FLOWS": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_is_set_wrongly_is_named_and_nothing_is_started(
    environment: dict[str, str], tmp_path: Path, bad: dict[str, str], told: str
) -> None:
    done = run(environment | bad, "serve")
    assert done.returncode == 1
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "var").glob("*.db"))


def test_a_port_that_is_taken_is_named(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(environment | {"PORT": str(taken.getsockname()[1])}, "serve")
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistake_in_the_topics_hides_none_in_the_flows(
    environment: dict[str, str], tmp_path: Path
) -> None:
    broken = shutil.copytree(FLOWS, tmp_path / "flows")
    for file, good, bad in (
        ("topics.yaml", "unit:", "unitt:"),
        ("flows/main.yaml", "prompt: bye", "prompt: byebye"),
    ):
        text = (broken / file).read_text()
        assert good in text
        (broken / file).write_text(text.replace(good, bad))
    served = run(environment | {"CALLCENTER_FLOWS": str(broken)}, "serve")
    assert served.returncode == 1
    assert "unitt" in served.stderr
    assert "unknown prompt 'byebye'" in served.stderr


def test_a_broken_flow_stops_the_start_with_every_mistake(
    environment: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "flows"
    for path in FLOWS.rglob("*.yaml"):
        copy = broken / path.relative_to(FLOWS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    main = broken / "flows" / "main.yaml"
    good = main.read_text()
    main.write_text(good.replace("prompt: bye", "prompt: byebye").replace("upah", "uph"))
    served = run(environment | {"CALLCENTER_FLOWS": str(broken)}, "serve")
    linted = run(environment, "flow", "lint", str(broken))
    for done in (served, linted):
        assert done.returncode == 1
        told = done.stdout + done.stderr
        assert "flows/main.yaml:9" in told
        assert "nodes.bye.prompt: unknown prompt 'byebye'" in told
        assert "uph" in told
        assert "Traceback" not in told
    clean = run(environment, "flow", "lint", str(FLOWS / "flows" / "main.yaml"))
    assert (clean.returncode, clean.stdout.strip()) == (0, "no mistakes")


def test_broken_texts_of_messages_stop_the_start_too(
    environment: dict[str, str], tmp_path: Path
) -> None:
    broken = tmp_path / "flows"
    shutil.copytree(FLOWS, broken)
    wrong = "messages: {case_number: {text: {id: '{nomor}', en: ''}}}"
    (broken / "messages.yaml").write_text(wrong)
    served = run(environment | {"CALLCENTER_FLOWS": str(broken)}, "serve")
    linted = run(environment, "flow", "lint", str(broken))
    for done in (served, linted):
        assert done.returncode == 1
        told = done.stdout + done.stderr
        for mistake in ("{nomor} can't be filled in", "case_number.text.en: missing", "how_to_ask"):
            assert mistake in told
        assert "Traceback" not in told


def test_a_flow_is_played_in_the_terminal(environment: dict[str, str]) -> None:
    done = run(environment, "flow", "play", str(FLOWS), given="1\n/agent\n")
    assert done.returncode == 0, done.stderr
    assert "press satu" in done.stdout
    assert "(the call is over)" in done.stdout


def test_accounts_are_added(environment: dict[str, str]) -> None:
    made = run(environment, "user", "add", "budi", "--role", "agent", "--topic", "upah")
    assert made.returncode == 0, made.stderr
    assert re.search(r"Password: [a-z]{4}(-[a-z]{4}){3}", made.stdout)
    given = run(
        environment, "user", "add", "tini", "--role", "officer", "--password-stdin",
        given="kata-sandi-uji\n",
    )  # fmt: skip
    assert given.stdout == "tini was added.\n"
    for args, told in (
        (("budi", "--role", "agent"), "is taken"),
        (("ani", "--role", "agent", "--topic", "none"), "none: no such topic"),
        (("ani", "--role", "agent", "--device", "sip"), "device"),
        (
            ("ani", "--role", "officer", "--unit", "P3"),
            "P3: no such unit; there are ITJEN",
        ),
        (("ani", "--role", "officer", "--unit", "KP2MI"), "KP2MI: no such unit"),
        (("ani", "--role", "agent", "--unit", "P32"), "unit: only an officer has one"),
        (("ani", "--role", "officer", "--head"), "head: of which unit?"),
    ):
        refused = run(environment, "user", "add", *args)
        assert refused.returncode != 0
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr


def test_accounts_are_changed_while_the_server_runs(
    environment: dict[str, str], tmp_path: Path
) -> None:
    def change(*args: str, given: str | None = None) -> str:
        done = run(environment, "user", *args, given=given)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sign_in(browser: httpx2.Client, password: str) -> int:
        body = {"username": "petugas", "password": password}
        return browser.post("/api/sign-in", json=body).status_code

    with serving(environment, tmp_path / "log") as (_, printed):
        url = re.findall(r"serving at (\S+)", printed)[0]
        with httpx2.Client(base_url=url, headers={"Origin": url}) as browser:
            first = re.findall(r"^  petugas +(\S+) ", printed, re.M)[0]
            assert sign_in(browser, first) == 200
            assert "new password.\n" in change(
                "password", "petugas", "--password-stdin", given="kata-sandi-baru\n"
            )
            assert browser.get("/api/me").status_code == 401
            assert (sign_in(browser, first), sign_in(browser, "kata-sandi-baru")) == (401, 200)
            change("close", "petugas")
            assert browser.get("/api/me").status_code == 401
            assert sign_in(browser, "kata-sandi-baru") == 401
            assert re.search(r"^petugas +officer +closed ", change("list"), re.M)
            change("reopen", "petugas")
            assert sign_in(browser, "kata-sandi-baru") == 200
            made = re.findall(r"Password: (\S+)", change("password", "petugas"))[0]
            assert sign_in(browser, made) == 200
            change("unit", "disnaker", "--unit", "P35", "--head")
            assert re.search(r"^disnaker +officer +open +P35 head ", change("list"), re.M)
    change("topics", "agen", "--topic", "phk")
    assert change("languages", "agen", "--language", "jv") == "agen speaks id, jv.\n"
    assert re.search(r"^agen +agent +open +Agen +id,jv +phk$", change("list"), re.M)


def test_a_change_that_is_refused_names_the_field(environment: dict[str, str]) -> None:
    for username, role in (("budi", "agent"), ("tini", "admin")):
        made = run(environment, "user", "add", username, "--role", role)
        assert made.returncode == 0, made.stderr
    before = run(environment, "user", "list").stdout
    for args, told in (
        (("password", "ani"), "username: ani: no such account"),
        (("password", "budi", "--password-stdin"), "password: 10 to 256 characters"),
        (("topics", "budi", "--topic", "none"), "topic: none: no such topic"),
        (("topics", "tini", "--topic", "upah"), "username: tini is no agent"),
        (("languages", "budi", "--language", "jawa"), "language: jawa: two letters of ISO 639-1"),
        (("languages", "tini", "--language", "jv"), "username: tini is no agent"),
        (("close", "tini"), "username: tini is the last open admin"),
        (("unit", "budi", "--unit", "P32"), "unit: only an officer has one"),
        (("unit", "budi", "--head"), "head: of which unit?"),
    ):
        refused = run(environment, "user", *args, given="short\n")
        assert (refused.returncode, refused.stderr) == (1, f"callcenter: {told}\n")
    assert run(environment, "user", "list").stdout == before


def test_a_demo_day_is_in_the_database_and_nobody_changed_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = run(environment, "demo", "--calls", "8")
    assert done.returncode == 0, done.stderr
    figures = dict(re.findall(r"^  (\S.*?)  +(\d+)$", done.stdout, re.M))
    assert figures["arrived"] == "8"
    assert int(figures["answered by an agent"]) >= 4
    assert int(figures["cases opened"]) >= 4
    good = run(environment, "audit", "verify")
    assert good.returncode == 0, good.stderr
    assert re.match(r"\d+ Facts are as they were written", good.stdout)
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "callcenter.db")) as database:
        database.execute("UPDATE fact SET at = at + 1 WHERE seq = 3")
        database.commit()
    bad = run(environment, "audit", "verify")
    assert bad.returncode == 1
    assert "seq 3" in bad.stderr

    file = tmp_path / "month.csv"
    refused = run(environment, "open-data", "2999-12", str(file))
    assert refused.returncode == 1
    assert refused.stderr.startswith("callcenter: 2999-12 is not over")
    assert not file.exists()
    done = run(environment, "open-data", "2020-12", str(file))
    assert done.returncode == 0, done.stderr
    made = file.read_bytes()
    assert made.startswith(b"month,service_code,")
    assert b"\r\n2020-12,upah," in made
    again = run(environment, "open-data", "2020-11", str(file))
    assert again.returncode == 1
    assert "month.csv exists" in again.stderr
    assert file.read_bytes() == made


def test_no_database_is_not_one_in_order(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "month.csv"
    for command in (("audit", "verify"), ("open-data", "2020-12", str(file))):
        refused = run(environment, *command)
        assert refused.returncode == 1
        assert "there is no database" in refused.stderr
        assert not list(tmp_path.rglob("callcenter.db*"))
    assert not file.exists()


def test_settings_are_listed(environment: dict[str, str]) -> None:
    done = run(environment, "settings")
    assert "| `DATABASE_URL` |" in done.stdout
