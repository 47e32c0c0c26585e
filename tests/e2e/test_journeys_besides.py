"""More journeys of callers: two matters, second thoughts, an employer, a prank, an echo."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.e2e.journeys import (
    PUBLIC_NOTE,
    SARI,
    Journey,
    Refused,
    journey,
)
from tests.fake_twilio.signing import signed_headers

OTHER = "+628987654321"


async def test_two_matters_are_two_cases(tmp_path: Path) -> None:
    async with journey(tmp_path, "2026-11-22 21:00") as hotline:
        caller = await hotline.dial()
        await caller.press("1", "1", "1", "1")
        await caller.speak("Upah saya dua bulan belum dibayar.")
        await hotline.pass_time(1)
        await caller.press("1", "2", "1", "1")
        await caller.speak("Teman saya di-PHK tanpa surat.")
        await caller.hang_up()
        wages, dismissal = hotline.cases()
        assert [case.topic for case in (wages, dismissal)] == ["upah", "phk"]
        assert [case.status for case in (wages, dismissal)] == ["draft", "draft"]
        assert wages.number != dismissal.number
        for case in (wages, dismissal):
            (link,) = hotline.links(case.id)
            assert (link.role, link.call) == ("opened", caller.call.id)
            assert len(hotline.rows('SELECT 1 FROM recording WHERE "case" = :c', c=case.id)) == 1
        heard = await caller.heard()
        assert heard.count("Nomor pengaduan Anda") == 2
        await hotline.until("2026-11-23 08:00")  # triage opens
        assert [case.status for case in hotline.cases()] == ["new", "new"]


async def test_an_agent_hears_two_matters_in_one_call(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await caller.press("1", "1")
    talk = await agent.take()
    await agent.write(talk["id"], narrative="Upah dua bulan ditahan.", reporter_name="Budi")
    path = f"/api/agent/calls/{talk['id']}/case"
    with pytest.raises(Refused, match="no such topic"):
        await agent.ask("POST", f"{path}s", {"topic": "cuaca"})
    second = await agent.ask("POST", f"{path}s", {"topic": "phk_pesangon"})
    assert second["number"] != talk["case"]["number"]
    assert re.fullmatch(r"[0-9]{6}", second["pin"])
    shown = (await agent.console())["call"]
    assert shown["case"]["number"] == talk["case"]["number"]
    assert [other["pin"] for other in shown["others"]] == [second["pin"]]
    body = {"version": second["version"], "number": second["number"], "narrative": "Lalu di-PHK."}
    saved = await agent.ask("PUT", path, body)
    assert (saved["status"], saved["narrative"]) == ("new", "Lalu di-PHK.")
    with pytest.raises(Refused, match="404"):
        await agent.ask("PUT", path, body | {"number": hotline.unused_number()})
    for _ in range(3):
        await agent.ask("POST", f"{path}s", {"topic": "info"})
    with pytest.raises(Refused, match="409"):
        await agent.ask("POST", f"{path}s", {"topic": "info"})
    await caller.hang_up()
    with pytest.raises(Refused, match="404"):
        await agent.ask("POST", f"{path}s", {"topic": "info"})
    await agent.wrap_up()
    opened = {case.number: case for case in hotline.cases()}
    wages, dismissal = opened[talk["case"]["number"]], opened[second["number"]]
    assert (wages.topic, dismissal.topic) == ("upah", "phk_pesangon")
    assert (wages.track, dismissal.track) == ("none", "perselisihan")
    assert {case.status for case in opened.values()} == {"new"}
    for case in (wages, dismissal):
        (link,) = hotline.links(case.id)
        assert (link.role, link.call, link.pin) == ("opened", caller.call.id, None)
    # Each is asked about by itself.
    later = await hotline.dial(OTHER)
    await later.press("2", second["number"], second["pin"])
    (read,) = hotline.facts("status_read")
    assert read.case == dismissal.id


async def test_a_complaint_is_withdrawn_by_its_reporter(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    number, pin = await hotline.complain(agent, "1", "1", topic="upah_tunggak")
    await hotline.accepted(number)
    caller = await hotline.dial(OTHER)
    await caller.press("2", number, pin)
    assert "berhenti menanganinya" in await caller.press("7")
    await caller.press("1")
    assert hotline.case(number).status == "in_progress"
    assert "sudah ditarik kembali" in await caller.press("2")
    await caller.hang_up()
    case = hotline.case(number)
    assert case.status == "withdrawn"
    moved = hotline.facts("case_moved", case=case.id)[-1]
    assert (moved.data["event"], moved.data["actor"]) == ("withdraw", "reporter")
    (sent,) = hotline.rows('SELECT * FROM assignment WHERE "case" = :c', c=case.id)
    assert sent.ended_at is not None
    assert hotline.standing(number).due is None


async def test_a_prank(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await caller.press("1", "6")
    await agent.take()
    await caller.hang_up()
    await agent.wrap_up("abusive")
    (case,) = hotline.cases()
    assert case.status == "abandoned"
    assert caller.call.outcome == "abusive"
    assert not hotline.rows("SELECT * FROM timer WHERE kind = 'case'")
    # Whoever calls from there is not offered to go on with it.
    again = await hotline.dial()
    assert "terputus" not in await again.press("1")


async def test_an_employer_asks_whether_there_is_a_complaint(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    number, _ = await hotline.complain(
        agent, "1", "1", topic="upah_tunggak", employer="PT Maju", reporter_name="Budi"
    )
    await hotline.followed_up(number)
    await agent.ask("PUT", "/api/agent/state", {"state": "paused"})
    other = await hotline.agent("budi")

    async def fishes(caller_number: str, about: str) -> str:
        """What somebody hears who tries a number, a star, and a person."""
        caller = await hotline.dial(caller_number)
        await caller.press("2", about, "246810")
        await caller.press("*", "246810")
        await caller.press("0")
        talk = await other.take()
        shown = str(await other.console())
        # A case of its own, and nothing of the one that there is.
        assert talk["case"]["number"] != number
        assert "PT Maju" not in shown
        assert number not in shown
        for query in ("Maju", number, "Budi"):
            found = await other.ask("POST", "/api/desk/search", {"query": query})
            assert found["total"] == 0
        with pytest.raises(Refused, match="404"):
            await other.read(number)
        await caller.hang_up()
        await other.wrap_up("wrong_number")
        return await caller.heard()

    known = await fishes("+622155500001", number)
    nobodys = await fishes("+622155500002", hotline.unused_number())
    assert known == nobodys
    assert "Maju" not in known
    assert PUBLIC_NOTE not in known
    assert not hotline.facts("status_read")


async def test_the_same_callback_comes_twice(tmp_path: Path) -> None:
    """On Twilio, whose webhooks may come again: each one here does, a message after hours."""
    base = "https://hotline.example"
    twilio = {
        "PUBLIC_BASE_URL": base,
        "TWILIO_ACCOUNT_SID": "AC" + "a1" * 16,
        "TWILIO_AUTH_TOKEN": "f" * 32,
        "TWILIO_NUMBER": "+622150630150",
        "TWILIO_API_URL": "http://127.0.0.1:9",
    }
    call = "CA" + "b2" * 16
    about_call = {
        "AccountSid": twilio["TWILIO_ACCOUNT_SID"], "CallSid": call, "From": SARI,
        "To": twilio["TWILIO_NUMBER"], "Direction": "inbound", "CallStatus": "in-progress",
    }  # fmt: skip
    async with journey(tmp_path, "2026-11-22 21:00", **twilio) as hotline:

        def attribute(twiml: str, name: str) -> str:
            """The address that it names, below ours."""
            (found,) = set(re.findall(rf'[ ]{name}="([^"]+)"', twiml))
            return html.unescape(found).removeprefix(base)

        async def told(path: str, **more: str) -> str:
            """What Twilio is answered; the second time it is the same."""
            form = about_call | more
            signed = signed_headers(base + path, list(form.items()), twilio["TWILIO_AUTH_TOKEN"])
            answers = []
            for _ in range(2):
                answer = await hotline.browser().post(path, data=form, headers=signed)
                assert answer.status_code < 300, answer.text
                answers.append(answer.text)
            assert answers[0] == answers[1]
            return answers[0]

        assert hotline.app.twilio is not None
        hotline.app.twilio.resumed.set()  # nobody tells what exists
        said = await told("/twilio/voice")
        for keys in ("1", "1", "1", "1"):  # a complaint, about wages, understood, agreed
            said = await told(attribute(said, "action"), Digits=keys)
        callback = attribute(said, "recordingStatusCallback")
        recorded = {
            "RecordingSid": "RE" + "c3" * 16, "RecordingStatus": "completed",
            "RecordingDuration": "12", "RecordingUrl": "http://127.0.0.1:9/RE",
        }  # fmt: skip
        await told(callback, **recorded)
        await told(attribute(said, "action"), **recorded)
        await told("/twilio/status", CallStatus="completed")
        (row,) = hotline.rows("SELECT * FROM call")
        assert (row.state, row.line) == ("ended", "twilio")
        (case,) = hotline.cases()
        assert case.status == "draft"  # until triage opens, on Monday
        assert [link.role for link in hotline.links(case.id)] == ["opened"]
        (kept,) = hotline.rows("SELECT * FROM recording")
        assert (kept.case, kept.seconds) == (case.id, 12)
        kinds = hotline.kinds()
        for kind in ("call_arrived", "case_opened", "message_left", "call_ended"):
            assert kinds.count(kind) == 1, kind
