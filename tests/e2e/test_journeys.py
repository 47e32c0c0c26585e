"""Callers' journeys through the whole application, each with the state in which it must end."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pytest

from callcenter import staff, upkeep
from callcenter.cases.directory import about
from callcenter.line import Cause, LegGone
from tests.e2e.journeys import (
    DAY_S,
    HOUR_S,
    MINUTE_S,
    SARI,
    Journey,
    Refused,
    at,
    day,
    journey,
    simulated,
)
from tests.e2e.traces import traces

OTHER = "+628987654321"
HONG_KONG = "+85291234567"


# --- 1 ------------------------------------------------------------------------------------------


async def test_a_caller_hangs_up_in_the_menu(hotline: Journey) -> None:
    caller = await hotline.dial()
    await caller.press("1")
    await caller.hang_up()
    call = caller.call
    assert (call.state, call.stage, call.cause) == ("ended", "topic", "hung_up")
    assert hotline.cases() == []
    # Nobody was kept waiting: it is not among those who gave up in the queue.
    kinds = hotline.kinds(call=call.id)
    assert (kinds[0], kinds[-1]) == ("call_arrived", "call_ended")
    assert not {"queued", "abandoned", "left_queue"} & set(kinds)
    # Nothing of the caller is kept after 30 days.
    assert call.number is not None
    await hotline.pass_time(31 * DAY_S)
    store, settings = hotline.app.store, hotline.app.settings
    dues = await upkeep.find_due(store, settings)
    assert await upkeep.forget_due(store, settings, dues) == 1
    call = caller.call
    assert (call.number, call.number_hash, call.visit, len(call.key)) == (None, None, None, 0)


# --- 3 ------------------------------------------------------------------------------------------


async def test_a_message_during_joint_leave(tmp_path: Path) -> None:
    async with journey(tmp_path, "2026-03-20 21:00") as hotline:
        caller = await hotline.dial()
        heard = await caller.press("1", "1")
        (case,) = hotline.cases()
        assert case.status == "draft"
        assert "Nomor pengaduan Anda" in heard
        assert "PIN Anda" in heard
        await caller.press("1", "1")
        assert await caller.waits_for() == "recording"
        await caller.speak("THR kami belum dibayar sampai hari ini.")
        await caller.hang_up()
        assert len(hotline.rows('SELECT * FROM recording WHERE "case" = :c', c=case.id)) == 1
        # The caller chose no more than wages: near Lebaran that is urgent, as THR is.
        case = hotline.case(case.number)
        assert (case.status, case.topic, case.priority) == ("draft", "upah", "P1")
        # Idul Fitri and joint leave are no working days. The day of the call is day 0, so one
        # working day later is the first one after them; it is known at once.
        due = at("2026-03-25 16:00")
        assert (case.due_at, hotline.standing(case.number).due) == (due, due)
        # Not abandoned after a day: on Wednesday at 8.00 triage is at work again, and it is filed.
        await hotline.until("2026-03-25 07:59")
        assert hotline.case(case.number).status == "draft"
        await hotline.until("2026-03-25 08:00")
        case = hotline.case(case.number)
        assert (case.status, case.unit, case.priority) == ("new", "PTSA", "P1")
        (moved,) = hotline.facts("case_moved", case=case.id)
        assert (moved.data["event"], moved.data["actor"]) == ("file", "system")
        assert moved.at == at("2026-03-25 08:00")
        verify = hotline.clocks(case.number)["verify"]
        assert (verify.due, verify.used) == (due, 0)
        assert (case.due_at, hotline.standing(case.number).due) == (due, due)
        triage, _ = await hotline.desk()
        await triage.save(case.number, topic="thr")
        case = hotline.case(case.number)
        assert (case.topic, case.priority, case.due_at) == ("thr", "P1", due)


async def test_a_message_can_be_asked_for_gone_on_with_and_withdrawn_before_anybody_hears_it(
    tmp_path: Path,
) -> None:
    async with journey(tmp_path, "2026-03-20 21:00") as hotline:
        caller = await hotline.dial()
        pin = "739164"
        await caller.press("1", "1")
        assert "sudah diganti" in await caller.press("2", pin, "1")
        await caller.press("1")
        await caller.speak("THR kami belum dibayar.")
        await caller.hang_up()
        (case,) = hotline.cases()
        await hotline.pass_time(2 * DAY_S)
        elsewhere = await hotline.dial(OTHER)
        told = await elsewhere.press("2", case.number, pin)
        assert "sudah terdaftar" in told
        assert "paling lambat tanggal dua puluh lima Maret" in told
        # Taken up again, and another message is left: it is the same complaint, and still waits.
        await elsewhere.press("9")
        for _ in range(4):
            if await elsewhere.waits_for() == "recording":
                break
            await elsewhere.press("1")
        await elsewhere.speak("Juga lembur kami.")
        await elsewhere.hang_up()
        (case,) = hotline.cases()
        assert case.status == "draft"
        assert [link.role for link in hotline.links(case.id)] == ["opened", "continued"]
        assert len(hotline.rows('SELECT * FROM recording WHERE "case" = :c', c=case.id)) == 2
        again = await hotline.dial()
        await again.press("2", case.number, pin)
        await again.press("7", "1", "2")
        assert hotline.case(case.number).status == "withdrawn"
        await hotline.until("2026-04-30 08:00")
        assert hotline.case(case.number).status == "withdrawn"


# --- 4 ------------------------------------------------------------------------------------------


async def test_a_ticket_is_checked_and_a_statement_added(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    number, pin = await hotline.complain(agent, "1", "1", topic="upah_tunggak", employer="PT Maju")
    await hotline.followed_up(number)
    await hotline.pass_time(DAY_S)
    caller = await hotline.dial(OTHER)
    heard = await caller.press("2", number, pin)
    assert "sudah ditindaklanjuti" in heard
    assert "dinas tenaga kerja provinsi" in heard
    assert "Maju" not in heard
    case = hotline.case(number)
    assert [link.role for link in hotline.links(case.id)] == ["opened", "status_query"]
    await caller.press("2", "1", "1")
    assert await caller.waits_for() == "recording"
    await caller.speak("Perusahaan belum membayar sama sekali.")
    await hotline.settle()
    case = hotline.case(number)
    assert case.status == "in_progress"
    moved = hotline.facts("case_moved", case=case.id)[-1]
    assert (moved.data["was"], moved.data["event"]) == ("followed_up", "object")
    assert (moved.data["actor"], moved.call) == ("reporter", caller.call.id)
    (kept,) = hotline.rows("SELECT * FROM recording")
    assert (kept.case, kept.call) == (case.id, caller.call.id)
    await caller.hang_up()
    assert [link.role for link in hotline.links(case.id)] == ["opened", "continued"]


# --- 5 ------------------------------------------------------------------------------------------


async def test_a_wrong_number_and_wrong_pins(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    number, pin = await hotline.complain(agent, "1", "1", reporter_name="Budi Santoso")
    swapped = next(
        number[:n] + number[n + 1] + number[n] + number[n + 2 :]
        for n in range(2, 9)
        if number[n] != number[n + 1]
    )
    wrong = f"{(int(pin) + 1) % 1_000_000:06d}"
    thief = await hotline.dial(OTHER)
    await thief.press("2")
    # Not looked up, and no try.
    assert "tidak lengkap atau keliru" in await thief.press(swapped)
    assert not hotline.rows("SELECT * FROM pin_attempt")
    assert not hotline.facts("pin_refused")
    refused = await thief.press(number, wrong)
    await thief.press(number, wrong)
    # The third one leads to a person.
    await thief.press(number, wrong)
    assert (await agent.offer())["call"] == thief.call.id
    await thief.hang_up()

    again = await hotline.dial(OTHER)
    await again.press("2", number, wrong)
    assert [fact.data["reason"] for fact in hotline.facts("pin_refused")] == ["unknown"] * 4
    await again.hang_up()
    third = await hotline.dial(OTHER)
    await third.press("2", number, wrong)
    locked = await third.press(number, wrong)
    assert "untuk sementara tidak dapat dibuka" in locked
    assert hotline.facts("pin_refused")[-1].data["reason"] == "locked"
    assert len(hotline.rows("SELECT * FROM pin_attempt")) == 5
    await third.hang_up()
    # A number that nobody has: the same words, and the same lock.
    unknown = await hotline.dial(HONG_KONG)
    nobodys = hotline.unused_number()
    assert await unknown.press("2", nobodys, wrong) != ""
    assert refused in await unknown.heard()
    await unknown.hang_up()
    # The holder finds it locked, too, and comes to a person: who says two things right is given a
    # new PIN, which opens it at once.
    holder = await hotline.dial()
    assert "untuk sementara tidak dapat dibuka" in await holder.press("2", number, pin)
    await holder.press("0")
    talk = await agent.take()
    said = {"number": number, "name": "Budi Santoso", "phone": SARI}
    new = await agent.ask("POST", f"/api/agent/calls/{talk['id']}/pin", said)
    await holder.hang_up()
    await agent.wrap_up("status")
    holder = await hotline.dial()
    await holder.press("2", number, new["pin"])
    (read,) = hotline.facts("status_read")
    assert read.call == holder.call.id
    assert len(hotline.facts("pin_set")) == 1


# --- 6 ------------------------------------------------------------------------------------------


async def test_a_migrant_in_hong_kong(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial(HONG_KONG)
    await caller.press("1", "5")
    talk = await agent.take()
    assert talk["caller"] == HONG_KONG
    # Whom the agent may name, with the number from abroad.
    kp2mi = next(one for one in talk["bodies"] if "KP2MI" in one["label"]["id"])
    assert "+62 21 2924 4800" in kp2mi["numbers"]
    # They are connected at once: that is, they would be.
    await agent.ask("PUT", f"/api/agent/calls/{talk['id']}/body", {"code": "KP2MI"})
    assert (await agent.console())["call"]["joined"]["state"] == "ringing"
    await simulated(hotline).decline("+622129244800", Cause.NO_ANSWER)
    await hotline.settle()
    going_on = (await agent.console())["call"]
    assert (going_on["state"], going_on["joined"]) == ("talking", None)
    (left,) = hotline.facts("body_left")
    assert left.data == {"body": "KP2MI", "cause": "no_answer", "talked_ms": 0}
    assert await caller.waits_for() == "room"
    await agent.write(
        talk["id"], topic="pmi_ln", reporter_name="Wati", narrative="Paspor ditahan, gaji 5 bulan."
    )
    number = talk["case"]["number"]
    employers = "+85223456789"
    evenings = {
        "may_message": True, "may_call": False, "safe_from": 19 * 60, "safe_until": 22 * 60,
        "zone": "Asia/Hong_Kong",
    }  # fmt: skip
    phones = [{"number": HONG_KONG}, {"number": employers, "shared": True}]
    await agent.save(number, phones=phones, safe_contact=evenings)
    await caller.hang_up()
    await agent.wrap_up()
    case = hotline.case(number)
    assert (case.priority, case.track, case.status) == ("P1", "pmi", "new")
    triage, _ = await hotline.desk()
    await triage.move(number, "verify")
    await triage.move(number, "refer", target="KP2MI")
    assert hotline.case(number).status == "referred_out"
    (outside,) = hotline.rows('SELECT * FROM external_ref WHERE "case" = :c', c=case.id)
    assert (outside.system, outside.ref, outside.result_at) == ("KP2MI", None, None)
    # The shadow clock: what became of it is owed in 30 working days, of which Christmas with its
    # joint leave, New Year and Isra Mikraj (5 January) are none.
    due = hotline.standing(number).due
    assert due is not None
    assert day(due) == "2027-01-11"
    kept = hotline.reporter_of(number)
    assert (kept.safe_from, kept.safe_until, kept.zone) == (1140, 1320, "Asia/Hong_Kong")
    assert kept.shared == (employers,)
    assert not hotline.rows("SELECT * FROM message")


# --- 7 ------------------------------------------------------------------------------------------


async def test_an_anonymous_whistleblower(
    hotline: Journey, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial(None)
    await caller.press("1", "6")
    talk = await agent.take()
    assert talk["caller"] is None
    await agent.write(
        talk["id"], topic="integritas", anonymous=True, employer="PT Maju",
        narrative="Pengawas meminta amplop.",
    )  # fmt: skip
    await caller.hang_up()
    await agent.wrap_up()
    number, pin = talk["case"]["number"], talk["case"]["pin"]
    case = hotline.case(number)
    assert (case.compartment, case.unit, case.priority) == ("integrity", "ITJEN", "P1")
    assert (case.anonymous, case.secret, case.reporter) == (1, 1, None)
    assert not hotline.rows("SELECT * FROM reporter")
    # Neither the accused unit nor triage finds it, in whatever way; the inspectorate does.
    triage, accused = await hotline.desk()
    inspectorate = await hotline.officer("indra", "ITJEN")
    for text in (number, "amplop", "Maju", "integritas"):
        assert await triage.finds(text) == []
        assert await accused.finds(text) == []
    for officer in (triage, accused):
        with pytest.raises(Refused, match="404"):
            await officer.read(number)
        everything = await officer.ask("GET", "/api/desk")
        assert not any(one["count"] for one in everything["lists"])
    assert await inspectorate.finds("amplop") == [number]

    # Later there is more to say, from a telephone that shows its number.
    await hotline.pass_time(HOUR_S / 2)
    later = await hotline.dial(SARI)
    heard = await later.press("2", number, pin)
    assert "menambahkan pernyataan" not in heard  # no voice is kept
    await later.press("0")
    talk = await agent.take()
    assert (talk["case"]["number"], talk["caller"]) == (number, None)
    await agent.write(talk["id"], narrative="Pengawas meminta amplop. Dua kali.")
    await later.hang_up()
    await agent.wrap_up("status")
    (first, second) = hotline.rows("SELECT * FROM call ORDER BY started_at")
    assert (first.number, first.number_hash) == (None, None)
    assert (second.number, second.number_hash) == (None, None)
    assert not hotline.rows("SELECT * FROM reporter")
    assert not hotline.rows("SELECT * FROM recording")
    await upkeep.scrub(hotline.app.store, hotline.app.settings)
    assert traces(SARI, tmp_path) == []
    (tmp_path / "log").write_text("".join(capfd.readouterr()))
    assert traces(SARI, tmp_path) == []
    assert (tmp_path / "log").stat().st_size > 0
    # Within a day the telephone leads back to a draft, and to nothing else.
    again = await hotline.dial(SARI)
    assert "terputus" not in await again.press("1")


async def test_an_anonymous_caller_whose_call_drops_is_back(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial(SARI)
    await caller.press("1", "6")
    talk = await agent.take()
    await agent.write(talk["id"], topic="integritas", anonymous=True)
    await hotline.app.emit(LegGone(caller.phone, Cause.LOST))
    await hotline.settle()
    await agent.wrap_up("dropped")
    assert caller.call.number is None
    await hotline.pass_time(MINUTE_S)
    back = await hotline.dial(SARI)
    assert "terputus" in await back.press("1")
    await back.press("1")
    assert (await agent.take())["case"]["number"] == talk["case"]["number"]
    assert (back.call.number, back.call.number_hash) == (None, None)


# --- 8 ------------------------------------------------------------------------------------------


async def test_an_accident_now(hotline: Journey) -> None:
    waiting = [await hotline.dial(f"+62811000000{n}") for n in range(3)]
    agent = await hotline.agent("sari", ready=False)
    for one in waiting:
        await one.press("1", "1")
        await hotline.pass_time(60)
    caller = await hotline.dial()
    heard = await caller.press("3")
    # Before anything else, without language, PIN or consent.
    assert heard.startswith("Jika ada yang terluka")
    assert "satu satu dua" in heard
    assert "satu satu sembilan" in heard
    assert "Anda adalah penelepon berikutnya" in heard
    ranks = hotline.rows("SELECT call FROM entry WHERE state = 'waiting' ORDER BY rank")
    assert ranks[0].call == caller.call.id
    case = hotline.cases()[-1]
    assert (case.topic, case.priority) == ("kecelakaan", "P0")
    await agent.ready()
    talk = await agent.take()
    assert talk["id"] == caller.call.id
    # The line dies, and there is a case.
    await hotline.app.emit(LegGone(caller.phone, Cause.LOST))
    await hotline.settle()
    assert caller.call.cause == "lost"
    number = hotline.cases()[-1].number
    assert number == talk["case"]["number"]
    await agent.wrap_up("dropped")
    # Nobody has written a word: those on call are told, the next one after a quarter of an hour.
    await hotline.pass_time(15 * MINUTE_S)
    told = hotline.facts("escalated", case=case.id)
    assert {fact.data["to"] for fact in told} == {"on_call"}
    assert [fact.at - case.opened_at for fact in told] == [0, 15 * MINUTE_S * 1000]


# --- 9 ------------------------------------------------------------------------------------------


async def test_a_boy_who_works_at_night(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    caller = await hotline.dial()
    await caller.press("1", "6")
    talk = await agent.take()
    number = talk["case"]["number"]
    await agent.write(
        talk["id"], topic="pekerja_anak", narrative="Umur 15, bekerja malam di pabrik."
    )
    await agent.save(number, minor=True)
    await caller.hang_up()
    await agent.wrap_up()
    case = hotline.case(number)
    assert (case.priority, case.compartment, case.status) == ("P0", "sensitive", "new")
    assert hotline.reporter_of(number).minor
    # Help for children is at hand, and no guardian was asked for anything.
    bodies = about(hotline.app.calls.rules.directory, "pekerja_anak", "k3")
    assert "129" in [number.dial for body in bodies for number in body.numbers]
    assert not hotline.rows("SELECT * FROM recording")
    # An agent has it in hand: nobody has to be called out of bed.
    assert case.taken_at is not None
    # Only who is named for such cases knows of it.
    inspectorate = await hotline.officer("indra", "ITJEN")
    for officer in (*await hotline.desk(), inspectorate):
        assert await officer.finds(number) == []
    for unit in ("PTSA", "P32"):
        named = await hotline.officer(f"nama.{unit.lower()}", unit, named=True)
        assert await named.finds(number) == ([number] if unit == "PTSA" else [])
        if unit == "PTSA":
            await named.save(number, province="32")
    # Open data: a single one is in no figure, and thirty like it are in the country's alone.
    await hotline.until("2026-12-01 00:00")
    released = upkeep.release(hotline.app.store, hotline.app.settings, "2026-11")
    rows = list(csv.DictReader(io.StringIO(released)))
    assert ("pekerja_anak", "32") in {(row["service_code"], row["province_code"]) for row in rows}
    assert {row["cases"] for row in rows} == {"*"}
    (counted,) = hotline.complaints("2026-11")
    assert (counted.topic, counted.province, counted.cases) == ("pekerja_anak", "32", 1)
    thirty = [msgspec.structs.replace(counted, employer=bytes([n])) for n in range(30)]
    assert hotline.published(thirty) == {("pekerja_anak", None): 30}


# --- 11 -----------------------------------------------------------------------------------------


async def test_languages(hotline: Journey) -> None:
    budi = await hotline.agent("budi")
    # Nobody who is there speaks it: whoever is ready comes at once.
    elder = await hotline.dial()
    await elder.silence(3)
    assert (await budi.take())["id"] == elder.call.id
    await elder.hang_up()
    await budi.wrap_up("information")
    await hotline.pass_time(1)

    wati = await hotline.agent("wati")
    staff.set_languages(hotline.app.store, "wati", ["jv", "en"])
    await hotline.pass_time(1)
    elder = await hotline.dial()
    await elder.silence(3)
    assert await budi.offer() is None  # though idle for longer
    talk = await wati.take()
    assert talk["id"] == elder.call.id
    assert talk["language"] == "jv"  # what the agent is to try
    assert elder.call.language == "id"  # no prompts in another one
    # The one who speaks it is busy: after a minute anybody will do.
    second = await hotline.dial(OTHER)
    await second.silence(3)
    await hotline.pass_time(59)
    assert await budi.offer() is None
    await hotline.pass_time(1)
    assert (await budi.offer())["call"] == second.call.id
    await second.hang_up()
    await elder.hang_up()
    await wati.wrap_up("information")

    english = await hotline.dial("+6281300000009")
    assert "For a new complaint" in await english.press("9")
    await english.press("1", "2")
    assert english.call.language == "en"
    talk = await wati.take()
    assert (talk["language"], talk["topic"]["code"]) == ("en", "phk")
    assert hotline.case(talk["case"]["number"]).language == "en"
    await english.hang_up()


# --- 12 -----------------------------------------------------------------------------------------


async def test_a_call_drops_and_the_caller_is_back(hotline: Journey) -> None:
    first = await hotline.agent("sari")
    await hotline.pass_time(1)
    caller = await hotline.dial()
    await caller.press("1", "2")
    talk = await first.take()
    number, pin = talk["case"]["number"], talk["case"]["pin"]
    await first.write(talk["id"], employer="PT Maju", topic="phk_pesangon")
    opened = hotline.clock.now()
    await hotline.app.emit(LegGone(caller.phone, Cause.LOST))
    await hotline.settle()
    await first.wrap_up("dropped")
    case = hotline.case(number)
    assert case.status == "draft"
    # Another agent has been idle for longer, and the same one is preferred.
    second = await hotline.agent("budi")
    await hotline.pass_time(4 * MINUTE_S)
    back = await hotline.dial()
    heard = await back.press("1")
    assert "sebelumnya terputus" in heard
    assert "Maju" not in heard
    await back.press("1")
    again = await first.take()
    assert await second.offer() is None
    assert (again["case"]["number"], again["case"]["employer"]) == (number, "PT Maju")
    assert again["case"]["pin"] is None
    await hotline.app.emit(LegGone(back.phone, Cause.LOST))
    await hotline.settle()
    await first.wrap_up("dropped")
    await hotline.pass_time(10 * MINUTE_S)
    # From another telephone: number and PIN.
    elsewhere = await hotline.dial(OTHER)
    assert "terputus" not in await elsewhere.press("2")
    heard = await elsewhere.press(number, pin)
    assert "melanjutkan pengaduan yang terputus" in heard
    await elsewhere.press("9")
    last = await first.take()
    await first.write(last["id"], narrative="Di-PHK tanpa pesangon.")
    await elsewhere.hang_up()
    await first.wrap_up()
    (case,) = hotline.cases()  # no second one
    assert case.status == "new"
    links = hotline.links(case.id)
    assert [link.role for link in links] == ["opened", "continued", "continued"]
    calls = [caller.call.id, back.call.id, elsewhere.call.id]
    assert [link.call for link in links] == calls
    assert [link.resumes for link in links] == [None, calls[0], calls[1]]
    # Clocks count from the first call.
    assert case.opened_at <= opened
    assert hotline.clocks(number)["resolve"].started == case.opened_at


async def test_what_an_agent_began_to_write_is_not_thrown_away(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    for number, fields in ((SARI, {"employer": "PT Maju"}), (OTHER, {})):
        caller = await hotline.dial(number)
        await caller.press("1", "1")
        talk = await agent.take()
        if fields:
            await agent.write(talk["id"], **fields)
        await caller.hang_up()
        await agent.wrap_up("dropped")
        await hotline.pass_time(1)
    assert [case.status for case in hotline.cases()] == ["draft", "draft"]
    await hotline.pass_time(DAY_S)
    assert [case.status for case in hotline.cases()] == ["new", "abandoned"]
