"""Files of the pages: style sheets, scripts, icons. Each is served under a hash of its contents, so
that browsers may keep it for ever."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
from aiohttp import web

FOLDER = Path(__file__).parent / "assets"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}


class Asset(msgspec.Struct, frozen=True):
    content: bytes
    type: str
    path: str
    """Path at which it is served."""


class Assets:
    def __init__(self, folders: Iterable[Path] = (FOLDER,)) -> None:
        """Read the files. One of a later folder replaces one of the same name, as a municipality's
        own design tokens do."""
        self._by_name: dict[str, Asset] = {}
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                if path.suffix in TYPES:
                    self._add(path.relative_to(folder).as_posix(), path)
        self._by_path = {each.path: each for each in self._by_name.values()}

    def _add(self, name: str, path: Path) -> None:
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()[:16]
        served = f"/assets/{digest}/{name}"
        self._by_name[name] = Asset(content, TYPES[path.suffix], served)

    def path_of(self, name: str) -> str:
        """Return the path of a file, as templates name it. Raises KeyError."""
        return self._by_name[name].path

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/assets/{name:.+}", self._serve, allow_head=True)]

    async def _serve(self, request: web.Request) -> web.Response:
        asset = self._by_path.get(request.path)
        if asset is None:
            raise web.HTTPNotFound
        return web.Response(body=asset.content, headers={"Content-Type": asset.type} | KEEP)
