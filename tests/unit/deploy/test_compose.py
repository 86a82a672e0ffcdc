"""deploy/compose.yaml and the files beside it: true of the settings and safe by default."""

import base64
import json
import re
import shutil
import subprocess
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from deploy.compose import definitions
from deploy.local.postgresql import SETTINGS
from desk.inbox.receiver import PATH as EVENTS_PATH
from sandbox import settings as sandbox
from services.amqp import topology
from services.config import loader
from services.config.settings import (
    ApiSettings,
    ArchiverSettings,
    ArchiveSettings,
    DelivererSettings,
    DeskSettings,
    GatewaySettings,
    PersonSettings,
    RouterSettings,
    Settings,
    SettingsError,
    SignerSettings,
    StatusSettings,
    TimestampSettings,
    WitnessSettings,
    load,
)

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
KINDS: dict[str, type[Settings]] = {
    "gateway": GatewaySettings,
    "router": RouterSettings,
    "deliverer": DelivererSettings,
    "archiver": ArchiverSettings,
}
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = DEPLOY / "examples" / "voorbeeldstad"


def inside(folder: Path) -> Path:
    """Configuration at /etc/postkamer: the example with the destinations of compose."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    shutil.copy(DEPLOY / "compose" / "destinations.toml", folder)
    return folder / "postkamer.toml"


with TemporaryDirectory() as there:
    TOWN = loader.load(inside(Path(there))).config
GIVEN = re.compile(r"\$\{(\w+):\?[^}]*\}")
"""`${NAME:?what to do}`: compose refuses to start where it is missing or empty."""
OPTIONAL = re.compile(r"\$\{(?:POSTKAMER_ARCHIVE|DESK)_\w+:-\}")
"""`${NAME:-}`: nothing where it is missing."""
WITH_DESK = re.compile(r"\$\{DESK_ISSUER:\+([^}]*)\}")
"""`${NAME:+words}`: the words where it is there."""
MOUNTED = "/run/secrets/"
QUIET = {"log_error_verbosity", "log_parameter_max_length", "log_parameter_max_length_on_error"}
KEY = "A" * 43 + "="
"""32 bytes in base64."""


def names_in_example() -> list[str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


def environment(service: str, *, has_desk: bool = True) -> dict[str, str]:
    """Environment as compose would give it, with the name of each secret in the place of the file
    that has it."""
    graph = {"META_GRAPH_URL": "http://sandbox:8090/graph/v26.0"}
    filled: dict[str, str] = {}
    for name, value in SERVICES[service]["environment"].items():
        text = GIVEN.sub(lambda found: graph[found[1]], str(value))
        text = WITH_DESK.sub(r"\1" if has_desk else "", OPTIONAL.sub("", text))
        secret = text.removeprefix(MOUNTED)
        if secret != text:
            filled[name.removesuffix("_FILE")] = SECRETS.get(secret, secret.lower())
        else:
            filled[name] = text
    return filled


SECRETS = {"ARCHIVE_KEY": KEY, "WORKING_KEY": KEY, "API_TOKENS": "crm/*:api_token"}
"""Contents of secrets that are more than a word."""
LOGINS = {f"POSTKAMER_{name}_PASSWORD" for name in ("AMQP", "DATABASE")}
"""Passwords that stand apart from the address of a server."""


def secret_of(service: str, variable: str) -> str:
    """Return the name of the secret in the file that a variable names."""
    value: str = SERVICES[service]["environment"][f"{variable}_FILE"]
    assert value.startswith(MOUNTED)
    return value.removeprefix(MOUNTED)


@pytest.mark.parametrize("service", KINDS)
def test_service_gets_the_settings_that_it_needs_and_no_others(service: str) -> None:
    given = environment(service)
    load(KINDS[service], given)
    known = {"POSTKAMER_" + field.upper() for field in KINDS[service].model_fields}
    own = {d.secret.removeprefix("env:") for d in TOWN.destinations if service == "deliverer"}
    assert given.keys() <= known | own | LOGINS
    assert own <= given.keys()


def test_sandbox_gets_the_settings_that_it_needs_and_no_others() -> None:
    given = environment("sandbox")
    sandbox.load(given)
    assert given.keys() <= {variable for variable, _ in sandbox.VARIABLES.values()}
    assert "POSTKAMER_AMQP_URL" not in given
    assert "POSTKAMER_DATABASE_URL" not in given


def test_desk_gets_the_settings_that_it_needs_and_no_others() -> None:
    provider = {"POSTKAMER_DESK_ISSUER": "https://inloggen.example/realms/gemeente"}
    given = environment("desk")
    with pytest.raises(SettingsError) as raised:
        load(DeskSettings, given)
    assert raised.value.faults == ["POSTKAMER_DESK_ISSUER: is missing"]
    settings = load(DeskSettings, given | provider)
    known = {"POSTKAMER_" + field.upper() for field in DeskSettings.model_fields}
    assert given.keys() <= known | LOGINS
    for name, (url, path) in {
        "gateway": (settings.gateway_url, "gateway_port"),
        "archiver": (settings.archiver_url, "archiver_port"),
        "router": (settings.router_url, "router_port"),
    }.items():
        assert url == f"http://{name}:{KINDS[name].model_fields[path].default}"
        assert "inside" in SERVICES[name]["networks"]
    assert secret_of("desk", "POSTKAMER_DESK_SECRET") == secret_of("deliverer", "CRM_SECRET")
    database = SERVICES["desk"]["environment"]["POSTKAMER_DATABASE_URL"]
    assert database == "postgresql://postkamer_desk@postgres/postkamer"
    assert secret_of("desk", "POSTKAMER_DATABASE_PASSWORD") == "DESK_DATABASE_PASSWORD"


def test_settings_of_the_desk_at_its_provider_are_in_the_example_for_who_wants_a_desk() -> None:
    lines = (DEPLOY / ".env.example").read_text()
    shown = dict(re.findall(r"^# (DESK_\w+)=(.*)$", lines, re.MULTILINE))
    assert shown.keys() == {f"DESK_{each}" for each in ("URL", "ISSUER", "CLIENT_ID")}
    used = set(re.findall(r"\$\{(DESK_\w+):-\}", (DEPLOY / "compose.yaml").read_text()))
    assert shown.keys() <= used
    assert [SERVICES[name]["profiles"] for name in ("desk", "sandbox")] == [["desk"], ["sandbox"]]


def test_operator_gets_the_settings_of_every_command_and_exists_only_while_one_runs() -> None:
    given = environment("operator")
    for kind in (StatusSettings, ArchiveSettings, ApiSettings, PersonSettings, *KINDS.values()):
        load(kind, given)
    missing = [
        name for name in StatusSettings.model_fields if f"POSTKAMER_{name.upper()}" not in given
    ]
    assert missing == []
    operations = {
        name: f"http://{name}:{kind.model_fields[f'{name}_ops_port'].default}"
        for name, kind in (KINDS | {"desk": DeskSettings}).items()
    }
    assert dict(load(StatusSettings, given).ops_urls) == operations
    without = load(StatusSettings, environment("operator", has_desk=False))
    assert dict(without.ops_urls).keys() == KINDS.keys()
    amqp = SERVICES["operator"]["environment"]["POSTKAMER_AMQP_URL"]
    assert amqp == f"amqp://operator@rabbitmq/{topology.VHOST}"
    assert secret_of("operator", "POSTKAMER_AMQP_PASSWORD") == "OPERATOR_BROKER_PASSWORD"
    assert topology.PERMISSIONS["operator"] == ("^$", "^$", "^$")
    container = SERVICES["operator"]
    assert (container["profiles"], container["restart"]) == (["operator"], "no")
    assert not container.keys() & {"ports", "depends_on"}


@pytest.mark.parametrize("service", ["archiver", "operator"])
def test_settings_of_who_vouches_for_the_archive_reach_it_and_empty_ones_are_not_set(
    service: str,
) -> None:
    kinds = (WitnessSettings, SignerSettings, TimestampSettings)
    fields = [(kind, field) for kind in kinds for field in kind.model_fields]
    given = environment(service)
    for kind, field in fields:
        name = f"POSTKAMER_{field.upper()}"
        assert SERVICES[service]["environment"][name] == f"${{{name}:-}}"
        assert getattr(load(kind, given), field) == kind.model_fields[field].default


def test_runbook_and_page_name_the_container_of_the_commands() -> None:
    for page in ("runbook.md", "operators/containers.md"):
        text = (ROOT / "docs" / page).read_text()
        assert "deploy/compose.yaml run --rm operator" in text
        assert "exec sandbox postkamer" not in text


@pytest.mark.parametrize("service", KINDS)
def test_service_has_its_own_broker_user_and_database_role(service: str) -> None:
    given = SERVICES[service]["environment"]
    name = service.upper()
    assert given["POSTKAMER_AMQP_URL"] == f"amqp://{service}@rabbitmq/{topology.VHOST}"
    assert secret_of(service, "POSTKAMER_AMQP_PASSWORD") == f"{name}_BROKER_PASSWORD"
    database = f"postgresql://postkamer_{service}@postgres/postkamer"
    assert given["POSTKAMER_DATABASE_URL"] == database
    assert secret_of(service, "POSTKAMER_DATABASE_PASSWORD") == f"{name}_DATABASE_PASSWORD"
    settings = load(KINDS[service], environment(service))
    password = f"{service}_database_password"
    assert f"postkamer_{service}:{password}@" in settings.database_url.get_secret_value()


def test_plain_hosts_are_those_of_a_network_that_leads_nowhere() -> None:
    """Broker and database are in no other network. Others are reached there, or in that of CRMs,
    which leads nowhere either. No host is named that nobody speaks to without TLS."""
    given = {name: each.get("environment", {}) for name, each in SERVICES.items()}
    plain = {
        each["POSTKAMER_PLAIN_HOSTS"] for each in given.values() if "POSTKAMER_PLAIN_HOSTS" in each
    }
    own = "gateway, router, deliverer, archiver, desk"
    assert plain == {f"rabbitmq, postgres, {own}, crm-desk, crm-sandbox, sandbox"}
    reached = {"inside": set[str](), "crm": set[str]()}
    for name, each in SERVICES.items():
        for network, names in reached.items():
            if network in (joined := each.get("networks") or {}):
                options = joined[network] if isinstance(joined, dict) else {}
                names |= {name, *(options or {}).get("aliases", [])}
    assert {*plain.copy().pop().split(", ")} <= reached["inside"] | reached["crm"]
    for name, each in given.items():
        reaches = {"POSTKAMER_AMQP_URL", "POSTKAMER_DATABASE_URL"} & each.keys()
        assert bool(reaches) == ("POSTKAMER_PLAIN_HOSTS" in each), name
    assert all(COMPOSE["networks"][name]["internal"] for name in ("inside", "crm"))
    for name in ("rabbitmq", "postgres"):
        assert SERVICES[name]["networks"] == ["inside"] and "ports" not in SERVICES[name]
    with pytest.raises(SettingsError) as raised:
        load(GatewaySettings, environment("gateway") | {"POSTKAMER_PLAIN_HOSTS": ""})
    assert len(raised.value.faults) == 2


DIGEST = "(@sha256:[0-9a-f]{64})?"
"""`deploy/compose/digests.sh` adds it to a tag."""


@pytest.mark.parametrize("service", [*KINDS, "desk", "sandbox"])
def test_service_can_be_reached_from_outside_its_container(service: str) -> None:
    assert SERVICES[service]["environment"]["POSTKAMER_BIND"] == "0.0.0.0"


@pytest.mark.parametrize("service", SERVICES)
def test_container_is_hardened_and_its_image_pinned(service: str) -> None:
    container = SERVICES[service]
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "cap_add"}
    assert container["pids_limit"] <= 1024
    assert re.fullmatch(r"512m|1g", container["mem_limit"])
    assert container["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "10m", "max-file": "5"},
    }
    assert re.fullmatch(rf"[a-z/]+:v?\d+\.\d+(\.\d+)?{DIGEST}", container["image"])


def test_image_is_built_on_a_pinned_python_with_the_version_of_the_project() -> None:
    bases = re.findall(r"^ARG PYTHON=(.*)", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    pinned = re.compile(rf"python:\d+\.\d+\.\d+-slim-\w+{DIGEST}")
    assert [bool(pinned.fullmatch(base)) for base in bases] == [True]
    project = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert project
    ours = {s["image"] for s in SERVICES.values() if "build" in s}
    assert ours == {f"postkamer:{project[1]}"}


def test_nothing_is_published_beyond_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports["gateway"] == ["127.0.0.1:8080:8080"]
    assert ports.keys() == {"gateway", "archiver", "desk", "sandbox", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for listed in ports.values() for port in listed)


def test_broker_database_and_router_have_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("rabbitmq", "postgres", "router", "migrate", "roles"):
        assert SERVICES[name]["networks"] == ["inside"], name


def test_secret_is_a_file_that_is_mounted_and_no_variable() -> None:
    assert COMPOSE["secrets"] == {name: {"file": f"./secrets/{name}"} for name in secret_names()}
    named = {name for service in SERVICES.values() for name in service.get("secrets", [])}
    assert named == COMPOSE["secrets"].keys()
    for name, service in SERVICES.items():
        given = service.get("environment", {})
        files = {str(value) for value in given.values() if str(value).startswith(MOUNTED)}
        if name != "roles":  # its command reads all that it has
            assert files == {MOUNTED + each for each in service.get("secrets", [])}, name
        for variable, value in given.items():
            assert not re.search("//[^/]*:[^/]*@", str(value)), f"{name}: {variable}"
            if re.search("PASSWORD|SECRET|TOKEN|(?<!PUBLIC_)KEY", variable):
                is_key = variable == "POSTKAMER_ARCHIVE_PUBLIC_KEY"
                assert is_key or (variable.endswith("_FILE") and value in files), (name, variable)
    assert set(GIVEN.findall((DEPLOY / "compose.yaml").read_text())) == {"META_GRAPH_URL"}
    assert names_in_example() == ["COMPOSE_PROFILES", "META_GRAPH_URL"]


def secret_names() -> list[str]:
    script = (DEPLOY / "compose" / "secrets.sh").read_text().replace("\\\n", "")
    return re.search(r"for name in (.*); do", script)[1].split()  # type: ignore[index]


def test_secrets_are_drawn_once_and_taken_from_the_settings_of_before(tmp_path: Path) -> None:
    (tmp_path / "compose").mkdir()
    script = shutil.copy(DEPLOY / "compose" / "secrets.sh", tmp_path / "compose")
    shutil.copy(DEPLOY / ".env.example", tmp_path)
    (tmp_path / ".env").write_text(f"ARCHIVE_KEY={KEY}\nMETA_GRAPH_URL=https://graph.example\n")
    done = subprocess.run(("sh", script), check=True, capture_output=True, text=True)
    files = {path.name: path for path in (tmp_path / "secrets").iterdir()}
    assert files.keys() == COMPOSE["secrets"].keys()
    drawn = {name: path.read_text().strip() for name, path in files.items()}
    assert drawn["ARCHIVE_KEY"] == KEY
    assert drawn["DESK_CLIENT_SECRET"] == ""
    assert drawn["API_TOKENS"] == f"crm/*:{drawn['API_TOKEN']}"
    assert len(base64.b64decode(drawn["WORKING_KEY"], validate=True)) == 32
    assert drawn["CRM_SECRET"].startswith("whsec_")
    assert len({*drawn.values()}) == len(drawn)
    assert not [value for value in drawn.values() if value and value in done.stdout]
    # Bound into a container a file is read by another user; here its folder keeps others out.
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o644}
    files["META_APP_SECRETS"].unlink()
    subprocess.run(("sh", script), check=True, capture_output=True)
    again = {name: path.read_text().strip() for name, path in files.items()}
    assert {name for name in drawn if again[name] != drawn[name]} == {"META_APP_SECRETS"}
    assert "META_GRAPH_URL=https://graph.example" in (tmp_path / ".env").read_text()


def test_passwords_of_roles_are_read_from_the_files(tmp_path: Path) -> None:
    """The container's own command, with a psql that shows what it got."""
    [shell, options, text] = SERVICES["roles"]["entrypoint"]
    (secrets := tmp_path / "secrets").mkdir()
    for name in SERVICES["roles"]["secrets"]:
        (secrets / name).write_text(f"{name.lower()} $(x) '\n")
    program = tmp_path / "bin" / "psql"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$DESK_DATABASE_PASSWORD" "$@"\n')
    program.chmod(0o755)
    text = text.replace("$$", "$").replace("cd /run/secrets", f"cd {secrets}")
    path = {"PATH": f"{program.parent}:/usr/bin:/bin"}
    done = subprocess.run((shell, options, text), env=path, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "database_owner_password $(x) '", "desk_database_password $(x) '",
        "--no-psqlrc", "--quiet", "--file=/roles.sql",
    ], done.stderr  # fmt: skip


@pytest.mark.parametrize("service", [*KINDS, "desk", "operator"])
def test_service_has_the_memory_and_the_room_that_the_chart_gives_it(service: str) -> None:
    values = yaml.safe_load((DEPLOY / "helm" / "postkamer" / "values.yaml").read_text())
    limit = values[service]["resources"]["limits"]["memory"]
    assert SERVICES[service]["mem_limit"] == {"512Mi": "512m", "1Gi": "1g"}[limit]
    size = str(values["temporarySize"]).removesuffix("Mi")
    assert SERVICES[service]["tmpfs"] == [f"/tmp:size={size}m,mode=1777"]


def test_database_has_the_locale_of_the_tests() -> None:
    given = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert given == ["--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = (DEPLOY / "local" / "postgresql.py").read_text()
    assert [each for each in given if f'"{each}"' not in made] == []


@pytest.mark.parametrize("service", [*KINDS, "desk"])
def test_health_check_asks_the_default_port_of_the_service(service: str) -> None:
    kind = (KINDS | {"desk": DeskSettings})[service]
    port = kind.model_fields[f"{service}_ops_port"].default
    asked = SERVICES[service]["healthcheck"]["test"]
    assert asked[:2] == ["CMD", "python"]
    assert f"http://127.0.0.1:{port}/health/ready" in asked[-1]


def test_prometheus_scrapes_the_operations_port_of_every_service() -> None:
    scrapes = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    ours = next(job for job in scrapes["scrape_configs"] if job["job_name"] == "postkamer")
    targets = {
        (target, group["labels"]["service"])
        for group in ours["static_configs"]
        for target in group["targets"]
    }
    assert targets == {
        (f"{service}:{kind.model_fields[f'{service}_ops_port'].default}", service)
        for service, kind in (KINDS | {"desk": DeskSettings}).items()
    }


def test_mounted_files_of_the_repository_exist() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    assert mounted
    assert all((DEPLOY / path).exists() for path in mounted)


@pytest.mark.slow
def test_configuration_of_containers_is_the_example_with_another_crm_address() -> None:
    example = loader.load(EXAMPLE / "postkamer.toml").config
    here = [d.model_copy(update={"url": ""}) for d in TOWN.destinations]
    outside = [d.model_copy(update={"url": ""}) for d in example.destinations]
    assert here == outside
    without = {"destinations": ()}
    assert TOWN.model_copy(update=without) == example.model_copy(update=without)
    assert {d.url for d in TOWN.destinations} == {"http://crm-sandbox:8090/crm/events"}


def test_desk_and_sandbox_are_the_only_private_addresses_for_events() -> None:
    crm = COMPOSE["networks"]["crm"]
    [subnet] = [one["subnet"] for one in crm["ipam"]["config"]]
    assert environment("deliverer")["POSTKAMER_PRIVATE_NETWORKS"] == subnet
    assert ip_network(subnet).num_addresses <= 16
    there = {name for name, service in SERVICES.items() if "crm" in service.get("networks", ())}
    assert there == {"deliverer", "desk", "sandbox"} and crm["internal"] is True
    for name in ("desk", "sandbox"):  # as their own names are addresses in other networks too
        assert SERVICES[name]["networks"]["crm"] == {"aliases": [f"crm-{name}"]}
    port = DeskSettings.model_fields["desk_port"].default
    at_desk = f'url = "http://crm-desk:{port}{EVENTS_PATH}"'
    for page in (DEPLOY / "compose/destinations.toml", ROOT / "docs/operators/containers.md"):
        assert at_desk in page.read_text()


@pytest.mark.slow
def test_broker_definitions_hold_every_user_with_its_password(tmp_path: Path) -> None:
    given = environment("definitions") | {"POSTKAMER_CONFIG": str(inside(tmp_path))}
    written = json.loads(definitions.document(given))
    table = topology.queues(TOWN.partitions, [d.id for d in TOWN.destinations])
    passwords = {name: f"{name}_broker_password" for name in (*KINDS, "operator")}
    assert written == topology.definitions(table, passwords)
    assert {user["name"] for user in written["users"]} == passwords.keys()


def test_broker_definitions_name_every_missing_password() -> None:
    with pytest.raises(SettingsError) as raised:
        definitions.passwords({"GATEWAY_BROKER_PASSWORD": "x"})
    missing = ("ARCHIVER", "DELIVERER", "OPERATOR", "ROUTER")
    assert raised.value.faults == [f"{name}_BROKER_PASSWORD: is missing" for name in missing]


def test_every_database_role_gets_its_own_password() -> None:
    sql = (DEPLOY / "compose" / "roles.sql").read_text()
    made = re.findall(r"alter role postkamer_(\w+) login password :'(\w+)';", sql)
    taken = dict(re.findall(r"\\getenv (\w+) (\w+)", sql))
    assert [role for role, _ in made] == [*KINDS, "desk"]
    for role, value in made:
        assert taken[value] == f"{role.upper()}_DATABASE_PASSWORD"
        assert taken[value] in SERVICES["roles"]["secrets"]


def test_database_logs_no_values_of_rows_and_statements() -> None:
    quiet = {name: value for name, value in SETTINGS.items() if name in QUIET}
    assert quiet.keys() == QUIET
    given = SERVICES["postgres"]["command"][1:]
    assert dict(each.removeprefix("-c").split("=") for each in given) == quiet
    paper = (ROOT / "docs" / "operators" / "containers.md").read_text()
    assert [name for name, value in quiet.items() if f"{name} = {value}" not in paper] == []


def test_restore_on_the_page_names_services_and_the_folder_of_the_database() -> None:
    page = (ROOT / "docs" / "operators" / "containers.md").read_text()
    steps = page.partition("\n## Restore\n")[2]
    stopped = re.search(r"^compose stop (.+)$", steps, re.MULTILINE)
    assert stopped and {*KINDS, "desk", "postgres"} == {*stopped[1].split()}
    run = r"^(?:postkamer\(\) \{ )?compose (?:run|exec|up) (?:-\S+ )*([a-z]+)"
    named = {each for each in re.findall(run, steps, re.MULTILINE)}
    assert named == {"postgres", "migrate", "roles", "operator"} <= SERVICES.keys()
    [data] = [each.partition(":")[2] for each in SERVICES["postgres"]["volumes"]]
    assert {*re.findall(r"/var/lib/postgresql/\w+", steps)} == {data}
