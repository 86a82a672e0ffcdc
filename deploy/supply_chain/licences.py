"""Licences that the metadata of the installed packages tell."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from deploy.supply_chain.lock import LockedPackage

Licences = list[dict[str, object]]
LONGEST_NAME = 60
"""Characters. A longer `License` field is the text of the licence and not its name."""


class NotAsLockedError(Exception):
    """A package is not installed, or not at the version of the lock."""


def spdx_expression(text: str) -> str | None:
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def licences_of(package: LockedPackage) -> Licences:
    """Return the licence as CycloneDX writes it: an SPDX expression, or the names given."""
    try:
        installed = version(package.name)
    except PackageNotFoundError:
        installed = "none"
    if installed != package.version:
        raise NotAsLockedError(f"{package.name}: locked {package.version}, installed {installed}")
    told = metadata(package.name)
    text = told["License-Expression"] or told["License"] or ""
    if text and (expression := spdx_expression(text)):
        return [{"expression": expression}]
    classifiers = [name for name in told.get_all("Classifier") or [] if name.startswith("License")]
    names = [name.rpartition(" :: ")[2] for name in classifiers]
    if not names and 0 < len(text) <= LONGEST_NAME:
        names = [text]
    return [{"license": {"name": name}} for name in sorted(names)]


def all_licences(packages: Iterable[LockedPackage]) -> dict[str, Licences]:
    return {package.name: licences_of(package) for package in packages}
