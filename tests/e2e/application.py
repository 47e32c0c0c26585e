"""The real application as its own process, and its HTTP interface as a page would use it."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine, NullPool, create_engine, text

from callcenter import settings as settings_module
from callcenter.line import Device
from callcenter.people.accounts import NewAccount
from callcenter.people.permissions import Role
from callcenter.resources import flows
from callcenter.store import add_account, open_store
from tests.e2e.asterisk import Asterisk, free_port
from tests.e2e.phones import until
from tests.rules.cases.kit import shipped_rules

PROGRAM = Path(sys.executable).with_name("callcenter")
START_LIMIT_S = 40.0
STOP_LIMIT_S = 15.0
PASSWORD = "sandi-untuk-uji-coba"

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def flows_with_hours(folder: Path, *, always_open: bool) -> Path:
    """A copy of the shipped flows whose office is open, or closed, at any time of any day."""
    shutil.copytree(flows(), folder)
    week = {day: ["00:00-24:00"] for day in _DAYS} if always_open else {}
    calendar = {"spec": 1, "calendar": "kemnaker", "weekly": week, "exceptions": {}}
    (folder / "calendars" / "kemnaker.yaml").write_text(yaml.safe_dump(calendar))
    return folder


def after_a_message(at: int) -> str:
    """The status of a draft on which a message was left at a moment of the real clock: triage has
    its hours in these flows, too."""
    return "new" if shipped_rules().counting.home.opening(at) == at else "draft"


class Refused(Exception):
    """The application answered, and it was no."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class Session:
    """A signed-in page (or none, before :meth:`sign_in`)."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""
        self._csrf = ""
        self.id = ""

    def sign_in(self, username: str, password: str = PASSWORD) -> Session:
        me = self.post("/api/sign-in", username=username, password=password)
        self._csrf = me["csrf"]
        self.id = me["account"]["id"]
        return self

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, **body: object) -> Any:
        return self._ask("POST", path, body)

    def put(self, path: str, **body: object) -> Any:
        return self._ask("PUT", path, body)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {"Content-Type": "application/json", "X-CSRF-Token": self._csrf}
        if self._cookie:
            headers["Cookie"] = self._cookie
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            answer = response.read()
            if cookie := response.getheader("Set-Cookie"):
                self._cookie = cookie.split(";")[0]
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, answer.decode(errors="replace"))
        return json.loads(answer) if answer.startswith((b"{", b"[")) else answer


class Agent(Session):
    """An agent's console."""

    @property
    def shown(self) -> Any:
        """All that the console shows."""
        return self.get("/api/agent")

    @property
    def state(self) -> str:
        return str(self.shown["agent"]["state"])

    def ready(self) -> Agent:
        self.put("/api/agent/state", state="ready")
        return self

    def wait_state(self, state: str, limit_s: float = 20.0) -> Any:
        """Wait until the agent is in ``state``; what the console shows then."""
        shown: list[Any] = []

        def is_it() -> bool:
            shown[:] = [self.shown]
            return bool(shown[0]["agent"]["state"] == state)

        until(is_it, f"the agent is {state}", limit_s)
        return shown[0]

    def wrap_up(self, outcome: str = "complaint") -> None:
        self.post("/api/agent/wrap-up/done", outcome=outcome)


@dataclass(frozen=True)
class Person:
    """An account to be made. An agent without ``topics`` knows all."""

    username: str
    role: Role = Role.AGENT
    device: Device | None = None
    topics: tuple[str, ...] = ()


@dataclass
class Application:
    """``callcenter serve``. ``asterisk``: the phone network it is wired to."""

    folder: Path
    asterisk: Asterisk
    flows: Path
    database_url: str = ""
    more: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        self.database_url = self.database_url or f"sqlite:///{self.folder}/callcenter.db"

    @property
    def environment(self) -> dict[str, str]:
        """Its settings, and nothing of ours."""
        env = dict(
            line.split("=", 1) for line in (self.asterisk.folder / "env").read_text().splitlines()
        )
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TZ": "UTC",
            **env,
            "DATABASE_URL": self.database_url,
            "CALLCENTER_VAR": str(self.folder / "var"),
            "CALLCENTER_FLOWS": str(self.flows),
            "PORT": str(self.port),
            "SIMULATOR": "off",
            "VOICE_RATE": "450",
            **self.more,
        }

    @property
    def log(self) -> Path:
        return self.folder / "log"

    # --- Starting, stopping -------------------------------------------------------------------

    def start(self, *, wait: bool = True) -> Application:
        """Start it (again); by default wait until it is ready.

        Raises:
            RuntimeError: it ended, or did not become ready; with the end of its log.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve"], env=self.environment, stdout=log, stderr=log, cwd=self.folder
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_LIMIT_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the application is not ready:\n" + self.log_tail())
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            return bool(Session(self.port).get("/readyz")["ready"])
        except (Refused, OSError):
            return False

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def pause(self) -> None:
        """It hangs (SIGSTOP)."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in good order, if it runs."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def complaints(self) -> list[str]:
        """What it logged as an error or worse."""
        lines = self.log.read_text(errors="replace").splitlines()
        bad = ('"level": "error"', '"level": "critical"', "Traceback")
        return [line for line in lines if any(word in line for word in bad)]

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""

    # --- Accounts -----------------------------------------------------------------------------

    def command(self, *args: str, given: str | None = None) -> str:
        """Run ``callcenter ARGS``; what it says."""
        done = subprocess.run(
            [PROGRAM, *args], env=self.environment, input=given, cwd=self.folder,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def add(self, *people: Person) -> None:
        """Make accounts, as the command line would, all with :data:`PASSWORD`."""
        settings = settings_module.load(self.environment)
        store = open_store(settings)
        try:
            for one in people:
                new = NewAccount(
                    one.username,
                    one.username.title(),
                    one.role,
                    PASSWORD,
                    device=one.device,
                    unit="PTSA" if one.role is Role.OFFICER else None,
                )
                add_account(store, settings, new, one.topics or None)
        finally:
            store.close()

    def agent(self, username: str) -> Agent:
        """Sign the agent in."""
        agent = Agent(self.port)
        agent.sign_in(username)
        return agent

    # --- Looking ------------------------------------------------------------------------------

    def rows(self, sql: str, **values: object) -> list[Any]:
        """Look into the database."""
        with self._engine.connect() as connection:
            return list(connection.execute(text(sql), values))

    def change(self, sql: str, **values: object) -> None:
        """Change the database past the application."""
        with self._engine.begin() as connection:
            connection.execute(text(sql), values)

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self.database_url, poolclass=NullPool)

    def calls(self, state: str | None = None) -> list[Any]:
        """The calls, in the order of their arrival."""
        where = "" if state is None else "WHERE state = :state"
        return self.rows(f"SELECT * FROM call {where} ORDER BY started_at, id", state=state)

    def call_of(self, leg: str) -> Any:
        """The call that ``leg`` belongs to."""
        (call,) = self.rows(
            "SELECT c.* FROM call c JOIN leg l ON l.call = c.id WHERE l.id = :l", l=leg
        )
        return call

    def wait_settled(self) -> None:
        """Wait until nothing is open any more: no call, leg, entry, offer or Command."""
        open_ones = {
            "calls": "SELECT id FROM call WHERE state != 'ended'",
            "legs": "SELECT id FROM leg WHERE state != 'gone'",
            "entries": "SELECT id FROM entry WHERE state IN ('waiting', 'offered')",
            "offers": "SELECT id FROM offer WHERE state IN ('pending', 'accepted')",
            "agents": "SELECT id FROM agent WHERE state IN ('offered', 'talking')",
            "commands": "SELECT id FROM command",
        }
        for name, sql in open_ones.items():
            until(lambda sql=sql: not self.rows(sql), f"no open {name}")  # type: ignore[misc]

    def facts(self, kind: str | None = None) -> list[Any]:
        where = "" if kind is None else "WHERE kind = :kind"
        return self.rows(f"SELECT * FROM fact {where} ORDER BY id", kind=kind)
