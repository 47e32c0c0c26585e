"""The tenth journey: many workers of one employer, each for themselves, and one answer for all."""

from __future__ import annotations

import msgspec
import pytest

from tests.e2e.journeys import DAY_S, Journey

OTHER = "+628987654321"


async def one_notice(hotline: Journey, parent: str, children: list[str], note: str) -> None:
    """One inspection notice answers a case and all that it gathers."""
    triage, inspector = await hotline.desk()
    today = hotline.app.calls.rules.counting.home.day_of(hotline.clock.now())
    for number in (parent, *children):
        await triage.save(number, province="32")
    await triage.move(parent, "verify", copy=True)
    await triage.move(parent, "route", copy=True, unit="P32")
    await inspector.move(parent, "accept", copy=True)
    await inspector.ask(
        "PUT",
        f"/api/cases/{parent}",
        {
            "version": (await inspector.read(parent))["version"],
            "statutes": {"notice_1": today.isoformat()},
            "copy": True,
        },
    )
    await inspector.move(parent, "follow_up", copy=True, public_note=note, outcome="notice")
    for number in (parent, *children):
        case = hotline.case(number)
        assert (case.status, case.outcome, case.public_note) == ("followed_up", "notice", note)


def in_no_figure(hotline: Journey, employer: bytes) -> None:
    """Forty are more than enough to be published, but for one employer; of forty they would be."""
    (counted,) = hotline.complaints("2026-11")
    assert (counted.topic, counted.province, counted.cases) == ("thr", "32", 40)
    assert counted.employer == employer
    assert hotline.published([counted]) == {}
    forty = [msgspec.structs.replace(counted, cases=1, employer=bytes([n])) for n in range(40)]
    assert hotline.published(forty) == {("thr", None): 40, ("thr", "32"): 40}


@pytest.mark.timeout(400)
async def test_forty_workers_of_one_factory(hotline: Journey) -> None:
    agent = await hotline.agent("sari")
    children: list[tuple[str, str]] = []
    for n in range(40):
        hidden = n % 10 in (3, 6, 9)  # twelve of them want to be anonymous
        number = None if hidden else f"+6281200000{n:02d}"
        flag = {"anonymous": True} if hidden else {"reporter_name": f"Pekerja {n}"}
        said = {"topic": "thr", "employer": "PT Maju Bersama", "narrative": "THR belum dibayar."}
        children.append(await hotline.complain(agent, "1", "1", number=number, **said, **flag))
    triage, _ = await hotline.desk()
    first = children[0][0]
    found = await triage.ask("GET", f"/api/cases/{first}/duplicates")
    (mass,) = (one for one in found["suggestions"] if one["kind"] == "mass")
    assert len(mass["cases"]) == 39
    assert mass["parent"] is None  # somebody has to open it
    # The officer of the union reports for all: one case that gathers them.
    opened = await triage.ask(
        "POST",
        "/api/cases",
        {"channel": "letter", "topic": "thr", "employer": "PT Maju Bersama", "gathers": True},
    )
    parent = opened["number"]
    await triage.ask("POST", f"/api/cases/{first}/parent", {"parent": parent})
    found = await triage.ask("GET", f"/api/cases/{parent}/duplicates")
    (mass,) = found["suggestions"]
    assert mass["parent"] == parent
    rest = [one["number"] for one in mass["cases"]]
    assert sorted([first, *rest]) == sorted(number for number, _ in children)
    await triage.ask("POST", f"/api/cases/{parent}/children", {"children": rest})
    rows = hotline.cases()
    assert len(rows) == 41
    gathering = hotline.case(parent)
    assert sum(case.parent == gathering.id for case in rows) == 40
    assert [case.number for case in rows if case.parent is None] == [parent]
    assert sum(case.anonymous for case in rows) == 12
    assert len({case.employer_hash for case in rows}) == 1
    reporters_ = [case.reporter for case in rows if case.reporter is not None]
    assert len(set(reporters_)) == len(reporters_) == 28

    note = "Perusahaan sudah diperintahkan membayar THR."
    await one_notice(hotline, parent, [number for number, _ in children], note)
    # None hears of another; two object, each for themselves.
    for number, pin in children[:2]:
        caller = await hotline.dial(OTHER)
        heard = await caller.press("2", number, pin)
        assert note in heard
        assert "Maju" not in heard
        assert not any(other in "".join(heard.split()) for other, _ in children[1:])
        await caller.press("4")
        await caller.hang_up()
    await hotline.pass_time(21 * DAY_S)
    status = [hotline.case(number).status for number, _ in children]
    assert status == ["in_progress"] * 2 + ["closed"] * 38
    # ... and a third one opens theirs again.
    number, pin = children[2]
    caller = await hotline.dial(OTHER)
    await caller.press("2", number, pin, "6", "1")
    status = [hotline.case(number).status for number, _ in children]
    assert status == ["in_progress"] * 2 + ["reopened"] + ["closed"] * 37
    in_no_figure(hotline, gathering.employer_hash)
