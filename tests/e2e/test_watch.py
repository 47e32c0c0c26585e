"""Attacks on a real Asterisk are seen, also after the link to its manager was away."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from callcenter.telephony.asterisk import watch
from callcenter.telephony.asterisk.ami import AmiLink, AmiRefused
from callcenter.telephony.asterisk.ari import Ari
from tests.capabilities import require
from tests.e2e.application import Person, Session
from tests.e2e.asterisk import Asterisk, free_port
from tests.e2e.conftest import NEEDS, Make
from tests.e2e.phones import SCENARIOS, until
from tests.waiting import until as soon

pytestmark = [pytest.mark.needs(*NEEDS)]

PASSWORD = "tebakan-jahat"


class Cable:
    """Between the application and the manager; it can be pulled out, and put in again."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._ends: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.whole = True
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def _begin(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # no more
            while True:
                near, _ = self._listening.accept()
                if not self.whole:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                self._begin(self._carry, near, far)
                self._begin(self._carry, far, near)

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def pull(self) -> None:
        """Both sides lose the connection."""
        self.whole = False
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.pull()
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for one in (self._listening, *self._ends):
            one.close()


@pytest.fixture
def cable(asterisk: Asterisk) -> Iterator[Cable]:
    made = Cable(asterisk.ami_port)
    yield made
    made.close()


def guess(asterisk: Asterisk, account: str) -> None:
    """Try to sign a telephone in with a wrong password."""
    done = subprocess.run(
        [
            require("sipp"), f"127.0.0.1:{asterisk.sip_port}", "-sf", SCENARIOS / "register.xml",
            "-s", account, "-au", account, "-ap", PASSWORD,
            "-i", "127.0.0.1", "-p", str(free_port(socket.SOCK_DGRAM)),
            "-m", "1", "-nostdin", "-timeout", "10",
        ],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_guessed_passwords_are_counted_and_the_link_comes_back(
    make_application: Make, asterisk: Asterisk, cable: Cable
) -> None:
    application = make_application(more={"ASTERISK_AMI_URL": f"tcp://127.0.0.1:{cable.port}"})
    application.add(Person("sari"))
    application.start()

    def count(name: str) -> int:
        text = Session(application.port).get("/metrics").decode()
        found = re.findall(rf'^callcenter_line_{name}_total{{line="asterisk"}} (\S+)', text, re.M)
        return int(float(found[0]))

    agent = application.agent("sari")
    account = agent.shown["agent"]["device"]["account"]["username"]
    until(lambda: count("manager_connects") == 1, "the watch has signed in")
    before = count("wrong_passwords")
    guess(asterisk, account)
    until(lambda: count("wrong_passwords") == before + 1, "the guess is counted")

    cable.pull()
    guess(asterisk, account)  # nobody hears of this one
    cable.whole = True
    until(lambda: count("manager_connects") == 2, "the watch is back")
    guess(asterisk, account)
    until(lambda: count("wrong_passwords") == before + 2, "it hears again")

    assert Session(application.port).get("/readyz")["trunk_reachable"] == "unknown"
    log = application.log.read_text()
    (said,) = [line for line in log.splitlines() if '"asterisk_watch"' in line]
    assert '"latest_from": "127.0.0.1"' in said
    assert account not in said
    for secret in (PASSWORD, asterisk.ami_password):
        assert secret not in log


async def test_the_account_may_ask_for_nothing(asterisk: Asterisk) -> None:
    link = AmiLink("127.0.0.1", asterisk.ami_port, watch.USER, asterisk.ami_password)
    await link.start()
    try:
        await soon(lambda: link.up)
        for action in ("Originate", "CoreShowChannels", "Getvar", "DBGet", "PJSIPShowContacts"):
            with pytest.raises(AmiRefused, match="Permission denied"):
                await link.action(action, Channel="PJSIP/trunk")
    finally:
        await link.stop()


class Carrier:
    """Answers Asterisk's question whether it is there, while ``there``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.there = True
        self._over = False
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        kept = ("via", "from", "to", "call-id", "cseq")
        while not self._over:
            asked, sender = self._socket.recvfrom(65536)
            lines = asked.decode().split("\r\n")
            headers = [line for line in lines if line.partition(":")[0].lower() in kept]
            if self.there and headers:
                answer = ["SIP/2.0 404 Not Found", *headers, "Content-Length: 0", "", ""]
                self._socket.sendto("\r\n".join(answer).encode(), sender)

    def close(self) -> None:
        self._over = True
        host, _, port = self.address.partition(":")
        self._socket.sendto(b"", (host, int(port)))
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    made = Carrier()
    yield made
    made.close()


@pytest.mark.parametrize("looks", [True, False], ids=["looked at", "not looked at"])
async def test_the_trunk_is_reachable_while_the_carrier_answers(
    carrier: Carrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    monkeypatch.setattr(watch, "SETTLE_S", 0.5)
    settings = {"ASTERISK_TRUNK_QUALIFY_S": "1" if looks else "0"}

    async def nothing() -> None: ...

    asterisk = Asterisk(tmp_path / "run", trunk_peer=carrier.address, settings=settings)
    await asyncio.to_thread(asterisk.start)
    ari = Ari(asterisk.access(), on_event=lambda _: None, on_up=nothing, on_down=lambda: None)
    await ari.start()
    port, password = asterisk.ami_port, asterisk.ami_password
    made = watch.Watch("127.0.0.1", port, password, ari=ari, trunk="trunk")
    task = asyncio.create_task(made.run())
    try:
        if looks:
            await soon(lambda: made.trunk_reachable() is True)
            carrier.there = False
            await soon(lambda: made.trunk_reachable() is False)
            carrier.there = True
            await soon(lambda: made.trunk_reachable() is True)
            assert made.counts.trunk_losses >= 1
        else:
            await soon(lambda: made.counts.manager_connects == 1)
            assert await made._state() is None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ari.stop()
        await asyncio.to_thread(asterisk.stop)
