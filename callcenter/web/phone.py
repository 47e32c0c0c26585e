"""The simulated telephone. It needs no sign-in, so it is there only when the server listens on
loopback and the simulator is switched on (``app`` decides), and only under a loopback name."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import FileResponse

from callcenter.calls.callers import normalise
from callcenter.web.documents import (
    CallBody,
    Dialled,
    Done,
    KeysBody,
    Rung,
    SimulatedCall,
    SpeakBody,
)
from callcenter.web.doors import Anyone, DepsOf, deps_of
from callcenter.web.errors import NoSuchThing
from callcenter.web.ports import Simulator

_HOSTS: Final = ("localhost", "127.0.0.1", "::1", "testserver")


async def _here(request: Request) -> Simulator:
    """The simulator, for whoever asks under a name of this machine (a page of another site that
    made its name point here does not)."""
    simulator = deps_of(request).simulator
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    if simulator is None or host not in _HOSTS:
        raise NoSuchThing
    return simulator


SimulatorOf = Annotated[Simulator, Depends(_here)]
Id = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,80}$")]
Number = Annotated[str, Path(pattern=r"^\+?[0-9]{3,15}$")]

router = APIRouter(
    prefix="/simulator",
    tags=["simulator"],
    dependencies=[Depends(Anyone("a simulated citizen; only on loopback"))],
)


@router.post("/calls", status_code=201)
async def dial(body: CallBody, simulator: SimulatorOf) -> Dialled:
    """Call the hotline."""
    return Dialled(call=await simulator.call(body.caller, body.to))


@router.get("/phones/{number}")
async def rung(number: Number, simulator: SimulatorOf) -> Rung:
    """Whether the hotline calls this number back. It is written as one dials it."""
    return Rung(call=simulator.rung(normalise(number) or number))


@router.post("/calls/{call}/answer")
async def answer(call: Id, simulator: SimulatorOf) -> Done:
    """Pick up the phone that rings; from then on it is a call like one that was dialled."""
    try:
        await simulator.pick_up(call)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.post("/calls/{call}/busy")
async def busy(call: Id, simulator: SimulatorOf) -> Done:
    """The phone that rings is engaged."""
    try:
        await simulator.busy(call)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.get("/calls/{call}")
async def view(
    call: Id, simulator: SimulatorOf, after: Annotated[int, Query(ge=0, le=2**31)] = 0
) -> SimulatedCall:
    """What the caller has heard since ``after``, and what the line waits for."""
    try:
        return SimulatedCall.model_validate(simulator.view(call, after))
    except LookupError:
        raise NoSuchThing from None


@router.post("/calls/{call}/keys")
async def press(call: Id, body: KeysBody, simulator: SimulatorOf) -> Done:
    """Press keys."""
    try:
        await simulator.keys(call, body.keys)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.post("/calls/{call}/silence")
async def silence(call: Id, simulator: SimulatorOf) -> Done:
    """Press nothing until the line's patience ends."""
    try:
        await simulator.silence(call)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.post("/calls/{call}/speak")
async def speak(call: Id, body: SpeakBody, simulator: SimulatorOf) -> Done:
    """Say something: what a recording would hold."""
    try:
        await simulator.speak(call, body.text)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.post("/calls/{call}/hangup")
async def hang_up(call: Id, simulator: SimulatorOf) -> Done:
    """Hang up."""
    try:
        await simulator.hang_up(call)
    except LookupError:
        raise NoSuchThing from None
    return Done()


@router.get("/sounds/{name}.wav", response_class=FileResponse)
async def sound(
    name: Annotated[str, Path(pattern=r"^[0-9a-f]{16,64}$")], _on: SimulatorOf, deps: DepsOf
) -> FileResponse:
    """A prompt as the caller hears it. The name is its hash, so it never changes."""
    path = await deps.sounds(name) if deps.sounds else None
    if path is None:
        raise NoSuchThing
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(path, media_type="audio/wav", headers=headers)
