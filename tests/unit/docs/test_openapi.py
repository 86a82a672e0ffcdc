"""OpenAPI documents of all APIs: valid, as the API Design Rules 2.2 ask, with right examples."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator

import archiver.openapi
import archiver.service
import gateway.api_docs.document
import gateway.service
import router.api.openapi
import router.service
from archiver.api.access_log import AccessLog
from archiver.api.routes import RecordRoutes as Archive
from archiver.media.routes import MediaRoutes
from archiver.privacy.archive import PrivacyArchive
from archiver.search.routes import SearchRoutes
from archiver.transcript.routes import TranscriptRoutes
from gateway.api.access_routes import AccessRoutes
from gateway.api.message_routes import MessageRoutes as Orders
from gateway.api.template_routes import TemplateRoutes
from gateway.api_docs import examples
from gateway.destinations.routes import DestinationRoutes
from gateway.media.routes import MediaRoutes as UploadRoutes
from gateway.webhook.handler import Webhook
from router.api.figure_routes import FigureRoutes
from router.api.routes import RuleRoutes
from services.api.docs_page import METHODS
from services.http.application import api_app
from services.http.problems import VERSION
from services.http.rights import ROLES
from tests.support.gateway.contact_centre import CONFIG

Json = dict[str, Any]

DOCUMENTS = {
    "gateway": gateway.api_docs.document.document,
    "router": router.api.openapi.document,
    "archiver": archiver.openapi.document,
}
each = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
KEBAB = re.compile(r"(/([a-z0-9-]+|\{[a-z]+\}))*(/_[a-z]+)?|/openapi\.json")
CAMEL = re.compile(r"[a-z][a-z0-9]*([A-Z][a-z0-9]*)*")
PASCAL = re.compile(r"([A-Z][a-z0-9]*)+")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def responses(document: Json) -> Iterator[tuple[str, str, Json, Json]]:
    for path, _, operation in operations(document):
        for status, answer in operation["responses"].items():
            yield path, status, operation, answer


@pytest.mark.slow
@each
def test_document_is_valid_openapi_3_1(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


@each
def test_openapi_has_a_contact_a_version_and_a_server(document: Json) -> None:
    assert document["info"]["contact"].keys() >= {"name", "url", "email"}
    assert document["info"]["version"] == VERSION
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", VERSION)
    assert document["servers"] == [{"url": "/v1"}]


@each
def test_openapi_names_are_written_as_the_rules_ask(document: Json) -> None:
    for path, _, operation in operations(document):
        assert KEBAB.fullmatch(path), path
        assert CAMEL.fullmatch(operation["operationId"])
        for parameter in operation["parameters"]:
            assert parameter["in"] != "query" or CAMEL.fullmatch(parameter["name"])
    for name, schema in document["components"]["schemas"].items():
        assert PASCAL.fullmatch(name), name
        for member in schema.get("properties", {}):
            assert CAMEL.fullmatch(member), (name, member)


@each
def test_every_operation_has_a_unique_id_a_summary_and_known_tags(document: Json) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    known = {tag["name"] for tag in document["tags"]}
    for _, _, operation in operations(document):
        assert operation["summary"]
        assert {*operation["tags"]} <= known and operation["tags"]


@each
def test_answers_have_a_version_and_errors_are_problems_with_an_example(document: Json) -> None:
    for path, status, operation, answer in responses(document):
        assert "API-Version" in answer["headers"], (path, status)
        assert answer["description"]
        assert "400" in operation["responses"], "wrong input is 400"
        if status == "422":  # the input is right, and it is not carried out
            code = "`test_token`" if "/consents" in path else "`not_on_guest_list`"
            code = "`too_long`" if path.endswith("/transcript") else code
            assert answer["description"].startswith(code), path
        if status >= "400":
            content = answer["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for example in content["examples"].values():
                assert str(example["value"]["status"]) == status, path
            assert content["examples"]
    problem = document["components"]["schemas"]["Problem"]
    assert {"status", "title", "detail"} <= {*problem["required"]}


@each
def test_operation_takes_a_token_except_the_document_and_the_webhook(document: Json) -> None:
    assert document["security"] == [{"bearer": []}]
    for path, _, operation in operations(document):
        answers = operation["responses"]
        assert all(scopes == [] for one in operation["security"] for scopes in one.values())
        roles = operation.get("x-roles", ())
        if {"bearer": []} not in operation["security"]:
            assert path in ("/openapi.json", "/webhooks/whatsapp") and not roles
            assert "403" not in answers or path == "/webhooks/whatsapp"
        else:
            assert {*roles} <= {*ROLES}
            assert bool(roles) == (path != "/access") == ("403" in answers)
            refused = answers["403"]["content"]["application/problem+json"] if roles else {}
            for example in refused.get("examples", {}).values():
                assert all(repr(role) in example["value"]["detail"] for role in roles)
            assert answers.keys() >= {"401", "429", "503"}
            assert "WWW-Authenticate" in answers["401"]["headers"]
            assert "Retry-After" in answers["429"]["headers"]
            assert "Retry-After" in answers["503"]["headers"]
            counted = {status for status, one in answers.items() if "RateLimit" in one["headers"]}
            assert counted == answers.keys() - {"401", "431"}


BUILT_IN = {"Any", "Date", "DateTime", "Dict", "File", "List", "Map", "Object", "Set", "String"}
"""Names that a generated client needs for types of its language."""


@each
def test_schemas_give_every_object_one_class_in_a_generated_client(document: Json) -> None:
    schemas = document["components"]["schemas"]
    assert not BUILT_IN & schemas.keys()
    for name, schema in schemas.items():
        assert "properties" not in schema or not {"oneOf", "anyOf", "allOf"} & schema.keys(), name


@each
def test_no_member_of_a_request_may_be_null(document: Json) -> None:
    """OpenAPI Generator's clients send null for an absent member that may be null."""

    def parts(value: Any, seen: set[str]) -> Iterator[Json]:
        if isinstance(value, dict):
            yield value
            reference = value.get("$ref", "")
            if reference and reference not in seen:
                seen.add(reference)
                yield from parts(document["components"]["schemas"][Path(reference).name], seen)
        inner = value.values() if isinstance(value, dict) else value
        for each in inner if isinstance(value, dict | list) else ():
            yield from parts(each, seen)

    bodies = [operation.get("requestBody", {}) for _, _, operation in operations(document)]
    schemas = [one["schema"] for body in bodies for one in described_in(body)]
    assert schemas
    assert not [part for part in parts(schemas, set()) if "null" in part.get("type", "")]


def faults(document: Json, schema: Json, value: Any) -> list[str]:
    whole = schema | {"components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def described_in(part: Json) -> list[Json]:
    """The contents of it that have a form; not: files."""
    contents = part.get("content", {}).values()
    return [one for one in contents if one["schema"].get("format") != "binary"]


@each
def test_every_operation_has_examples_that_match_their_schema(document: Json) -> None:
    for _, _, operation in operations(document):
        for content in described_in(operation.get("requestBody", {})):
            assert content["examples"]
            for name, example in content["examples"].items():
                assert faults(document, content["schema"], example["value"]) == [], name
    for path, status, _, answer in responses(document):
        for content in described_in(answer):
            given = [content["example"]] if "example" in content else []
            given += [one["value"] for one in content.get("examples", {}).values()]
            assert given, (path, status)
            for value in given:
                assert faults(document, content["schema"], value) == [], (path, status)


@each
def test_every_schema_is_used_and_every_reference_resolves(document: Json) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (inner for name, inner in value.items() if name == "$ref")
            yield from (to for inner in value.values() for to in references(inner))
        elif isinstance(value, list):
            yield from (to for inner in value for to in references(inner))

    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    headers = {f"#/components/headers/{name}" for name in document["components"]["headers"]}
    used = {*references(document)}
    assert used == schemas | headers


def served(*defined: Any) -> set[tuple[str, str]]:
    plain = {(route.method.lower(), re.sub(r":.+?}", "}", route.path)) for route in defined}
    return plain - {("get", PAGE)}


def described(document: Json) -> set[tuple[str, str]]:
    return {
        (method, path if path.startswith("/webhooks") else f"/v1{path}")
        for path, method, _ in operations(document)
    }


PAGE = "/v1/openapi.html"
NONE: Any = None


def routes_of(name: str) -> list[Any]:
    """Every route that a service serves, but the webhooks of one municipality."""
    if name == "gateway":
        orders, owners = (
            Orders(NONE, NONE, NONE, NONE, NONE, NONE),
            DestinationRoutes(NONE, NONE, NONE, NONE),
        )
        access, uploads = AccessRoutes(CONFIG, NONE), UploadRoutes(NONE, NONE, NONE)
        templates = TemplateRoutes(NONE, CONFIG, NONE)
        api = gateway.service.api_routes(access, orders, templates, uploads, owners, NONE)
        served = gateway.service.all_routes(none_of(Webhook), api)
        return [route for route in served if "{tenant}" not in route.path]
    if name == "router":
        nothing = NONE, NONE, NONE
        return router.service.all_routes(RuleRoutes(*nothing), FigureRoutes(*nothing))
    log = AccessLog(NONE, NONE)
    return archiver.service.all_routes(
        Archive(NONE, log, NONE, timedelta),
        SearchRoutes(NONE, NONE, log, NONE),
        MediaRoutes(NONE, NONE, NONE, log, NONE, scanned_only=True),
        TranscriptRoutes(NONE, log, NONE),
        archiver.service.privacy_routes(none_of(PrivacyArchive), log, NONE),
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_has_every_route_of_its_service(name: str) -> None:
    assert served(*routes_of(name)) == described(DOCUMENTS[name])


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_other_methods_are_refused_with_those_that_the_document_has(name: str) -> None:
    app = api_app(routes_of(name))
    expected: dict[str, set[str]] = {}
    for method, path in described(DOCUMENTS[name]):
        expected.setdefault(path, set()).add(method.upper())
    expected["/v1/openapi.json"].add("HEAD")
    for path, allowed in expected.items():
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"} - allowed:
            subject = path.replace("{id}", examples.MESSAGE).replace("{destination}", "crm")
            subject = re.sub(r"\{[a-z]+\}", "1", subject)
            request = make_mocked_request(method, subject)
            refusal = (await app.router.resolve(request)).http_exception
            assert isinstance(refusal, web.HTTPMethodNotAllowed), (method, path)
            assert refusal.allowed_methods == allowed, (method, path)


def none_of(kind: type) -> Any:
    """One of a kind whose making needs more than its routes do."""
    return kind.__new__(kind)
