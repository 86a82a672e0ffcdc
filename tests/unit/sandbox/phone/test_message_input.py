"""What a citizen does on the phone, as Meta brings it; and who they are in which portfolio."""

import json

import pytest

from sandbox.meta import webhook_payloads
from sandbox.meta.number_directory import Move, NumberDirectory
from sandbox.organisation import Number, Tenant, Town
from sandbox.phone import message_input
from sandbox.phone.message_input import PhoneMessage

NUMBER = Number("106540352242922", "almelo", portfolio="almelo-1")
TOWN = Town((Tenant("almelo", "Gemeente Almelo"),), (NUMBER, Number("5", "almelo")), ())
ABOUT = {"context": {"from": NUMBER.phone, "id": "wamid.X"}}


def written(**changed: object) -> webhook_payloads.Json:
    asked = {"sender": "31600000011", "number": NUMBER.id, "name": "Fatima El Amrani"}
    outgoing = PhoneMessage(**(asked | changed))  # type: ignore[arg-type]
    message_input.validate(outgoing)
    return message_input.make_content(
        outgoing, NUMBER, lambda _: {"id": "m1", "mime_type": "image/png"}
    )


def test_an_answer_says_what_it_is_about_and_a_reaction_says_so_in_its_own_way() -> None:
    assert written(text="ja", about="wamid.X") == ABOUT | webhook_payloads.text("ja")
    assert written(kind="reaction", about="wamid.X", emoji="👍") == {
        "type": "reaction",
        "reaction": {"message_id": "wamid.X", "emoji": "👍"},
    }


def test_a_form_comes_back_as_a_text_of_json_with_its_token() -> None:
    filled = written(kind="form", about="wamid.X", row="token-1", text="dinsdag")
    reply = filled["interactive"]["nfm_reply"]
    assert filled["context"] == ABOUT["context"]
    assert json.loads(reply["response_json"]) == {"flow_token": "token-1", "answer": "dinsdag"}


@pytest.mark.parametrize("about", ["", "wamid.X"])
def test_a_card_says_that_it_was_asked_for_when_it_was(about: str) -> None:
    (card,) = written(kind="contact", about=about)["contacts"]
    assert card["phones"][0]["wa_id"] == "31600000011"
    assert ("origin" in card) is bool(about)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "form", "text": "x"},
        {"kind": "button", "about": "wamid.X", "row": "a"},
        {"kind": "choice", "about": "wamid.X", "text": "a"},
        {"holder": 0, "text": "x"},
        {"late": -1, "text": "x"},
        {"wait": 601, "text": "x"},
    ],
)
def test_what_is_missing_or_cannot_be_is_said(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"missing|expected"):
        written(**wrong)


def test_one_person_has_another_id_in_each_portfolio_and_each_holder_of_a_number_too() -> None:
    outgoing = PhoneMessage(sender="+31600000011", number=NUMBER.id)
    later = PhoneMessage(sender="+31600000011", number=NUMBER.id, holder=2)
    elsewhere = Number(NUMBER.id, "almelo", portfolio="almelo-2")
    ids = {
        message_input.make_citizen(one, number).bsuid
        for one in (outgoing, later)
        for number in (NUMBER, elsewhere)
    }
    assert len(ids) == 4


def test_a_number_is_found_by_what_it_is_known_by_now_and_by_nothing_else() -> None:
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
def test_a_number_cannot_be_known_as_another_is(move: Move) -> None:
    numbers = NumberDirectory(TOWN)
    with pytest.raises(ValueError, match="another number"):
        numbers.move(NUMBER.id, move)
    assert numbers.get(NUMBER.id) == NUMBER


def test_the_bsp_writes_bare_digits_and_meta_a_prefix() -> None:
    bsp = webhook_payloads.headers("360dialog", b"{}", "secret")
    meta = webhook_payloads.headers("meta", b"{}", "secret")
    assert f"sha256={bsp['x-360dialog-signature']}" == meta["X-Hub-Signature-256"]
    assert "X-Hub-Signature-256" not in bsp
