"""An OpenAPI 3.1 document made from a table of operations and their models. Pure.

The Dutch API Design Rules 2.2 require a contact, a version on every answer, problems for errors.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from services.api.operations import (
    BEARER,
    HEADERS,
    HEADERS_OF,
    PORT_REFUSALS,
    RATES,
    ROLE_REFUSALS,
    TITLES,
    TOKEN_REFUSALS,
    Answer,
    Api,
    Content,
    Json,
    Model,
    Operation,
    Problem,
    ProblemExample,
)

CONTACT = {
    "name": "Postkamer",
    "url": "https://example.org/postkamer",
    "email": "postkamer@example.org",
}
"""Contact of the publisher, who must fill this in, as in publiccode.yml."""
BYTES = {"type": "string", "format": "binary"}
UNCOUNTED = (401, 431)
"""Statuses that are sent before a request counts for the rate limit of a token."""
LICENCE = {"name": "EUPL-1.2", "identifier": "EUPL-1.2"}


def build_document(api: Api, operations: Sequence[Operation]) -> Json:
    """Return the whole document, as JSON."""
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
            "headers": _used_headers(paths),
            "securitySchemes": {"bearer": BEARER} | dict(api.security_schemes),
        },
    }


def _operation(operation: Operation, names: Mapping[int, Json]) -> Json:
    described: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": list(operation.parameters),
        "responses": dict(_responses(operation, names)),
        "security": [{"bearer": []}] if operation.needs_token else list(operation.security),
    }
    if operation.roles:
        described["x-roles"] = list(operation.roles)
    if operation.content:
        described["requestBody"] = _request(operation.content, names)
    return described


def _description(operation: Operation) -> str:
    roles = " or ".join(f"`{role}`" for role in operation.roles)
    needs = "Needs a token, whatever its roles." if operation.any_token else ""
    needs = f"Needs the role {roles}." if roles else needs
    return "\n\n".join(filter(None, (operation.description, needs)))


def _request(content: Content, names: Mapping[int, Json]) -> Json:
    media: Json = {kind: {"schema": BYTES | {"minLength": 1}} for kind in content.files}
    if content.model:
        examples = {
            name: {"summary": _words(name), "value": value}
            for name, value in content.examples.items()
        }
        schema = names[id(content.model)]
        media["application/json"] = {"schema": schema, "examples": examples}
    described = {"description": content.description} if content.description else {}
    return described | {"required": content.required, "content": media}


def _words(name: str) -> str:
    """Return a name in camelCase as words."""
    return re.sub("[A-Z]", lambda letter: f" {letter[0].lower()}", name).capitalize()


def _responses(operation: Operation, names: Mapping[int, Json]) -> Iterator[tuple[str, Json]]:
    for status, answer in sorted(operation.answers.items()):
        yield str(status), _answer(answer, operation, names)
    common = PORT_REFUSALS | (TOKEN_REFUSALS if operation.needs_token else {})
    common |= ROLE_REFUSALS if operation.roles else {}
    for status, ways in sorted((common | dict(operation.refusals)).items()):
        yield str(status), _refusal(status, ways, operation)


def _answer(answer: Answer, operation: Operation, names: Mapping[int, Json]) -> Json:
    described: Json = {
        "description": answer.description,
        "headers": _headers(operation, answer.headers),
    }
    if answer.model:
        media: Json = {"schema": names[id(answer.model)], "example": answer.example}
        described["content"] = {answer.content_type: media}
    elif answer.files:
        described["content"] = {each: {"schema": BYTES} for each in answer.files}
    elif answer.example is not None:
        schema = {"type": "object" if isinstance(answer.example, dict) else "string"}
        described["content"] = {answer.content_type: {"schema": schema, "example": answer.example}}
    return described


def _refusal(status: int, ways: Sequence[ProblemExample], operation: Operation) -> Json:
    examples: Json = {}
    for way in ways:
        detail = way.detail.replace("{role}", " or ".join(map(repr, operation.roles)))
        value = {"status": status, "title": TITLES[status], "detail": detail} | way.more
        name = way.more.get("code", f"example{len(examples) or ''}")
        examples[name] = {"summary": detail.split(":")[0], "value": value}
    return {
        "description": " ".join(way.when or f"{way.detail}." for way in ways),
        "headers": _headers(None if status in UNCOUNTED else operation, HEADERS_OF.get(status, ())),
        "content": {
            "application/problem+json": {"schema": _component("Problem"), "examples": examples}
        },
    }


def _headers(counted: Operation | None, others: Sequence[str]) -> Json:
    """Describe the headers of an answer; `counted` is the operation if the rate limit counts it."""
    rates = RATES if counted and counted.needs_token else ()
    names = ("API-Version", *rates, *others)
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _used_headers(paths: Mapping[str, Json]) -> Json:
    described = [path[method] for path in paths.values() for method in path if method != "servers"]
    answers = [answer for each in described for answer in each["responses"].values()]
    used = {name for answer in answers for name in answer["headers"]}
    return {name: header for name, header in HEADERS.items() if name in used}


def _component(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


class _Generate(GenerateJsonSchema):
    """Generates schemas without titles that repeat the name, and without empty defaults."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        json_schema = super().model_schema(schema)
        json_schema.pop("title", None)
        return json_schema

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        json_schema = super().default_schema(schema)
        if not json_schema.get("default"):
            json_schema.pop("default", None)
        return json_schema


def _schemas(operations: Sequence[Operation]) -> tuple[dict[int, Json], Json]:
    """Return a reference to each model, by the identity of the model, and all schemas by name."""
    contents = [operation.content for operation in operations if operation.content]
    answers = [answer for operation in operations for answer in operation.answers.values()]
    models = [
        Problem,
        *(c.model for c in contents if c.model),
        *(a.model for a in answers if a.model),
    ]
    references, document = TypeAdapter.json_schemas(
        [(id(model), "validation", _adapter(model)) for model in models],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Generate,
    )
    schemas: Json = document["$defs"]
    names: dict[int, Json] = {key: schema for (key, _), schema in references.items()}
    for content in contents:
        if content.name:
            schemas[content.name] = names[id(content.model)]
            names[id(content.model)] = _component(content.name)
    return names, dict(sorted(schemas.items()))


def _adapter(model: Model) -> TypeAdapter[Any]:
    return model if isinstance(model, TypeAdapter) else TypeAdapter(model)
