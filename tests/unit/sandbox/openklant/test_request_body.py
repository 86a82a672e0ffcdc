import pytest

from sandbox.openklant.request_body import Unreadable, camel_case, parse


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("snake_key", "snakeKey"),
        ("WAMID", "wamid"),
        ("waMessageId", "waMessageId"),
        ("adresregel1", "adresregel1"),
        ("indicatie_contact_gelukt", "indicatieContactGelukt"),
        ("code-register", "code-register"),
    ],
)
def test_a_key_is_rewritten_to_camel_case(sent: str, read: str) -> None:
    assert camel_case(sent) == read


def test_keys_of_metadata_are_rewritten_too() -> None:
    body = parse(b'{"plaatsgevonden_op": 1, "metadata": {"WAMID": 1, "a_b": [{"c_d": 1}]}}')
    assert body == {"plaatsgevondenOp": 1, "metadata": {"wamid": 1, "aB": [{"cD": 1}]}}


def test_an_empty_body_is_an_empty_object() -> None:
    assert parse(b"") == {}


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"a": NaN}', b'"\\ud800"', b"[" * 100_000])
def test_a_body_that_is_no_json_is_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(raw)
