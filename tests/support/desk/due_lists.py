"""Destruction lists of a town: conversations that are due, and steps of persons with a list."""

from deploy.local.postgresql import Database
from tests.support.archiver.dossiers import WITHOUT_WAITING

DUE_LISTS = f"""
{WITHOUT_WAITING};
insert into archiver.dossier (tenant, conversation, departments, opened_at, closed_at, sequence,
    position, state, valued_code, kept_until, terms)
select 'almelo', '106540352242922-' || repeat(letter, 26), '{{burgerzaken}}',
    now() - interval '3 years', now() - interval '2 years', 1, 0, 'destroy', '6.1.3',
    current_date - days, ''
from (values ('a', 400), ('b', 3), ('c', 2)) as due (letter, days);
select archiver.draw_list('VL-2020-0001', 'almelo', 'p.bakker', current_date - 300, 9, false, '0',
    '{{}}');
select archiver.step_list('VL-2020-0001', 'reviewed', 'm.smit');
select archiver.step_list('VL-2020-0001', 'approved', 'k.yilmaz');
"""
"""Three conversations that are due, one of which is on a list that other persons approved."""


def take_step(database: Database, list: str, step: str, person: str) -> None:
    """Take a step with a list as another person."""
    database.execute(f"select archiver.step_list('{list}', '{step}', '{person}')")
