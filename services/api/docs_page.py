"""The OpenAPI document (`/v1/openapi.json`) and the manual made from it (`/v1/openapi.html`), a
page without scripts and without external resources."""

import asyncio
import base64
import hashlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from services.api.field_types import NOT_BLANK

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "pages"
CACHE_CONTROL = "public, max-age=300"
"""Cache-Control of both: they change only with a new version, which all readers have within five
minutes."""
METHODS = ("get", "post", "put", "delete")
"""Methods, in the order of the page."""
COUNTS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minProperties": "at least {} members",
    "minimum": "from {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
}
"""Limit in a schema -> its text on the page."""
TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}
FORMATS = {
    "uuid": "UUID",
    "date": "date",
    "date-time": "date and time",
    "uri": "link",
    "uri-reference": "link",
    "binary": "bytes",
}


class Words(msgspec.Struct, frozen=True):
    """A piece of text, with the schema that it names, if any."""

    text: str
    schema: str = ""


def routes(document: Json) -> list[web.RouteDef]:
    """Return the routes of the document and of its page, each made when it is first asked for: to
    render the page takes as long as all else that a service does at its start."""
    style = (FOLDER / "manual.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src 'sha256-{_digest(style)}'; base-uri 'none'; "
    policy += "form-action 'none'; frame-ancestors 'none'"
    serve_document = _handler(
        lambda: json.dumps(document, ensure_ascii=False),
        {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
    )
    serve_page = _handler(
        lambda: render(document, style),
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
        },
    )
    return [web.get("/v1/openapi.json", serve_document), web.get("/v1/openapi.html", serve_page)]


def _handler(make: Callable[[], str], headers: Mapping[str, str]) -> Any:
    @cache
    def body_and_tag() -> tuple[bytes, str]:
        body = make().encode()
        return body, f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def handler(request: web.Request) -> web.Response:
        body, tag = await asyncio.to_thread(body_and_tag)
        own = {"ETag": tag, "Cache-Control": CACHE_CONTROL, **headers}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=own)
        return web.Response(body=body, headers=own)

    return handler


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def render(document: Json, style: str) -> str:
    """Render the page; pure, except that it reads its template."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": prose, "pretty": _pretty}
    template = environment.get_template("manual.html")
    return template.render(
        document=document,
        style=Markup(style),  # our own file, and `style-src` has its hash
        tags=list(_by_tag(document)),
        curl=lambda path, method, operation: curl(document, path, method, operation),
        kind=lambda schema: list(kind(schema)),
        limits=limits,
        not_blank=NOT_BLANK,
    )


def prose(text: str) -> Markup:
    """Render paragraphs; text in backticks becomes code."""
    paragraphs = []
    for paragraph in text.split("\n\n"):
        parts = [escape(part) for part in paragraph.replace("\n", " ").split("`")]
        coded = [
            Markup("<code>{}</code>").format(part) if n % 2 else part
            for n, part in enumerate(parts)
        ]
        paragraphs.append(Markup("<p>{}</p>").format(Markup("").join(coded)))
    return Markup("\n").join(paragraphs)


def _pretty(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _by_tag(document: Json) -> Iterator[tuple[Json, list[tuple[str, str, Json]]]]:
    """Yield each tag with its operations: full path, method, operation."""
    for tag in document["tags"]:
        operations = [
            (_path(document, path, item), method, item[method])
            for path, item in document["paths"].items()
            for method in METHODS
            if tag["name"] in item.get(method, {}).get("tags", ())
        ]
        if operations:
            yield tag, operations


def _path(document: Json, path: str, item: Json) -> str:
    servers: list[dict[str, str]] = item.get("servers") or document["servers"]
    return servers[0]["url"].rstrip("/") + path


def kind(schema: Json) -> Iterator[Words]:
    """Describe the type of a schema in words."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        yield Words(name, name)
    elif "type" not in schema and (ways := schema.get("oneOf", schema.get("anyOf", ()))):
        for n, way in enumerate(ways):
            yield Words(" or " if n else "")
            yield from kind(way)
    elif "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        yield Words(" or ".join(json.dumps(value) for value in values))
    elif schema.get("type") == "array":
        yield Words("list of ")
        yield from kind(schema.get("items", {}))
    else:
        word = TYPES.get(schema.get("type", ""), "anything")
        yield Words(FORMATS.get(schema.get("format", ""), word))


def limits(schema: Json) -> str:
    """Describe the limits in a schema in words."""
    bounds = [words.format(schema[name]) for name, words in COUNTS.items() if name in schema]
    if schema.get("minLength") == 1 and "maxLength" in schema:
        bounds.remove("at least 1 characters")
    if schema.get("pattern") == NOT_BLANK:
        bounds.append("not blank")
    return ", ".join(bounds)


def curl(document: Json, path: str, method: str, operation: Json) -> str:
    """Return a curl command for an operation, with the values of its example."""
    lines = [f"curl -X {method.upper()}", f'"$POSTKAMER{_fill_path(path, operation)}"']
    schemes = [name for alternative in operation["security"] for name in alternative]
    if "bearer" in schemes:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    elif schemes:
        header = document["components"]["securitySchemes"][schemes[0]]["name"]
        lines.append(f'-H "{header}: sha256=$SIGNATURE"')
    for parameter in operation["parameters"]:
        if parameter["in"] == "header":
            lines.append("-H " + shlex.quote(f"{parameter['name']}: {parameter['example']}"))
    return " \\\n  ".join((*lines, *_data(operation)))


def _fill_path(path: str, operation: Json) -> str:
    query = []
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
        elif parameter["in"] == "query" and isinstance(parameter.get("example"), dict):
            query += [f"{name}={value}" for name, value in parameter["example"].items()]
    return f"{path}?{'&'.join(query)}" if query else path


def _data(operation: Json) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if media := content.get("application/json"):
        first = next(iter(media["examples"].values()))["value"]
        yield "-H 'Content-Type: application/json'"
        yield "--data-raw " + shlex.quote(json.dumps(first, ensure_ascii=False, indent=2))
    elif content:
        yield "-H 'Content-Type: application/pdf'"
        yield "--data-binary @besluit.pdf"
