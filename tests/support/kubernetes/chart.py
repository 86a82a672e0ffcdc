"""deploy/helm/postkamer, rendered by Helm itself, without a cluster."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy" / "helm" / "postkamer"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
TOOLS = ROOT / ".local" / "charts"
HELM = TOOLS / "helm"
MONITORING = ("monitoring.coreos.com/v1",)
"""APIs of a cluster with the operator of Prometheus."""
SERVICES = ("gateway", "router", "deliverer", "archiver", "desk")
needs_helm = pytest.mark.skipif(
    not HELM.exists() and not os.environ.get("CI"), reason="deploy/setup.sh charts brings Helm"
)

Object = dict[str, Any]
"""An object of Kubernetes."""


def example(name: str) -> Path:
    return CHART / "ci" / f"{name}-values.yaml"


def helm(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Helm, with folders of its own: nothing of this machine's settings counts."""
    assert HELM.exists(), "Helm is missing: deploy/setup.sh charts"
    nowhere = {name: os.devnull for name in ("HELM_REPOSITORY_CONFIG", "HELM_REGISTRY_CONFIG")}
    command = [str(HELM), *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | nowhere | variables,
    )


@cache
def render(
    *values: Path,
    chart: Path = CHART,
    set_json: tuple[str, ...] = (),
    apis: tuple[str, ...] = MONITORING,
    is_upgrade: bool = False,
    release: str = "postkamer",
) -> tuple[Object, ...]:
    """Return the objects of a release. Fails with Helm's own words."""
    options: list[str | Path] = [each for file in values for each in ("--values", file)]
    options += [each for text in set_json for each in ("--set-json", text)]
    options += [each for api in apis for each in ("--api-versions", api)]
    options += ["--is-upgrade"] if is_upgrade else []
    done = helm("template", release, chart, "--namespace", "town", *options)
    assert done.returncode == 0, done.stderr
    return tuple(each for each in yaml.load_all(done.stdout, yaml.CSafeLoader) if each)


def refusal(*values: Path, set_json: Sequence[str] = (), release: str = "postkamer") -> str:
    """Return the words with which Helm refuses."""
    options: list[str | Path] = [each for file in values for each in ("--values", file)]
    options += [each for text in set_json for each in ("--set-json", text)]
    done = helm("template", release, CHART, *options)
    assert done.returncode != 0, "Helm took it"
    return done.stderr


def of_kind(objects: Iterable[Object], kind: str) -> dict[str, Object]:
    """Return the objects of a kind by their names."""
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


def pods(objects: Iterable[Object]) -> dict[str, Object]:
    """Return the specification of each kind of pod, by the name of what makes it."""
    return {
        f"{each['kind']} {each['metadata']['name']}": each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Deployment", "Job")
    }


def environment(pod: Object) -> dict[str, str]:
    """Variable -> its text. None has a secret: those are files."""
    [container] = pod["containers"]
    names = [each["name"] for each in container["env"]]
    assert len(names) == len({*names}), "a variable twice"
    assert not container.get("envFrom")
    return {each["name"]: each["value"] for each in container["env"]}


def secret_files(pod: Object) -> dict[str, tuple[str, str]]:
    """Path of each file with a secret -> name and key of the Secret that has it."""
    [volume] = [each for each in pod["volumes"] if each["name"] == "secrets"]
    [container] = pod["containers"]
    [mount] = [each for each in container["volumeMounts"] if each["name"] == "secrets"]
    assert mount["readOnly"] and "subPath" not in mount, "kubelet changes no file of a subPath"
    found = [
        (f"{mount['mountPath']}/{item['path']}", (source["secret"]["name"], item["key"]))
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    ]
    assert len(found) == len(dict(found)), "a file twice"
    return dict(found)
