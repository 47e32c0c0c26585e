"""Messages out and in.

Sources: https://www.twilio.com/docs/messaging/api/message-resource, /docs/messaging/guides,
/docs/messaging/tutorials/advanced-opt-out, and the error dictionary.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.fake_twilio import FakeTwilio
from tests.fake_twilio.library import Library
from tests.fake_twilio.site import Site
from tests.fake_twilio.test_rest import refused

OURS = "+622150630"
CITIZEN = "+628111000111"


@pytest.fixture
def library(twilio: FakeTwilio, site: Site) -> Library:
    twilio.number(OURS, sms_url=f"{site.url}/sms")
    site.answers |= {"/sms": "", "/cb": ""}
    return Library(twilio)


def statuses(site: Site) -> list[tuple[str, str]]:
    return [(v.params["MessageStatus"], v.params.get("ErrorCode", "")) for v in site.of("/cb")]


async def send(library: Library, site: Site, **more: Any) -> Any:
    given = {
        "to": CITIZEN,
        "from_": OURS,
        "body": "Halo",
        "status_callback": f"{site.url}/cb",
        **more,
    }
    return await library(lambda c: c.messages.create(**given))


async def test_a_message_is_delivered(twilio: FakeTwilio, library: Library, site: Site) -> None:
    made = await send(library, site)
    assert made.status == "queued"
    await twilio.clock.advance(2)
    assert statuses(site) == [("queued", ""), ("sent", ""), ("delivered", "")]
    assert (await library(lambda c: c.messages(made.sid).fetch())).status == "delivered"
    assert twilio.problems == []


async def test_a_message_that_does_not_arrive(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """30003: unreachable handset."""
    twilio.world.messaging.fates[CITIZEN] = 30003
    await send(library, site)
    await twilio.clock.advance(2)
    assert statuses(site)[-1] == ("undelivered", "30003")


@pytest.mark.parametrize(
    "more, code",
    [
        ({"body": ""}, 21602),
        ({"body": "x" * 1601}, 21617),
        ({"to": ""}, 21604),
        ({"to": "0811"}, 21211),
        ({"from_": ""}, 21603),
        ({"from_": "+628999888777"}, 21606),
        ({"from_": "much too long a name"}, 21212),
        ({"from_": f"whatsapp:{OURS}"}, 21212),
        ({"status_callback": "/cb"}, 21609),
        ({"content_sid": "HX" + "0" * 32}, 21655),
    ],
)
async def test_a_message_that_is_refused(
    twilio: FakeTwilio, library: Library, site: Site, more: dict[str, Any], code: int
) -> None:
    assert await refused(send(library, site, **more)) == (400, code)


async def test_a_template_and_its_variables(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """content: ContentSid and ContentVariables (a JSON object of strings)."""
    twilio.world.messaging.templates["HX1"] = "Your case is {{1}}."
    whatsapp = {"to": f"whatsapp:{CITIZEN}", "from_": f"whatsapp:{OURS}", "body": None}
    await send(library, site, content_sid="HX1", content_variables='{"1": "open"}', **whatsapp)
    await twilio.clock.advance(2)
    assert twilio.messages[-1].body == "Your case is open."
    assert statuses(site)[-1] == ("delivered", "")
    for wrong in ("{", '{"1": 2}', '{"1": " "}', "{}"):
        asked = send(library, site, content_sid="HX1", content_variables=wrong, **whatsapp)
        assert await refused(asked) == (400, 21656)


async def test_free_text_on_whatsapp_needs_a_recent_message(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    """63016: outside the 24 hour window."""
    ends = {"to": f"whatsapp:{CITIZEN}", "from_": f"whatsapp:{OURS}"}
    await send(library, site, **ends)
    await twilio.clock.advance(2)
    assert statuses(site)[-1] == ("failed", "63016")
    await twilio.text(ends["to"], ends["from_"], "Hi")
    await send(library, site, **ends)
    await twilio.clock.advance(2)
    assert statuses(site)[-1] == ("delivered", "")


async def test_a_message_comes_in_and_is_answered(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    site.answers["/sms"] = "<Message>Call us</Message>"
    await twilio.text(CITIZEN, OURS, "status?")
    asked = site.last("/sms")
    assert (asked["From"], asked["To"], asked["Body"]) == (CITIZEN, OURS, "status?")
    assert twilio.messages[-1].body == "Call us"
    assert twilio.messages[-1].to == CITIZEN


async def test_stop_is_respected(twilio: FakeTwilio, library: Library, site: Site) -> None:
    """21610, until START."""
    await twilio.text(CITIZEN, OURS, " stop ")
    assert site.last("/sms")["OptOutType"] == "STOP"
    assert await refused(send(library, site)) == (400, 21610)
    await twilio.text(CITIZEN, OURS, "START")
    await send(library, site)
    assert twilio.problems == []


async def test_a_messaging_service_chooses_the_sender(
    twilio: FakeTwilio, library: Library, site: Site
) -> None:
    service = "MG" + "0" * 32
    twilio.world.messaging.services[service] = [OURS]
    made = await send(library, site, from_=None, messaging_service_sid=service)
    assert (made.status, twilio.messages[-1].from_) == ("accepted", OURS)
    unknown = send(library, site, from_=None, messaging_service_sid="MG" + "1" * 32)
    assert await refused(unknown) == (404, 20404)
