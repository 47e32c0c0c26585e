"""Who may pass which route. Every route has exactly one door: ``allow(permission)`` or ``anyone``.

``factory.make_web`` refuses to build an application that has a route without one.
"""

from __future__ import annotations

import hmac
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from callcenter.people.permissions import Permission
from callcenter.people.service import NotSignedIn
from callcenter.people.sign_ins import Present
from callcenter.web.directory import Directory
from callcenter.web.errors import Forbidden, WrongCsrf
from callcenter.web.guard import SAFE_METHODS
from callcenter.web.hub import Hub
from callcenter.web.ports import Deps
from callcenter.web.softphones import Softphones

COOKIE: Final = "session"
CSRF_HEADER: Final = "x-csrf-token"
_OF_BROWSERS: Final = frozenset({"origin", "sec-fetch-site"})


def deps_of(connection: HTTPConnection) -> Deps:
    """What ``app`` handed in."""
    return cast(Deps, connection.app.state.deps)


def hub_of(connection: HTTPConnection) -> Hub:
    """The open pages."""
    return cast(Hub, connection.app.state.hub)


def phones_of(connection: HTTPConnection) -> Softphones:
    """The agents' softphone accounts."""
    return cast(Softphones, connection.app.state.phones)


def directory_of(connection: HTTPConnection) -> Directory:
    """Names for ids."""
    return cast(Directory, connection.app.state.directory)


class Allow:
    """Lets in whoever is signed in with ``permission``; a page's change only with the CSRF token.

    Browsers put Origin or Sec-Fetch-Site on whatever could change something; who sends neither is a
    program, which no other site can make send its cookie. It needs no token, but not a wrong one.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Present:
        present = await self.enter(request)
        if request.method not in SAFE_METHODS:
            given = request.headers.get(CSRF_HEADER)
            if given is None and _OF_BROWSERS.isdisjoint(request.headers):
                return present
            if not hmac.compare_digest((given or "").encode(), present.csrf.encode()):
                raise WrongCsrf
        return present

    async def enter(self, connection: HTTPConnection) -> Present:
        """The same without the CSRF token, which a WebSocket can't send.

        Raises:
            NotSignedIn: no cookie, or one that is over.
            Forbidden: this role has not the permission.
        """
        token = connection.cookies.get(COOKIE)
        if not token:
            raise NotSignedIn
        present = await deps_of(connection).people.who(token)
        if not present.may(self.permission):
            raise Forbidden
        return present


class AskedInside:
    """Marks a route whose own code asks :meth:`Allow.enter`, for one of these permissions."""

    def __init__(self, *permissions: Permission) -> None:
        self.permissions = permissions

    async def __call__(self) -> None:
        """Nothing yet."""


class Anyone:
    """Lets everybody in; ``why`` there is nothing to protect."""

    def __init__(self, why: str) -> None:
        self.why = why

    async def __call__(self) -> None:
        """Nothing to ask."""


Door = Allow | AskedInside | Anyone

DepsOf = Annotated[Deps, Depends(deps_of)]
HubOf = Annotated[Hub, Depends(hub_of)]
PhonesOf = Annotated[Softphones, Depends(phones_of)]
DirectoryOf = Annotated[Directory, Depends(directory_of)]
SignedIn = Annotated[Present, Depends(Allow(Permission.SIGNED_IN))]
Agent = Annotated[Present, Depends(Allow(Permission.TAKE_CALLS))]
Watcher = Annotated[Present, Depends(Allow(Permission.WATCH_BOARD))]
Caseworker = Annotated[Present, Depends(Allow(Permission.WORK_CASES))]
Manager = Annotated[Present, Depends(Allow(Permission.MANAGE_PEOPLE))]
