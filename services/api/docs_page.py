"""An API's document for machines (`/v1/openapi.json`) and, made from it, for people
(`/v1/openapi.html`): a page that needs no script and nothing from elsewhere."""

import base64
import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "pages"
CACHED = "public, max-age=300"
"""Both change with a new version only; five minutes after it everybody has it."""
METHODS = ("get", "post", "put", "delete")
"""In the order in which the page has them."""
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
"""Limit in a schema -> how the page says it."""
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
    """A piece of text, perhaps with the schema that it names."""

    text: str
    schema: str = ""


def routes(document: Json) -> list[web.RouteDef]:
    """The document, and the page of it."""
    style = (FOLDER / "manual.css").read_text(encoding="utf-8")
    page = render(document, style).encode()
    policy = f"default-src 'none'; style-src 'sha256-{_digest(style)}'; base-uri 'none'; "
    policy += "form-action 'none'; frame-ancestors 'none'"
    described = _served(
        json.dumps(document, ensure_ascii=False).encode(),
        {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"},
    )
    shown = _served(
        page,
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
        },
    )
    return [web.get("/v1/openapi.json", described), web.get("/v1/openapi.html", shown)]


def _served(body: bytes, headers: Mapping[str, str]) -> Any:
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    all = {"ETag": tag, "Cache-Control": CACHED} | dict(headers)

    async def handler(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=all)
        return web.Response(body=body, headers=all)

    return handler


def _digest(style: str) -> str:
    return base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def render(document: Json, style: str) -> str:
    """The page; pure, but for reading its template."""
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
    )


def prose(text: str) -> Markup:
    """Paragraphs, with what stands in backticks as code."""
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
    """Each tag with its operations: path as it is called, method, operation."""
    for tag in document["tags"]:
        found = [
            (_path(document, path, item), method, item[method])
            for path, item in document["paths"].items()
            for method in METHODS
            if tag["name"] in item.get(method, {}).get("tags", ())
        ]
        if found:
            yield tag, found


def _path(document: Json, path: str, item: Json) -> str:
    servers: list[dict[str, str]] = item.get("servers") or document["servers"]
    return servers[0]["url"].rstrip("/") + path


def kind(schema: Json) -> Iterator[Words]:
    """What a schema takes, in words."""
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
    """The bounds in a schema, in words."""
    said = [words.format(schema[name]) for name, words in COUNTS.items() if name in schema]
    if (least := schema.get("minLength")) and least == 1 and "maxLength" in schema:
        said.remove("at least 1 characters")
    return ", ".join(said)


def curl(document: Json, path: str, method: str, operation: Json) -> str:
    """A command that does it, with the example's values."""
    lines = [f"curl -X {method.upper()}", f'"$POSTKAMER{_filled(path, operation)}"']
    schemes = [name for one in operation["security"] for name in one]
    if "bearer" in schemes:
        lines.append('-H "Authorization: Bearer $TOKEN"')
    elif schemes:
        header = document["components"]["securitySchemes"][schemes[0]]["name"]
        lines.append(f'-H "{header}: sha256=$SIGNATURE"')
    for parameter in operation["parameters"]:
        if parameter["in"] == "header":
            lines.append("-H " + shlex.quote(f"{parameter['name']}: {parameter['example']}"))
    return " \\\n  ".join((*lines, *_data(operation)))


def _filled(path: str, operation: Json) -> str:
    query = []
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
        elif parameter["in"] == "query" and isinstance(parameter.get("example"), dict):
            query += [f"{name}={value}" for name, value in parameter["example"].items()]
    return f"{path}?{'&'.join(query)}" if query else path


def _data(operation: Json) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if given := content.get("application/json"):
        first = next(iter(given["examples"].values()))["value"]
        yield "-H 'Content-Type: application/json'"
        yield "--data-raw " + shlex.quote(json.dumps(first, ensure_ascii=False, indent=2))
    elif content:
        yield "-H 'Content-Type: application/pdf'"
        yield "--data-binary @besluit.pdf"
