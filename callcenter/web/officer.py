"""What a case officer does: find cases and read them. Reading one is itself a Fact."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query, Response
from pydantic import AfterValidator

from callcenter.cases.desk.service import list_cases
from callcenter.cases.facts import CaseFact
from callcenter.cases.service import CaseView, by_number, recordings_of
from callcenter.cases.statuses import CaseStatus
from callcenter.db import Connection
from callcenter.db.facts import Fact, append
from callcenter.people.sign_ins import Present
from callcenter.web import case_file
from callcenter.web.documents import CaseDocument, CasePage, Code, no_control
from callcenter.web.doors import DepsOf, DirectoryOf, Reader
from callcenter.web.errors import NoSuchThing
from callcenter.web.ports import Deps

router = APIRouter(prefix="/api", tags=["officer"])

Number = Annotated[str, Path(pattern=r"^[0-9]{10}$", description="Ten digits")]
RecordingName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,120}$")]
MOST_PAGES = 10_000


@router.get("/cases")
async def find(
    _me: Reader,
    deps: DepsOf,
    directory: DirectoryOf,
    query: Annotated[str, Query(max_length=40), AfterValidator(no_control)] = "",
    status: CaseStatus | None = None,
    topic: Code | None = None,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
) -> CasePage:
    """Cases, the latest change first. ``query`` is the beginning of a number."""

    def look(conn: Connection) -> CasePage:
        wanted = status.value if status else None
        rows, total = list_cases(conn, query=query, status=wanted, topic=topic, page=page)
        cases = [msgspec.to_builtins(row) for row in rows]
        for case in cases:
            case["custodian"] = names.staff.get(case["custodian"], case["custodian"])
        return CasePage.model_validate({"cases": cases, "total": total, "page": page})

    names = await directory.names()
    return await deps.db.read(look)


@router.get("/cases/{number}")
async def one(number: Number, me: Reader, deps: DepsOf, directory: DirectoryOf) -> CaseDocument:
    """One case with its calls, recordings and history. Who reads it is written into it."""
    view = await _read_by(me, number, deps)
    names = await directory.names()
    return await deps.db.read(lambda conn: case_file.document(conn, view, names.staff))


@router.get(
    "/cases/{number}/recordings/{name}",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
async def recording(number: Number, name: RecordingName, me: Reader, deps: DepsOf) -> Response:
    """A message that a caller left, as a WAV file. Who listens is written into the case."""
    view = await _read_by(me, number, deps)
    known = await deps.db.read(lambda conn: recordings_of(conn, view.id))
    if deps.recording is None or all(one.name != name for one in known):
        raise NoSuchThing
    try:
        sound = await deps.recording(name)
    except (LookupError, OSError):
        raise NoSuchThing from None  # not brought home yet
    return Response(sound, media_type="audio/wav")


async def _read_by(me: Present, number: str, deps: Deps) -> CaseView:
    """The case ``number``, with the Fact that ``me`` has read it.

    Raises:
        NoSuchThing: there is none; then there is no Fact either.
    """
    now = deps.clock.now()

    def note(conn: Connection) -> CaseView:
        view = by_number(conn, deps.keys, number)
        fact = Fact(CaseFact.CASE_READ.value, now, agent=me.account.id, case=view.id)
        append(conn, deps.keys, [fact])
        return view

    try:
        view = await deps.db.write(note)
    except LookupError:
        raise NoSuchThing from None
    deps.nudge()
    return view
