"""What needs no sign-in: is the process alive, is it ready, what does its interface look like."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from fastapi import APIRouter, Depends, Request, Response

from callcenter.web.documents import Alive, Ready, TopicChoice
from callcenter.web.doors import Anyone, DepsOf, SignedIn

router = APIRouter(tags=["public"])

CHECK_S: Final = 3.0
_ANSWERS: Final[dict[bool | None, Literal["yes", "no", "unknown"]]] = {
    True: "yes",
    False: "no",
    None: "unknown",
}


@router.get("/healthz", dependencies=[Depends(Anyone("a watchdog has no account"))])
async def healthz() -> Alive:
    """The event loop turns. A watchdog restarts the process when this does not answer."""
    return Alive()


@router.get("/readyz", dependencies=[Depends(Anyone("a load balancer has no account"))])
async def readyz(deps: DepsOf, response: Response) -> Ready:
    """Whether calls can be served: 503 when anything that they need is missing."""
    checks: dict[str, str] = {}
    for name, check in deps.ready.items():
        try:
            async with asyncio.timeout(CHECK_S):
                await check()
            checks[name] = "ok"
        except TimeoutError:
            checks[name] = f"no answer in {CHECK_S:g} s"
        except Exception as error:  # a check fails in whatever way its part fails
            checks[name] = type(error).__name__
    ready = all(result == "ok" for result in checks.values())
    response.status_code = 200 if ready else 503
    answers = deps.trunk() if deps.trunk is not None else None
    return Ready(ready=ready, checks=checks, trunk_reachable=_ANSWERS[answers])


@router.get("/api/topics", tags=["sign-in"], response_model_exclude_none=True)
async def topics(_me: SignedIn, deps: DepsOf) -> list[TopicChoice]:
    """What calls and cases can be about."""
    return [
        TopicChoice(code=topic.code, label=dict(topic.label), within=topic.within)
        for topic in deps.calls.topics.values()
    ]


@router.get(
    "/api/openapi.json",
    include_in_schema=False,
    dependencies=[Depends(Anyone("it describes an interface whose source is public"))],
)
async def openapi(request: Request) -> dict[str, object]:
    """The description of this interface."""
    schema: dict[str, object] = request.app.openapi()
    return schema
