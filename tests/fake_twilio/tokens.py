"""Access tokens, with which browsers register as clients.

Sources: https://www.twilio.com/docs/iam/access-tokens, /docs/voice/twiml/client (identities).
"""

from __future__ import annotations

import re
import time

import jwt

from tests.fake_twilio.world import Account

#: Up to 256 characters, without control, space, delims and unwise characters of RFC 2396.
IDENTITY = r"""[^\x00-\x20\x7f<>#%"{}|\\^\[\]`]{1,256}"""
#: A token lives at most a day.
LONGEST_S = 24 * 3600


class TokenRefused(Exception):
    """A browser can't register with this token. ``code`` says why."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


def identity(token: str, account: Account) -> str:
    """Who registers with ``token``.

    Raises:
        TokenRefused: nobody.
    """
    try:
        header = jwt.get_unverified_header(token)
        loose = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError as bad:
        raise TokenRefused(20101, str(bad)) from None
    if header.get("cty") != "twilio-fpa;v=1" or header.get("alg") != "HS256":
        raise TokenRefused(20101, f"header {header}")
    secret = account.keys.get(str(loose.get("iss")))
    if secret is None or loose.get("sub") != account.sid:
        raise TokenRefused(20103, f"issuer {loose.get('iss')}, subject {loose.get('sub')}")
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.ExpiredSignatureError as late:
        raise TokenRefused(20104, str(late)) from None
    except jwt.InvalidTokenError as bad:
        raise TokenRefused(20101, str(bad)) from None
    if claims["exp"] - time.time() > LONGEST_S + 60:
        raise TokenRefused(20157, str(claims["exp"]))
    grants = claims.get("grants", {})
    if not grants.get("voice", {}).get("incoming", {}).get("allow"):
        raise TokenRefused(20106, f"{grants}")
    who = str(grants.get("identity", ""))
    if not re.fullmatch(IDENTITY, who):
        raise TokenRefused(31105, repr(who))
    return who
