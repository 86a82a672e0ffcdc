from pathlib import Path

import pytest

from sandbox.settings import SandboxSettings, load
from services.config.settings import SettingsError


def test_an_empty_environment_gives_the_documented_defaults() -> None:
    settings = load({})
    assert settings == SandboxSettings()
    assert (settings.port, settings.app_secret) == (8090, "sandbox-app-secret")


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("POSTKAMER_META_APP_SECRETS", "new, old", "app_secret", "new"),
        ("CRM_SECRET", "whsec_AAEC", "crm_secret", b"\x00\x01\x02"),
        ("CRM_SECRET", "geheim €", "crm_secret", "geheim €".encode()),
        ("POSTKAMER_SANDBOX_STATUS_SECONDS", "0.2-2", "status_seconds", (0.2, 2.0)),
        ("POSTKAMER_SANDBOX_LIMITS", "meta", "limits", True),
        ("POSTKAMER_SANDBOX_OPENKLANT_VERSION", "2.15", "openklant_version", "2.15"),
        ("POSTKAMER_DESK_URL", "https://desk.example/", "desk_url", "https://desk.example"),
        ("POSTKAMER_DESK_CLIENT_SECRET", "drawn", "desk_client_secret", "drawn"),
        ("POSTKAMER_SANDBOX_TOKEN_SECONDS", "2", "token_seconds", 2),
    ],
)
def test_a_setting_is_read_from_its_variable(
    variable: str, text: str, field: str, value: object
) -> None:
    assert getattr(load({variable: text}), field) == value


def test_a_secret_can_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert load({"POSTKAMER_API_TOKEN_FILE": str(tmp_path / "token")}).api_token == "from-file"


WRONG = {
    "POSTKAMER_SANDBOX_PORT": "70000",
    "POSTKAMER_GATEWAY_URL": "gateway:8080",
    "POSTKAMER_SANDBOX_STATUS_SECONDS": "2-1",
    "POSTKAMER_SANDBOX_LIMITS": "some",
    "POSTKAMER_SANDBOX_OPENKLANT_VERSION": "2.14",
    "POSTKAMER_SANDBOX_SEED": "x",
    "POSTKAMER_SANDBOX_TOKEN_SECONDS": "0",
    "POSTKAMER_DESK_URL": "desk:8070",
    "CRM_SECRET": "whsec_!",
    "POSTKAMER_API_TOKEN_FILE": "/nowhere/at/all",
}


def test_all_wrong_settings_are_named_at_once_without_their_values() -> None:
    with pytest.raises(SettingsError) as error:
        load(WRONG)
    assert {fault.partition(":")[0] for fault in error.value.faults} == WRONG.keys()
    assert "whsec_!" not in str(error.value)
