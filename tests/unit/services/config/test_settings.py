"""The environment, read once: all that is missing or wrong at once, and never a value of it."""

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import SecretStr

from services.config.settings import (
    ArchiverSettings,
    DelivererSettings,
    GatewaySettings,
    RouterSettings,
    Settings,
    SettingsError,
    derive_key,
    load,
    read,
)

KEY = base64.b64encode(bytes(range(32))).decode()
GOOD = {
    "POSTKAMER_CONFIG": "postkamer.toml",
    "POSTKAMER_AMQP_URL": "amqp://gateway:hunter2@localhost/postkamer",
    "POSTKAMER_DATABASE_URL": "postgresql://gateway:hunter2@localhost/postkamer",
    "POSTKAMER_META_APP_SECRETS": "hunter2-new, hunter2-old",
    "POSTKAMER_META_VERIFY_TOKEN": "hunter2-verify",
    "POSTKAMER_META_ACCESS_TOKEN": "hunter2-access",
    "POSTKAMER_META_GRAPH_URL": "https://graph.facebook.com/v26.0",
    "POSTKAMER_API_TOKENS": "crm:hunter2-crm, operator:hunter2:op",
    "POSTKAMER_ARCHIVE_KEY": KEY,
    "POSTKAMER_OBJECT_STORE": "file:///var/lib/postkamer",
}
KINDS: list[type[Settings]] = [
    GatewaySettings,
    RouterSettings,
    DelivererSettings,
    ArchiverSettings,
]

REQUIRED: dict[type[Settings], list[str]] = {
    GatewaySettings: [
        "AMQP_URL",
        "API_TOKENS",
        "CONFIG",
        "DATABASE_URL",
        "META_APP_SECRETS",
        "META_VERIFY_TOKEN",
        "OBJECT_STORE",
    ],
    RouterSettings: ["AMQP_URL", "ARCHIVE_KEY", "CONFIG", "DATABASE_URL"],
    DelivererSettings: [
        "AMQP_URL",
        "CONFIG",
        "DATABASE_URL",
        "META_ACCESS_TOKEN",
        "META_GRAPH_URL",
        "OBJECT_STORE",
    ],
    ArchiverSettings: [
        "AMQP_URL",
        "API_TOKENS",
        "ARCHIVE_KEY",
        "CONFIG",
        "DATABASE_URL",
        "META_ACCESS_TOKEN",
        "META_GRAPH_URL",
        "OBJECT_STORE",
    ],
}
"""Settings without a default, by hand: one that gets a default by mistake is found here."""


def faults(kind: type[Settings], environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(kind, environ)
    return raised.value.faults


def test_good_settings_are_read_with_their_defaults() -> None:
    gateway = load(GatewaySettings, GOOD)
    assert [s.get_secret_value() for s in gateway.meta_app_secrets] == [
        "hunter2-new",
        "hunter2-old",
    ]
    tokens = [(name, token.get_secret_value()) for name, token in gateway.api_tokens]
    assert tokens == [("crm", "hunter2-crm"), ("operator", "hunter2:op")]
    assert (gateway.bind, gateway.gateway_port, gateway.log_level) == ("127.0.0.1", 8080, "info")
    for kind in KINDS:
        load(kind, GOOD)


def test_the_ports_are_those_that_others_count_on() -> None:
    gateway, archiver = load(GatewaySettings, GOOD), load(ArchiverSettings, GOOD)
    assert (gateway.gateway_port, gateway.gateway_ops_port) == (8080, 9080)
    assert load(RouterSettings, GOOD).router_ops_port == 9081
    assert load(DelivererSettings, GOOD).deliverer_ops_port == 9082
    assert (archiver.archiver_port, archiver.archiver_ops_port) == (8083, 9083)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_settings_are_all_named_at_once(kind: type[Settings]) -> None:
    assert faults(kind, {}) == [f"POSTKAMER_{name}: is missing" for name in REQUIRED[kind]]
    empty = dict.fromkeys((f"POSTKAMER_{name}" for name in REQUIRED[kind]), "")
    assert faults(kind, empty) == faults(kind, {})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (GatewaySettings, "GATEWAY_PORT", "65536"),
        (GatewaySettings, "GATEWAY_PORT", "hunter2"),
        (GatewaySettings, "LOG_LEVEL", "hunter2"),
        (GatewaySettings, "META_APP_SECRETS", " , "),
        (GatewaySettings, "API_TOKENS", "hunter2"),
        (GatewaySettings, "API_TOKENS", "crm:"),
        (GatewaySettings, "API_TOKENS", ":hunter2"),
        (GatewaySettings, "API_TOKENS", " ,"),
        (GatewaySettings, "API_TOKENS", "crm:hunter2,hunter3"),
        (RouterSettings, "ARCHIVE_KEY", "hunter2"),
        (RouterSettings, "ARCHIVE_KEY", "hünter2"),
        (RouterSettings, "ARCHIVE_KEY", base64.b64encode(b"hunter2").decode()),
        (RouterSettings, "ARCHIVE_KEY", KEY + KEY),
        (DelivererSettings, "META_GRAPH_URL", "hunter2"),
        (DelivererSettings, "META_GRAPH_URL", "https://hunter2 x"),
    ],
)
def test_a_wrong_one_is_named_and_never_quoted(kind: type[Settings], name: str, value: str) -> None:
    [fault] = faults(kind, GOOD | {f"POSTKAMER_{name}": value})
    assert fault.startswith(f"POSTKAMER_{name}: ")
    assert "hunter" not in fault and "hünter" not in fault


AMQP = "POSTKAMER_AMQP_URL: expected amqp:// or amqps:// URLs with a host, comma separated"
DATABASE = "POSTKAMER_DATABASE_URL: expected a postgresql:// or postgres:// URL"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("AMQP_URL", "hunter2", AMQP),
        ("AMQP_URL", " , ", AMQP),
        ("AMQP_URL", "http://u:hunter2@mq/", AMQP),
        ("AMQP_URL", "amqp:///postkamer?hunter2", AMQP),
        ("AMQP_URL", "amqp://u:hunter2@/postkamer", AMQP),
        ("AMQP_URL", "amqp://u:hunter2/3@mq/postkamer", AMQP),  # the slash ends the host
        ("AMQP_URL", "amqp://u:hunter,2@mq/postkamer", AMQP),  # the comma ends the URL
        ("AMQP_URL", "amqp://u:hunter2@[mq/postkamer", AMQP),
        ("AMQP_URL", "amqp://u:hunter2@mq:65536", AMQP),
        ("AMQP_URL", "amqp://u:hunter2@mq1,mq2", AMQP),
        ("DATABASE_URL", "hunter2", DATABASE),
        ("DATABASE_URL", "mysql://u:hunter2@db/postkamer", DATABASE),
        ("DATABASE_URL", "host=db password=hunter2", DATABASE),
    ],
)
def test_an_address_of_another_kind_stops_the_start(
    kind: type[Settings], name: str, value: str, sentence: str
) -> None:
    assert faults(kind, GOOD | {f"POSTKAMER_{name}": value}) == [sentence]


@pytest.mark.parametrize("kind", [GatewaySettings, DelivererSettings])
@pytest.mark.parametrize(
    "value",
    [
        "/var/lib/postkamer",
        "file://var/lib/postkamer",  # "var" would be a host
        "file:///",
        "s3:///prefix",
        "s3://id:hunter2@bucket/prefix",
        "s3://[bucket",
        "s3://bucket?secret=hunter2",
        "https://hunter2",
    ],
)
def test_an_object_store_of_another_kind_stops_the_start(
    kind: type[GatewaySettings | DelivererSettings], value: str
) -> None:
    sentence = "POSTKAMER_OBJECT_STORE: expected file:///folder or s3://bucket/prefix"
    assert faults(kind, GOOD | {"POSTKAMER_OBJECT_STORE": value}) == [sentence]


@pytest.mark.parametrize("value", ["file:///srv/met%20spatie", "s3://bucket", "s3://b.u-c/a/b"])
def test_a_folder_and_a_bucket_are_taken(value: str) -> None:
    assert load(DelivererSettings, GOOD | {"POSTKAMER_OBJECT_STORE": value}).object_store == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AMQP_URL", "amqps://u:p@mq1:5671/postkamer, amqps://u:p@[::1]/postkamer,"),
        ("AMQP_URL", "amqp://u:a%2Fb%2Cc@mq"),
        ("DATABASE_URL", "postgres://u:p@db1:5432,db2:5432/postkamer?target_session_attrs=any"),
        ("DATABASE_URL", "postgresql:///postkamer?host=/run/postgresql"),
    ],
)
def test_each_address_that_a_driver_takes_is_taken(name: str, value: str) -> None:
    settings = load(RouterSettings, GOOD | {f"POSTKAMER_{name}": value})
    assert getattr(settings, name.lower()).get_secret_value() == value


@pytest.mark.parametrize("kind", [GatewaySettings, ArchiverSettings])
def test_a_name_keeps_all_its_tokens_while_one_replaces_another(
    kind: type[GatewaySettings | ArchiverSettings],
) -> None:
    tokens = load(kind, GOOD | {"POSTKAMER_API_TOKENS": "crm:old,op:x,crm:new"}).api_tokens
    given = [(name, token.get_secret_value()) for name, token in tokens]
    assert given == [("crm", "old"), ("op", "x"), ("crm", "new")]


def test_spaces_around_a_name_and_its_token_are_not_theirs() -> None:
    tokens = load(GatewaySettings, GOOD | {"POSTKAMER_API_TOKENS": " crm : hunter2 ,"}).api_tokens
    assert [(name, token.get_secret_value()) for name, token in tokens] == [("crm", "hunter2")]


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "verify"
    secret.write_text("from a file\n")
    environ = GOOD | {"POSTKAMER_META_VERIFY_TOKEN_FILE": str(secret)}
    assert load(GatewaySettings, environ).meta_verify_token.get_secret_value() == "from a file"
    assert read("X", {"X_FILE": str(secret), "X": "beside it"}) == "from a file"
    assert read("X", {"X": "beside it"}) == "beside it"
    assert read("X", {"X": ""}) is None is read("X", {})


def test_an_empty_file_is_a_missing_secret(tmp_path: Path) -> None:
    """An empty verify token would let anybody through."""
    empty = tmp_path / "verify"
    empty.write_text(" \n")
    environ = GOOD | {"POSTKAMER_META_VERIFY_TOKEN_FILE": str(empty)}
    assert faults(GatewaySettings, environ) == ["POSTKAMER_META_VERIFY_TOKEN: is missing"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "POSTKAMER_ARCHIVE_KEY_FILE: cannot be read (No such file or directory)"),
        (b"\xff\xfe" + b"hunter2", "POSTKAMER_ARCHIVE_KEY_FILE: cannot be read (it is no text)"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_by_its_setting(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "hunter2"
    if content is not None:
        path.write_bytes(content)
    environ = GOOD | {"POSTKAMER_ARCHIVE_KEY_FILE": str(path)}
    del environ["POSTKAMER_ARCHIVE_KEY"]
    assert faults(RouterSettings, environ) == [sentence]


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@how(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES.map("tiger{}".format), min_size=1))
def test_whatever_they_hold_nothing_of_it_shows(environ: dict[str, str]) -> None:
    for kind in KINDS:
        try:
            shown = repr(load(kind, GOOD | environ))
        except SettingsError as error:
            assert "tiger" not in f"{error}{error.faults}"
            assert "hunter2" not in f"{error}"
        else:
            # What is no secret may be shown: where the configuration is, Meta's address.
            hidden = shown.replace(environ.get("POSTKAMER_CONFIG", "\0"), "")
            assert "hunter2" not in hidden


def test_no_secret_shows_when_settings_are_printed() -> None:
    for kind in KINDS:
        assert "hunter2" not in f"{load(kind, GOOD)!r} {load(kind, GOOD)}"
        assert KEY not in f"{load(kind, GOOD)!r}"


def test_a_derived_key_serves_one_purpose_and_follows_from_the_master() -> None:
    master = SecretStr(KEY)
    router = derive_key([master], "router")
    assert len(router) == 32
    assert router == derive_key([master], "router") != derive_key([master], "archive")
    other = SecretStr(base64.b64encode(bytes(32)).decode())
    assert router != derive_key([other], "router")
    assert router == derive_key([other, master], "router"), "another master key changes no hash"
    # Hashes in the database were made with it: it may never come out differently.
    assert router.hex() == ("b65bdbf86273d6bfd5207ac9f24b22add5d691f9108e1608df7e40cdc9b0f3ba")
