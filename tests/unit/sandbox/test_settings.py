from pathlib import Path

import pytest

from sandbox.settings import SandboxSettings, load
from services.config.settings import SettingsError


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = load({})
    assert settings == SandboxSettings()
    assert (settings.port, settings.app_secret) == (8090, "sandbox-app-secret")


def test_the_first_of_several_app_secrets_signs() -> None:
    assert load({"POSTKAMER_META_APP_SECRETS": "new, old"}).app_secret == "new"


def test_a_standard_webhooks_secret_is_decoded_and_a_plain_one_is_used_as_it_is() -> None:
    assert load({"CRM_SECRET": "whsec_AAEC"}).crm_secret == b"\x00\x01\x02"
    assert load({"CRM_SECRET": "geheim €"}).crm_secret == "geheim €".encode()


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert load({"POSTKAMER_API_TOKEN_FILE": str(tmp_path / "token")}).api_token == "from-file"


def test_every_wrong_setting_is_named_at_once_and_no_value_is_repeated() -> None:
    with pytest.raises(SettingsError) as error:
        load(
            {
                "POSTKAMER_SANDBOX_PORT": "70000",
                "POSTKAMER_GATEWAY_URL": "gateway:8080",
                "POSTKAMER_SANDBOX_STATUS_SECONDS": "2-1",
                "POSTKAMER_SANDBOX_LIMITS": "some",
                "POSTKAMER_SANDBOX_SEED": "x",
                "CRM_SECRET": "whsec_!",
                "POSTKAMER_API_TOKEN_FILE": "/nowhere/at/all",
            }
        )
    named = {fault.partition(":")[0] for fault in error.value.faults}
    assert named == {
        "POSTKAMER_SANDBOX_PORT",
        "POSTKAMER_GATEWAY_URL",
        "POSTKAMER_SANDBOX_STATUS_SECONDS",
        "POSTKAMER_SANDBOX_LIMITS",
        "POSTKAMER_SANDBOX_SEED",
        "CRM_SECRET",
        "POSTKAMER_API_TOKEN_FILE",
    }
    assert "whsec_!" not in str(error.value)
