"""Exchanged secrets of the archiver: all of its parts have the new ones at once, or none has."""

from pathlib import Path
from typing import Any, cast

import pytest

from archiver.service import prepare_secrets
from services.config.accounts import provider_accounts
from services.config.handover_secrets import handover_secrets
from services.config.loader import load as load_config
from services.config.reload import ActiveVersion
from services.config.settings import ArchiverSettings, SettingsError, load
from services.http.token_store import TokenHash, digest
from tests.support.citizens import NUMBER
from tests.support.cli.command_line import SETTINGS
from tests.support.installation import EXAMPLE

TARGET = """
[[tenants.handover]]
id = "zaaksysteem"
to = "documenten-api"
url = "https://documenten.example/api/v1"
client_id = "postkamer"
client_secret = "env:ZGW"
informatieobjecttype = "https://catalogi.example/api/v1/informatieobjecttypen/1"
bronorganisatie = "002220647"
vertrouwelijkheidaanduiding = "zaakvertrouwelijk"
"""
"""A target of the municipality whose table stands before it."""


class Ring:
    """The tokens that the API has."""

    def __init__(self) -> None:
        self.tokens: list[TokenHash] = []

    def use_environment(self, tokens: list[TokenHash]) -> None:
        self.tokens = tokens


def test_new_secrets_are_used_at_once_or_refused_whole(tmp_path: Path) -> None:
    file, text = tmp_path / "postkamer.toml", EXAMPLE.read_text()
    at = text.index("[[numbers]]")
    file.write_text(text[:at] + TARGET + text[at:])
    version = ActiveVersion(load_config(file))
    numbers, tenants = version.loaded.config.numbers, version.loaded.config.tenants
    environ = SETTINGS | {"ZGW": "zgw-before"}
    accounts = provider_accounts(numbers, "https://graph.example/v26.0", "access-before", environ)
    ring, secrets = Ring(), handover_secrets(tenants, environ)
    given = {
        "POSTKAMER_API_TOKENS": "crm@almelo:api-afterwards",
        "POSTKAMER_META_ACCESS_TOKEN": "access-afterwards",
        "POSTKAMER_CONFIG": str(file),
    }

    def apply(more: dict[str, str]) -> None:
        changed = environ | given | more
        settings = load(ArchiverSettings, changed)
        prepare_secrets(changed, version, cast(Any, ring), accounts, secrets, settings)()

    with pytest.raises(SettingsError, match="ZGW: is missing"):
        apply({"ZGW": ""})
    assert "access-before" in str(accounts[NUMBER].headers) and ring.tokens == []
    apply({"ZGW": "zgw-afterwards"})
    assert "access-afterwards" in str(accounts[NUMBER].headers)
    assert [each.hash for each in ring.tokens] == [digest("api-afterwards")]
    assert secrets == {("almelo", "zaaksysteem"): "zgw-afterwards"}
