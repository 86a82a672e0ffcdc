"""A municipality whose waits are short, and yet longer than a test: time passes when it says so."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

from router.store.bindings import CONVERSATION_COLUMNS, conversation_binding
from services.sealing.columns import CONVERSATION, seal_json, unseal_json
from tests.support.citizens import NUMBER
from tests.support.example_town import VALUES
from tests.support.installation import NEIGHBOUR, Installation

OWN = f"""
texts = "texts"

[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
burst_seconds = 1
menu = "onderwerp"
wait_minutes = 5
idle_days = 1
automatic = ["keuze_onduidelijk", "duurt_langer"]

[tenants.values]
{{values}}
[tenants.care]
destinations = ["piket"]
confirm_minutes = 5

[[numbers]]
id = "{NUMBER}"
tenant = "almelo"
fallback = "klantcontact"

[[departments]]
id = "klantcontact"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"

[[departments]]
id = "openbare-ruimte"
tenant = "almelo"
name = "Openbare ruimte"
destination = "crm"
escalate_to = "klantcontact"

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "{{url}}"
secret = "env:CRM_SECRET"

[[destinations]]
id = "piket"
kind = "cloudevents"
url = "{{url}}"
secret = "env:CRM_SECRET"

[[care]]
id = "brand"
kind = "emergency"
words = ["brand"]

[[rules]]
id = "afval"
words = ["container"]
department = "openbare-ruimte"

[[menus]]
id = "onderwerp"
timeout_minutes = 5

[[menus.options]]
id = "afval"
title = "Afval"
department = "openbare-ruimte"

[[menus.options]]
id = "anders"
title = "Een medewerker"
department = "klantcontact"
"""


def with_short_hours(example: str) -> str:
    """Instead of the example's municipality; the neighbour stays."""
    (url,) = re.findall(r'url = "(.*)"', example)
    values = "".join(f'{name} = "{value}"\n' for name, value in VALUES.items())
    own = OWN.format(values=values, url=url)
    return own + NEIGHBOUR.replace("[[numbers]]", f"[tenants.values]\n{values}\n[[numbers]]")


PASS = """
begin;
create temporary table passed on commit drop as
    select id from router.conversation where id in ({ids});
update router.timer set due_at = due_at - interval '{time}'
    where conversation in (select id from passed);
update router.conversation set
    opened_at = opened_at - interval '{time}',
    last_inbound_at = last_inbound_at - interval '{time}',
    said_at = said_at - interval '{time}',
    state = (select state::jsonb from (values {states}) s (of, state) where of = id)
    where id in (select id from passed);
commit;
"""
MOMENTS = frozenset(["menu_at", "waiting_since", "answered_at", "care_at", "burst_at"])
"""Times in the state of a conversation."""


def passes(town: Installation, time: str, conversations: list[str]) -> None:
    """Move all that happened in the conversations back in time, so that their timers are due."""
    seconds = float(town.database.execute(f"select extract(epoch from interval '{time}')"))
    states = {id: _earlier(each, seconds) for id, each in states_of(town, conversations).items()}
    bound = _bindings(town, conversations)
    sealed = {id: seal_json(json.dumps(states[id]), CONVERSATION, bound[id]) for id in states}
    quoted = ", ".join(f"('{id}', '{state}')" for id, state in sealed.items())
    ids = ", ".join(f"'{id}'" for id in conversations)
    town.database.execute(PASS.format(ids=ids, time=time, states=quoted))


def states_of(town: Installation, conversations: list[str]) -> dict[str, dict[str, Any]]:
    """Return the state of each of these conversations."""
    ids = ", ".join(f"'{id}'" for id in conversations)
    rows = town.database.execute(
        f"select id, state from router.conversation where id in ({ids})"
    ).splitlines()
    found = (row.split("|", 1) for row in rows)
    bound = _bindings(town, conversations)
    return {id: json.loads(unseal_json(state, CONVERSATION, bound[id])) for id, state in found}


def _bindings(town: Installation, conversations: list[str]) -> dict[str, bytes]:
    """Return what the state of each of these conversations is bound to."""
    ids, names = ", ".join(f"'{id}'" for id in conversations), ", ".join(CONVERSATION_COLUMNS)
    rows = town.database.execute(
        f"select json_build_array({names}) from router.conversation where id in ({ids})"
    ).splitlines()
    found = map(json.loads, rows)
    return {row[0]: conversation_binding(*row) for row in found}


def _earlier(state: dict[str, Any], seconds: float) -> dict[str, Any]:
    moved = {
        key: (datetime.fromisoformat(value) - timedelta(seconds=seconds)).isoformat()
        for key, value in state.items()
        if key in MOMENTS and value
    }
    return state | moved
