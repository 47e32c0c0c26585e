"""Sign-in, sign-out, and what everybody may do with their own account."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from callcenter.people.accounts import Account
from callcenter.people.permissions import Role
from callcenter.people.service import NotSignedIn
from callcenter.people.sign_ins import LIFETIME_MS, Present
from callcenter.web.documents import AccountDocument, Done, LanguageBody, Me, SignInBody
from callcenter.web.doors import COOKIE, Anyone, DepsOf, HubOf, PhonesOf, SignedIn
from callcenter.web.hub import Hub
from callcenter.web.ports import Deps
from callcenter.web.softphones import Softphones

router = APIRouter(prefix="/api", tags=["sign-in"])


@router.post("/sign-in", dependencies=[Depends(Anyone("this is how one gets in"))])
async def sign_in(
    body: SignInBody,
    request: Request,
    response: Response,
    deps: DepsOf,
    hub: HubOf,
    phones: PhonesOf,
) -> Me:
    """Check a password and set the cookie. Whoever was signed in here before is signed out."""
    address = request.client.host if request.client else "unknown"
    opened = await deps.people.sign_in(body.username, body.password, address)
    deps.nudge()
    hub.end(ended.sign_in for ended in opened.ended)
    await _replace(request, opened.present, deps, hub, phones)
    account = opened.present.account
    if account.role is Role.AGENT:
        await deps.desk.sign_on(account.id, phones.device_of(account))
        await phones.open(account)
    response.set_cookie(
        COOKIE,
        opened.token,
        max_age=LIFETIME_MS // 1000,
        path="/",
        secure=deps.base_url.startswith("https:"),
        httponly=True,
        samesite="lax",
    )
    return _me(opened.present)


@router.post("/sign-out")
async def sign_out(
    present: SignedIn, response: Response, deps: DepsOf, hub: HubOf, phones: PhonesOf
) -> Done:
    """End this sign-in and its pages. Refused to an agent in the middle of a call."""
    await _leave(present, deps, hub, phones)
    response.delete_cookie(COOKIE, path="/")
    return Done()


@router.get("/me")
async def me(present: SignedIn) -> Me:
    """Who is signed in here."""
    return _me(present)


@router.put("/me/language")
async def set_language(body: LanguageBody, present: SignedIn, deps: DepsOf) -> Me:
    """What language the pages speak to me."""
    account = await deps.people.set_language(present, body.language)
    return Me(account=account_document(account), csrf=present.csrf)


def account_document(account: Account) -> AccountDocument:
    """An account as the pages see it."""
    return AccountDocument.model_validate(
        {
            "id": account.id,
            "username": account.username,
            "name": account.name,
            "role": account.role.value,
            "language": account.language,
        }
    )


def _me(present: Present) -> Me:
    return Me(account=account_document(present.account), csrf=present.csrf)


async def _replace(
    request: Request, present: Present, deps: Deps, hub: Hub, phones: Softphones
) -> None:
    """End the sign-in that this browser had, if it was somebody else's."""
    token = request.cookies.get(COOKIE)
    if not token:
        return
    try:
        before = await deps.people.who(token)
    except NotSignedIn:
        return
    if before.account.id == present.account.id:
        await deps.people.sign_out(before)
        hub.end([before.sign_in])
    else:
        await _leave(before, deps, hub, phones)


async def _leave(present: Present, deps: Deps, hub: Hub, phones: Softphones) -> None:
    if present.account.role is Role.AGENT:
        await deps.desk.sign_off(present.account.id)
        await phones.close(present.account.id)
    await deps.people.sign_out(present)
    deps.nudge()
    hub.end([present.sign_in])
