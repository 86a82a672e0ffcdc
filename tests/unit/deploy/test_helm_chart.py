"""deploy/helm: the chart renders valid objects for three towns, and refuses what cannot work."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from services.amqp import topology
from tests.support.kubernetes import schemas
from tests.support.kubernetes.api import api_server, upgrade
from tests.support.kubernetes.chart import (
    CHART,
    MONITORING,
    ROOT,
    VALUES,
    Object,
    example,
    helm,
    needs_helm,
    of_kind,
    refusal,
    render,
)

pytestmark = needs_helm
UMBRELLA = """\
apiVersion: v2
name: podiumd
version: 4.9.0
dependencies:
  - name: postkamer
    alias: postkamer
    version: 0.1.0
    condition: postkamer.enabled
    repository: ""
"""
FIRST = {
    "NetworkPolicy", "ServiceAccount", "Service", "Deployment", "Job", "PodDisruptionBudget",
}  # fmt: skip
OF_OPERATORS = {
    "Cluster", "RabbitmqCluster", "Vhost", "User", "Permission", "ScaledObject", "ConfigMap",
    "ServiceMonitor", "PrometheusRule",
}  # fmt: skip
SMALL, LARGE, IN_UMBRELLA = example("small"), example("large"), example("umbrella")


@pytest.fixture(scope="module")
def umbrella(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that has ours as a dependency."""
    folder = tmp_path_factory.mktemp("umbrella")
    (folder / "Chart.yaml").write_text(UMBRELLA)
    (folder / "values.yaml").write_text("postkamer: {enabled: false}\n")
    shutil.copytree(CHART, folder / "charts" / "postkamer")
    return folder


def towns(umbrella: Path) -> dict[str, tuple[Object, ...]]:
    return {
        "small": render(SMALL),
        "umbrella": render(IN_UMBRELLA, chart=umbrella),
        "large": render(LARGE),
        "large, later": render(LARGE, is_upgrade=True),
    }


@pytest.mark.parametrize("version", [schemas.OLDEST, schemas.NEWEST])
def test_objects_of_each_town_are_valid(umbrella: Path, version: str) -> None:
    found = towns(umbrella)
    assert [
        f"{town}: {fault}"
        for town, objects in found.items()
        for each in objects
        for fault in schemas.faults(each, version)
    ] == []
    assert {each["kind"] for each in found["small"]} == FIRST
    assert {each["kind"] for each in found["large"]} == FIRST | OF_OPERATORS
    for objects in found.values():
        names = [(each["kind"], each["metadata"]["name"]) for each in objects]
        assert len(names) == len({*names})
        assert max(len(name) for _, name in names) <= 63


def test_schemas_find_what_is_wrong() -> None:
    for kind, field in (("Deployment", "replica"), ("Cluster", "instance"), ("ScaledObject", "x")):
        [thing, *_] = of_kind(render(LARGE), kind).values()
        wrong = thing | {"spec": thing["spec"] | {field: 3}}
        assert schemas.faults(thing, schemas.NEWEST) == []
        assert len(schemas.faults(wrong, schemas.NEWEST)) == 1, kind


@pytest.mark.parametrize("values", [SMALL, LARGE], ids=["small", "large"])
def test_helm_finds_no_fault(values: Path) -> None:
    done = helm("lint", CHART, "--strict", "--values", values)
    assert done.returncode == 0, done.stdout + done.stderr


def test_umbrella_decides_if_there_is_any(umbrella: Path) -> None:
    assert render(chart=umbrella) == ()
    found = render(IN_UMBRELLA, chart=umbrella)
    assert {"postkamer-gateway", "postkamer-archiver"} <= of_kind(found, "Deployment").keys()
    assert not of_kind(found, "NetworkPolicy")
    assert not of_kind(found, "PodDisruptionBudget")
    for each in of_kind(found, "Deployment").values():
        [container] = each["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith(
            "acr.podiumd.example/postkamer/postkamer:0.1.0@sha256:"
        )


def test_chart_makes_no_secret_and_nothing_by_chance(umbrella: Path) -> None:
    for town, objects in towns(umbrella).items():
        assert not of_kind(objects, "Secret"), town
    again = render.__wrapped__(LARGE)
    assert again is not render(LARGE)
    assert again == render(LARGE)


def test_alarms_are_those_of_prometheus_to_the_letter() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())
    assert of_kind(render(LARGE), "PrometheusRule")["postkamer"]["spec"] == rules
    assert (CHART / "files" / "rules.yml").is_symlink()


@pytest.mark.parametrize(
    "release", ["a", "postkamer-" + "b" * 43, "town.postkamer", "x." + "y" * 51]
)
def test_names_are_short_enough_whatever_the_release_is_called(release: str) -> None:
    objects = render(LARGE, release=release)
    assert [fault for each in objects for fault in schemas.faults(each, schemas.OLDEST)] == []
    for each in objects:
        assert len(each["metadata"]["name"]) <= 63
        for value in each["metadata"]["labels"].values():
            assert len(value) <= 63
    for name in of_kind(objects, "Service"):
        assert re.fullmatch(r"[a-z]([a-z0-9-]*[a-z0-9])?", name)  # DNS-1035
    # A label of each pod of a StatefulSet has its name and ten digits; a Cluster's name has 50.
    [broker] = of_kind(objects, "RabbitmqCluster")
    assert len(f"{broker}-server-0123456789") <= 63
    [database] = of_kind(objects, "Cluster")
    assert len(database) <= 50


def test_name_that_no_service_can_have_is_refused() -> None:
    assert "fullnameOverride: the name" in refusal(SMALL, release="9-towns")
    given = render(SMALL, release="9-towns", set_json=('fullnameOverride="towns"',))
    assert "towns-gateway" in of_kind(given, "Service")
    number = render(SMALL, release="1e3", set_json=('fullnameOverride="towns"',))
    assert [fault for each in number for fault in schemas.faults(each, schemas.OLDEST)] == []
    assert "/fullnameOverride" in refusal(SMALL, set_json=[f'fullnameOverride="{"f" * 36}"'])


def test_package_has_the_alarms_and_no_values_of_tests(tmp_path: Path) -> None:
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "postkamer-0.1.0.tgz") as package:
        rules = package.extractfile("postkamer/files/rules.yml")
        assert rules is not None
        assert rules.read() == (ROOT / "deploy" / "prometheus" / "rules.yml").read_bytes()
        assert not [name for name in package.getnames() if "/ci/" in name]


def test_notes_say_what_is_still_missing() -> None:
    def notes(values: Path, *changes: str) -> str:
        options = [each for change in changes for each in ("--set-json", change)]
        name = ("install", "postkamer", CHART, "--dry-run=client", "--values", values)
        done = helm(*name, *options)
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("\nNOTES:\n")[2]

    small, large = notes(SMALL), notes(LARGE, "metrics.enabled=false")
    assert "scale deployment postkamer-operator --replicas=1" in small
    assert "Nobody declares the queues: broker.admin.secret is not given" in small
    assert "One gateway" in small
    assert "No route reaches router, archiver: networkPolicy.from" in small
    assert "No route" not in large
    assert "Nobody declares" not in large
    assert "One gateway" not in large
    assert "Nothing is watched" in small
    assert "Nothing is watched" in large


def test_cluster_without_the_operator_of_prometheus_gets_nothing_of_it() -> None:
    kinds = {each["kind"] for each in render(LARGE, apis=())}
    assert kinds == FIRST | OF_OPERATORS - {"ServiceMonitor", "PrometheusRule"}


def test_chart_has_the_version_of_the_product() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert f'\nversion = "{chart["appVersion"]}"\n' in (ROOT / "pyproject.toml").read_text()
    assert chart["kubeVersion"] == f">={schemas.OLDEST}-0"


def test_users_of_the_broker_have_the_rights_of_the_topology() -> None:
    objects = render(LARGE)
    given = {
        name.removeprefix("postkamer-rabbitmq-"): tuple(
            each["spec"]["permissions"][right] for right in ("configure", "write", "read")
        )
        for name, each in of_kind(objects, "Permission").items()
    }
    assert given == topology.PERMISSIONS
    [vhost] = of_kind(objects, "Vhost").values()
    assert vhost["spec"]["name"] == topology.VHOST
    assert of_kind(objects, "User").keys() == of_kind(objects, "Permission").keys()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ('image.tag="0.1.0"', "/image/tag"),
        ('image.digest="sha256:00"', "additional properties 'digest' not allowed"),
        ('settings.metaGraphURL="https://x.example"', "'metaGraphURL' not allowed"),
        ('settings.logLevel="loud"', "/settings/logLevel"),
        ('secrets.archiveKey={"name":"","key":"k"}', "secrets.archiveKey.name"),
        ('secrets.archiveKey={"value":"c2VjcmV0"}', "'value' not allowed"),
        ('settings.metaGraphUrl=""', "settings.metaGraphUrl: must be given"),
        ('objectStore.existingClaim=""', "objectStore: file:// needs existingClaim"),
        ("database.hosts=[]", "database.hosts: must name the servers"),
        ("broker.hosts=[]", "broker.hosts: must name the nodes"),
        ("broker.tls=false", "broker.tls: must be true"),
        ("database.ca={}", "database.ca.name: the Secret with the server's authority"),
        ("desk.enabled=true", "desk: needs settings.deskUrl"),
        ("router.autoscaling.enabled=true", "router.autoscaling: needs autoscaling.prometheus"),
        ('broker.admin.secret.name="admin"', "broker.admin.management: must be given"),
        ('config.existingConfigMap=""', "config: name existingConfigMap, or give files"),
        ('database.mode="cloudnativepg"', "database.cloudnativepg.image: must be given"),
        ("router.replicas=0", "/router/replicas"),
        ("gateway.resources=null", "/gateway': missing property 'resources'"),
        ("settings.tracesUrl=null", "/settings': missing property 'tracesUrl'"),
        ("settings=null", "missing property 'settings'"),
        ("broker.admin=null", "/broker': missing property 'admin'"),
        ('podLabels={"app.kubernetes.io/name":"x"}', "podLabels: app.kubernetes.io/name is"),
        ('affinity={"podAntiAffinty":{}}', "'podAntiAffinty' not allowed"),
        ('tolerations=[{"keys":"x"}]', "'keys' not allowed"),
        (
            'configSecrets=[{"variable":"A","name":"x","key":"a","services":["gateway"]},'
            '{"variable":"A","name":"z","key":"b","services":["router"]}]',
            "configSecrets: A is there twice",
        ),
        ("gateway.opsPort=8080", "gateway.opsPort: must differ"),
        ('secrets.archiveKey={"name":"1e3","key":"k"}', "/secrets/archiveKey/name"),
        ('secrets.archiveKey={"name":"town","key":"yes"}', "/secrets/archiveKey/key"),
        ('secrets.archiveKey={"name":"town","key":"a, b"}', "/secrets/archiveKey/key"),
        ('database.accounts.owner.username="2026"', "/database/accounts/owner/username"),
        ('metrics.serviceMonitor.interval="2s"', "/metrics/serviceMonitor/interval"),
        (
            'router.autoscaling={"enabled":true,"maxReplicas":0}',
            "/router/autoscaling/maxReplicas",
        ),
    ],
)
def test_values_that_cannot_work_are_refused(changed: str, words: str) -> None:
    assert words in refusal(SMALL, set_json=[changed])


def test_no_service_is_asked_to_grow_to_fewer_than_it_has() -> None:
    words = refusal(LARGE, set_json=["router.autoscaling.maxReplicas=2"])
    assert "router.autoscaling.maxReplicas: is less than router.replicas" in words


def test_pods_without_an_account_of_their_own_have_one_that_is_there() -> None:
    def account(*changes: str) -> str:
        objects = render(SMALL, set_json=("serviceAccount.create=false", *changes))
        assert not of_kind(objects, "ServiceAccount")
        gateway = of_kind(objects, "Deployment")["postkamer-gateway"]
        return str(gateway["spec"]["template"]["spec"]["serviceAccountName"])

    assert account() == "default"
    assert account('serviceAccount.name="town"') == "town"


def test_schema_names_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert unknown(VALUES, schema, schema["$defs"]) == []
    added = {"global", "enabled"}  # of an umbrella
    assert schema["properties"].keys() == VALUES.keys() | added


def unknown(value: object, schema: Object, named: Object, where: str = "") -> list[str]:
    """Places where values and schema have different keys."""
    schema = named[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if not isinstance(value, dict) or not value or "properties" not in schema:
        return []
    keys = schema["properties"].keys() - ({"global", "enabled"} if not where else {"claims"})
    # A null takes a value away, also one that a template needs.
    missing = value.keys() - {*schema.get("required", [])}
    return [f"{where}: {sorted(keys ^ value.keys())}"] * (keys != value.keys()) + [
        *([f"{where}: {sorted(missing)} may be null"] if missing else []),
        *(
            fault
            for key in keys & value.keys()
            for fault in unknown(value[key], schema["properties"][key], named, f"{where}/{key}")
        ),
    ]


def test_queues_are_declared_anew_when_what_they_follow_from_changes() -> None:
    def name(*changes: str) -> str:
        jobs = of_kind(render(LARGE, set_json=changes), "Job")
        [found] = [each for each in jobs if each.startswith("postkamer-topology-")]
        return found

    before = name()
    assert name('topology.revision="2"') != before
    assert name('config.files={"postkamer.toml":"partitions = 8"}') != before
    assert name("gateway.replicas=5") == before


HOOK = {
    "helm.sh/hook": "pre-install,pre-upgrade",
    "helm.sh/hook-weight": "0",
    "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
}


def migration(objects: tuple[Object, ...]) -> Object:
    [found] = [each for n, each in of_kind(objects, "Job").items() if "-migrate" in n]
    return found


def cluster(ready: int) -> Object:
    """A Cluster as the release has made it. Its operator leaves out what is none."""
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "postkamer-postgres", "namespace": "town"},
        "status": {"readyInstances": ready} if ready else {"phase": "Setting up primary"},
    }


def test_migrations_of_an_external_database_run_before_all_else() -> None:
    first = migration(render(SMALL))
    assert first["metadata"]["annotations"] == HOOK
    assert migration(render(SMALL, is_upgrade=True)) == first
    # What the hook needs is there before the release: no account, no configuration of the release.
    spec = first["spec"]["template"]["spec"]
    assert "serviceAccountName" not in spec
    assert [each["name"] for each in spec["volumes"]] == ["tmp", "secrets", "database-ca"]


@pytest.mark.parametrize(
    ("there", "status", "is_hook"),
    [
        ((cluster(3),), "deployed", True),
        ((cluster(1),), "failed", True),
        # A first install that failed: before there was a Cluster, and before that had an instance.
        ((), "failed", False),
        ((cluster(0),), "failed", False),
    ],
)
def test_migrations_of_a_database_of_the_release_run_before_it_once_there_is_one(
    there: tuple[Object, ...], status: str, is_hook: bool, tmp_path: Path
) -> None:
    assert "annotations" not in migration(render(LARGE))["metadata"]
    with api_server(*there) as url:
        job = migration(upgrade(LARGE, url, tmp_path, status=status))
    assert job["metadata"].get("annotations") == (HOOK if is_hook else None)
    assert (job["metadata"]["name"] == "postkamer-migrate") == is_hook


def test_job_of_a_release_has_another_name_at_each_upgrade(tmp_path: Path) -> None:
    """A Job that has failed would stay so, and one that differs would be refused."""
    with api_server() as url:
        seen = [render(LARGE), *(upgrade(LARGE, url, tmp_path, revision=n) for n in (1, 2))]
    names = [{*of_kind(objects, "Job")} for objects in seen]
    assert [len(each) for each in names] == [2, 2, 2]
    assert len(set[str]().union(*names)) == 6


@pytest.mark.parametrize(
    "changed",
    [
        f'image.tag="0.1.1@sha256:{"f" * 64}"',
        'tolerations=[{"operator":"Exists"}]',
        'podLabels={"team":"post"}',
        'migrate.resources={"limits":{"memory":"1Gi"},"requests":{"memory":"1Gi"}}',
    ],
)
def test_job_that_differs_has_another_name(changed: str) -> None:
    before, after = render(LARGE), render(LARGE, set_json=(changed,))
    assert of_kind(before, "Job").keys() & of_kind(after, "Job").keys() == set()


def test_record_and_queues_stay_when_the_release_goes() -> None:
    for kind in ("Cluster", "RabbitmqCluster", "Vhost"):
        [thing] = of_kind(render(LARGE, apis=MONITORING), kind).values()
        assert thing["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
