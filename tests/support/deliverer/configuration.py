"""A small configuration, for tests of what the deliverer reads from it."""

from typing import Any

from services.config.model import Configuration

TENANT = {"id": "almelo", "name": "Gemeente Almelo"}
NUMBER: dict[str, Any] = {"id": "10654", "tenant": "almelo", "fallback": "balie"}
CRM: dict[str, Any] = {"id": "crm", "kind": "cloudevents", "url": "https://crm.example"}


def configuration(
    *destinations: dict[str, Any],
    tenants: list[dict[str, Any]] | None = None,
    numbers: list[dict[str, Any]] | None = None,
    confidential: bool = False,
) -> Configuration:
    """Each tenant has one department `balie`, which has the first destination."""
    tenants = tenants or [TENANT]
    destinations = destinations or (CRM,)
    balie: dict[str, Any] = {"id": "balie", "name": "Balie", "destination": destinations[0]["id"]}
    balie["confidential"] = confidential
    return Configuration.model_validate(
        {
            "tenants": tenants,
            "numbers": numbers or [NUMBER],
            "departments": [balie | {"tenant": tenant["id"]} for tenant in tenants],
            "destinations": list(destinations),
        }
    )
