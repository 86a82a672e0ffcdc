"""Protections that a rollback must not take away: production, and what is confidential. Pure."""

from collections.abc import Iterator

from services.config.model import Configuration

LIFTED = "{} takes protection away: {}; put it back by hand, from postkamer rules show"


def lifted_protections(present: Configuration, restored: Configuration) -> Iterator[str]:
    """Yield what protects now and would not with the restored version, in words. A department that
    is not there any more is confidential to nobody."""
    if present.environment == "production" and restored.environment != "production":
        yield f'environment becomes "{restored.environment}"'
    for each in present.departments:
        if each.confidential and not restored.confidential(each.tenant, [each.id]):
            yield f"{each.id} of {each.tenant} is not confidential"
        elif each.ask_reason and each.id not in restored.asking_departments(each.tenant):
            yield f"{each.id} of {each.tenant} does not ask why its content is read"
    for target in present.destinations:
        then = restored.destination(target.id)
        if target.confidential and then and not then.confidential:
            yield f"destination {target.id} is not confidential"
