"""Bill of materials (SBOM) of the packages of a lock, as CycloneDX 1.6. Pure.

The same commit gives the same bytes: the time and the serial number come from it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.supply_chain.lock import PROJECT, LockedPackage


@dataclass(frozen=True)
class Release:
    """Postkamer at one commit."""

    version: str
    licence: str
    commit: str
    epoch: int
    """Time of the commit, in seconds since 1970: the SOURCE_DATE_EPOCH of what is made from it."""

    @property
    def purl(self) -> str:
        return f"pkg:generic/{PROJECT}@{self.version}"


def sha256(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def component(package: LockedPackage, licences: list[dict[str, object]]) -> dict[str, object]:
    """Return one package. Its hashes are those of its files, of which a machine installs one."""
    files = {
        "type": "distribution",
        "url": package.purl,
        "comment": "files that the lock accepts: a wheel for each platform, and the source",
        "hashes": [sha256(digest) for digest in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        **({"licenses": licences} if licences else {}),
        "purl": package.purl,
        "externalReferences": [files],
    }


def dependencies(release: Release, packages: list[LockedPackage]) -> list[dict[str, object]]:
    """Return the graph: what Postkamer and each package need directly."""
    names = {PROJECT: release.purl, **{package.name: package.purl for package in packages}}
    return [
        {
            "ref": ref,
            "dependsOn": sorted(each.purl for each in packages if name in each.needed_by),
        }
        for name, ref in names.items()
    ]


def bill_of_materials(
    release: Release,
    wheel_digest: str,
    packages: list[LockedPackage],
    licences: Mapping[str, list[dict[str, object]]],
) -> dict[str, object]:
    serial = uuid.uuid5(uuid.NAMESPACE_URL, f"{release.purl}#{release.commit}")
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(release.epoch, UTC).isoformat(),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "make sbom"}]},
            "component": {
                "type": "application",
                "bom-ref": release.purl,
                "name": PROJECT,
                "version": release.version,
                "hashes": [sha256(wheel_digest)],
                "licenses": [{"expression": release.licence}],
                "purl": release.purl,
            },
            "properties": [{"name": "postkamer:commit", "value": release.commit}],
        },
        "components": [component(package, licences[package.name]) for package in packages],
        "dependencies": dependencies(release, packages),
    }
