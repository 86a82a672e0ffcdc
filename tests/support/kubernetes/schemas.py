"""Schemas of objects of Kubernetes: its own, and those of the operators that the chart knows.

`custom_resources.json` has the schemas of the operators; each entry says whence: CloudNativePG,
KEDA, the operator of Prometheus (Apache 2.0) and those of RabbitMQ (MPL 2.0). Left out are
descriptions, status, and the parts that repeat Kubernetes (`affinity`, `override`).
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.support.kubernetes.chart import TOOLS, Object

FOLDER = TOOLS / "kubernetes_validate" / "kubernetes-json-schema"
CUSTOM: dict[str, Any] = json.loads((Path(__file__).parent / "custom_resources.json").read_text())
PLACE = "file:///api"
"""Place to which the schemas refer, as /api/_definitions.json."""
OLDEST, NEWEST = "1.30.0", "1.37.0"
"""Versions of Kubernetes: the oldest that the chart takes, and the newest with schemas."""


def faults(thing: Object, version: str) -> list[str]:
    """Return what is wrong with an object, a line each."""
    group, kind = thing["apiVersion"], thing["kind"]
    name = f"{group} {kind}"
    validator = _custom_validator(name) if name in CUSTOM else _validator(group, kind, version)
    return [
        f"{kind} {thing['metadata']['name']}: {[*error.instance_path]}: {error.message[:200]}"
        for error in validator.iter_errors(thing)
    ]


@cache
def _custom_validator(name: str) -> Any:
    schema = _closed(CUSTOM[name]["schema"])
    # The server itself holds metadata.
    schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return jsonschema_rs.Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    """Return a schema that allows no field that it does not name, as the server drops those."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if schema.get("type") == "object" and "properties" in schema and not is_open:
        closed["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    return closed


@cache
def _validator(group: str, kind: str, version: str) -> Any:
    """Return the validator of a kind of Kubernetes itself, which allows no unknown field."""
    folder = FOLDER / f"v{version}-local-strict"
    api = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", group)
    schema = json.loads((folder / f"{kind.lower()}-{api}.json").read_text())
    schema["$id"] = f"{PLACE}/{kind}.json"
    return jsonschema_rs.Draft202012Validator(schema, registry=_definitions(version))


@cache
def _definitions(version: str) -> Any:
    text = (FOLDER / f"v{version}-local-strict" / "_definitions.json").read_text()
    return jsonschema_rs.Registry([(f"{PLACE}/_definitions.json", json.loads(text))])
