from random import Random

import pytest

from sandbox.meta import media_store
from sandbox.meta.media_store import MediaStore


def test_a_hash_is_base64_in_webhooks_and_hex_in_the_graph_api() -> None:
    medium = MediaStore(Random(1)).add("image/png", b"hello")
    assert medium.webhook_fields()["sha256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    description = medium.description("http://x")
    assert description["sha256"].startswith("2cf24dba5fb0a30e26e83b2ac5b9e29e")
    assert description["file_size"] == "5"


def test_the_oldest_file_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_store, "TOTAL_BYTES", 20)
    store = MediaStore(Random(1))
    first, second = (store.add("image/png", bytes(size)) for size in (15, 10))
    assert store.get(first.id) is None
    assert store.get(second.id) is second
    assert [store.remove(second.id) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("mime_type", "size", "is_valid"),
    [
        ("image/gif", 5, False),
        ("image/png", 0, False),
        ("image/png", 5 * media_store.MEGABYTE + 1, False),
        ("image/png", 5 * media_store.MEGABYTE, True),
        ("image/png", 1, True),
    ],
)
def test_an_upload_has_a_supported_type_and_size(mime_type: str, size: int, is_valid: bool) -> None:
    assert bool(media_store.upload_fault(mime_type, size)) is not is_valid
