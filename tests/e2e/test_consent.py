"""A template to somebody who did not write first, from the API to the phone: until STOP."""

from typing import Any

from services import clock
from tests.support.citizens import NUMBER, phone, post, text, webhook
from tests.support.e2e.crm_desk import AUTHOR, Desk
from tests.support.observer import Watch, until

GIVEN = "2026-01-05T10:00:00+01:00"
TEMPLATE: dict[str, Any] = {
    "number": NUMBER,
    "author": AUTHOR,
    "type": "template",
    "template": {"name": "herinnering", "language": "nl"},
}


def consent(given_at: str = GIVEN) -> dict[str, Any]:
    proof = {"purpose": "herinneringen", "givenAt": given_at, "source": "afsprakenmodule"}
    return {"consent": proof}


async def final_status(desk: Desk, answer: tuple[int, Any]) -> dict[str, Any]:
    """Wait for the final status of an order."""
    status, accepted = answer
    assert status == 202, accepted
    final = ("delivered", "failed", "done")
    return await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] in final, 10)


async def sends(desk: Desk, citizen: int, key: str = "", **more: Any) -> dict[str, Any]:
    body = TEMPLATE | {"to": phone(citizen)} | more
    return await final_status(desk, await desk.post("/v1/messages", body, key))


def missing(told: dict[str, Any]) -> bool:
    return told["status"] == "failed" and told["reason"].startswith("consent_missing: ")


async def test_a_template_to_a_stranger_goes_with_consent_alone_until_they_say_stop(
    watch: Watch,
) -> None:
    desk, anna = Desk(watch), 171
    assert missing(await sends(desk, anna))
    first = await sends(desk, anna, "with-consent", **consent())
    assert first["status"] == "delivered"
    again = await sends(desk, anna, "with-consent", **consent())
    assert again == first
    assert (await sends(desk, anna, purpose="herinneringen"))["status"] == "delivered"
    assert missing(await sends(desk, anna, purpose="nieuws"))
    stop = webhook(text("STOP", "wamid.consent.stop", anna))
    assert await post(watch.session, watch.town.gateway, stop) == 200
    ended = "select count(*) from router.consent where ended_by = 'stop'"
    await until(lambda: watch.count(ended), lambda count: count == 1, 10)
    for given in ({"purpose": "herinneringen"}, consent(), {}):
        assert missing(await sends(desk, anna, **given))
    free = {"type": "text", "text": {"body": "Goed."}, "number": NUMBER, "to": phone(anna)}
    told = await final_status(desk, await desk.post("/v1/messages", free | {"author": AUTHOR}))
    assert told["status"] == "delivered"  # they did write: the window is open
    anew = await sends(desk, anna, **consent(clock.now().isoformat()))
    assert anew["status"] == "delivered"


async def test_consent_is_put_on_record_and_ended_over_the_api_and_is_in_the_archive(
    watch: Watch,
) -> None:
    desk, bart = Desk(watch), 172
    whom = {"number": NUMBER, "to": phone(bart), "author": AUTHOR}
    agreed = whom | consent()["consent"]
    assert (await final_status(desk, await desk.post("/v1/consents", agreed)))["status"] == "done"
    assert (await sends(desk, bart, purpose="herinneringen"))["status"] == "delivered"
    ended = await desk.post("/v1/consents/_end", whom | {"purpose": "herinneringen"})
    assert (await final_status(desk, ended))["status"] == "done"
    assert missing(await sends(desk, bart, purpose="herinneringen"))
    assert missing(
        await final_status(desk, await desk.post("/v1/consents", agreed | {"givenAt": GIVEN}))
    )
    kept = "select count(*) from opened.record where kind = 'consent' and tenant = 'almelo'"
    await until(lambda: watch.count(kept), lambda count: count >= 3, 10)
