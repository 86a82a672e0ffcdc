"""A template to somebody who did not write first, from the API to the phone: until STOP."""

import asyncio
from typing import Any

from services import clock
from tests.support.citizens import NUMBER, phone, post, text, webhook
from tests.support.e2e.crm_desk import AUTHOR, Desk
from tests.support.observer import BEARER, Watch, until

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


async def templates(watch: Watch) -> dict[str, dict[str, Any]]:
    """The Dutch templates of the number, as a CRM lists them."""
    url = f"{watch.town.gateway}/v1/numbers/{NUMBER}/templates"
    async with watch.session.get(url, headers=BEARER) as answer:
        listed = (await answer.json()).get("templates", ())  # none for who asks too often
    return {each["name"]: each for each in listed if each["language"] == "nl"}


def with_values(template: dict[str, Any]) -> dict[str, Any]:
    """The template as a message sends it, with the examples as its values."""
    filled: dict[Any, dict[str, Any]] = {}
    for value in template["parameters"]:
        part = {name: value[name] for name in ("subType", "index") if value[name] is not None}
        place = value["component"], value["index"]
        made = filled.setdefault(place, {"type": value["component"], "parameters": []} | part)
        name = {"parameterName": value["parameterName"]} if value["parameterName"] else {}
        made["parameters"].append({"type": "text", "text": value["sample"]} | name)
    return {"name": template["name"], "language": "nl", "components": list(filled.values())}


async def test_template_is_sent_as_it_is_listed_and_listed_as_meta_last_said(watch: Watch) -> None:
    desk = Desk(watch)
    listed = await until(lambda: templates(watch), bool, 15)
    usable = {name for name, each in listed.items() if each["usable"]}
    assert usable == {
        "aanvraag_bijgewerkt", "afspraak_herinnering", "antwoord", "besluit_klaar", "schrijf_terug",
    }  # fmt: skip
    assert listed["markt_verplaatst"]["reason"] == "paused"
    change = {"name": "aanslag_klaar", "status": "APPROVED"}
    url = f"{watch.town.sandbox}/phone/numbers/{NUMBER}/_template"
    async with watch.session.post(url, json=change) as answer:
        assert answer.status == 200
    texts = sorted(usable - {"besluit_klaar"})  # which needs a file
    told = await asyncio.gather(
        *(
            sends(desk, citizen, template=with_values(listed[name]), **consent())
            for citizen, name in enumerate(texts, 179)
        )
    )
    assert [each["status"] for each in told] == ["delivered"] * 4, told
    assert listed["aanslag_klaar"]["reason"] == "rejected"

    def is_usable(now: dict[str, dict[str, Any]]) -> bool:
        return bool(now) and bool(now["aanslag_klaar"]["usable"])

    await until(lambda: templates(watch), is_usable, 30)
