"""The object store in a bucket: S3's own requests, to a server that knows just these."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from services import clock
from services.files import object_store
from services.files.object_store import (
    PIECE_BYTES,
    ObjectNotFound,
    ObjectStore,
    StoreUnavailable,
    media_key,
    sealed_key,
    upload_key,
)
from tests.support.integration.bucket import Bucket, running_bucket, settings_of
from tests.support.integration.web_server import serve_app
from tests.support.kubernetes.mounted_secrets import MountedSecrets
from tests.support.test_ca import Authority


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    bucket = Bucket()
    async with running_bucket(bucket) as port:
        for name, value in settings_of(port).items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield bucket


async def pieces(size: int, *, broken: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, size, 2**20):
        yield bytes([start >> 20]) * min(2**20, size - start)
    if broken:
        raise ConnectionResetError("gone")


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 3 * PIECE_BYTES + 1])
async def test_object_in_a_bucket_can_be_read_until_it_is_deleted(
    bucket: Bucket, size: int
) -> None:
    store, key = ObjectStore("s3://files/postkamer/x"), upload_key(clock.new_id())
    await store.put(key, pieces(size))
    assert bucket.objects.keys() == {f"postkamer/x/{key}"}
    expected = b"".join([piece async for piece in pieces(size)])
    assert b"".join([piece async for piece in await store.read(key)]) == expected
    await store.delete(key)
    await store.delete(key)
    assert (bucket.objects, bucket.parts) == ({}, {})
    with pytest.raises(ObjectNotFound):
        await store.read(key)


async def test_complete_object_in_a_bucket_gets_its_final_name_once(bucket: Bucket) -> None:
    store, key = ObjectStore("s3://files/x"), media_key(clock.new_id())
    name, other = sealed_key("a" * 64), sealed_key("b" * 64)
    await store.put(key, pieces(7))
    await store.make_permanent(key, name)
    assert bucket.objects == {f"x/{name}": bytes(7)}
    await store.put(key, pieces(9))
    await store.make_permanent(key, name)  # of a try of which the answer was lost
    assert (bucket.objects, bucket.parts) == ({f"x/{name}": bytes(7)}, {})
    with pytest.raises(ObjectNotFound):
        await store.make_permanent(key, other)
    bucket.away = True
    with pytest.raises(StoreUnavailable):
        await store.make_permanent(key, other)
    assert bucket.objects.keys() == {f"x/{name}"}


@pytest.mark.parametrize("size", [1, 3 * PIECE_BYTES])
async def test_interrupted_upload_leaves_no_object_and_no_parts(bucket: Bucket, size: int) -> None:
    with pytest.raises(ConnectionResetError, match="gone"):
        await ObjectStore("s3://files").put(upload_key(clock.new_id()), pieces(size, broken=True))
    assert (bucket.objects, bucket.parts) == ({}, {})


async def test_refusing_bucket_is_unavailable_and_its_error_names_no_object(bucket: Bucket) -> None:
    bucket.away = True
    store, key = ObjectStore("s3://files"), upload_key(clock.new_id())
    for work in (store.put(key, pieces(1)), store.read(key), store.delete(key)):
        with pytest.raises(StoreUnavailable) as raised:
            await work
        assert "files" not in str(raised.value)
        assert key not in str(raised.value)


async def test_bucket_of_another_authority_is_away_until_its_file_is_exchanged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Over real TLS, and by the same store: nothing is opened anew by hand."""
    own, other = Authority(tmp_path, "own"), Authority(tmp_path, "other")
    bucket, app, trusted = Bucket(), web.Application(), tmp_path / "trusted.pem"
    app.add_routes(bucket.routes())
    trusted.write_bytes(other.certificate.read_bytes())
    monkeypatch.setattr(object_store, "RETRY_SECONDS", 0.1)
    async with serve_app(app, own.shown_by(own.issued("bucket"), asks=False)) as port:
        for name, value in (settings_of(port) | {"ALLOW_INVALID_CERTIFICATES": "true"}).items():
            monkeypatch.setenv(f"AWS_{name}", value.replace("http:", "https:"))
        store, key = ObjectStore(f"s3://files/x?cafile={trusted}"), upload_key(clock.new_id())
        for wrong in (other.certificate.read_bytes(), b"none", None):
            trusted.unlink()
            if wrong:
                trusted.write_bytes(wrong)
            with pytest.raises(StoreUnavailable) as raised:
                await store.put(key, pieces(1))
            assert str(tmp_path) not in str(raised.value)
        trusted.write_bytes(other.certificate.read_bytes() + own.certificate.read_bytes())
        await store.put(key, pieces(1))
        assert bucket.objects.keys() == {f"x/{key}"}


async def test_exchanged_key_of_a_bucket_signs_the_next_request(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the same store, in files that Kubernetes exchanges: all of a folder at once."""
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in names:
        monkeypatch.delenv(name)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    mounted = MountedSecrets(tmp_path)
    mounted.put({name: "former" for name in names})
    store, key = ObjectStore("s3://files/x"), upload_key(clock.new_id())
    await store.put(key, pieces(1))
    mounted.put({name: "next" for name in names})
    await store.put(key, pieces(1))
    assert bucket.asked == {"former": 1, "next": 1}
    mounted.put({names[0]: "alone"})
    with pytest.raises(StoreUnavailable) as raised:
        await store.put(key, pieces(1))
    assert str(tmp_path) not in str(raised.value)
