"""A stand-in for Kubernetes' own API: it knows kinds and has the objects that it is given."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from tests.support.kubernetes.chart import CHART, Object, helm

KINDS: dict[str, tuple[str, ...]] = {
    "v1": ("Service", "ServiceAccount", "ConfigMap"),
    "apps/v1": ("Deployment",),
    "batch/v1": ("Job",),
    "policy/v1": ("PodDisruptionBudget",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "keda.sh/v1alpha1": ("ScaledObject",),
    "monitoring.coreos.com/v1": ("ServiceMonitor", "PrometheusRule"),
    "postgresql.cnpg.io/v1": ("Cluster",),
    "rabbitmq.com/v1beta1": ("RabbitmqCluster", "Vhost", "User", "Permission"),
}
"""Kinds of a cluster with all operators, by their group and version."""


def plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _path(version: str) -> str:
    return f"/{'apis' if '/' in version else 'api'}/{version}"


def _resources(version: str) -> Object:
    named = [
        {"name": plural(kind), "kind": kind, "namespaced": True, "verbs": ["get", "list"]}
        for kind in KINDS[version]
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": named}


def _groups() -> Object:
    groups = [
        {
            "name": version.partition("/")[0],
            "versions": [_version(version)],
            "preferredVersion": _version(version),
        }
        for version in KINDS
        if "/" in version
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def _version(version: str) -> Object:
    return {"groupVersion": version, "version": version.rpartition("/")[2]}


def answers(objects: tuple[Object, ...]) -> dict[str, Object]:
    """Return what each path answers."""
    found: dict[str, Object] = {
        "/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": _groups(),
    }
    found |= {_path(version): _resources(version) for version in KINDS}
    for each in objects:
        meta = each["metadata"]
        folder = f"{_path(each['apiVersion'])}/namespaces/{meta['namespace']}"
        found[f"{folder}/{plural(each['kind'])}/{meta['name']}"] = each
    return found


@contextmanager
def api_server(*objects: Object) -> Iterator[str]:
    """Serve an API that has these objects, and yield its address."""
    given: Mapping[str, Any] = answers(objects)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            missing = {"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404}
            body = json.dumps(given.get(path, missing)).encode()
            self.send_response(200 if path in given else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def upgrade(
    values: Path, url: str, folder: Path, *, revision: int = 1, status: str = "failed"
) -> tuple[Object, ...]:
    """Return what `helm upgrade --install` would do over a release, in a cluster at `url`."""
    moment = "2026-12-01T08:00:00Z"
    release = {
        "name": "postkamer",
        "namespace": "town",
        "version": revision,
        "info": {"status": status, "first_deployed": moment, "last_deployed": moment},
        "chart": {"metadata": {"apiVersion": "v2", "name": "postkamer", "version": "0.1.0"}},
        "manifest": "",
    }
    (folder / "releases.yaml").write_text(yaml.safe_dump([release]))
    done = helm(
        "upgrade", "--install", "postkamer", CHART, "--namespace", "town", "--values", values,
        "--dry-run=server", "--kube-apiserver", url, "--disable-openapi-validation",
        "--output", "json",
        HELM_DRIVER="memory", HELM_MEMORY_DRIVER_DATA=str(folder / "releases.yaml"),
        HELM_CACHE_HOME=str(folder), HOME=str(folder),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    texts = [found["manifest"], *(each["manifest"] for each in found["hooks"])]
    return tuple(
        thing for text in texts for thing in yaml.load_all(text, yaml.CSafeLoader) if thing
    )
