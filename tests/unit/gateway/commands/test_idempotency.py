"""A key stands for the same order now and after any restart."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.idempotency import COMMANDS, UPLOADS, derive_id, fingerprint, is_key


@given(st.text(max_size=300))
def test_a_key_is_what_a_header_can_hold(key: str) -> None:
    assert is_key(key) == (1 <= len(key) <= 255 and key.isascii() and key.isprintable())


def test_a_key_stands_for_one_id_of_one_token_and_for_one_body_at_one_place() -> None:
    id = derive_id(COMMANDS, "almelo", "crm", "k")
    assert str(id) == "beca4a22-a5fe-53c2-9204-03cb3e5c0e06", (
        "an order of before a restart is the same one after it"
    )
    others = [("hengelo", "crm", "k"), ("almelo", "desk", "k"), ("almelo", "crm", "l")]
    assert len({id, *(derive_id(COMMANDS, *other) for other in others)}) == 4
    upload = derive_id(UPLOADS, "almelo", "crm", "k")
    assert str(upload) == "dff2e54c-a981-5194-86c9-fb8a0f6fe552", (
        "an upload with the key of a command is another thing"
    )
    here, there = "/v1/conversations/a/_note", "/v1/conversations/b/_note"
    assert len({fingerprint(path, b"{}") for path in ("/v1/messages", here, there)}) == 3
