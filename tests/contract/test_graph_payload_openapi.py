"""Payloads of outgoing messages against Meta's own OpenAPI.

The document describes v23. What is newer than it is not compared: three kinds of interactive
messages, and named parameters of templates.
"""

import json

import pytest

from gateway.api_docs import examples
from gateway.commands.graph_payload import graph_payload
from tests.contract.sandbox.test_openapi import faults_against, merged, schema
from tests.support.gateway.commands import message
from tests.support.gateway.sent_payload import as_sent

pytestmark = pytest.mark.usefixtures("meta_openapi")
NEWER_THAN_V23 = {"link", "askLocation", "askPhoneNumber"}


@pytest.mark.parametrize("name", sorted(examples.MESSAGES.keys() - NEWER_THAN_V23))
def test_message_payload_matches_metas_openapi(name: str) -> None:
    body = as_sent(json.loads(graph_payload(message(name))))
    if body["type"] == "document":
        del body["document"]["filename"]  # which their pages have, and their OpenAPI forgot
    for component in body.get("template", {}).get("components", ()):
        if "index" in component:
            component["index"] = "2"  # their pattern refuses the 0 of their own example
    reference = schema("Message")["discriminator"]["mapping"][body["type"]]
    assert faults_against(merged(reference.rpartition("/")[2]), body) == []


def test_payload_that_differs_from_metas_openapi_has_faults() -> None:
    body = as_sent(json.loads(graph_payload(message("location"))))
    body["location"]["latitude"] = 52.35
    assert faults_against(merged("LocationMessage"), body)
