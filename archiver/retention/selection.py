"""The terms of a municipality: the results by which its conversations are kept. Pure."""

from collections.abc import Collection, Mapping
from hashlib import sha256

import msgspec

from services.config.model import Configuration
from services.retention import selection_list


class TenantTerms(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    code: str = ""
    """Result for departments without one; '' is none."""
    department_codes: Mapping[str, str] = {}
    digest: bytes = b""
    """Hash of everything that terms are worked out by."""

    def codes_of(self, departments: Collection[str]) -> frozenset[str]:
        """Return the default results of these departments, with '' for one that has none."""
        codes = self.department_codes
        return frozenset(codes.get(each, "") or self.code for each in departments or ("",))


def terms_of(config: Configuration) -> dict[str, TenantTerms]:
    """Return the terms of each municipality, by its id."""
    return {
        tenant.id: build_terms(
            tenant.id,
            tenant.retention.code,
            {
                each.id: each.retention_code
                for each in config.departments
                if each.tenant == tenant.id and each.retention_code
            },
        )
        for tenant in config.tenants
    }


def build_terms(tenant: str, code: str, department_codes: Mapping[str, str]) -> TenantTerms:
    """Return the terms of a municipality. No two municipalities have one hash."""
    facts = tenant, code, sorted(department_codes.items()), RULES, selection_list.DIGEST
    digest = sha256(msgspec.json.encode(facts)).digest()
    return TenantTerms(tenant=tenant, code=code, department_codes=department_codes, digest=digest)


RULES = 1
"""Version of the rules of `archiver.retention.valuation`: raise it with a change of them, so that
all dossiers are worked out anew."""
