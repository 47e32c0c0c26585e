"""What is done at the desk of cases: find, read, write down, pass on, note. Every answer holds what
:mod:`callcenter.cases.secrecy` lets its reader see, and a case that they may not know of is the
same as none. Reading one is itself a Fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar
from urllib.parse import quote, unquote

import msgspec
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from callcenter.calls import callers
from callcenter.calls.vault import service as vault
from callcenter.cases.attachments.rules import MOST_BYTES, Kind
from callcenter.cases.desk import service as lists
from callcenter.cases.desk.acts.service import Desk
from callcenter.cases.desk.attaching import service as attachments
from callcenter.cases.desk.file import service as files
from callcenter.cases.desk.file.service import NoCase
from callcenter.cases.desk.joining import service as joining
from callcenter.cases.desk.service import MOST_PAGES, List, Search
from callcenter.cases.desk.writing import Form
from callcenter.cases.errors import BadForm, Refused, StaleCase
from callcenter.cases.facts import NoteKind
from callcenter.cases.secrecy import Emergency, Group, Person
from callcenter.cases.service import cases_of, recordings_of
from callcenter.cases.statuses import CaseStatus, Channel
from callcenter.clock import Given
from callcenter.db import Connection
from callcenter.people import accounts
from callcenter.people.accounts import Account
from callcenter.people.permissions import Role
from callcenter.queue import service as queue
from callcenter.queue.agents import AgentState
from callcenter.web import case_file
from callcenter.web import desk_documents as documents
from callcenter.web.desk_documents import CaseFile
from callcenter.web.directory import Directory
from callcenter.web.documents import Code
from callcenter.web.doors import Caseworker, DepsOf, DirectoryOf
from callcenter.web.errors import NoSuchThing
from callcenter.web.guard import upload
from callcenter.web.ports import Deps

T = TypeVar("T")

router = APIRouter(prefix="/api", tags=["officer"])

Number = Annotated[str, Path(pattern=r"^[0-9]{10}$", description="Ten digits")]
AttachmentId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,40}$")]
RecordingName = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,120}$")]


class Seat:
    """One request of somebody who works on cases."""

    def __init__(self, account: Account, deps: Deps, directory: Directory) -> None:
        self.account, self.deps, self._directory = account, deps, directory
        self.person = Person(account.id, account.role, account.unit, account.head, account.named)
        self.rules, self.given = deps.calls.rules, Given(deps.clock.now())

    @property
    def now(self) -> int:
        return self.given.now

    async def names(self) -> Mapping[str, str]:
        """Account id → name."""
        return (await self._directory.names()).staff

    async def do(self, what: Callable[[Desk], T]) -> T:
        """What ``what`` gives, in one transaction.

        Raises:
            NoSuchThing: there is no such case, or none that they may know of; nothing was done.
        """

        def write(conn: Connection) -> T:
            talking = _talking(conn, self.account)
            keys, given = self.deps.keys, self.given.again()
            return what(Desk(conn, keys, given, self.rules, self.person, talking))

        try:
            done = await self.deps.db.write(write)
        except NoCase:
            raise NoSuchThing from None
        except StaleCase as stale:
            staff = await self.names()
            told = [
                msgspec.structs.replace(one, by=one.by and staff.get(one.by, one.by))
                for one in stale.changes
            ]
            raise StaleCase(stale.case, stale.version, changes=told) from None
        self.deps.nudge()
        return done

    async def change(self, number: str, what: Callable[[Desk], object]) -> CaseFile:
        """The case after ``what`` was done to it."""

        def change(desk: Desk) -> None:
            what(desk)
            desk.answer(number)

        try:
            await self.do(change)
        except StaleCase:  # which says what others wrote
            await self.do(lambda desk: desk.answer(number))
            raise
        return await self.file(number)

    async def file(self, number: str) -> CaseFile:
        """The case as it is now; nothing but its number when it went out of sight."""
        staff = await self.names()

        def look(conn: Connection) -> CaseFile:
            talking = _talking(conn, self.account)
            try:
                case = files.look(conn, self.rules, self.person, number, self.now, talking=talking)
            except NoCase:
                return CaseFile(number=number, may={}, can=[])
            keys = self.deps.keys
            return case_file.document(conn, keys, self.rules, self.person, case, self.now, staff)

        return await self.deps.db.read(look)


def seat(me: Caseworker, deps: DepsOf, directory: DirectoryOf) -> Seat:
    return Seat(me.account, deps, directory)


SeatOf = Annotated[Seat, Depends(seat)]


def _talking(conn: Connection, account: Account) -> list[str]:
    """The cases of the call that an agent is in, or wraps up."""
    if account.role is not Role.AGENT:
        return []
    agent = queue.load_agent(conn, account.id, lock=False)
    busy = agent is not None and agent.state in (AgentState.TALKING, AgentState.WRAP_UP)
    return cases_of(conn, agent.call) if agent is not None and busy and agent.call else []


# --- lists ------------------------------------------------------------------------------------


@router.get("/desk")
async def desk(at: SeatOf) -> documents.DeskDocument:
    """What waits for me, and how much of it is late."""
    unit = at.person.unit
    known = at.rules.units.units.get(unit or "")

    def look(conn: Connection) -> dict[str, object]:
        counts = lists.desk(conn, at.rules, at.person, at.now)
        officers = [] if unit is None else accounts.of_unit(conn, unit)
        return {
            "unit": unit,
            "unit_name": known.name if known else unit,
            "head": at.person.head,
            "lists": msgspec.to_builtins(counts),
            "officers": [{"id": one.id, "name": one.name} for one in officers],
        }

    return documents.DeskDocument.model_validate(await at.deps.db.read(look))


@router.get("/desk/cases")
async def list_cases(
    at: SeatOf,
    of: Annotated[List, Query(alias="list")] = List.ALL,
    status: CaseStatus | None = None,
    topic: Code | None = None,
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
) -> documents.DeskPage:
    """Cases of a list by due time."""
    return await _page(at, of, Search(status=status, topic=topic, page=page))


@router.post("/desk/search")
async def find(body: documents.SearchBody, at: SeatOf) -> documents.DeskPage:
    """The same, of those in which something is found. What is searched for may be a name, so it is
    in no address: proxies and browsers write those down."""
    phone = callers.normalise(body.query)
    return await _page(
        at, List(body.of), Search(body.query, phone, body.status, body.topic, body.page)
    )


async def _page(at: Seat, of: List, asked: Search) -> documents.DeskPage:
    staff = await at.names()
    found = await at.deps.db.read(
        lambda conn: lists.page(conn, at.deps.keys, at.rules, at.person, of, asked, at.now)
    )
    shown = msgspec.to_builtins(found) | {"page": asked.page}
    for case in shown["cases"]:
        for name in ("officer", "custodian"):
            case[name] = staff.get(case[name], case[name])
    return documents.DeskPage.model_validate(shown)


# --- one case ---------------------------------------------------------------------------------


@router.get("/cases/{number}", response_model_exclude_unset=True)
async def one(number: Number, at: SeatOf) -> CaseFile:
    """One case as far as I may see it. That I read it is written into it."""
    await at.do(lambda desk: desk.read(number))
    return await at.file(number)


@router.get(
    "/cases/{number}/recordings/{name}",
    response_class=Response,
    responses={200: {"content": {"audio/wav": {}}}},
)
async def recording(number: Number, name: RecordingName, at: SeatOf) -> Response:
    """A message that a caller left, as a WAV file. Who listens is written into the case."""

    def known(desk: Desk) -> bool:
        case = desk.read(number)
        heard = case.rights.sees(Group.RECORDINGS)
        return heard and any(
            one.name == name for one in recordings_of(desk.connection, case.row["id"])
        )

    if not await at.do(known) or at.deps.recording is None:
        raise NoSuchThing
    try:
        sound = await at.deps.recording(name)
    except (LookupError, OSError):
        raise NoSuchThing from None  # not brought home yet
    return Response(sound, media_type="audio/wav")


@router.post(
    "/cases/{number}/attachments",
    response_model_exclude_unset=True,
    openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {}}}},
)
async def attach(
    number: Number,
    request: Request,
    at: SeatOf,
    file_name: Annotated[str, Header(alias="X-File-Name", max_length=750)] = "",
) -> CaseFile:
    """Keep a paper or a picture beside a case: the body is a PDF, JPEG, PNG or WebP of 5 MB at the
    most. Its name is percent-encoded (a name in an address would be in the logs of proxies)."""
    content = await upload(request, MOST_BYTES)
    name = unquote(file_name)
    return await at.change(number, lambda desk: attachments.attach(desk, number, name, content))


@router.get(
    "/cases/{number}/attachments/{attachment}",
    response_class=Response,
    responses={200: {"content": {one.media_type: {} for one in Kind}}},
)
async def attachment(number: Number, attachment: AttachmentId, at: SeatOf) -> Response:
    """One of them, to be saved. Who reads it is written into the case."""
    found = await at.do(lambda desk: attachments.hand_out(desk, number, attachment))
    if found is None:
        raise NoSuchThing
    disposition = f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = {"Content-Disposition": disposition}
    return Response(found.content, media_type=found.kind.media_type, headers=headers)


@router.post("/cases/{number}/attachments/{attachment}/remove", response_model_exclude_unset=True)
async def remove_attachment(number: Number, attachment: AttachmentId, at: SeatOf) -> CaseFile:
    """Destroy one that does not belong there. That it was there stays on record."""
    return await at.change(number, lambda desk: attachments.remove(desk, number, attachment))


@router.post("/cases", status_code=201)
async def intake(body: documents.IntakeBody, at: SeatOf) -> documents.Opened:
    """A case without a call: somebody came, or wrote. The PIN is told this once."""
    form, channel = _form(body), Channel(body.channel)
    number, pin = await at.do(lambda desk: desk.open(form, channel, gathers=body.gathers))
    return documents.Opened(number=number, pin=pin)


@router.put("/cases/{number}", response_model_exclude_unset=True)
async def save(number: Number, body: documents.SaveBody, at: SeatOf) -> CaseFile:
    """Write a case down. 409 ``stale`` says who changed which fields since."""
    form = _form(body)

    def write(desk: Desk) -> None:
        moved = desk.save(number, body.version, form, copy=body.copied)
        if body.anonymous:
            by = at.account.id
            vault.anonymise(desk.connection, desk.keys, desk.given, moved.case, by=by)

    return await at.change(number, write)


@router.post("/cases/{number}/moves", response_model_exclude_unset=True)
async def move(number: Number, body: documents.MoveBody, at: SeatOf) -> CaseFile:
    """An event happens to a case: one that its ``can`` names. A refusal names the field. What is
    the reporter's to do needs their PIN; wrong ones count."""
    event, version, fields, pin = body.event, body.version, body.fields, body.pin
    copy = body.copied
    if pin is not None and (why := await at.do(lambda desk: desk.check_pin(number, pin))):
        raise Refused(why, "pin")
    reporter = pin is not None
    return await at.change(
        number,
        lambda desk: desk.move(number, event, version, fields, reporter=reporter, copy=copy),
    )


@router.post("/cases/{number}/notes", response_model_exclude_unset=True)
async def note(number: Number, body: documents.NoteBody, at: SeatOf) -> CaseFile:
    """Write something beside a case; a public note is what the reporter is told."""
    kind, text, copy = NoteKind(body.kind), body.text, body.copied
    return await at.change(number, lambda desk: desk.note(number, kind, text, copy=copy))


@router.post("/cases/{number}/remind", response_model_exclude_unset=True)
async def remind(number: Number, at: SeatOf) -> CaseFile:
    """Press the unit for an answer ("tagih")."""
    return await at.change(number, lambda desk: desk.remind(number))


@router.post("/cases/{number}/glass", response_model_exclude_unset=True)
async def break_glass(number: Number, body: documents.GlassBody, at: SeatOf) -> CaseFile:
    """See for an hour what I may not, for a reason that is kept and told."""
    emergency = Emergency(body.emergency)
    return await at.change(number, lambda desk: desk.break_glass(number, emergency, body.reason))


# --- cases that belong together ---------------------------------------------------------------


@router.get("/cases/{number}/duplicates")
async def suggestions(number: Number, at: SeatOf) -> documents.Duplicates:
    """Cases that may be the same complaint, or of the same employer."""
    found = await at.do(lambda desk: joining.suggest(desk, number))
    return documents.Duplicates.model_validate({"suggestions": msgspec.to_builtins(found)})


@router.post("/cases/{number}/merge", response_model_exclude_unset=True)
async def merge(number: Number, body: documents.MergeBody, at: SeatOf) -> CaseFile:
    """The case goes on as another one of its reporter."""
    into, version, same = body.into, body.version, body.same_person
    return await at.change(
        number, lambda desk: joining.merge(desk, number, into, version, same_person=same)
    )


@router.post("/cases/{number}/parent", response_model_exclude_unset=True)
async def set_parent(number: Number, body: documents.ParentBody, at: SeatOf) -> CaseFile:
    """Join the case under one that gathers many reporters', or take it out again."""
    return await at.change(number, lambda desk: joining.set_parent(desk, number, body.parent))


@router.post("/cases/{number}/children", response_model_exclude_unset=True)
async def gather(number: Number, body: documents.ChildrenBody, at: SeatOf) -> CaseFile:
    """Join cases under this one, which gathers many reporters': all of them or none."""
    return await at.change(number, lambda desk: joining.gather(desk, number, body.children))


# --- who there is -----------------------------------------------------------------------------


@router.get("/units")
async def units(at: SeatOf) -> documents.UnitsDocument:
    """The units that cases are sent to, and the bodies that they are referred to."""
    known = at.rules.units
    found = [msgspec.to_builtins(one) | {"external": one.external} for one in known.units.values()]
    return documents.UnitsDocument.model_validate(
        {"units": found, "provinces": known.provinces, "triage": known.triage}
    )


@router.get("/directory")
async def bodies(at: SeatOf) -> documents.DirectoryDocument:
    """Bodies outside with their numbers and hours."""
    known = [msgspec.to_builtins(one) for one in at.rules.directory.values()]
    return documents.DirectoryDocument.model_validate({"bodies": known})


def _form(body: documents.Writing) -> Form:
    """The same for the case store, with telephone numbers as networks give them.

    Raises:
        BadForm: one is none.
    """
    phones = {callers.normalise(one.number) or "": one.shared for one in body.phones or ()}
    if "" in phones:
        raise BadForm({"phones": "no telephone number"})
    return body.form(None if body.phones is None else phones)
