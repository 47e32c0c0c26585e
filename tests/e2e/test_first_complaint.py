"""A citizen's first complaint over a real phone line: what must work before anything else."""

from __future__ import annotations

import time

import pytest

from tests.e2e.application import PASSWORD, Application
from tests.e2e.conftest import Make
from tests.e2e.exchange import Exchange
from tests.e2e.phones import Phones, until

CALLER_HZ, AGENT_HZ = 440.0, 880.0


@pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def test_first_complaint(
    database: str,
    request: pytest.FixtureRequest,
    make_application: Make,
    exchange: Exchange,
    phones: Phones,
) -> None:
    application = make_application(database_url=request.getfixturevalue(f"{database}_url"))
    telephone = phones.agent(tone=AGENT_HZ, answers=False)
    application.command(
        "user", "add", "sari", "--role", "agent", "--name", "Sari", "--topic", "upah",
        "--device", "sip", "--address", telephone.address, "--password-stdin", given=PASSWORD,
    )  # fmt: skip
    application.start()
    agent = application.agent("sari")

    # A new complaint, about wages: into the queue, and to the music.
    (caller,) = phones.call("+628111234567", tone=CALLER_HZ)
    caller.press("11")
    until(lambda: application.calls("waiting"), "the caller waits in the queue")
    caller.speak()
    assert agent.state == "paused"
    waits = time.time()
    until(lambda: caller.heard(waits).loudness() > 0.01, "the caller hears words or music")
    assert caller.said().keys == "11"

    # The agent's telephone rings, is answered, and the two hear each other.
    agent.ready()
    ringing = telephone.wait("ringing")
    offer = agent.wait_state("offered")["offer"]
    assert offer["topic"]["code"] == "upah"
    assert offer["caller"] == "+628111234567"
    assert offer["leg"]
    assert ringing.leg == ""  # which of our legs it is, only our own page is told
    ringing.answer()
    talk = agent.wait_state("talking")["call"]
    together = time.time()
    caller.wait_hears(AGENT_HZ, 1.0, together)
    ringing.wait_hears(CALLER_HZ, 1.0, together)
    assert caller.heard(time.time() - 1).level(AGENT_HZ) > 0.9
    assert ringing.heard(time.time() - 1).level(CALLER_HZ) > 0.9

    # What is typed is kept, the caller hangs up, the agent wraps up.
    case = talk["case"]
    saved = agent.put(
        f"/api/agent/calls/{talk['id']}/case",
        version=case["version"], narrative="Upah tiga bulan ditahan.", employer="PT Maju",
    )  # fmt: skip
    assert saved["version"] > case["version"]
    caller.hang_up()
    ringing.wait_over()
    wrap_up = agent.wait_state("wrap_up")["wrap_up"]
    assert wrap_up["case"]["narrative"] == "Upah tiga bulan ditahan."
    agent.wrap_up()
    assert agent.state == "ready"
    exchange.wait_empty()

    assert_is_kept(application, case["number"])


def assert_is_kept(application: Application, number: str) -> None:
    """The call and the case that it opened are in the database, and every Fact is as it was."""
    (call,) = application.calls()
    assert (call.line, call.state, call.topic) == ("asterisk", "ended", "upah")
    assert call.outcome == "complaint"
    rows = application.rows(
        'SELECT c.number, c.status, l.role FROM case_record c JOIN call_case l ON l."case" = c.id '
        "WHERE l.call = :call",
        call=call.id,
    )
    assert [tuple(row) for row in rows] == [(number, "new", "opened")]
    facts = len(application.facts())
    assert application.command("audit", "verify").startswith(f"{facts} Facts are as they were")
    assert application.complaints() == []
