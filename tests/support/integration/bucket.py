"""A server of S3 that knows just what the object store asks, and by which keys it is asked."""

import hashlib
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from services.http.server import serve

CREDENTIAL = re.compile(r"Credential=([^/]+)/")
DENIED = "<Code>AccessDenied</Code><Message>no</Message>"


class Bucket:
    """Whole objects by key, and the parts of those that are being put."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.away = False
        self.lets_in: set[str] | None = None
        """Ids of the keys that it knows; None: all."""
        self.asked, self.refused = Counter[str](), Counter[str]()
        """Requests by the id of their key: those that were let in, and those that were not."""

    def routes(self) -> list[web.RouteDef]:
        key = "/files/{key:.*}"
        of_keys = [
            ("PUT", key, self.put),
            ("POST", key, self.post),
            ("GET", key, self.get),
            ("DELETE", key, self.abort),
            ("POST", "/files", self.remove),
            ("GET", "/files", self.list),
        ]
        return [web.route(how, path, self._known(handler)) for how, path, handler in of_keys]

    def _known(self, handler: Any) -> Any:
        """Wrap a handler for those whose key is known here."""

        async def handle(request: web.Request) -> web.Response:
            found = CREDENTIAL.search(request.headers["Authorization"])
            id = found[1] if found else ""
            if self.lets_in is not None and id not in self.lets_in:
                self.refused[id] += 1
                return web.Response(status=403)
            self.asked[id] += 1
            return await handler(request)

        return handle

    async def put(self, request: web.Request) -> web.Response:
        body, query = await request.read(), request.query
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

    async def list(self, request: web.Request) -> web.Response:
        begin = request.query.get("prefix", "")
        modified = "<LastModified>2026-11-25T12:00:00.000Z</LastModified>"
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key>{modified}<Size>{len(body)}</Size></Contents>"
            for key, body in sorted(self.objects.items())
            if key.startswith(begin)
        )
        ends = "<Name>files</Name><IsTruncated>false</IsTruncated>"
        text = f"<ListBucketResult>{ends}{found}</ListBucketResult>"
        return web.Response(text=text, content_type="application/xml")

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


@asynccontextmanager
async def running_bucket(bucket: Bucket) -> AsyncIterator[int]:
    """Run a bucket; yield its port."""
    app = web.Application(client_max_size=2**26)
    app.add_routes(bucket.routes())
    async with serve(app, "127.0.0.1", 0) as port:
        yield port


def settings_of(port: int, id: str = "us") -> dict[str, str]:
    """Return the variables of a client with this key, without `AWS_`."""
    place = {"ENDPOINT_URL": f"http://127.0.0.1:{port}", "REGION": "eu-central-1"}
    return place | {"ACCESS_KEY_ID": id, "SECRET_ACCESS_KEY": f"secret-of-{id}"}
