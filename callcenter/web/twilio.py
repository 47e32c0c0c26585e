"""What Twilio asks of us. Each request is handed to the line as it came: only the line can tell by
the signature whether it is Twilio's. What is played holds no secret, and anybody may fetch it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from callcenter.web.doors import Anyone, deps_of
from callcenter.web.errors import NoSuchThing
from callcenter.web.ports import Twilio

#: Twilio may keep a sound this long; its name changes when it does.
_KEEP = "public, max-age=86400"


async def _line(request: Request) -> Twilio:
    twilio = deps_of(request).twilio
    if twilio is None:
        raise NoSuchThing
    return twilio


TwilioOf = Annotated[Twilio, Depends(_line)]

router = APIRouter(
    prefix="/twilio", tags=["twilio"], dependencies=[Depends(Anyone("signed by Twilio"))]
)


@router.get("/sounds/{name}", response_class=Response)
async def sound(
    name: Annotated[str, Path(pattern=r"^[0-9a-z.-]{1,64}$")], twilio: TwilioOf
) -> Response:
    """A recorded prompt, or hold music."""
    found = await twilio.sound(name)
    if found is None:
        raise NoSuchThing
    return Response(found[1], media_type=found[0], headers={"Cache-Control": _KEEP})


@router.post("/messages/{path:path}", response_class=Response, include_in_schema=False)
async def about_a_message(request: Request) -> Response:
    """A webhook about a message in writing; the answer is what is written back."""
    inbox = deps_of(request).inbox
    if inbox is None:
        raise NoSuchThing
    return await _answer(request, inbox.webhook)


@router.post("/{path:path}", response_class=Response, include_in_schema=False)
async def webhook(request: Request, twilio: TwilioOf) -> Response:
    """A webhook; the answer is what the call does next."""
    return await _answer(request, twilio.webhook)


async def _answer(
    request: Request,
    ask: Callable[[str, str, dict[str, str], bytes], Awaitable[tuple[int, str, bytes]]],
) -> Response:
    scope = request.scope
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = {name.lower(): value for name, value in request.headers.items()}
    status, kind, body = await ask(
        request.method, target.decode("latin-1"), headers, await request.body()
    )
    return Response(body, status, media_type=kind)
