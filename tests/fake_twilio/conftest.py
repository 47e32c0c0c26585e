"""A fake Twilio, and a site that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fake_twilio import FakeTwilio
from tests.fake_twilio.site import Site


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with FakeTwilio() as made:
        yield made


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    await made.start()
    yield made
    await made.stop()
