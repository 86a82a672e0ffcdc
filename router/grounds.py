"""What the router decides by, made from what a municipality chose. Pure."""

from router.decisions import Ground, Hash
from router.rules import compile_config
from services.choices import Choices
from services.config import Config
from services.hours import Hours, compiled


def grounded(choices: Choices, hash: Hash) -> Ground:
    config = choices.config
    return Ground(
        config=config,
        rules=compile_config(config),
        hash=hash,
        hours=opening_hours(config),
        contacts=contacts(config),
        texts=choices.texts,
        version=choices.version,
    )


def opening_hours(config: Config) -> dict[tuple[str, str], Hours]:
    """Of each department, with the closings that hold for it."""
    return {
        (d.tenant, d.id): compiled(
            d.hours, [c for c in config.closings if c.holds_for(d.tenant, d.id)]
        )
        for d in config.departments
    }


def contacts(config: Config) -> dict[tuple[str, str], tuple[str, ...]]:
    """The tags of each person that the configuration knows, by telephone number without +."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in config.contacts:
        for phone in entry.phones:
            key = entry.tenant, phone.removeprefix("+")
            found[key] = (*found.get(key, ()), entry.tag)
    return found
