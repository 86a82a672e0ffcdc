"""deploy/helm: each setting of a service has one place in the chart, and arrives as it should."""

import inspect
import json
import re
from functools import cache
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from cli.check.secret_purposes import SETTINGS as PURPOSES
from services.amqp import topology
from services.config import settings
from services.config.settings import PREFIX, load
from services.servers import authorities
from services.servers.logins import LOGINS
from services.transparency.signed_note import COSIGNATURE, Key, derive_public_key, encode_key
from tests.support.kubernetes.chart import (
    CHART,
    ROOT,
    SERVICES,
    VALUES,
    Object,
    environment,
    example,
    needs_helm,
    pods,
    render,
    secret_files,
)

pytestmark = needs_helm
OF_SERVICES: dict[str, type[BaseModel]] = {
    "gateway": settings.GatewaySettings,
    "router": settings.RouterSettings,
    "deliverer": settings.DelivererSettings,
    "archiver": settings.ArchiverSettings,
    "desk": settings.DeskSettings,
}
OF_COMMANDS: list[type[BaseModel]] = [
    settings.ApiSettings, settings.ArchiveSettings, settings.BackupSettings,
    settings.BalanceSettings, settings.ManagementSettings, settings.PersonSettings,
    settings.SignerSettings, settings.StatusSettings, settings.TimestampSettings,
    settings.WitnessSettings, settings.WorkingKeySettings,
]  # fmt: skip
KEY = "A" * 43 + "="
"""32 bytes in base64."""
GIVEN: dict[str, Any] = {
    "bind": "::",
    "logLevel": "debug",
    "tracesUrl": "http://otel.example:4318",
    "metaGraphUrl": "https://graph.facebook.com/v26.0",
    "metaClientNameHeader": "X-Client-Name",
    "metaClientName": "name.example",
    "webhookUrl": "https://postkamer.example/webhooks/whatsapp",
    "trustedProxies": "10.1.0.7/32",
    "plainHosts": "clamav.security,mq1.example,otel.example",
    "privateNetworks": "10.1.0.0/16,10.2.0.0/16",
    "archiverUrl": "https://archief.example",
    "scannerUrl": "tcp://clamav.security:3310",
    "archiveSigner": "unix:///signer/socket",
    "archivePublicKey": "a,b",
    "archiveTimestamps": "https://tsa.example",
    "archiveTimestampRoots": "/etc/postkamer/tsa.pem",
    "archiveWitnesses": "https://w.example "
    + encode_key(Key("w1", derive_public_key(bytes(32)), COSIGNATURE)),
    "archiveWitnessQuorum": 1,
    "deskUrl": "https://balie.example",
    "deskIssuer": "https://inloggen.example/realms/gemeente",
    "deskClientId": "balie",
    "deskScope": "openid email",
    "deskDesign": "/design",
    "brokerMetricsUrl": "http://mq1.example:15692/metrics",
    "pgbackrest": "/usr/bin/pgbackrest --stanza=postkamer",
    "requireProven": True,
}
"""A value for each setting of the table `settings`, none of them the default."""
OWN_HOSTS = {
    "desk": "postkamer-gateway,postkamer-archiver,postkamer-router,",
    "operator": "".join(
        f"postkamer-{name}," for name in ("gateway", *(f"{each}-ops" for each in SERVICES))
    ),
}
"""Services of the chart that a pod calls by HTTP, before the hosts of the values."""


@pytest.fixture(autouse=True)
def _mounted_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a pod that are not here."""
    monkeypatch.setattr(authorities, "find_authority_fault", lambda path: "")


SECRETS = {
    "working_key": KEY,
    "archive_key": KEY,
    "api_tokens": "crm/*:token",
    "test_tokens": "test:token",
}
"""Contents of secrets that are more than a word."""


@cache
def all_given() -> dict[str, dict[str, str]]:
    """Environment of each service with everything set, by its name."""
    secrets = {name: {"name": "town", "key": name} for name in VALUES["secrets"]}
    changes = {
        "settings": GIVEN,
        "secrets": secrets,
        "objectStore.uploads": "s3://uploads",
        "broker.admin": {
            "secret": {"name": "admin", "usernameKey": "user", "key": "password"},
            "management": "https://mq1.example:15671",
        },
        "database.accounts.desk.secret": {"name": "town", "key": "desk"},
        "desk.enabled": True,
    }
    changes |= {f"{service}.opsPort": 9180 + n for n, service in enumerate(SERVICES)}
    set_json = tuple(f"{place}={json.dumps(value)}" for place, value in changes.items())
    found = pods(render(example("small"), set_json=set_json))
    names = (*SERVICES, "operator")
    return {name: as_in_a_pod(found[f"Deployment postkamer-{name}"]) for name in names}


def as_in_a_pod(pod: Object) -> dict[str, str]:
    """Return the settings of a process, with what is in a file in the place of the file."""
    files, seen = secret_files(pod), dict[str, str]()
    for name, text in environment(pod).items():
        if name.endswith("_FILE"):
            setting = name.removesuffix("_FILE")
            assert files[text]
            seen[setting] = SECRETS.get(setting.removeprefix(PREFIX).lower(), "w/rd")
        else:
            seen[name] = text
    return seen


def variables(kind: type[BaseModel]) -> set[str]:
    return {PREFIX + field.upper() for field in kind.model_fields}


def ours(given: dict[str, str]) -> set[str]:
    """Variables with settings, without those that complete the address of a server."""
    logins = {f"{PREFIX}{name}_{part}" for name in LOGINS.values() for part in ("USER", "PASSWORD")}
    return {name for name in given if name.startswith(PREFIX)} - logins


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_can_be_set_and_no_other(service: str) -> None:
    given = all_given()[service]
    kind = OF_SERVICES[service]
    assert ours(given) == variables(kind)
    loaded = load(kind, given)
    for field in kind.model_fields:
        name = re.sub(r"_(\w)", lambda found: found[1].upper(), field)
        if name in GIVEN and not (service == "desk" and field == "archiver_url"):
            value = given[PREFIX + field.upper()]
            own = OWN_HOSTS.get(service, "") if field == "plain_hosts" else ""
            assert value == own + str(GIVEN[name]).replace("True", "true")
    ops_port = getattr(loaded, f"{service}_ops_port")
    assert ops_port == 9180 + SERVICES.index(service)


def test_operator_has_the_settings_of_every_command() -> None:
    given = all_given()["operator"]
    of_services = set[str]().union(*map(variables, OF_SERVICES.values()))
    of_commands = set[str]().union(*map(variables, OF_COMMANDS))
    assert of_commands <= ours(given) <= of_services | of_commands
    for kind in OF_COMMANDS:
        load(kind, given)
    status = load(settings.StatusSettings, given)
    assert dict(status.ops_urls) == {
        name: f"http://postkamer-{name}-ops:{9180 + n}" for n, name in enumerate(SERVICES)
    }


def test_values_have_no_setting_that_nobody_reads() -> None:
    kinds = [each for _, each in inspect.getmembers(settings, inspect.isclass)]
    fields = {
        field
        for each in kinds
        if issubclass(each, BaseModel) and each.__module__ == settings.__name__
        for field in each.model_fields
    }
    named = {re.sub(r"_(\w)", lambda found: found[1].upper(), field) for field in fields}
    assert VALUES["settings"].keys() == GIVEN.keys()
    assert VALUES["settings"].keys() <= named
    assert VALUES["secrets"].keys() <= named
    assert not VALUES["settings"].keys() & VALUES["secrets"].keys()
    table = yaml.safe_load((CHART / "files" / "settings.yaml").read_text())
    assert table.keys() == {*SERVICES, "operator"}
    assert set[str]().union(*table.values()) == fields


@pytest.mark.parametrize("town", ["small", "large"])
def test_secret_is_a_file_of_a_secret_and_no_variable(town: str) -> None:
    """In any container, of Jobs too: `environment` takes no variable that is not a text."""
    kinds = [each for _, each in inspect.getmembers(settings, inspect.isclass)]
    hidden = {
        PREFIX + name.upper()
        for kind in kinds
        if issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
        if "SecretStr" in str(field.annotation)
    }
    addresses = {PREFIX + name.upper() for name in LOGINS}
    for name, pod in pods(render(example(town))).items():
        given, files = environment(pod), secret_files(pod)
        assert given.keys() & (hidden - addresses | PURPOSES.keys() - addresses) == set(), name
        for address in addresses & given.keys():
            login = f"{PREFIX}{LOGINS[address.removeprefix(PREFIX).lower()]}_PASSWORD_FILE"
            assert not re.search("//[^/]*:[^/]*@", given[address]), (name, address)
            assert given[login] in files, (name, address)
        named = {text for variable, text in given.items() if variable.endswith("_FILE")}
        assert named == files.keys(), name
        assert all(secret and key for secret, key in files.values())
        volume = next(each for each in pod["volumes"] if each["name"] == "secrets")
        assert volume["projected"]["defaultMode"] == 0o440  # root's, and fsGroup's
        assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] == 10001


@pytest.mark.parametrize("town", ["small", "large"])
def test_example_of_a_town_has_what_each_service_needs(town: str) -> None:
    found = pods(render(example(town)))
    for service, kind in OF_SERVICES.items():
        if f"Deployment postkamer-{service}" in found:
            given = as_in_a_pod(found[f"Deployment postkamer-{service}"])
            assert ours(given) <= variables(kind)
            load(kind, given)


def test_addresses_in_the_cluster_are_those_of_services() -> None:
    objects = render(example("large"))
    services = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Service"}
    found = pods(objects)
    desk = load(settings.DeskSettings, as_in_a_pod(found["Deployment postkamer-desk"]))
    urls = [desk.gateway_url, desk.archiver_url, desk.router_url]
    operator = as_in_a_pod(found["Deployment postkamer-operator"])
    urls += [url for _, url in load(settings.StatusSettings, operator).ops_urls]
    assert len(urls) == 8
    for url in urls:
        name, port = re.fullmatch(r"http://([\w-]+):(\d+)", url).groups()  # type: ignore[union-attr]
        [given] = services[name]["spec"]["ports"]
        assert given["port"] == int(port)


def test_servers_of_operators_are_reached_by_the_names_that_these_give() -> None:
    found = pods(render(example("large")))
    given = as_in_a_pod(found["Deployment postkamer-gateway"])
    gateway = load(settings.GatewaySettings, given)
    assert gateway.amqp_url.get_secret_value() == (
        f"amqps://gateway:w%2Frd@postkamer-rabbitmq:5671/{topology.VHOST}"
        "?cafile=/etc/postkamer-tls/broker/ca.crt"
    )
    assert gateway.database_url.get_secret_value() == (
        "postgresql://postkamer_gateway:w%2Frd@postkamer-postgres-rw:5432/postkamer"
        "?sslmode=verify-full&sslrootcert=/etc/postkamer-tls/database/ca.crt"
    )
    [topology_job] = [pod for name, pod in found.items() if "topology" in name]
    user = secret_files(topology_job)["/etc/postkamer-secrets/POSTKAMER_BROKER_MANAGEMENT_USER"]
    assert user == ("postkamer-rabbitmq-default-user", "username")
    admin = as_in_a_pod(topology_job)
    management = load(settings.ManagementSettings, admin).broker_management_url
    assert management is not None
    assert management.get_secret_value() == (
        "https://w%2Frd:w%2Frd@postkamer-rabbitmq:15671?cafile=/etc/postkamer-tls/broker/ca.crt"
    )
    assert load(settings.BrokerSettings, admin).amqp_url.get_secret_value() == (
        f"amqps://w%2Frd:w%2Frd@postkamer-rabbitmq:5671/{topology.VHOST}"
        "?cafile=/etc/postkamer-tls/broker/ca.crt"
    )


def test_several_nodes_are_named_each_with_its_account() -> None:
    hosts = 'broker.hosts=["mq1.example:5671","mq2.example:5671"]'
    servers = 'database.hosts=["pg1.example:5432","pg2.example:5432"]'
    found = pods(render(example("small"), set_json=(hosts, servers)))
    given = as_in_a_pod(found["Deployment postkamer-router"])
    router = load(settings.RouterSettings, given)
    ca = "cafile=/etc/postkamer-tls/broker/ca.crt"
    assert router.amqp_url.get_secret_value() == (
        f"amqps://router:w%2Frd@mq1.example:5671/postkamer?{ca},"
        f"amqps://router:w%2Frd@mq2.example:5671/postkamer?{ca}"
    )
    hosts = "pg1.example:5432,pg2.example:5432"
    assert router.database_url.get_secret_value() == (
        f"postgresql://postkamer_router:w%2Frd@{hosts}/postkamer"
        "?sslmode=verify-full&sslrootcert=/etc/postkamer-tls/database/ca.crt"
    )


def test_every_pod_knows_the_hosts_that_a_mesh_protects() -> None:
    """Also the Jobs, which have no table of settings."""
    hosts = "rabbitmq.voorbeeldstad.example,postgres.voorbeeldstad.example"
    changes = f'settings.plainHosts="{hosts}"', "broker.tls=false", 'database.ca.name=""'
    changes += (
        'broker.admin.secret.name="admin"',
        'broker.admin.management="http://rabbitmq.voorbeeldstad.example:15672"',
    )
    found = pods(render(example("small"), set_json=changes))
    given = {name: as_in_a_pod(pod) for name, pod in found.items()}
    others = {each["POSTKAMER_PLAIN_HOSTS"].removesuffix(hosts) for each in given.values()}
    assert others == {"", OWN_HOSTS["operator"].replace("postkamer-desk-ops,", "")}
    for each in given.values():
        assert "sslmode" not in each.get("POSTKAMER_DATABASE_URL", "")
        assert not each.get("POSTKAMER_AMQP_URL", "").startswith("amqps:")
        for kind in (settings.StatusSettings, settings.ManagementSettings):
            load(kind, each)


def test_files_of_the_configuration_are_in_their_folders() -> None:
    objects = render(example("large"))
    [config] = [each for each in objects if each["kind"] == "ConfigMap"]
    pod = pods(objects)["Deployment postkamer-router"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "config"]
    paths = {item["path"]: config["data"][item["key"]] for item in volume["configMap"]["items"]}
    assert paths == {
        "postkamer.toml": 'texts = "texts"\ninclude = ["rules/*.toml"]\n',
        "rules/10-afval.toml": "# A rule a file\n",
        "texts/nl.toml": "# Texts\n",
    }


@pytest.mark.parametrize(
    "text",
    [
        "    # The first line is indented\nid = 1\n",
        "\n\n  id = 1\n",
        "\t# A tab\nid = 1",
        'words = "a: b # {{ c }} \\"<&>\\" \u2028 é"\n\n\n',
        "---\n...\n- id\r\n",
        "   ",
        "",
    ],
)
def test_file_of_the_configuration_arrives_to_the_letter(text: str) -> None:
    files = {"postkamer.toml": text, "rules/10-afval.toml": "id = 2\n", "texts/nl.toml": "\n"}
    objects = render(example("large"), set_json=(f"config.files={json.dumps(files)}",))
    [config] = [each for each in objects if each["kind"] == "ConfigMap"]
    assert config["data"] == {path.replace("/", "__"): each for path, each in files.items()}


def test_secrets_of_the_configuration_go_to_the_services_that_read_them() -> None:
    found = {name: as_in_a_pod(pod) for name, pod in pods(render(example("large"))).items()}
    holders = {name.rpartition("-")[2] for name, given in found.items() if "CRM_SECRET" in given}
    assert holders == {"deliverer", "operator"}
    assert "NUMBER_SECRETS" in found["Deployment postkamer-gateway"]


def test_page_has_a_row_for_each_group_of_values() -> None:
    page = (ROOT / "docs" / "operators" / "kubernetes.md").read_text()
    rows = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    named = {name.partition(".")[0] for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert VALUES.keys() - named == set()
