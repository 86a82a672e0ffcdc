"""Settings from the environment: all faults at once, and never a value of them."""

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st
from pydantic import SecretStr

from services.config.settings import (
    ApiSettings,
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
from services.transparency.signed_note import COSIGNATURE, Key, derive_public_key, encode_key

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
    "POSTKAMER_WORKING_KEY": KEY,
    "POSTKAMER_OBJECT_STORE": "file:///var/lib/postkamer",
}
KINDS: list[type[Settings]] = [GatewaySettings, RouterSettings, DelivererSettings, ArchiverSettings]

COMMON = "AMQP_URL CONFIG DATABASE_URL"
REQUIRED: dict[type[Settings], str] = {
    GatewaySettings: f"{COMMON} API_TOKENS META_APP_SECRETS META_VERIFY_TOKEN OBJECT_STORE"
    " WORKING_KEY",
    RouterSettings: f"{COMMON} ARCHIVE_KEY WORKING_KEY",
    DelivererSettings: f"{COMMON} META_ACCESS_TOKEN META_GRAPH_URL OBJECT_STORE WORKING_KEY",
    ArchiverSettings: f"{COMMON} API_TOKENS ARCHIVE_KEY META_ACCESS_TOKEN META_GRAPH_URL"
    " OBJECT_STORE WORKING_KEY",
}
"""Settings without a default, by hand: one that gets a default by mistake is found here."""


def faults(kind: type[Settings], environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(kind, environ)
    assert str(raised.value) == "\n".join(raised.value.faults)
    return raised.value.faults


def revealed(tokens: tuple[tuple[str, SecretStr], ...]) -> list[tuple[str, str]]:
    return [(name, token.get_secret_value()) for name, token in tokens]


def test_good_settings_are_read_with_their_defaults() -> None:
    gateway, archiver = load(GatewaySettings, GOOD), load(ArchiverSettings, GOOD)
    secrets = [secret.get_secret_value() for secret in gateway.meta_app_secrets]
    assert secrets == ["hunter2-new", "hunter2-old"]
    assert revealed(gateway.api_tokens) == [("crm", "hunter2-crm"), ("operator", "hunter2:op")]
    assert (gateway.bind, gateway.log_level) == ("127.0.0.1", "info")
    # Ports that others count on.
    assert (gateway.gateway_port, gateway.gateway_ops_port) == (8080, 9080)
    router = load(RouterSettings, GOOD)
    assert (router.router_port, router.router_ops_port) == (8081, 9081)
    assert load(DelivererSettings, GOOD).deliverer_ops_port == 9082
    assert (archiver.archiver_port, archiver.archiver_ops_port) == (8083, 9083)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_and_empty_settings_are_all_named_at_once(kind: type[Settings]) -> None:
    names = [f"POSTKAMER_{name}" for name in sorted(REQUIRED[kind].split())]
    missing = [f"{name}: is missing" for name in names]
    assert faults(kind, {}) == missing == faults(kind, dict.fromkeys(names, ""))


AMQP = "expected amqp:// or amqps:// URLs with a host, comma separated"
DATABASE = "expected a postgresql:// or postgres:// URL"
SCANNER = "expected tcp://host:port or unix:///path"
STORE = "expected file:///folder or s3://bucket/prefix"
WITH_STORE: list[type[Settings]] = [GatewaySettings, DelivererSettings]
# Kinds of settings that have it, its name, the sentence if it is fixed, and wrong values.
WRONG: list[tuple[list[type[Settings]], str, str, list[str]]] = [
    ([GatewaySettings], "GATEWAY_PORT", "", ["65536", "hunter2"]),
    ([GatewaySettings], "LOG_LEVEL", "", ["hunter2"]),
    ([GatewaySettings], "META_APP_SECRETS", "", [" , "]),
    ([GatewaySettings], "API_TOKENS", "",
     ["hunter2", "crm:", ":hunter2", " ,", "crm:hunter2,hunter3"]),
    ([ArchiverSettings], "ARCHIVE_WITNESSES", "",
     ["hunter2", "http://hunter2 x+y+z", "postkamer+00000000+AQ=="]),
    ([RouterSettings], "ARCHIVE_KEY", "",
     ["hunter2", "hünter2", base64.b64encode(b"hunter2").decode(), KEY + KEY]),
    ([DelivererSettings], "WEBHOOK_URL", "", ["hunter2", "https://u:hunter2@door", "ftp://hunter2"]),
    ([DelivererSettings], "META_GRAPH_URL", "",
     ["hunter2", "https://hunter2 x", "https://u:hunter2@graph/v1"]),
    (KINDS, "AMQP_URL", AMQP, [
        "hunter2",
        " , ",
        "http://u:hunter2@mq/",
        "amqp:///postkamer?hunter2",
        "amqp://u:hunter2@/postkamer",
        "amqp://u:hunter2/3@mq/postkamer",  # the slash ends the host
        "amqp://u:hunter,2@mq/postkamer",  # the comma ends the URL
        "amqp://u:hunter2@[mq/postkamer",
        "amqp://u:hunter2@mq:65536",
        "amqp://u:hunter2@mq1,mq2",
    ]),
    (KINDS, "DATABASE_URL", DATABASE,
     ["hunter2", "mysql://u:hunter2@db/postkamer", "host=db password=hunter2"]),
    ([DelivererSettings, ArchiverSettings], "SCANNER_URL", SCANNER,
     ["hunter2", "http://hunter2:1", "tcp://hunter2", "tcp://hunter2:99999", "tcp://u:hunter2@av:1",
      "unix:///"]),
    (WITH_STORE, "OBJECT_STORE", STORE, [
        "/var/lib/postkamer",
        "file://var/lib/postkamer",  # "var" would be a host
        "file:///",
        "s3:///prefix",
        "s3://id:hunter2@bucket/prefix",
        "s3://[bucket",
        "s3://bucket?secret=hunter2",
        "https://hunter2",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "sentence", "value"),
    [
        (kind, name, sentence, value)
        for kinds, name, sentence, values in WRONG
        for kind in kinds
        for value in values
    ],
)
def test_wrong_setting_is_named_and_never_quoted(
    kind: type[Settings], name: str, sentence: str, value: str
) -> None:
    [fault] = faults(kind, GOOD | {f"POSTKAMER_{name}": value})
    assert fault.startswith(f"POSTKAMER_{name}: {sentence}")
    assert not sentence or fault.endswith(sentence)
    assert "hunter" not in fault and "hünter" not in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OBJECT_STORE", "file:///srv/met%20spatie"),
        ("OBJECT_STORE", "s3://bucket"),
        ("OBJECT_STORE", "s3://b.u-c/a/b"),
        ("WEBHOOK_URL", "https://postkamer.almelo.example:8443/webhooks/whatsapp"),
        ("SCANNER_URL", "tcp://127.0.0.1:3310"),
        ("SCANNER_URL", "unix:///run/clamav/clamd.sock"),
        ("AMQP_URL", "amqps://u:p@mq1:5671/postkamer, amqps://u:p@[::1]/postkamer,"),
        ("AMQP_URL", "amqps://u:a%2Fb%2Cc@mq"),
        (
            "DATABASE_URL",
            "postgres://u:p@[::1]:5432,localhost:5433/postkamer?target_session_attrs=any",
        ),
        ("DATABASE_URL", "postgresql:///postkamer?host=/run/postgresql"),
    ],
)
def test_address_is_kept_as_it_was_given(name: str, value: str) -> None:
    given = getattr(load(DelivererSettings, GOOD | {f"POSTKAMER_{name}": value}), name.lower())
    assert (given if isinstance(given, str) else given.get_secret_value()) == value


@pytest.mark.parametrize(
    ("kind", "value", "tokens"),
    [
        # A name keeps all its tokens while one replaces another.
        (GatewaySettings, "crm:old,op:x,crm:new", [("crm", "old"), ("op", "x"), ("crm", "new")]),
        (ArchiverSettings, "crm:old,op:x,crm:new", [("crm", "old"), ("op", "x"), ("crm", "new")]),
        (GatewaySettings, " crm : hunter2 ,", [("crm", "hunter2")]),
    ],
)
def test_api_tokens_are_split_into_names_and_tokens(
    kind: type[GatewaySettings | ArchiverSettings], value: str, tokens: list[tuple[str, str]]
) -> None:
    assert revealed(load(kind, GOOD | {"POSTKAMER_API_TOKENS": value}).api_tokens) == tokens


@pytest.mark.parametrize("token", ["hunter2 x", "hünter2", "hunter2\n"])
def test_token_that_no_header_can_hold_is_a_hidden_fault(token: str) -> None:
    gateway = {"POSTKAMER_GATEWAY_URL": "http://127.0.0.1:8080"}
    environ = gateway | {"POSTKAMER_API_TOKEN": token}
    with pytest.raises(SettingsError) as raised:
        load(ApiSettings, environ)
    [fault] = raised.value.faults
    assert fault.startswith("POSTKAMER_API_TOKEN: expected a token")
    assert "nter2" not in fault
    token_of = load(ApiSettings, gateway | {"POSTKAMER_API_TOKEN": "hunter2"}).api_token
    assert token_of.get_secret_value() == "hunter2"


def test_secret_is_read_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "verify"
    secret.write_text("from a file\n")
    environ = GOOD | {"POSTKAMER_META_VERIFY_TOKEN_FILE": str(secret)}
    assert load(GatewaySettings, environ).meta_verify_token.get_secret_value() == "from a file"
    assert read("X", {"X_FILE": str(secret), "X": "beside it"}) == "from a file"
    assert read("X", {"X": "beside it"}) == "beside it"
    assert read("X", {"X": ""}) is None is read("X", {})


@pytest.mark.parametrize(
    ("kind", "name", "content", "fault"),
    [
        # An empty verify token would let anybody through.
        (GatewaySettings, "META_VERIFY_TOKEN", b" \n", ": is missing"),
        (RouterSettings, "ARCHIVE_KEY", None,
         "_FILE: cannot be read (No such file or directory)"),
        (RouterSettings, "ARCHIVE_KEY", b"\xff\xfehunter2",
         "_FILE: cannot be read (it is no text)"),
    ],
    ids=["empty", "absent", "no text"],
)  # fmt: skip
def test_unusable_secret_file_is_named_by_its_setting(
    tmp_path: Path, kind: type[Settings], name: str, content: bytes | None, fault: str
) -> None:
    path = tmp_path / "hunter2"
    if content is not None:
        path.write_bytes(content)
    environ = GOOD | {f"POSTKAMER_{name}_FILE": str(path)}
    del environ[f"POSTKAMER_{name}"]
    assert faults(kind, environ) == [f"POSTKAMER_{name}{fault}"]


VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=30)


@how(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), VALUES.map("tiger{}".format), min_size=1))
@example({})
def test_no_settings_or_error_show_a_secret(environ: dict[str, str]) -> None:
    for kind in KINDS:
        try:
            loaded = load(kind, GOOD | environ)
        except SettingsError as error:
            assert "tiger" not in f"{error}{error.faults}"
            assert "hunter2" not in f"{error}"
        else:
            # Other settings may be shown: the path of the configuration, Meta's address.
            hidden = f"{loaded!r} {loaded}".replace(environ.get("POSTKAMER_CONFIG", "\0"), "")
            assert "hunter2" not in hidden and KEY not in hidden


def test_witnesses_are_read_from_lines_and_commas() -> None:
    key = encode_key(Key("w1", derive_public_key(bytes(32)), COSIGNATURE))
    text = f"https://a.example {key}\n\nhttps://b.example/w/ {key}, "
    read = load(ArchiverSettings, GOOD | {"POSTKAMER_ARCHIVE_WITNESSES": text})
    assert [each.url for each in read.archive_witnesses] == [
        "https://a.example", "https://b.example/w",
    ]  # fmt: skip
    [fault] = faults(ArchiverSettings, GOOD | {"POSTKAMER_ARCHIVE_WITNESSES": key})
    assert "expected `URL verifier-key` pairs" in fault


def test_derived_key_serves_one_purpose_and_follows_from_the_first_master() -> None:
    master = SecretStr(KEY)
    router = derive_key([master], "router")
    assert len(router) == 32
    assert router == derive_key([master], "router") != derive_key([master], "archive")
    other = SecretStr(base64.b64encode(bytes(32)).decode())
    assert router != derive_key([other], "router")
    assert router == derive_key([other, master], "router"), "another master key changes no hash"
    # Hashes in the database were made with it: it may never come out differently.
    assert router.hex() == ("b65bdbf86273d6bfd5207ac9f24b22add5d691f9108e1608df7e40cdc9b0f3ba")
