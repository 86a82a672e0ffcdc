"""An OpenAPI 3.1 document from a table of operations and the models that check them. Pure.

As the Dutch API Design Rules 2.2 ask: a contact, a version on every answer, problems for errors.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from services.api.operations import (
    BEARER,
    GUARDED,
    HEADERS,
    HEADERS_OF,
    OF_THE_PORT,
    RATES,
    TITLES,
    Answer,
    Api,
    Content,
    Json,
    Model,
    Operation,
    Problem,
    Refusal,
)

CONTACT = {
    "name": "Postkamer",
    "url": "https://example.org/postkamer",
    "email": "postkamer@example.org",
}
"""Whoever publishes this fills it in, as in publiccode.yml."""
BYTES = {"type": "string", "format": "binary"}
UNCOUNTED = (401, 431)
"""Said before a request is counted among those of a token."""
LICENCE = {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}


def document_of(api: Api, operations: Sequence[Operation]) -> Json:
    """The whole document, as JSON."""
    names, schemas = _schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        path = paths.setdefault(operation.path, {})
        if operation.at_root:
            path["servers"] = [{"url": "/"}]
        path[operation.method] = _operation(operation, names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": api.title,
            "version": api.version,
            "summary": api.summary,
            "description": api.description,
            "contact": CONTACT,
            "license": LICENCE,
        },
        "servers": [{"url": "/v1"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": what} for name, what in api.tags.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": HEADERS,
            "securitySchemes": {"bearer": BEARER} | dict(api.security_schemes),
        },
    }


def _operation(operation: Operation, names: Mapping[int, Json]) -> Json:
    made: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _described(operation),
        "parameters": list(operation.parameters),
        "responses": dict(_responses(operation, names)),
        "security": [{"bearer": [role]} for role in operation.roles] or list(operation.security),
    }
    if operation.content:
        made["requestBody"] = _request(operation.content, names)
    return made


def _described(operation: Operation) -> str:
    roles = " or ".join(f"`{role}`" for role in operation.roles)
    needs = f"Needs the role {roles}." if roles else ""
    return "\n\n".join(filter(None, (operation.description, needs)))


def _request(content: Content, names: Mapping[int, Json]) -> Json:
    media: Json = {kind: {"schema": BYTES} for kind in content.files}
    if content.model:
        examples = {name: {"value": value} for name, value in content.examples.items()}
        schema = names[id(content.model)]
        media["application/json"] = {"schema": schema, "examples": examples}
    described = {"description": content.description} if content.description else {}
    return described | {"required": content.required, "content": media}


def _responses(operation: Operation, names: Mapping[int, Json]) -> Iterator[tuple[str, Json]]:
    for status, answer in sorted(operation.answers.items()):
        yield str(status), _answer(answer, operation, names)
    common = OF_THE_PORT | (GUARDED if operation.roles else {})
    for status, ways in sorted((common | dict(operation.refusals)).items()):
        yield str(status), _refusal(status, ways, operation)


def _answer(answer: Answer, operation: Operation, names: Mapping[int, Json]) -> Json:
    made: Json = {
        "description": answer.description,
        "headers": _headers(operation, answer.headers),
    }
    if answer.model:
        shown: Json = {"schema": names[id(answer.model)], "example": answer.example}
        made["content"] = {answer.content_type: shown}
    elif answer.binary:
        made["content"] = {answer.content_type: {"schema": BYTES}}
    elif answer.example is not None:
        schema = {"type": "object" if isinstance(answer.example, dict) else "string"}
        made["content"] = {answer.content_type: {"schema": schema, "example": answer.example}}
    return made


def _refusal(status: int, ways: Sequence[Refusal], operation: Operation) -> Json:
    examples: Json = {}
    for way in ways:
        detail = way.detail.replace("{role}", " or ".join(map(repr, operation.roles)))
        value = {"status": status, "title": TITLES[status], "detail": detail} | way.more
        examples[way.more.get("code", f"example{len(examples) or ''}")] = {"value": value}
    return {
        "description": " ".join(way.when or f"{way.detail}." for way in ways),
        "headers": _headers(None if status in UNCOUNTED else operation, HEADERS_OF.get(status, ())),
        "content": {
            "application/problem+json": {"schema": _component("Problem"), "examples": examples}
        },
    }


def _headers(counted: Operation | None, more: Sequence[str]) -> Json:
    rates = RATES if counted and counted.roles else ()
    names = ("API-Version", *rates, *more)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _component(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


class _Generate(GenerateJsonSchema):
    """Without titles that say the name again, and defaults that say that nothing was given."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        made.pop("title", None)
        return made

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        made = super().default_schema(schema)
        if not made.get("default"):
            made.pop("default", None)
        return made


def _schemas(operations: Sequence[Operation]) -> tuple[dict[int, Json], Json]:
    """A reference to each model by its identity, and all schemas by their name."""
    contents = [operation.content for operation in operations if operation.content]
    answers = [answer for operation in operations for answer in operation.answers.values()]
    models = [
        Problem,
        *(c.model for c in contents if c.model),
        *(a.model for a in answers if a.model),
    ]
    made, whole = TypeAdapter.json_schemas(
        [(id(model), "validation", _adapter(model)) for model in models],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Generate,
    )
    schemas: Json = whole["$defs"]
    names: dict[int, Json] = {key: schema for (key, _), schema in made.items()}
    for content in contents:
        if content.name:
            schemas[content.name] = names[id(content.model)]
            names[id(content.model)] = _component(content.name)
    return names, dict(sorted(schemas.items()))


def _adapter(model: Model) -> TypeAdapter[Any]:
    return model if isinstance(model, TypeAdapter) else TypeAdapter(model)
