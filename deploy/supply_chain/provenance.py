"""Provenance: from which source, lock and command the files of a release come. Pure.

A statement of in-toto with the predicate of SLSA 1. It is not signed, and without a signature it
proves nothing to others: docs/operators/supply-chain.md says how to sign it. It has no time and no
name of a machine, so that the same commit gives the same bytes.
"""

from collections.abc import Mapping

from deploy.supply_chain.bill_of_materials import Release


def describe(digests: Mapping[str, str]) -> list[dict[str, object]]:
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()]


def provenance(
    release: Release, products: Mapping[str, str], locks: Mapping[str, str]
) -> dict[str, object]:
    """Return the statement; `products` and `locks` are SHA-256 digests by file name."""
    source = {"name": "source", "digest": {"gitCommit": release.commit}}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": describe(products),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:postkamer:make-sbom:1",
                "externalParameters": {"command": "make sbom", "commit": release.commit},
                "internalParameters": {"SOURCE_DATE_EPOCH": str(release.epoch)},
                "resolvedDependencies": [source, *describe(locks)],
            },
            "runDetails": {"builder": {"id": "urn:postkamer:builder:deploy.supply_chain.release"}},
        },
    }
