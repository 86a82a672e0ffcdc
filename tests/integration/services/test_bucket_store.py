"""The object store in a bucket: S3's own requests, to a server that knows just these."""

import hashlib
import re
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
from services.http.server import serve
from tests.support.integration.tls_server import serve_by_tls
from tests.support.kubernetes.mounted_secrets import MountedSecrets
from tests.support.test_ca import Authority

DENIED = "<Code>AccessDenied</Code><Message>no</Message>"


class Bucket:
    """Whole objects by key, and the parts of those that are being put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.away = False
        self.signed: list[str] = []
        """Id of the key of each request that puts."""

    def routes(self) -> list[web.RouteDef]:
        key = "/files/{key:.*}"
        return [
            web.put(key, self.put),
            web.post(key, self.post),
            web.get(key, self.get),
            web.delete(key, self.abort),
            web.post("/files", self.remove),
        ]

    async def put(self, request: web.Request) -> web.Response:
        body, query = await request.read(), request.query
        signed = re.search("Credential=([^/]+)/", request.headers["Authorization"])
        self.signed += [signed[1]] if signed else []
        if self.away:
            return web.Response(status=403)
        if source := request.headers.get("x-amz-copy-source"):
            there = self.objects.get(source.removeprefix("files/"))
            if there is None:
                return web.Response(status=404)
            self.parts[query["uploadId"]][int(query["partNumber"])] = there
            return self._xml("CopyPartResult", "<ETag>e</ETag>")
        if part := query.get("partNumber"):
            self.parts[query["uploadId"]][int(part)] = body
        else:
            self.objects[request.match_info["key"]] = body
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return web.Response(headers={"ETag": f'"{etag}"'})

    async def post(self, request: web.Request) -> web.Response:
        key = request.match_info["key"]
        if "uploads" in request.query:
            self.parts[key] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{key}</UploadId>")
        if request.headers.get("If-None-Match") == "*" and key in self.objects:
            return web.Response(status=412)
        parts = self.parts.pop(request.query["uploadId"])
        self.objects[key] = b"".join(parts[n] for n in sorted(parts))
        return self._xml("CompleteMultipartUploadResult", "<ETag>e</ETag>")

    async def get(self, request: web.Request) -> web.Response:
        if self.away:
            return web.Response(status=403)
        if (body := self.objects.get(request.match_info["key"])) is None:
            return web.Response(status=404)
        modified = {"ETag": "e", "Last-Modified": "Wed, 25 Nov 2026 12:00:00 GMT"}
        return web.Response(body=body, headers=modified)

    async def abort(self, request: web.Request) -> web.Response:
        del self.parts[request.query["uploadId"]]
        return web.Response(status=204)

    async def remove(self, request: web.Request) -> web.Response:
        keys = re.findall("<Key>(.*?)</Key>", await request.text())
        if self.away:
            denied = "".join(f"<Error><Key>{k}</Key>{DENIED}</Error>" for k in keys)
            return self._xml("DeleteResult", denied)
        for key in keys:
            self.objects.pop(key, None)
        done = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return self._xml("DeleteResult", done)

    def _xml(self, name: str, within: str) -> web.Response:
        named = "" if name == "DeleteResult" else "<Bucket>b</Bucket><Key>k</Key>"
        text = f"<{name}>{named}{within}</{name}>"
        return web.Response(text=text, content_type="application/xml")


def settings_of(port: int) -> dict[str, str]:
    place = {"ENDPOINT_URL": f"http://127.0.0.1:{port}", "REGION": "eu-central-1"}
    return place | {"ACCESS_KEY_ID": "us", "SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
async def bucket(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bucket]:
    bucket = Bucket()
    app = web.Application(client_max_size=2**26)
    app.add_routes(bucket.routes())
    async with serve(app, "127.0.0.1", 0) as port:
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
    async with serve_by_tls(app, own.shown_by(own.issued("bucket"), asks=False)) as port:
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
    assert bucket.signed == ["former", "next"]
    mounted.put({names[0]: "alone"})
    with pytest.raises(StoreUnavailable) as raised:
        await store.put(key, pieces(1))
    assert str(tmp_path) not in str(raised.value)
