"""ITA at odd moments: forwarded back, opened again, late, refused, or many at once."""

import asyncio
from collections.abc import Mapping

import pytest

from deliverer.destinations.openklant.client import judge_answer
from deliverer.destinations.openklant.desk import desk_store, registrations
from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services.contract import CloseConversation, SendMessage, TransferConversation
from services.postgres.database import Pool
from tests.support.openklant.desk import SEND, Desk, actions_after, found_after
from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import NAMES, Register, Scene, deliver

OTHER = "10000001-c2"


def closed(register_commands: list[object]) -> list[CloseConversation]:
    return [each for each in register_commands if isinstance(each, CloseConversation)]


async def test_forwarded_back_to_the_department_before_is_followed(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await scene.transfer()
    assert await actions_after(register) == []
    await desk.forward("afval")
    [transfer] = await actions_after(register)
    assert isinstance(transfer, TransferConversation) and transfer.to_department == "afval"


async def test_a_forwarding_that_is_made_again_after_a_refusal_is_followed_again(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.forward("burgerzaken")
    await found_after(register)
    await scene.refusal("transfer", "te vaak doorgestuurd")
    assert len(await found_after(register)) == 1
    await desk.forward("burgerzaken")
    assert len(await found_after(register)) == 2


async def test_forwarded_while_the_answer_to_our_post_was_lost_is_followed(
    register: Register, scene: Scene, desk: Desk
) -> None:
    message = scene.talk.message()
    await Scene(register, OTHER).ask()  # its actors exist from here on
    lost = register.deliverer(Link(register.sender, 7, answered=True))
    with pytest.raises(ProcessEnded):
        await lost.deliver(message)
    await desk.forward("burgerzaken")
    await register.settle_posts()
    await deliver(scene.deliverer, message)
    found = [each for each in await found_after(register) if each.conversation == scene.talk.id]
    assert [type(each.action) for each in found] == [TransferConversation]


async def test_a_department_that_is_configured_later_gets_the_conversation(
    register: Register, scene: Scene, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.ask()
    await desk.forward("griffie")
    assert await actions_after(register) == []
    monkeypatch.setitem(NAMES, "griffie", "Griffie")
    for _ in range(2):
        [transfer] = await actions_after(register)
    assert isinstance(transfer, TransferConversation) and transfer.to_department == "griffie"


async def test_the_outcome_is_about_the_last_question_and_no_answer_before_it(
    register: Register, scene: Scene, desk: Desk
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    await desk.answer("Morgen.", close=True)
    [answer] = await found_after(register)
    await scene.status("sent", id=answer.id)
    await found_after(register)
    await desk.reopen()
    await found_after(register)
    await scene.ask("Dat klopt niet", after=7200)
    await desk.close()
    outcomes = [each.outcome for each in closed(await actions_after(register))]
    assert outcomes == ["answered", "silent"]


async def test_an_answer_of_another_desk_that_failed_is_no_answer(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await scene.accept_answer()
    for status in ("sent", "failed"):
        await scene.status(status)
    await desk.close()
    [closing] = closed(await actions_after(register))
    assert closing.outcome == "silent"


async def test_an_answer_that_fails_while_its_task_is_read_closes_nothing(
    register: Register, scene: Scene, desk: Desk
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    await desk.answer("Morgen.", close=True)

    class Failing:
        """Lets the answer fail between the reading of a task and the storing of its closing."""

        def __init__(self) -> None:
            self.failed = False

        async def request(
            self, method: str, url: str, body: Body, headers: Mapping[str, str]
        ) -> Response:
            answer = await register.sender.request(method, url, body, headers)
            if "internetaken/" in url and not self.failed:
                self.failed = True
                [command] = await register.commands()
                await scene.status("failed", id=command.id)
            return answer

    assert await register.poll(Link(Failing()))
    assert closed([each.action for each in await register.commands()]) == []
    assert closed(await actions_after(register)) == []
    assert await scene.tasks() == [["te_verwerken"]]


async def test_forwarded_and_done_in_one_round_makes_no_new_task(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.forward("burgerzaken")
    await desk.close()
    found = await actions_after(register)
    assert [type(each) for each in found] == [TransferConversation, CloseConversation]
    by = {"token": "openklant:crm", "author": {"kind": "system", "id": "openklant"}}
    await scene.transfer(by=by)
    assert await scene.tasks() == [["verwerkt"]]


async def test_reopening_an_older_question_leaves_the_newest_done(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.close()
    await found_after(register)
    await scene.ask("Tweede", after=7200)
    await desk.close()
    await found_after(register)
    await scene.close(after=7300)
    await desk.ita.reopen(await desk.task(0), "toch niet")
    await found_after(register)
    await scene.reopen(after=7400)
    assert await scene.tasks() == [["te_verwerken"], ["verwerkt"]]


class RefusingSender:
    """A sender whose requests with these words are refused by Open Klant."""

    def __init__(self, sender: HttpClient, part: str) -> None:
        self._sender, self._part = sender, part

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        if method == "GET" and self._part in url:
            return Response(status=500, body=b'{"code": "error"}', api_version="0.9.0")
        return await self._sender.request(method, url, body, headers)


@pytest.mark.parametrize("what", ["answer", "actor"])
async def test_an_object_that_open_klant_refuses_to_show_stops_no_other(
    register: Register, scene: Scene, desk: Desk, what: str
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await Scene(register, OTHER).ask("En de mijne?")
    await found_after(register)
    part = "/actoren/"
    if what == "answer":
        part = f"klantcontacten/{await desk.answer('Morgen.')}"
    else:
        await desk.forward("burgerzaken")
    contacts = await register.contacts()
    await register.change("internetaken", contacts[0]["taken"][0]["uuid"], {"status": "verwerkt"})
    assert await register.poll(Link(RefusingSender(register.sender, part)))
    assert len(closed([each.action for each in await register.commands()])) == 1


async def test_contacts_of_others_with_the_answer_channel_are_read_once(
    register: Register, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    long_ago = "update deliverer.look set answers_since = '2026-01-01'"
    await register._pool.execute(long_ago)
    theirs = {"kanaal": SEND, "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}
    for _ in range(20):
        await register.create("klantcontacten", theirs | {"plaatsgevondenOp": "2026-11-01T12:00Z"})
    await found_after(register)
    before = len(register.link.requests)
    await found_after(register)
    assert len(register.link.requests) == before + 2


async def test_an_answer_after_many_calls_is_sent(
    register: Register, scene: Scene, desk: Desk
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    for n in range(22):
        await desk.answer(f"Gebeld, {n}", "Telefoon")
    await desk.answer("Morgen.")
    assert [type(each) for each in await actions_after(register)] == [SendMessage]


async def test_a_change_of_ours_that_was_given_up_hides_a_task_for_no_longer_than_an_hour(
    register: Register, scene: Scene, desk: Desk, pool: Pool
) -> None:
    await scene.ask()
    await pool.execute("update deliverer.internetaak set ending = true, changing_at = now()")
    await desk.close()
    assert await found_after(register) == []
    later = "update deliverer.internetaak set changing_at = now() - interval '61 minutes'"
    await pool.execute(later)
    assert len(closed(await actions_after(register))) == 1


async def test_a_contact_without_a_number_gets_one_with_the_next_message(
    register: Register, scene: Scene
) -> None:
    if not register.server.takes_numbers:
        pytest.skip("this Open Klant numbers by itself")
    await scene.ask()
    [contact] = await register.contacts()
    await register.change("klantcontacten", contact["uuid"], {"nummer": None})
    await scene.ask("En nog iets", after=60)
    [contact] = await register.contacts()
    assert contact["nummer"]


async def test_a_refused_closing_opens_the_task_again_with_the_reason(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.close()
    await found_after(register)
    await scene.refusal("close", "asked_meanwhile: de inwoner vroeg nog iets")
    assert await scene.tasks() == [["verwerkt"]]
    await scene.refusal("close", "transferred: dit gesprek is nu bij een andere afdeling")
    [contact] = await register.contacts()
    [task] = contact["taken"]
    assert task["status"] == "te_verwerken"
    assert "Het gesprek is niet gesloten. dit gesprek is nu bij" in task["toelichting"]


async def test_a_round_that_takes_long_is_taken_by_no_other_process(
    register: Register, scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scene.ask()
    store = register.desk_store
    assert await store.claim_round(0.01)
    await store.keep_round()
    await asyncio.sleep(0.02)  # the interval itself is over
    assert await store.claim_round(0.01) is None
    assert desk_store.KEEP_SECONDS >= 30
    await store.finish_round()
    assert await store.claim_round(60)


async def test_a_message_after_a_long_one_leaves_a_trace(register: Register, scene: Scene) -> None:
    await scene.ask("a" * 1200)
    await scene.ask("Er is brand", after=60)
    [contact] = await register.contacts()
    assert contact["inhoud"].endswith(
        "… [ingekort; er kwam meer; het geheel: https://desk.example/10000001-c1]"
    )


async def test_a_contact_that_goes_to_a_confidential_department_has_a_neutral_subject(
    register: Register, scene: Scene
) -> None:
    await scene.ask("Ik heb schulden")
    await scene.transfer(dataref="/v1/conversations/x")
    [contact] = await register.contacts()
    assert contact["onderwerp"] == "Bericht via WhatsApp"
    [row] = await register.list("klantcontacten", nummer=contact["nummer"])
    assert row["vertrouwelijk"] is True


async def test_a_refused_answer_is_no_registration(
    register: Register, scene: Scene, desk: Desk
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    await desk.answer("Morgen.")
    [answer] = await found_after(register)
    await scene.refusal("text", "gestopt", answer.id)
    await desk.close()
    [closing] = closed(await actions_after(register))
    assert closing.outcome == "silent"


async def test_a_closing_covers_nothing_of_a_deleted_task(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await scene.accept_answer()
    await desk.close()
    await scene.ask("Tweede vraag", after=7200)
    await desk.ita.reopen(await desk.task(0), "toch niet")
    await found_after(register)
    _, second = await register.contacts()
    await register.remove("klantcontacten", second["uuid"])
    await found_after(register)
    await desk.close()
    *_, closing = closed(await actions_after(register))
    assert closing.last_seen_sequence == 1, "the second question is not answered"


def test_a_counter_at_its_end_pauses_the_destination_and_parks_nobody() -> None:
    body = b'{"code": "conflict", "status": 409}'
    verdict = judge_answer(Response(status=409, body=body, api_version="0.6.0"))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)


async def test_an_answer_comes_before_contacts_that_lack_a_reference(
    register: Register, scene: Scene, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    register.answer_channel = SEND
    await scene.ask()
    await found_after(register)
    theirs = {"kanaal": SEND, "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}
    for _ in range(5):
        await register.create("klantcontacten", theirs)
    assert await found_after(register) == []
    await desk.answer("Morgen.")
    monkeypatch.setattr(registrations, "READ_SECONDS", 0.0)  # time for one contact
    assert len(await found_after(register)) == 1


async def test_a_message_after_the_newest_task_is_done_joins_an_older_one_that_is_open(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask("Eerste")
    await desk.close()
    await found_after(register)
    await scene.ask("Tweede", after=7200)
    await desk.ita.reopen(await desk.task(0), "toch niet")
    await found_after(register)
    await desk.close()  # the second; no round has seen it yet
    await scene.ask("Derde", after=9000)
    first, second = await register.contacts()
    assert (first["inhoud"], second["inhoud"]) == ("Eerste\n\nDerde", "Tweede")
