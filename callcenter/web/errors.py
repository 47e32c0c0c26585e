"""One table: what was raised -> the status and the code that the client sees.

Every refusal is ``{"error": {"code", "message", "fields"?, "current"?}}``. An exception that is not
in the table is a 500 whose text stays in our log.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from callcenter.calls import errors as calls
from callcenter.cases.errors import BadForm, Refused, StaleCase
from callcenter.db import DatabaseAway
from callcenter.db.keys import KeyForgotten
from callcenter.people.accounts import BadAccount
from callcenter.people.service import NotSignedIn, SignInRefused
from callcenter.people.throttle import Throttled
from callcenter.resources import ResourceMissing
from callcenter.web import documents

log = logging.getLogger(__name__)


class Forbidden(Exception):
    """Signed in, and this role may not do that."""


class WrongOrigin(Exception):
    """Sent by another site's page."""


class WrongCsrf(Exception):
    """The header X-CSRF-Token is missing or is not this sign-in's."""


class NoSuchThing(Exception):
    """There is nothing of this name."""


class TooLarge(Exception):
    """A body that is longer than anything we ask for."""


class TooSlow(Exception):
    """A body that does not come to its end."""


class LineAway(Exception):
    """The phone network can't be reached just now."""


class Refusal(NamedTuple):
    status: int
    code: str
    message: str | None = None  #: None: the exception's own text, which is meant for people


_S = HTTPStatus

#: The table. The first class that fits, by the exception's own order of bases.
TABLE: Final[dict[type[Exception], Refusal]] = {
    SignInRefused: Refusal(_S.UNAUTHORIZED, "sign_in_refused", "wrong username or password"),
    NotSignedIn: Refusal(_S.UNAUTHORIZED, "not_signed_in", "sign in first"),
    Forbidden: Refusal(_S.FORBIDDEN, "forbidden", "your role may not do that"),
    WrongOrigin: Refusal(_S.FORBIDDEN, "wrong_origin", "sent by another site"),
    WrongCsrf: Refusal(_S.FORBIDDEN, "wrong_csrf", "X-CSRF-Token is missing or wrong"),
    Throttled: Refusal(_S.TOO_MANY_REQUESTS, "throttled"),
    BadAccount: Refusal(_S.UNPROCESSABLE_ENTITY, "invalid"),
    NoSuchThing: Refusal(_S.NOT_FOUND, "not_found", "there is no such thing"),
    calls.NotYours: Refusal(_S.NOT_FOUND, "not_found", "there is no such thing"),
    calls.TooLate: Refusal(_S.CONFLICT, "too_late", "it is over"),
    calls.NotNow: Refusal(_S.CONFLICT, "not_now"),
    calls.MessageRefused: Refusal(_S.CONFLICT, "message_refused", "it may not be sent"),
    BadForm: Refusal(_S.UNPROCESSABLE_ENTITY, "invalid"),
    Refused: Refusal(_S.CONFLICT, "refused"),
    StaleCase: Refusal(_S.CONFLICT, "stale", "somebody saved it meanwhile"),
    TooLarge: Refusal(_S.REQUEST_ENTITY_TOO_LARGE, "too_large", "the body is too large"),
    TooSlow: Refusal(_S.REQUEST_TIMEOUT, "too_slow", "the body did not come to its end"),
    KeyForgotten: Refusal(_S.GONE, "forgotten", "it was forgotten, as it had to be"),
    LineAway: Refusal(_S.SERVICE_UNAVAILABLE, "line_away", "the phone network is away"),
    ResourceMissing: Refusal(_S.SERVICE_UNAVAILABLE, "not_built"),
    DatabaseAway: Refusal(_S.SERVICE_UNAVAILABLE, "database_away", "the database is away"),
}

#: Statuses that the framework itself raises.
_FRAMEWORK: Final = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "not_json",
}

#: A client may ask again after this, when it is we who are away.
RETRY_S: Final = 2


def body(code: str, message: str, **more: object) -> bytes:
    """The JSON of a refusal."""
    return msgspec.json.encode({"error": {"code": code, "message": message, **more}})


def answer(error: Exception) -> Response:
    """The response that says what went wrong."""
    kind = next((base for base in type(error).__mro__ if base in TABLE), None)
    if kind is None:
        log.error("a request failed", exc_info=error)
        return _json(500, body("internal", "something went wrong here; it was written down"))
    status, code, message = TABLE[kind]
    more: dict[str, object] = {}
    headers: dict[str, str] = {}
    if isinstance(error, BadAccount | BadForm):
        more["fields"] = error.fields
    if isinstance(error, Refused):
        more["fields"] = {error.field or "event": error.code}
    if isinstance(error, calls.MessageRefused):
        more["fields"] = {"channel": error.reason}
    if isinstance(error, StaleCase):
        more["version"] = error.version
        if error.current is not None:
            more["current"] = documents.case_of(error.current)
        else:
            more["changes"] = error.changes
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == _S.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_S)
    return _json(status, body(code, message or str(error), **more), headers)


def install(app: FastAPI) -> None:
    """Answer the exceptions of the table; the rest reaches ``guard``, which asks :func:`answer`."""

    async def ours(_request: Request, error: Exception) -> Response:
        return answer(error)

    for kind in TABLE:
        app.add_exception_handler(kind, ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _invalid(_request: Request, error: Exception) -> Response:
    """A body, path or query that is not of its shape: which fields, and why; never their values."""
    assert isinstance(error, RequestValidationError)
    fields: dict[str, str] = {}
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"][1:])
        fields[place or str(one["loc"][0])] = one["msg"]
    text = "; ".join(f"{name}: {why}" for name, why in fields.items())
    return _json(422, body("invalid", text, fields=fields))


async def _framework(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _FRAMEWORK.get(error.status_code, "refused")
    return _json(error.status_code, body(code, str(error.detail)), dict(error.headers or {}))


def _json(status: int, content: bytes, headers: dict[str, str] | None = None) -> Response:
    return Response(content, status, headers, media_type="application/json")
