"""The fake as a process: ``python -m tests.fake_twilio --app http://127.0.0.1:8000``.

Its page (http://127.0.0.1:8010) has telephones that call the application; time is real.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path

from tests.fake_twilio import FakeTwilio

#: What the application is configured with; any other credentials are refused.
ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "a-token-for-the-fake-only"
KEY = "SK00000000000000000000000000000001"
KEY_SECRET = "a-secret-for-the-fake-only"
NUMBER = "+622150630150"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_twilio", description=__doc__)
    parser.add_argument("--app", default="http://127.0.0.1:8000", help="where the application is")
    parser.add_argument("--port", type=int, default=8010)
    parser.add_argument("--number", default=NUMBER, help="our telephone number")
    parser.add_argument("--voice", default="/twilio/voice", help="path of the number's VoiceUrl")
    parser.add_argument("--fallback", default="/twilio/fallback", help="path of its fallback URL")
    parser.add_argument("--status", default="/twilio/status", help="path of its StatusCallback")
    parser.add_argument("--sms", default="/twilio/messages/incoming", help="path of its SmsUrl")
    parser.add_argument("--caller", action="append", default=["+628111000111"])
    parser.add_argument(
        "--ready", type=Path, help="a file for the application's settings, written when listening"
    )
    return parser.parse_args()


def _settings(url: str, number: str) -> str:
    """What the application must be told, as lines for a shell."""
    settings = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_API_KEY": KEY,
        "TWILIO_API_SECRET": KEY_SECRET,
        "TWILIO_NUMBER": number,
        "TWILIO_API_URL": url,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


async def _serve(given: argparse.Namespace) -> None:
    twilio = FakeTwilio(speed=1.0, port=given.port)
    account = twilio.world.account
    account.sid, account.token, account.keys = ACCOUNT, TOKEN, {KEY: KEY_SECRET}
    twilio.world.sender.token = TOKEN
    app = given.app.rstrip("/")
    twilio.number(
        given.number,
        voice_url=app + given.voice,
        voice_fallback_url=app + given.fallback,
        status_callback=app + given.status,
        sms_url=app + given.sms,
    )
    for caller in given.caller:
        twilio.phone(caller)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with twilio:
        print(f"Fake Twilio: telephones at {twilio.base_url}, our number is {given.number}")
        if given.ready is not None:
            given.ready.write_text(_settings(twilio.base_url, given.number))
        await stop.wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(_arguments()))
