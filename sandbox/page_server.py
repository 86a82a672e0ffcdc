"""Serve the page: a few files, read once, under a content security policy that allows no others."""

import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from sandbox.identity.people import PEOPLE
from sandbox.meta.webhook_payloads import Citizen
from sandbox.organisation import Town
from sandbox.phone.routes import EXAMPLES, TROUBLED
from services.http.problems import json_response

FOLDER = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


class File(msgspec.Struct, frozen=True):
    content: bytes
    type: str
    tag: str


def load_files(folder: Path = FOLDER) -> dict[str, File]:
    """Read every file of the page, by its path below the folder."""
    files_by_name: dict[str, File] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in TYPES:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            name = path.relative_to(folder).as_posix()
            files_by_name[name] = File(content, TYPES[path.suffix], tag)
    return files_by_name


def list_samples(files: dict[str, File]) -> dict[str, bytes]:
    """Return the pictures that a citizen can send, by name."""
    return {
        name.removeprefix("photos/").removesuffix(".png"): file.content
        for name, file in files.items()
        if name.startswith("photos/")
    }


def routes(town: Town, files: dict[str, File]) -> list[web.RouteDef]:
    about = describe(town, files)

    async def index(request: web.Request) -> web.Response:
        return send_file(request, files.get("index.html"))

    async def ita(request: web.Request) -> web.Response:
        return send_file(request, files.get("ita/index.html"))

    async def file(request: web.Request) -> web.Response:
        return send_file(request, files.get(request.match_info["name"]))

    async def town_hall(_: web.Request) -> web.Response:
        return json_response(about)

    return [
        web.get("/", index),
        web.get("/ita/", ita),
        web.get("/page/{name:.+}", file),
        web.get("/town", town_hall),
    ]


def send_file(request: web.Request, file: File | None) -> web.Response:
    if file is None:
        raise web.HTTPNotFound
    headers = {
        "Content-Type": file.type,
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-cache",
        "ETag": file.tag,
        "Referrer-Policy": "no-referrer",
    }
    if request.headers.get("If-None-Match") == file.tag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return web.Response(body=file.content, headers=headers)


def describe(town: Town, files: dict[str, File]) -> dict[str, Any]:
    """Return the data that the page needs at its start."""
    return {
        "tenants": town.tenants,
        "numbers": [
            {
                "id": each.id,
                "tenant": each.tenant,
                "phone": each.phone,
                "marks": each.sends_read_receipts,
            }
            for each in town.numbers
        ],
        "departments": town.departments,
        "openklant": town.has_openklant,
        "desk": town.desk_url,
        "employees": [{"id": each.id, "name": each.name} for each in PEOPLE.values()],
        "citizens": [describe_citizen(citizen) for citizen in EXAMPLES],
        "troubled": [describe_citizen(citizen) for citizen in TROUBLED],
        "samples": sorted(list_samples(files)),
    }


def describe_citizen(citizen: Citizen) -> dict[str, Any]:
    return {
        "phone": citizen.phone,
        "name": citizen.name,
        "hidden": citizen.hidden,
    }
