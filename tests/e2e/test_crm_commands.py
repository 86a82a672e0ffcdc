"""A CRM gives every command over the real API; its effect shows on the phone, at the other CRM and
on the record. The commands are answers of every kind, transfer, closing, notes and a zaak."""

import asyncio
import json
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from gateway.api_docs import examples
from services.event_types import STATUS_CHANGED
from tests.support.citizens import TOKEN, post, text, webhook
from tests.support.e2e.crm_desk import AUTHOR, Desk, colleague, wrote
from tests.support.e2e.generated_client import generated_client
from tests.support.e2e.openapi_generator import PROGRAMS, openapi_generator_client
from tests.support.observer import BEARER, Watch, until

PDF = b"%PDF-1.7\n"
ANSWERS: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": {"body": "Dat kan", "previewUrl": True}},
    "buttons": {
        "type": "interactive",
        "interactive": {
            "kind": "buttons",
            "body": "Wanneer komt u?",
            "buttons": [{"id": "ma", "title": "Maandag"}, {"id": "di", "title": "Dinsdag"}],
        },
    },
    "list": {
        "type": "interactive",
        "interactive": {
            "kind": "list",
            "body": "Kies een onderwerp",
            "button": "Onderwerpen",
            "sections": [{"title": "Balie", "rows": [{"id": "p", "title": "Paspoort"}]}],
        },
    },
    "url": {
        "type": "interactive",
        "interactive": {
            "kind": "url",
            "body": "Maak een afspraak",
            "button": "Afspraak",
            "url": "https://gemeente.example/afspraak",
        },
    },
    "media": {
        "type": "media",
        "media": {
            "kind": "document",
            "link": "https://gemeente.example/folder.pdf",
            "filename": "folder.pdf",
        },
    },
    "location": {"type": "location", "location": {"latitude": 52.35, "longitude": 6.66}},
    "contacts": {
        "type": "contacts",
        "contacts": [{"name": {"formattedName": "Balie", "firstName": "Balie"}}],
    },
    "template": {"type": "template", "template": {"name": "afspraak", "language": "nl"}},
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_an_answer_of_every_kind_reaches_the_phone_and_the_record(
    watch: Watch, kind: str
) -> None:
    desk = Desk(watch)
    citizen = 100 + list(ANSWERS).index(kind)
    asked = await wrote(watch, f"kind {kind}", f"wamid.kind.{kind}", citizen)
    status, accepted = await desk.answer(asked["conversationId"], **ANSWERS[kind])
    assert status == 202, accepted
    await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] == "delivered", 10)
    kept = await until(
        lambda: watch.messages(asked["conversationId"]),
        lambda ms: ms[-1]["direction"] == "out" and ms[-1]["status"] == "delivered",
        10,
    )
    assert kept[-1]["author"] == AUTHOR | {"identified": "stated"}


async def test_an_answer_quotes_and_a_reaction_is_about_what_the_citizen_wrote(
    watch: Watch,
) -> None:
    desk = Desk(watch)
    asked = await wrote(watch, "quote me", "wamid.quote", 131)
    conversation, about = asked["conversationId"], asked["messageId"]
    quoting = await desk.answer(conversation, replyTo=about)
    reacting = await desk.answer(
        conversation, type="reaction", reaction={"messageId": about, "emoji": "👍"}
    )
    of_ours = await desk.answer(conversation, replyTo=quoting[1]["id"])
    for status, accepted in (quoting, reacting, of_ours):
        assert status == 202
        await until(
            lambda id=accepted["id"]: desk.status(id),  # type: ignore[misc]
            lambda s: s["status"] in ("sent", "delivered"),
            10,
        )
    other = await wrote(watch, "another citizen", "wamid.another", 132)
    status, accepted = await desk.answer(other["conversationId"], replyTo=about)
    assert status == 202
    failed = await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] == "failed", 10)
    assert failed["reason"].startswith("message_unknown")


async def test_a_transferred_conversation_goes_on_at_the_other_department(watch: Watch) -> None:
    old = await colleague(watch, "t-kcc", departments=("klantcontact",))
    new = await colleague(watch, "t-bz", departments=("burgerzaken",))
    none = await colleague(watch, "t-bel", departments=("belastingen",))
    asked = await wrote(watch, "hallo daar", "wamid.transfer", 133)
    conversation = asked["conversationId"]
    assert asked["department"] == "klantcontact"
    assert (await old.answer(conversation))[0] == 202
    status, _ = await old.does(
        conversation, "_transfer", department="burgerzaken", reason="paspoort", author=AUTHOR
    )
    assert status == 202
    moved = await until(lambda: watch.told(conversation, "conversation-transferred"), bool, 10)
    assert (moved[0]["from"], moved[0]["department"]) == ("klantcontact", "burgerzaken")
    assert "paspoort" in moved[0]["reason"]
    status, refused = await old.answer(conversation)
    assert (status, refused["code"]) == (409, "transferred")
    assert (await new.answer(conversation))[0] == 202
    status, refused = await none.answer(conversation)
    assert (status, [e["pointer"] for e in refused["errors"]]) == (400, ["/conversationId"])
    assert (await none.does(conversation, "_close"))[0] == 404
    # What the citizen writes next goes there too, whatever its words say.
    again = webhook(text("transfer goes on: afval", "wamid.transfer.2", 133))
    assert await post(watch.session, watch.town.gateway, again) == 200
    (event,) = await until(lambda: watch.events("transfer goes on"), bool, 10)
    assert event["event"]["data"]["department"] == "burgerzaken"


async def test_a_closed_conversation_is_opened_by_what_follows_and_not_by_another_subject(
    watch: Watch,
) -> None:
    desk = Desk(watch)
    asked = await wrote(watch, "close me", "wamid.close", 134)
    conversation = asked["conversationId"]
    for n, (words, opens) in enumerate((("after closing", True), ("afval after closing", False))):
        assert (await desk.does(conversation, "_close", reason="klaar"))[0] == 202
        await until(
            lambda: watch.told(conversation, "conversation-closed"),
            lambda told, n=n: len(told) == n + 1,  # type: ignore[misc]
            10,
        )
        after = await wrote(watch, words, f"wamid.close.{n}", 134)
        assert (after["conversationId"] == conversation) is opens


async def test_a_note_is_kept_and_goes_nowhere_and_a_zaak_goes_along_from_then_on(
    watch: Watch,
) -> None:
    desk = Desk(watch)
    asked = await wrote(watch, "tie me", "wamid.tie", 135)
    conversation = asked["conversationId"]
    assert (await desk.does(conversation, "_note", text="Belde ook al", author=AUTHOR))[0] == 202
    assert (await desk.does(conversation, "_link", zaak="ZAAK-2026-12"))[0] == 202
    noted = (
        "select count(*) from opened.record where kind = 'note'"
        f" and conversation = '{conversation}' and data->>'text' = 'Belde ook al'"
    )
    await until(lambda: watch.count(noted), lambda n: n == 1, 10)
    linked = (
        f"select count(*) from router.conversation where id = '{conversation}'"
        " and zaak = 'ZAAK-2026-12'"
    )
    await until(lambda: watch.count(linked), lambda n: n == 1, 10)
    again = webhook(text("tied now", "wamid.tie.2", 135))
    assert await post(watch.session, watch.town.gateway, again) == 200
    (event,) = await until(lambda: watch.events("tied now"), bool, 10)
    assert event["event"]["data"]["zaak"] == "ZAAK-2026-12"
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        assert "Belde ook al" not in await answer.text()


async def test_change_of_a_conversation_ends_at_done(watch: Watch) -> None:
    desk = Desk(watch)
    asked = await wrote(watch, "do it all", "wamid.done", 139)
    conversation = asked["conversationId"]
    for verb, body in (
        ("_note", {"text": "Belt terug"}),
        ("_link", {"zaak": "ZAAK-2026-13"}),
        ("_transfer", {"department": "burgerzaken", "reason": "paspoort"}),
        ("_close", {}),
        ("_close", {}),
        ("_reopen", {"reason": "wacht nog"}),
    ):
        status, accepted = await desk.does(conversation, verb, author=AUTHOR, **body)
        assert (status, accepted["status"]) == (202, "accepted")
        said = await until(
            lambda id=accepted["id"]: desk.status(id),  # type: ignore[misc]
            lambda s: s["status"] != "accepted",
            10,
        )
        assert (said["status"], said["reason"]) == ("done", None), verb
        assert said["conversationId"] == conversation
    await until(lambda: watch.told(conversation, "conversation-reopened"), bool, 10)
    for type in ("conversation-linked", "conversation-closed", "conversation-reopened"):
        assert len(await watch.told(conversation, type)) == 1, type
    is_open = f"id = '{conversation}' and closed_at is null"
    assert await watch.count(f"select count(*) from router.conversation where {is_open}") == 1


async def test_second_answer_is_refused_when_two_people_answer_at_once(watch: Watch) -> None:
    one, other = Desk(watch), Desk(watch)
    asked = await wrote(watch, "both of you", "wamid.both", 136)
    conversation = asked["conversationId"]
    answers = await asyncio.gather(
        one.answer(conversation, ifLast="none"), other.answer(conversation, ifLast="none")
    )
    assert sorted(status for status, _ in answers) == [202, 409]
    accepted, refused = sorted(answers, key=lambda answer: answer[0])
    assert refused[1]["code"] == "answered_meanwhile"
    assert refused[1]["last"] == accepted[1]["id"]
    assert (await other.answer(conversation, ifLast=accepted[1]["id"]))[0] == 202


async def test_a_token_with_people_says_who_wrote_it(watch: Watch) -> None:
    desk = await colleague(watch, "t-people", people=True)
    asked = await wrote(watch, "who are you", "wamid.who", 137)
    body = {"conversationId": asked["conversationId"], "type": "text", "text": {"body": "Hoi"}}
    status, refused = await desk.post("/v1/messages", body)
    assert (status, [e["pointer"] for e in refused["errors"]]) == (400, ["/author"])
    assert (await desk.post("/v1/messages", body | {"author": AUTHOR}))[0] == 202


async def test_a_machine_s_answer_says_that_it_is_one(watch: Watch) -> None:
    desk = Desk(watch)
    asked = await wrote(watch, "are you a robot", "wamid.robot", 138)
    status, _ = await desk.answer(asked["conversationId"], author={"kind": "automated", "id": "b"})
    assert status == 202
    said = "Goedemiddag\n\nDit antwoord is automatisch gemaakt."

    async def received() -> str:
        async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
            return str(await answer.json())

    await until(received, lambda page: repr(said)[1:-1] in page, 10)


async def test_test_token_gets_every_status_and_the_phone_nothing(watch: Watch) -> None:
    desk = await colleague(watch, "t-test", test=True)
    asked = await wrote(watch, "only a test", "wamid.test", 139)
    words = "dit komt nooit aan"
    status, accepted = await desk.answer(asked["conversationId"], text={"body": words}, type="text")
    assert status == 202
    await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] == "read", 10)

    async def told() -> list[str]:
        came = [each["event"] for each in await watch.received() if each["type"] == STATUS_CHANGED]
        events = [event["data"] for event in came]
        return [each["status"] for each in events if each["messageId"] == accepted["id"]]

    await until(told, lambda statuses: statuses == ["sent", "delivered", "read"], 10)
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        assert words not in str(await answer.json())


async def test_owner_of_the_crm_has_what_it_lost_sent_again_and_the_record_says_so(
    watch: Watch,
) -> None:
    desk = await colleague(watch, "t-owner", destinations=("crm",))
    asked = await wrote(watch, "lost by the crm", "wamid.lost", 139)

    async def came() -> list[dict[str, Any]]:
        taken = [each["event"] for each in await watch.events("lost by the crm")]
        return [each for each in taken if each["data"]["messageId"] == asked["messageId"]]

    (event,) = await came()
    orders = f"{watch.town.gateway}/v1/destinations/crm"
    body = {"events": [event["id"]], "author": AUTHOR}
    # The CRM has it a moment before its delivery is settled.
    status, order = await until(
        lambda: desk.post("/v1/destinations/crm/_resend", body), lambda said: said[0] != 410, 10
    )
    assert (status, order["ended"]) == (202, 0)

    async def progress() -> dict[str, Any]:
        url = f"{orders}/resends/{order['id']}"
        async with watch.session.get(url, headers=desk.headers) as answer:
            return dict(await answer.json())

    done = await until(progress, lambda said: said["status"] == "done", 10)
    assert (done["delivered"], done["parked"], done["waiting"]) == (1, 0, 0)
    assert await came() == [event, event], "the same event, to the letter"
    kept = "select count(*) from opened.record where kind = 'operation' and data->>'by' = 'sanne'"
    resend = f"{kept} and data->>'what' = 'resend' and data->>'resend' = '{order['id']}'"
    await until(lambda: watch.count(resend), lambda n: n == 1, 10)


def example_for(name: str, asked: dict[str, Any], upload: UUID) -> dict[str, Any]:
    """An example of the document as a message to this citizen, without what others decided."""
    body = {k: v for k, v in examples.MESSAGES[name].items() if k not in ("ifLast", "department")}
    ids = {"conversationId": asked["conversationId"], "replyTo": asked["messageId"]}
    body |= {key: value for key, value in ids.items() if key in body}
    match body:
        case {"reaction": reaction}:
            body["reaction"] = reaction | {"messageId": asked["messageId"]}
        case {"media": {"id": _} as media}:
            body["media"] = media | {"id": str(upload)}
    return body


async def test_a_generated_client_sends_every_type_typed(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    asked = await wrote(watch, "typed client", "wamid.typed", 156)
    async with generated_client("gateway_client", watch.town.gateway, TOKEN, tmp_path) as made:
        upload = await made.call(
            "media",
            "upload_media",
            body=made.module("types").File(payload=PDF),
            idempotency_key="typed",
            content_disposition='attachment; filename="besluit.pdf"',
        )
        assert (upload.mime_type, upload.size) == ("application/pdf", len(PDF))
        for name in examples.MESSAGES:
            body = example_for(name, asked, upload.id)
            typed = made.model(f"{body['type'].title()}Message").from_dict(body)
            assert typed.to_dict() == body
            key = f"typed {name}"
            sent = await made.call("messages", "send_message", body=typed, idempotency_key=key)
            assert (type(sent).__name__, sent.status) == ("Accepted", "accepted"), name
            status = await made.call("messages", "read_message", sent.id)
            assert status.id == sent.id and isinstance(status.accepted_at, datetime)
        typed.contacts = []
        refused = await made.call("messages", "send_message", body=typed, idempotency_key="none")
        assert [fault.pointer for fault in refused.errors] == ["/contacts"]


# The made code uploads in a way that httpx advises against.
@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
async def test_openapi_generators_client_sends_every_type_typed(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROGRAMS)
    monkeypatch.syspath_prepend(tmp_path)
    asked = await wrote(watch, "openapi generator", "wamid.generator", 158)
    async with openapi_generator_client(watch.town.gateway, TOKEN, tmp_path) as made:
        upload = await made.media.upload_media(
            body=PDF,
            idempotency_key="generator",
            content_disposition='attachment; filename="besluit.pdf"',
        )
        assert (upload.mime_type, upload.size) == ("application/pdf", len(PDF))
        for name in examples.MESSAGES:
            body = example_for(name, asked, upload.id)
            typed = made.model(f"{body['type'].title()}Message").from_dict(body)
            assert json.loads(typed.to_json()) == body
            sent = await made.send(typed, f"generator {name}")
            assert (type(sent).__name__, sent.status) == ("Accepted", "accepted"), name
            status = await made.messages.read_message(sent.id)
            assert status.id == sent.id and isinstance(status.accepted_at, datetime)
        guarded = {"conversationId": asked["conversationId"], "ifLast": "none"} | ANSWERS["text"]
        with pytest.raises(made.package.ApiException) as refused:
            await made.send(made.model("TextMessage").from_dict(guarded), "generator none")
        assert json.loads(refused.value.body)["code"] == "answered_meanwhile"


async def test_a_generated_client_reads_the_record_typed(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    asked = await wrote(watch, "typed reader", "wamid.reader", 157)
    conversation = asked["conversationId"]
    await until(lambda: watch.messages(conversation), bool, 10)
    async with generated_client("archiver_client", watch.town.archiver, TOKEN, tmp_path) as made:
        page = await made.call("conversations", "read_messages", conversation)
        assert (page.messages[0].id, page.messages[0].text) == (
            UUID(asked["messageId"]),
            "typed reader",
        )
        history = await made.call("conversations", "read_conversation", conversation)
        assert history.department == asked["department"]


DIED = """
update deliverer.ledger set state = 'sending', attempt = 1, claimed_by = id,
    claimed_at = now() - interval '11 minutes' where state = 'queued'
"""
"""A deliverer died while it sent these, eleven minutes ago."""


async def in_doubt(watch: Watch, *words: str) -> list[tuple[str, str]]:
    """Conversations, each with the id of an answer during whose sending the deliverer died; its CRM
    has heard so."""
    asked = [
        (await wrote(watch, each, f"wamid.doubt.{n}", 140 + n))["conversationId"]
        for n, each in enumerate(words)
    ]
    queued = "select count(*) from deliverer.ledger where state = 'queued'"
    await until(lambda: watch.count(queued), lambda n: n == 0, 10)  # the first text has gone
    await asyncio.to_thread(watch.town.kill, "deliverer")
    sends = []
    for conversation, question in zip(asked, words, strict=True):
        _, accepted = await Desk(watch).answer(conversation, text={"body": f"Antwoord: {question}"})
        sends.append((conversation, accepted["id"]))
    await until(lambda: watch.count(queued), lambda n: n == len(words), 10)
    await asyncio.to_thread(watch.town.database.execute, DIED)
    await asyncio.to_thread(watch.town.restart, "deliverer")
    for conversation in asked:
        statuses = partial(watch.told, conversation, "message-status-changed")
        await until(statuses, lambda told: any(one["status"] == "unknown" for one in told), 20)
    return sends


async def command_line(watch: Watch, *arguments: str) -> Result:
    env = {
        "POSTKAMER_GATEWAY_URL": watch.town.gateway,
        "POSTKAMER_API_TOKEN": TOKEN,
        "POSTKAMER_DATABASE_URL": watch.town.database.url,
    }
    return await asyncio.to_thread(CliRunner().invoke, main, arguments, env=env)


async def search_in_doubt(watch: Watch) -> list[str]:
    """Ids of the messages that the archive's search finds to be in doubt."""
    url, body = f"{watch.town.archiver}/v1/messages/_search", {"status": "unknown"}
    async with watch.session.post(url, json=body, headers=BEARER) as answer:
        assert answer.status == 200, await answer.text()
        return [message["id"] for message in (await answer.json())["messages"]]


async def test_person_settles_sends_of_which_nobody_knows_whether_they_went(watch: Watch) -> None:
    desk = Desk(watch)
    went, lost = await in_doubt(watch, "did it go", "did it not")
    await until(lambda: search_in_doubt(watch), lambda found: found == [lost[1], went[1]], 10)
    listed = json.loads((await command_line(watch, "sends", "list", "--json")).stdout)
    assert {(one["conversation"], one["message"]) for one in listed} == {went, lost}
    body = {"message": went[1], "seen": "sent", "reason": "De inwoner belde.", "author": AUTHOR}
    status, accepted = await desk.does(went[0], "_settle", **body)
    assert status == 202, accepted
    await until(lambda: desk.status(accepted["id"]), lambda s: s["status"] == "done", 10)
    known = await desk.status(went[1])
    assert (known["status"], known["author"]) == ("sent", {"kind": "employee"})
    saw = ("--saw", "not-sent", "--reason", "niet te zien", "--by", AUTHOR["id"])
    settled = await command_line(watch, "sends", "settle", *lost, *saw)
    assert (settled.exit_code, settled.stdout) == (0, f"{lost[0]}: done\n")
    again = await command_line(watch, "sends", "settle", *went, *saw)
    assert again.exit_code == 1 and "not_in_doubt" in again.stderr
    await until(lambda: desk.status(lost[1]), lambda s: s["status"] == "delivered", 10)
    async with watch.session.get(f"{watch.town.sandbox}/phone/received") as answer:
        page = await answer.text()
    assert page.count("Antwoord: did it not") == 1 and "Antwoord: did it go" not in page
    await until(lambda: search_in_doubt(watch), lambda found: found == [], 10)

    async def kept_message() -> dict[str, Any]:
        [one] = [m for m in await watch.messages(lost[0]) if m["id"] == lost[1]]
        return one

    kept = await until(kept_message, lambda one: one["status"] == "delivered", 10)
    assert [status["status"] for status in kept["statuses"]][:2] == ["unknown", "accepted"]
    assert kept["statuses"][1]["author"] == AUTHOR | {"identified": "stated"}
