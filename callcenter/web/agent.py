"""What an agent does: be ready, take calls, write the case down, wrap up."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Path

from callcenter.calls import callers
from callcenter.calls.console import ConsoleView, view
from callcenter.calls.errors import MessageRefused, NotNow
from callcenter.calls.telling import TellingView
from callcenter.cases import numbers
from callcenter.cases.errors import BadForm
from callcenter.cases.tries.service import Said
from callcenter.db import Connection
from callcenter.db.facts import last_sealed
from callcenter.messages.model import Channel, Reason
from callcenter.people.accounts import Account
from callcenter.web.documents import (
    AnotherBody,
    BringInBody,
    CaseBody,
    CaseDraft,
    CodeBody,
    Console,
    Done,
    LostPinBody,
    MessageBody,
    NewPinDocument,
    OutcomeBody,
    PhoneBody,
    StateBody,
    case_of,
)
from callcenter.web.doors import Agent, DepsOf, PhonesOf
from callcenter.web.ports import Deps
from callcenter.web.softphones import Softphones

router = APIRouter(prefix="/api/agent", tags=["agent"])

Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]


@router.get("")
async def read(me: Agent, deps: DepsOf, phones: PhonesOf) -> Console:
    """All that the console shows."""
    return await console(deps, phones, me.account)


@router.put("/state")
async def set_state(body: StateBody, me: Agent, deps: DepsOf) -> Done:
    """Be ready or paused; while busy it is booked for afterwards."""
    if not me.account.active and body.state == "ready":
        raise NotNow("this account is closed")  # only the call under way is still theirs
    await deps.desk.set_agent_state(me.account.id, body.state, body.reason)
    return Done()


@router.put("/phone")
async def phone(body: PhoneBody, me: Agent, phones: PhonesOf) -> Done:
    """Say whether this page's telephone is registered at Twilio, which tells nobody else. To be
    said again every 15 s."""
    phones.heard(me.account.id, body.up)
    return Done()


@router.post("/offers/{offer}/accept")
async def accept(offer: Id, me: Agent, deps: DepsOf) -> Done:
    """Take the caller who is offered."""
    await deps.desk.accept(me.account.id, offer)
    return Done()


@router.post("/offers/{offer}/decline")
async def decline(offer: Id, me: Agent, deps: DepsOf) -> Done:
    """Leave the caller to somebody else."""
    await deps.desk.decline(me.account.id, offer)
    return Done()


@router.post("/calls/{call}/hangup")
async def hang_up(call: Id, me: Agent, deps: DepsOf) -> Done:
    """End my talk with the caller. A body that was brought in stays with them."""
    await deps.desk.hang_up(me.account.id, call)
    return Done()


@router.put("/calls/{call}/body")
async def bring_in(call: Id, body: BringInBody, me: Agent, deps: DepsOf) -> Done:
    """Call a body of the directory and bring it into my talk. Once it answers I may leave
    (``hangup``), and it talks on with the caller. A second click does nothing. 409 ``refused``:
    ``no_number``, ``line``, ``cap``, ``enough`` or ``engaged``."""
    await deps.desk.bring_in(me.account.id, call, body.code)
    return Done()


@router.post("/calls/{call}/body/end")
async def let_go(call: Id, me: Agent, deps: DepsOf) -> Done:
    """The body leaves my talk, or is called no more."""
    await deps.desk.let_go(me.account.id, call)
    return Done()


@router.put("/calls/{call}/case")
async def save_case(call: Id, body: CaseBody, me: Agent, deps: DepsOf) -> CaseDraft:
    """Write the case of this call down. 409 ``stale`` carries the case as it is now."""
    saved = await deps.desk.save_case(me.account.id, call, body.form(), body.number)
    return CaseDraft.model_validate(case_of(saved))


@router.post("/calls/{call}/cases", status_code=201)
async def open_another(call: Id, body: AnotherBody, me: Agent, deps: DepsOf) -> CaseDraft:
    """Open a second case in this call: what the caller tells is two matters. Read its number and
    PIN out; the system says those of the first one alone."""
    opened = await deps.desk.open_another(me.account.id, call, body.topic)
    return CaseDraft.model_validate(case_of(opened))


@router.post("/calls/{call}/message")
async def send_number(call: Id, body: MessageBody, me: Agent, deps: DepsOf) -> Done:
    """Send the case number to the number that called. Once for a call and its case, unless it
    failed. 409 ``message_refused`` says why in ``fields.channel``: ``already_sent``, ``opted_out``,
    ``not_allowed``, ``cap``, ``no_number`` or ``no_sender``."""
    if deps.telling is None:
        raise MessageRefused(Reason.NO_SENDER.value)
    await deps.telling.send_number(me.account.id, call, Channel(body.channel))
    return Done()


@router.post("/calls/{call}/pin/code")
async def send_code(call: Id, body: CodeBody, me: Agent, deps: DepsOf) -> Done:
    """Send a code, good for ten minutes, to a telephone in the case, for a caller who lost the PIN.
    Done also where there is no such case, or no telephone that may be written to now: nobody learns
    of a case by it. 409 ``refused``: ``locked``, asked for too often."""
    number = numbers.typed(body.number)
    if number is None:
        raise BadForm({"number": "is not a case number"})
    await deps.desk.send_code(me.account.id, call, number)
    return Done()


@router.post("/calls/{call}/pin")
async def new_pin(call: Id, body: LostPinBody, me: Agent, deps: DepsOf) -> NewPinDocument:
    """A new PIN for a caller who lost it: two things besides the number must be right, none wrong,
    or the code that they were sent.
    409 ``refused``: ``unknown`` (also where there is no such case), or ``locked``."""
    number = numbers.typed(body.number)
    if number is None:
        raise BadForm({"number": "is not a case number"})
    phone = callers.normalise(body.phone) if body.phone.strip() else None
    said = Said(name=body.name.strip(), phone=phone or "", employer=body.employer.strip())
    made = await deps.desk.recover_pin(me.account.id, call, number, said, body.code)
    return NewPinDocument(number=made.number, pin=made.pin)


@router.post("/wrap-up/done")
async def wrap_up_done(body: OutcomeBody, me: Agent, deps: DepsOf) -> Done:
    """Say what the call came to, and be free for the next one."""
    await deps.desk.wrap_up_done(me.account.id, body.outcome)
    return Done()


async def console(deps: Deps, phones: Softphones, account: Account) -> Console:
    """The agent's document. Its ``seq`` is read with it in one snapshot, so it is never newer than
    what the document shows."""
    now = deps.clock.now()

    def look(conn: Connection) -> tuple[int, ConsoleView, TellingView | None]:
        shown = view(conn, deps.calls, account.id, now)
        call = shown.call.id if shown.call else shown.wrap_up.call if shown.wrap_up else None
        told = None if deps.telling is None or call is None else deps.telling.view(conn, call)
        return last_sealed(conn), shown, told

    softphone = await phones.of(account)
    seq, shown, told = await deps.db.read(look)
    document = msgspec.to_builtins(shown) | {"seq": seq}
    for place in ("call", "wrap_up"):
        if document[place] is not None:
            document[place]["message"] = msgspec.to_builtins(told)
    document["agent"]["name"] = account.name
    document["agent"]["device"]["account"] = softphone and {
        "uri": softphone.uri,
        "username": softphone.username,
        "password": softphone.password,
        "ws": softphone.ws,
    }
    voice = phones.voice_of(account)
    document["agent"]["device"]["voice"] = voice and {
        "identity": voice.identity,
        "token": voice.token,
        "expires_at": voice.expires_at,
    }
    return Console.model_validate(document)
