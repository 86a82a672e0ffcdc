"""The templates of a number, as the deliverer stored what Meta last listed."""

from datetime import datetime

import msgspec

from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout
from services.whatsapp.templates import MessageTemplate, TemplatePart


class StoredTemplates(msgspec.Struct, frozen=True):
    """Templates of a number by name and language."""

    templates: tuple[MessageTemplate, ...] = ()
    asked_at: datetime | None = None
    """Time at which Meta was asked and answered; None if it never did."""
    is_complete: bool = True
    """False if Meta has more templates than these."""


class TemplateStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def read(self, number: str) -> StoredTemplates:
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_READ, number))
        if not rows:
            return StoredTemplates()
        templates = tuple(
            MessageTemplate(
                **{name: row[name] for name in _COLUMNS},
                parts=msgspec.json.decode(row["parts"], type=tuple[TemplatePart, ...]),
            )
            for row in rows
            if row["name"] is not None
        )
        return StoredTemplates(templates, rows[0]["asked_at"], rows[0]["complete"])


_COLUMNS = ("name", "language", "status", "category", "quality", "parameters")
# One statement, so that list and time are of one look.
_READ = f"""
select l.asked_at, l.complete, {", ".join(f"t.{name}" for name in _COLUMNS)}, t.parts
from deliverer.template_look l left join deliverer.template t on t.number = l.number
where l.number = $1 order by t.name, t.language
"""
