"""The texts for citizens as they are read, for a tool that judges how readable they are. Pure."""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from services.calendar.spoken_dates import format_day, format_moment
from services.config.loader import LoadedConfig
from services.config.organisation import Tenant
from services.config.text_references import placeholder_values
from services.texts.catalogue import Text, localised_values, render

REASON = "de storm van vannacht"
"""Example of the reason that the contact centre gives for a crowd."""


class FilledText(msgspec.Struct, frozen=True):
    """A text of one municipality, with the values of its placeholders."""

    language: str
    id: str
    tenant: str
    text: str


def fill_texts(loaded: LoadedConfig, now: datetime) -> Iterator[FilledText]:
    """Yield each text in each language at each municipality. What is known only when a text is sent
    is an example, of the time of `now`."""
    config = loaded.config
    for tenant in config.tenants:
        departments = [each.called for each in config.departments if each.tenant == tenant.id]
        for by_id in loaded.texts.languages.values():
            for text in by_id.values():
                values = _values(text, tenant, [*departments, ""][0], now)
                yield FilledText(text.language, text.id, tenant.id, render(text.body, values))


def _values(text: Text, tenant: Tenant, department: str, now: datetime) -> dict[str, str]:
    moment = format_moment(now, text.language)
    computed = {
        "opent": moment,
        "moment": moment,
        "datum": format_day(now, text.language),
        "afdeling": department,
        "reden": REASON,
    }
    return localised_values(text.language, {**computed, **placeholder_values(tenant)})


def format_texts(texts: list[FilledText]) -> Iterator[str]:
    for each in texts:
        yield f"==> {each.language} {each.id} ({each.tenant}) <=="
        yield each.text
        yield ""
