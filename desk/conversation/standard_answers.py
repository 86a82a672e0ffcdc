"""Standard answers: texts of a department, with fields that are filled in."""

import re
from datetime import datetime
from uuid import UUID

import msgspec

from desk.access import Access
from services import clock
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

MAX_TITLE, MAX_TEXT = 100, 2000
"""Longest title and text, in characters."""
MAX_ANSWERS = 500
"""Standard answers of one municipality: more than anyone finds by typing."""
FIELD = re.compile(r"\{(naam|medewerker|gemeente)\}")
"""Fields: the citizen's name, the employee's, the municipality's."""
NAMELESS = "inwoner"
"""Address of a citizen who gave no name: a Dutch word, as the fields are."""


class StandardAnswer(msgspec.Struct, frozen=True):
    id: UUID
    department: str
    """Department whose it is; '' for all of the municipality."""
    title: str
    text: str
    changed_by: str
    changed_at: datetime


def fill(text: str, citizen: str, employee: str, municipality: str) -> str:
    """Return a text with its fields filled in. What a citizen calls themselves is filled in once,
    and no field in it is. Pure."""
    values = {"naam": citizen or NAMELESS, "medewerker": employee, "gemeente": municipality}
    return FIELD.sub(lambda match: values[match[1]], text)


class StandardAnswerStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, access: Access, department: str = "") -> list[StandardAnswer]:
        """Return the answers for a department, or all that the employee may see, by title."""
        reach = access.tenant.source, access.department_ids, access.all_departments
        query = self._pool.fetch(_LIST, *reach, department, MAX_ANSWERS)
        return [StandardAnswer(**row) for row in await with_timeout(ANSWER_SECONDS, query)]

    async def store(self, access: Access, answer: StandardAnswer) -> bool:
        """Add or replace an answer. Return False if it is another municipality's or department's,
        or if there are MAX_ANSWERS."""
        query = self._pool.fetchval(
            _STORE,
            access.tenant.source,
            access.department_ids,
            access.all_departments,
            *(answer.id, answer.department, answer.title, answer.text),
            *(access.person, clock.now(), MAX_ANSWERS),
        )
        return bool(await with_timeout(ANSWER_SECONDS, query))

    async def remove(self, access: Access, id: UUID) -> None:
        reach = access.tenant.source, access.department_ids, access.all_departments
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_REMOVE, *reach, id))


# $1 to $3: what the employee reaches. Answers of all departments are everybody's.
_REACHED = "source = $1 and (department = '' or department = any($2) or $3)"

_LIST = f"""
select id, department, title, text, changed_by, changed_at from desk.standard_answer
where {_REACHED} and ($4 = '' or department in ('', $4)) order by lower(title), id limit $5
"""

_STORE = f"""
insert into desk.standard_answer (source, id, department, title, text, changed_by, changed_at)
select $1, $4, $5, $6, $7, $8, $9
where ($5 = '' or $5 = any($2) or $3)
    and (select count(*) from desk.standard_answer where source = $1) < $10
on conflict (id) do update set department = excluded.department, title = excluded.title,
    text = excluded.text, changed_by = excluded.changed_by, changed_at = excluded.changed_at
    where {
    _REACHED.replace("source", "standard_answer.source").replace(
        "department", "standard_answer.department"
    )
}
returning true
"""

_REMOVE = f"delete from desk.standard_answer where {_REACHED} and id = $4"
