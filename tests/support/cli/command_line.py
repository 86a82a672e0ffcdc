"""The command line as an operator calls it, with a good configuration and all settings."""

import base64
from collections.abc import Mapping

from click.testing import CliRunner, Result

from cli.main import main

TOML = """\
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[[tenants]]
id = "borne"
name = "Gemeente Borne"
[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "kcc"
[[numbers]]
id = "20000001"
tenant = "borne"
fallback = "kcc"
[[departments]]
id = "kcc"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"
[[departments]]
id = "groen"
tenant = "almelo"
name = "Openbare ruimte"
destination = "crm"
[[departments]]
id = "kcc"
tenant = "borne"
name = "Klantcontact"
destination = "crm"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/events"
secret = "env:CRM_SECRET"
[[rules]]
id = "afval"
words = ["afval", "grof vuil"]
department = "groen"
"""
TWO_ACTORS = TOML.replace('"borne"\nname = "Klant', '"borne"\nregister_id = "2"\nname = "Klant')
"""The same, where Open Klant can tell the departments of both municipalities apart."""
SETTINGS = {
    "POSTKAMER_AMQP_URL": "amqp://localhost",
    "POSTKAMER_DATABASE_URL": "postgresql://localhost",
    "POSTKAMER_META_APP_SECRETS": "a",
    "POSTKAMER_META_VERIFY_TOKEN": "b",
    "POSTKAMER_META_ACCESS_TOKEN": "c",
    "POSTKAMER_META_GRAPH_URL": "https://graph.facebook.com/v26.0",
    "POSTKAMER_API_TOKENS": "crm@almelo/*:d",
    "POSTKAMER_WORKING_KEY": base64.b64encode(bytes(32)).decode(),
    "POSTKAMER_ARCHIVE_KEY": base64.b64encode(b"a" * 32).decode(),
    "POSTKAMER_OBJECT_STORE": "file:///var/lib/postkamer",
    "CRM_SECRET": "e",
}


def postkamer(*arguments: object, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, env=env, input=stdin)
