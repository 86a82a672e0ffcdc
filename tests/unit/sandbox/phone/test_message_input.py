"""Messages of a citizen's phone in Meta's form, and ids of citizens and numbers."""

import json

import msgspec
import pytest

from sandbox.meta import webhook_payloads
from sandbox.meta.number_directory import Move, NumberDirectory
from sandbox.organisation import Number, Tenant, Town
from sandbox.phone import message_input
from sandbox.phone.message_input import PhoneMessage

NUMBER = Number("106540352242922", "almelo", portfolio="almelo-1")
TOWN = Town((Tenant("almelo", "Gemeente Almelo"),), (NUMBER, Number("5", "almelo")), ())
ABOUT = {"context": {"from": NUMBER.phone, "id": "wamid.X"}}


def make_message(**changed: object) -> webhook_payloads.Json:
    fields = {"from": "31600000011", "number": NUMBER.id, "name": "Fatima El Amrani"}
    outgoing = msgspec.convert(fields | changed, PhoneMessage)
    return message_input.make_content(
        outgoing, NUMBER, lambda _: {"id": "m1", "mime_type": "image/png"}
    )


def test_an_answer_and_a_reaction_refer_to_a_message() -> None:
    assert make_message(text="ja", about="wamid.X") == ABOUT | {
        "type": "text",
        "text": {"body": "ja"},
    }
    assert make_message(kind="reaction", about="wamid.X", emoji="👍") == {
        "type": "reaction",
        "reaction": {"message_id": "wamid.X", "emoji": "👍"},
    }


def test_a_completed_form_has_its_token_and_answers_as_json() -> None:
    filled = make_message(kind="form", about="wamid.X", row="token-1", text="dinsdag")
    reply = filled["interactive"]["nfm_reply"]
    assert filled["context"] == ABOUT["context"]
    assert json.loads(reply["response_json"]) == {"flow_token": "token-1", "answer": "dinsdag"}


@pytest.mark.parametrize("about", ["", "wamid.X"])
def test_a_card_tells_if_it_was_requested(about: str) -> None:
    (card,) = make_message(kind="contact", about=about)["contacts"]
    assert card["phones"][0]["wa_id"] == "31600000011"
    assert ("origin" in card) is bool(about)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": " "},
        {"kind": "reaction"},
        {"kind": "form", "text": "x"},
        {"kind": "button", "about": "wamid.X", "row": "a"},
        {"kind": "choice", "about": "wamid.X", "text": "a"},
        {"from": "Fatima", "text": "x"},
        {"copies": 11, "text": "x"},
        {"copies": 0, "text": "x"},
        {"text": "x" * 65_537},
        {"holder": 0, "text": "x"},
        {"late": -1, "text": "x"},
        {"wait": 601, "text": "x"},
    ],
)
def test_an_impossible_message_is_refused_with_its_fault(wrong: dict[str, object]) -> None:
    with pytest.raises((ValueError, msgspec.ValidationError), match=r"missing|Expected"):
        make_message(**wrong)


def test_a_bsuid_differs_in_each_portfolio_and_for_each_holder_of_a_number() -> None:
    outgoing = PhoneMessage(sender="+31600000011", number=NUMBER.id)
    later = PhoneMessage(sender="+31600000011", number=NUMBER.id, holder=2)
    elsewhere = Number(NUMBER.id, "almelo", portfolio="almelo-2")
    ids = {
        message_input.make_citizen(one, number).bsuid
        for one in (outgoing, later)
        for number in (NUMBER, elsewhere)
    }
    assert len(ids) == 4


def test_a_number_is_found_only_by_its_present_ids() -> None:
    numbers = NumberDirectory(TOWN)
    assert numbers.find_at_meta(NUMBER.id) == NUMBER
    assert numbers.find_by_key(NUMBER.api_key) is None
    after = numbers.move(NUMBER.id, Move(provider="360dialog", phone_number_id="7"))
    assert (after.id, after.portfolio, after.phone) == (NUMBER.id, "almelo-1", NUMBER.phone)
    assert numbers.get(NUMBER.id) == numbers.find_by_key(NUMBER.api_key) == after
    assert numbers.find_at_meta(NUMBER.id) is None
    assert numbers.has_left(NUMBER.id)
    assert not numbers.has_left("8")


@pytest.mark.parametrize(
    "move",
    [
        Move(provider="360dialog", phone_number_id="5"),
        Move(provider="360dialog", key="sandbox-d360-5"),
    ],
)
def test_a_number_cannot_get_an_id_of_another(move: Move) -> None:
    numbers = NumberDirectory(TOWN)
    with pytest.raises(ValueError, match="another number"):
        numbers.move(NUMBER.id, move)
    assert numbers.get(NUMBER.id) == NUMBER


def test_a_signature_of_the_bsp_has_no_prefix() -> None:
    bsp = webhook_payloads.headers("360dialog", b"{}", "secret")
    meta = webhook_payloads.headers("meta", b"{}", "secret")
    assert f"sha256={bsp['x-360dialog-signature']}" == meta["X-Hub-Signature-256"]
    assert "X-Hub-Signature-256" not in bsp
