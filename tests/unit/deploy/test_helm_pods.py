"""deploy/helm: pods are restricted, probed and replaced as they should, and meet whom they need."""

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from cli.main import main
from services.config.settings import (
    ArchiverSettings,
    DelivererSettings,
    DeskSettings,
    GatewaySettings,
    RouterSettings,
)
from services.lifecycle import DRAIN_SECONDS, HARD_EXIT_SECONDS
from tests.support.kubernetes import schemas
from tests.support.kubernetes.chart import (
    ROOT,
    SERVICES,
    Object,
    environment,
    example,
    needs_helm,
    of_kind,
    pods,
    refusal,
    render,
)
from tests.support.promql import expression_faults, known_metrics
from tests.support.promtool import needs_promtool

pytestmark = needs_helm
TOWNS = ["small", "large"]
VOLUMES = {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}
"""Kinds of volumes that we use; the profile allows a few more."""
PORTS = {
    "gateway": GatewaySettings.model_fields["gateway_port"].default,
    "router": RouterSettings.model_fields["router_port"].default,
    "archiver": ArchiverSettings.model_fields["archiver_port"].default,
    "desk": DeskSettings.model_fields["desk_port"].default,
}
OPS_PORTS = {
    kind.__name__.removesuffix("Settings").lower(): next(
        field.default for name, field in kind.model_fields.items() if name.endswith("_ops_port")
    )
    for kind in (GatewaySettings, RouterSettings, DelivererSettings, ArchiverSettings, DeskSettings)
}


def breaches(pod: Object) -> Iterator[str]:
    """Breaches of the restricted profile, and of our own rules: read-only, no account, no shell."""
    security = pod["securityContext"]
    if not (security["runAsNonRoot"] and security["runAsUser"] > 0):
        yield "may run as root"
    if security["seccompProfile"] != {"type": "RuntimeDefault"}:
        yield "no seccomp profile"
    if any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        yield "shares what is the host's"
    if pod["automountServiceAccountToken"]:
        yield "may talk to Kubernetes"
    for volume in pod["volumes"]:
        if not (volume.keys() - {"name"}) <= VOLUMES:
            yield f"volume {volume['name']}"
    for container in pod.get("initContainers", []) + pod["containers"]:
        yield from breaches_of_container(container)


def breaches_of_container(container: Object) -> Iterator[str]:
    wanted = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    given = container["securityContext"]
    yield from (name for name, value in wanted.items() if given.get(name) != value)
    if given["runAsUser"] == 0:
        yield "runs as root"
    if "@sha256:" not in container["image"]:
        yield "image without a digest"
    if container.get("command", ["postkamer"])[0] not in ("postkamer", "python"):
        yield "starts something else"
    if not {"requests", "limits"} <= container["resources"].keys():
        yield "no bounds"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield "a port of the host"


@pytest.mark.parametrize("town", TOWNS)
def test_pod_is_of_the_restricted_profile_and_read_only(town: str) -> None:
    found = pods(render(example(town)))
    assert len(found) >= 6
    for name, pod in found.items():
        assert [*breaches(pod)] == [], name
        assert {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}} in pod["volumes"]
        [container] = pod["containers"]
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in pod["volumes"]}
        writable = [each for each in container["volumeMounts"] if not each.get("readOnly")]
        assert {each["mountPath"] for each in writable} <= {"/tmp", "/objects"}


def test_breaches_are_found() -> None:
    [pod, *_] = pods(render(example("small"))).values()
    [container] = pod["containers"]
    security = container["securityContext"] | {"readOnlyRootFilesystem": False, "runAsUser": 0}
    wrong = container | {"securityContext": security, "command": ["sh", "-c", "postkamer gateway"]}
    assert {*breaches(pod | {"containers": [wrong]})} == {
        "readOnlyRootFilesystem", "runs as root", "starts something else",
    }  # fmt: skip


@pytest.mark.parametrize("town", TOWNS)
def test_commands_of_the_pods_exist(town: str) -> None:
    for name, pod in pods(render(example(town))).items():
        [container] = pod["containers"]
        if name != "Deployment postkamer-operator":
            command: click.Command | None = main
            for word in container["args"]:
                assert isinstance(command, click.Group)
                command = command.get_command(click.Context(command), word)
            assert command is not None, name


def test_service_is_probed_and_ends_in_its_time() -> None:
    for name, each in of_kind(render(example("large")), "Deployment").items():
        service = name.removeprefix("postkamer-")
        pod = each["spec"]["template"]["spec"]
        [container] = pod["containers"]
        if service == "operator":
            assert each["spec"]["replicas"] == 0
            continue
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports.pop("ops") == OPS_PORTS[service]
        assert ports == ({"api": PORTS[service]} if service in PORTS else {})
        probes = {
            "startupProbe": "/health/live",
            "livenessProbe": "/health/live",
            "readinessProbe": "/health/ready",
        }
        for probe, path in probes.items():
            assert container[probe]["httpGet"] == {"path": path, "port": "ops"}
        before = (
            container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        )
        assert bool(before) == (service in PORTS)
        longest = max(DRAIN_SECONDS, HARD_EXIT_SECONDS)
        assert pod["terminationGracePeriodSeconds"] > before + longest


def test_next_version_of_each_service_is_ready_before_one_of_before_goes() -> None:
    for name, each in of_kind(render(example("large")), "Deployment").items():
        rolls = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
        is_service = name != "postkamer-operator"
        assert each["spec"]["strategy"] == (rolls if is_service else {"type": "Recreate"}), name


def test_one_service_can_have_another_version_during_an_update() -> None:
    other = "0.0.9@sha256:" + "f" * 64
    found = pods(render(example("small"), set_json=(f'gateway.tag="{other}"',)))
    images = {name: pod["containers"][0]["image"] for name, pod in found.items()}
    assert images["Deployment postkamer-gateway"] == f"postkamer:{other}"
    assert {image for name, image in images.items() if "gateway" not in name} == {
        "postkamer:0.1.0@sha256:" + "a" * 64
    }


@pytest.mark.parametrize("replicas", [1, 3])
def test_node_is_drained_of_one_instance_at_a_time(replicas: int) -> None:
    """Also where there is only one: nobody keeps a node for ever."""
    values = [f"{service}.replicas={replicas}" for service in SERVICES]
    values += [f"broker.operator.replicas={replicas}"]
    values += [f"database.cloudnativepg.instances={replicas}"]
    objects = render(example("large"), set_json=tuple(values))
    budgets = of_kind(objects, "PodDisruptionBudget")
    assert budgets.keys() == {f"postkamer-{name}" for name in (*SERVICES, "rabbitmq")}
    labels = {
        name: each["spec"]["template"]["metadata"]["labels"]
        for name, each in of_kind(objects, "Deployment").items()
    } | {"postkamer-rabbitmq": {"app.kubernetes.io/name": "postkamer-rabbitmq"}}
    for name, each in budgets.items():
        assert each["spec"]["maxUnavailable"] == 1
        assert each["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
    [database] = of_kind(objects, "Cluster").values()
    assert database["spec"].get("enablePDB", True) == (replicas > 1)


PLACED = (
    'nodeSelector={"pool":"town"}',
    'tolerations=[{"key":"town","operator":"Exists","effect":"NoSchedule"}]',
    'affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":'
    '[{"matchExpressions":[{"key":"disk","operator":"In","values":["fast"]}]}]}},'
    '"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":'
    '[{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app":"noisy"}}}]}}',
    'priorityClassName="urgent"',
)
"""Rules for the place of all pods, each way once."""
HOST = "kubernetes.io/hostname"
APART = "requiredDuringSchedulingIgnoredDuringExecution"


def placed_by_operators(objects: tuple[Object, ...]) -> dict[str, Object]:
    """Return what the operators put into the pods of broker and database, as a pod has it."""
    [broker] = of_kind(objects, "RabbitmqCluster").values()
    [database] = of_kind(objects, "Cluster").values()
    given = database["spec"]["affinity"]
    of_pod = {"nodeAffinity": "nodeAffinity", "podAntiAffinity": "additionalPodAntiAffinity"}
    overridden = broker["spec"].get("override", {"statefulSet": {"spec": {"template": {}}}})
    return {
        "broker": overridden["statefulSet"]["spec"]["template"].get("spec", {})
        | {name: broker["spec"].get(name) for name in ("tolerations", "affinity")},
        "database": {
            "nodeSelector": given.get("nodeSelector"),
            "tolerations": given.get("tolerations"),
            "affinity": {pod: given[name] for pod, name in of_pod.items() if name in given},
            "priorityClassName": database["spec"].get("priorityClassName"),
        },
    }


def test_all_pods_run_where_the_values_say() -> None:
    objects = render(example("large"), set_json=PLACED)
    wanted = {name: json.loads(value) for name, _, value in (p.partition("=") for p in PLACED)}
    found = pods(objects) | placed_by_operators(objects)
    assert len(found) == 10
    for name, pod in found.items():
        assert {key: pod[key] for key in wanted if key != "affinity"} == {
            key: value for key, value in wanted.items() if key != "affinity"
        }, name
        kinds = wanted["affinity"]
        assert pod["affinity"]["nodeAffinity"] == kinds["nodeAffinity"], name
        [noisy] = kinds["podAntiAffinity"][APART]
        assert noisy in pod["affinity"]["podAntiAffinity"][APART], name
        # The schemas of the operators' own kinds leave these parts out.
        spec = {"containers": [{"name": "x"}]} | {key: pod[key] for key in wanted}
        thing = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
        assert schemas.faults(thing, schemas.OLDEST) == [], name
    [changed] = [pod["containers"] for name, pod in found.items() if name == "broker"]
    assert changed == []


@pytest.mark.parametrize("values", [(), PLACED], ids=["by default", "with rules of the town"])
def test_no_two_brokers_and_no_two_databases_share_a_machine(values: tuple[str, ...]) -> None:
    objects = render(example("large"), set_json=values)
    [broker] = of_kind(objects, "RabbitmqCluster").values()
    own = {"app.kubernetes.io/name": broker["metadata"]["name"]}
    term = {"topologyKey": HOST, "labelSelector": {"matchLabels": own}}
    assert term in broker["spec"]["affinity"]["podAntiAffinity"][APART]
    [database] = of_kind(objects, "Cluster").values()
    assert database["spec"]["affinity"]["podAntiAffinityType"] == "required"


def test_addition_of_a_town_to_broker_or_database_wins_and_keeps_the_rest() -> None:
    extra = (
        'broker.operator.extraSpec={"rabbitmq":{"additionalPlugins":["rabbitmq_tracing"]},"image":"b"}',
        'database.cloudnativepg.extraSpec={"storage":{"size":"9Gi"}}',
    )
    objects = render(example("large"), set_json=extra)
    [broker] = of_kind(objects, "RabbitmqCluster").values()
    assert broker["spec"]["image"] == "b"
    assert broker["spec"]["rabbitmq"].keys() == {
        "additionalConfig", "additionalPlugins", "advancedConfig",
    }  # fmt: skip
    [database] = of_kind(objects, "Cluster").values()
    assert database["spec"]["storage"] == {"size": "9Gi", "storageClass": "fast"}


def cluster_of(*values: Path, set_json: tuple[str, ...] = ()) -> Object:
    [database] = of_kind(render(example("large"), *values, set_json=set_json), "Cluster").values()
    assert schemas.faults(database, schemas.NEWEST) == []
    found: Object = database["spec"]
    return found


PAGE = (ROOT / "docs" / "operators" / "kubernetes.md").read_text()


def test_restore_of_the_page_makes_all_but_the_services_and_their_jobs() -> None:
    [left_out] = re.findall(r"app\.kubernetes\.io/component notin \(([a-z, ]+)\)", PAGE)
    runs = [each for each in render(example("large")) if each["kind"] in ("Deployment", "Job")]
    components = {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in runs}
    assert {*left_out.split(", ")} == components - {"operator"}


def test_database_is_restored_in_the_one_way_of_the_page(tmp_path: Path) -> None:
    """CloudNativePG refuses a Cluster that begins in two ways."""
    begun = 'database.cloudnativepg.extraSpec={"bootstrap":{"initdb":{"walSegmentSize":64}}}'
    usual = cluster_of(set_json=(begun,))
    first = usual.pop("bootstrap")["initdb"]
    assert (first["walSegmentSize"], first["dataChecksums"]) == (64, True)
    [values] = re.findall(r"```yaml\n( *database:\n.*?) *```", PAGE, re.DOTALL)
    restore = tmp_path / "restore.yaml"
    restore.write_text(values)
    restored = cluster_of(restore)
    [(way, recovery)] = restored.pop("bootstrap").items()
    assert way == "recovery"
    assert (
        recovery.items() >= {name: first[name] for name in ("database", "owner", "secret")}.items()
    )
    [source], [archive] = restored["externalClusters"], restored["plugins"]
    assert recovery["source"] == source["name"]
    assert source["plugin"]["parameters"] != archive["parameters"], (
        "it archives into an empty place"
    )
    assert restored.items() >= usual.items()


def test_instances_are_spread_over_nodes_without_those_that_go() -> None:
    for name, each in of_kind(render(example("large")), "Deployment").items():
        pod = each["spec"]["template"]
        for spread in pod["spec"].get("topologySpreadConstraints", []):
            selected = spread["labelSelector"]["matchLabels"].items()
            assert selected <= pod["metadata"]["labels"].items()
            assert spread == {
                "labelSelector": spread["labelSelector"],
                "maxSkew": 1,
                "topologyKey": HOST,
                "whenUnsatisfiable": "ScheduleAnyway",
                "matchLabelKeys": ["pod-template-hash"],
            }
        is_service = name != "postkamer-operator"
        assert ("topologySpreadConstraints" in pod["spec"]) == is_service


POOLS = {service: importlib.import_module(f"{service}.service").POOL_SIZE for service in SERVICES}
"""Connections of a pool of each service."""


def test_database_has_connections_for_as_many_services_as_there_may_be() -> None:
    objects = render(example("large"))
    most = {name: 3 for name in SERVICES} | {"desk": 2}
    most |= {
        name.removeprefix("postkamer-"): each["spec"]["maxReplicaCount"]
        for name, each in of_kind(objects, "ScaledObject").items()
    }
    for name, each in of_kind(objects, "Deployment").items():
        if each["spec"]["strategy"]["type"] == "RollingUpdate":
            most[name.removeprefix("postkamer-")] += each["spec"]["strategy"]["rollingUpdate"][
                "maxSurge"
            ]
    page = (ROOT / "docs" / "operators" / "cluster.md").read_text()
    figures = " | ".join(str(POOLS[service] + 2) for service in SERVICES)
    assert f"| {' | '.join(SERVICES)} |\n|---|---|---|---|---|\n| {figures} |\n" in page
    # Beside a pool: a look where the primary is, and a channel.
    needed = 20 + sum(most[service] * (POOLS[service] + 2) for service in SERVICES)
    [database] = of_kind(objects, "Cluster").values()
    given = int(database["spec"]["postgresql"]["parameters"]["max_connections"])
    assert given >= needed
    few = f"database.cloudnativepg.connections={needed - 1}"
    words = f"database.cloudnativepg.connections: the services may open {needed}"
    assert words in refusal(example("large"), set_json=[few])


# ---- who may talk to whom ------------------------------------------------------------------------


NAMESPACE = "kubernetes.io/metadata.name"
NEIGHBOUR = re.compile(r"://([\w-]+)\.(security|monitoring):(\d+)")
"""Address of a part of the cluster that the example of a large town names."""


def labels_of(objects: tuple[Object, ...]) -> dict[str, dict[str, str]]:
    """Labels of the pods of each part, and of pods of others."""
    parts = {
        each["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"][
            "template"
        ]["metadata"]["labels"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    }
    others = {
        "postgres": {"cnpg.io/cluster": "postkamer-postgres"},
        "rabbitmq": {"app.kubernetes.io/name": "postkamer-rabbitmq"},
        "stranger": {"app.kubernetes.io/name": "stranger"},
    }
    return parts | others


def selects(selector: Object, labels: dict[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items()


def passes(
    policies: list[Object], own: dict[str, str], other: dict[str, str], port: str | int, way: str
) -> bool:
    """True if a pod's policies let a connection in (`ingress`) from another, or out (`egress`)."""
    specs = [each["spec"] for each in policies if selects(each["spec"]["podSelector"], own)]
    peers = {"ingress": "from", "egress": "to"}[way]

    def allows(rule: Object) -> bool:
        known = [each["podSelector"] for each in rule.get(peers, []) if "podSelector" in each]
        is_peer = peers not in rule or any(selects(each, other) for each in known)
        return is_peer and port in [each["port"] for each in rule["ports"]]

    return not specs or any(allows(rule) for spec in specs for rule in spec[way])


def is_allowed(
    policies: list[Object], caller: dict[str, str], called: dict[str, str], port: str | int
) -> bool:
    """True if both ends allow a connection between two pods of one namespace."""
    return passes(policies, caller, called, port, "egress") and passes(
        policies, called, caller, port, "ingress"
    )


def test_pods_reach_those_whom_they_need_and_no_others() -> None:
    objects = render(example("large"))
    policies = [*of_kind(objects, "NetworkPolicy").values()]
    labels = labels_of(objects)
    ours = sorted(labels.keys() - {"postgres", "rabbitmq", "stranger"})
    assert ours == sorted([*SERVICES, "operator", "migrate", "topology"])
    pairs = [(a, b) for a in [*ours, "stranger"] for b in ours if a != b]
    needed = {
        ("desk", "gateway"), ("desk", "router"), ("desk", "archiver"), ("deliverer", "desk"),
        ("operator", "gateway"),
    }  # fmt: skip
    # Each end keeps the others out by itself; the gateway is for everybody.
    lets_in = {p for p in pairs if passes(policies, labels[p[1]], labels[p[0]], "api", "ingress")}
    assert lets_in == needed | {(each, "gateway") for each, _ in pairs if each != "gateway"}
    lets_out = {p for p in pairs if passes(policies, labels[p[0]], labels[p[1]], "api", "egress")}
    assert lets_out == needed | {("stranger", each) for each in ours}
    assert {
        called for called in ours if is_allowed(policies, labels["operator"], labels[called], "ops")
    } == {*SERVICES}
    assert not is_allowed(policies, labels["stranger"], labels["archiver"], "ops")
    to_database = {p for p in ours if is_allowed(policies, labels[p], labels["postgres"], 5432)}
    assert to_database == {*ours} - {"topology"}
    to_broker = {p for p in ours if is_allowed(policies, labels[p], labels["rabbitmq"], 5671)}
    assert to_broker == {*ours} - {"desk", "migrate"}
    to_management = {p for p in ours if is_allowed(policies, labels[p], labels["rabbitmq"], 15672)}
    assert to_management == {"operator", "topology"}
    assert not is_allowed(policies, labels["gateway"], labels["stranger"], 5432)


def test_internet_is_reached_by_those_who_need_it() -> None:
    for name, each in of_kind(render(example("large")), "NetworkPolicy").items():
        blocks = [
            peer["ipBlock"]["cidr"]
            for rule in each["spec"]["egress"]
            for peer in rule.get("to", [])
            if "ipBlock" in peer
        ]
        closed = ("router", "migrate", "topology")
        assert blocks == ([] if name.endswith(closed) else ["0.0.0.0/0", "::/0"]), name


def test_addresses_of_neighbours_are_reached_by_those_who_have_them() -> None:
    """A collector of traces, a scanner: other namespaces, and ports of their own."""
    objects = render(example("large"))
    policies = of_kind(objects, "NetworkPolicy")
    reached = set()
    for name, pod in pods(objects).items():
        part = pod["containers"][0]["name"]
        for text in environment(pod).values():
            for neighbour, namespace, port in NEIGHBOUR.findall(text):
                peer = {"namespaceSelector": {"matchLabels": {NAMESPACE: namespace}}}
                rule = {"ports": [{"port": int(port), "protocol": "TCP"}], "to": [peer]}
                assert rule in policies[f"postkamer-{part}"]["spec"]["egress"], (name, text)
                reached.add((part, neighbour))
    assert reached == {
        *((service, "otel-collector") for service in SERVICES),
        ("deliverer", "clamav"), ("archiver", "clamav"), ("operator", "clamav"),
    }  # fmt: skip


def test_route_of_the_platform_reaches_the_services_that_have_one() -> None:
    """The gateway is for everybody, and nobody calls a deliverer."""
    policies = of_kind(render(example("large")), "NetworkPolicy")
    route = {"namespaceSelector": {"matchLabels": {NAMESPACE: "ingress"}}}
    let_in = {
        name.removeprefix("postkamer-")
        for name, each in policies.items()
        for rule in each["spec"]["ingress"]
        if rule["ports"] == [{"port": "api", "protocol": "TCP"}]
        and route in rule.get("from", [route])
    }
    assert let_in == {"gateway", "router", "archiver", "desk"}


# ---- watching, and more instances by themselves --------------------------------------------------


def test_targets_have_the_labels_that_the_alarms_name() -> None:
    objects = render(example("large"))
    monitors = of_kind(objects, "ServiceMonitor")
    [endpoint] = monitors["postkamer"]["spec"]["endpoints"]
    assert endpoint["relabelings"] == [
        {"targetLabel": "job", "replacement": "postkamer"},
        {
            "sourceLabels": ["__meta_kubernetes_service_label_app_kubernetes_io_component"],
            "targetLabel": "service",
        },
    ]
    wanted = monitors["postkamer"]["spec"]["selector"]["matchLabels"].items()
    selected = {
        each["metadata"]["labels"]["app.kubernetes.io/component"]
        for each in of_kind(objects, "Service").values()
        if wanted <= each["metadata"]["labels"].items()
        and endpoint["port"] in [port["name"] for port in each["spec"]["ports"]]
    }
    assert selected == {*SERVICES}
    [broker] = monitors["postkamer-rabbitmq"]["spec"]["endpoints"]
    assert broker["relabelings"] == [{"targetLabel": "job", "replacement": "rabbitmq"}]
    scraped = (ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text()
    jobs = {each["job_name"]: each for each in yaml.safe_load(scraped)["scrape_configs"]}
    assert broker["path"] == jobs["rabbitmq"]["metrics_path"]


def queries() -> dict[str, str]:
    scaled = of_kind(render(example("large")), "ScaledObject")
    return {
        name.removeprefix("postkamer-"): each["spec"]["triggers"][0]["metadata"]["query"]
        for name, each in scaled.items()
    }


def test_instances_grow_by_metrics_that_exist() -> None:
    assert queries().keys() == {"router", "deliverer", "archiver"}
    for query in queries().values():
        assert expression_faults(query.replace("$1", ""), known_metrics()) == []
    for each in of_kind(render(example("large")), "Deployment").values():
        is_scaled = each["metadata"]["name"].removeprefix("postkamer-") in queries()
        assert ("replicas" in each["spec"]) != is_scaled


IN_QUEUE = 'rabbitmq_queue_messages{queue="%s",vhost="postkamer"}'
QUEUE = "deliverer.destination."
AGES: list[tuple[str, dict[str, str], list[float]]] = [
    (
        "router",  # 90 wait in two partitions, and 3 are decided in a second: half a minute
        {
            IN_QUEUE % "router.partition.0": "60x10",
            IN_QUEUE % "router.partition.1": "30x10",
            'postkamer_decisions_total{department="a",instance="1"}': "0+60x10",
            'postkamer_decisions_total{department="a",instance="2"}': "0+120x10",
        },
        [30],
    ),
    ("router", {IN_QUEUE % "router.partition.0": "0x10"}, []),
    (
        "deliverer",  # the destination that is paused does not count
        {
            IN_QUEUE % f"{QUEUE}crm": "120x10",
            IN_QUEUE % f"{QUEUE}dead": "5000x10",
            'postkamer_destination_paused{destination="crm"}': "0x10",
            'postkamer_destination_paused{destination="dead"}': "1x10",
            'postkamer_deliveries_total{destination="crm",outcome="delivered"}': "0+120x10",
        },
        [60],
    ),
    (
        "archiver",
        {IN_QUEUE % "archiver.records": "7x10", "postkamer_archive_lag_seconds": "90x10"},
        [90],
    ),
    # The last thing was old, and nothing waits any more.
    (
        "archiver",
        {IN_QUEUE % "archiver.records": "0x10", "postkamer_archive_lag_seconds": "90x10"},
        [],
    ),
]


@needs_promtool
def test_age_is_that_of_what_waits(tmp_path: Path) -> None:
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": s, "values": values} for s, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": queries()[service],
                    "eval_time": "8m",
                    "exp_samples": [{"labels": "{}", "value": each} for each in ages],
                }
            ],
        }
        for service, series, ages in AGES
    ]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"rule_files": [], "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "tests.yml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
