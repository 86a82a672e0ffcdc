"""Files of a version as one of several municipalities reads them."""

import tomllib
from typing import Any

import pytest

from router.ruleset.municipal_files import SHOWN, municipal_files
from services.config import loader
from services.config.model import ENTRIES

FIRST = """# Hengelo eerst: dit is van niemand alleen.
include = [
    "rules.toml",   # van beide
]
approved_by = "De secretaris"

[terms]
inbox_days = 30

# Almelo
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[tenants.values]
website = "almelo.example"
[tenants.care]
destinations = ["piket"]

# Hengelo
[[tenants]]
id = "hengelo"
name = "Gemeente Hengelo"
[tenants.values]
website = "hengelo.example"

[[departments]]
id = "balie"
tenant = "hengelo"
destination = "hengelo-crm"

[[departments]]
id = "groen"
tenant = "almelo"
destination = "crm"
# Wie hier werkt, begint om negen uur.
hours = "Mo-Fr 09:00-17:00"

[[destinations]]
id = "crm"

[[destinations]]
id = "hengelo-crm"

[[destinations]]
id = "piket"

[[identity_providers]]
id = "idp"
tenant = "hengelo"

[[identity_grants]]
provider = "idp"
value = "hengelo-balie"

[[contacts]]
tenant = "hengelo"
phones = ["+31600000077"]
"""
RULES = """# Hoe regels werken, voor iedereen.

[[rules]]
id = "afval"
department = "groen"
words = ["container"]

# [[rules]]
# id = "hengelo-geheim"

[[rules]]
id = "hengelo-markt"
tenant = "hengelo"
words = ["markt"]
[rules.not]
words = ["kerstmarkt"]

[[rules]]
id = "hengelo-loket"
department = "balie"
words = ["loket"]
[[rules.any]]
words = ["hengelo-woord"]

[[rules]]
id = "pers"
words = ["krant"]   # van beide
[rules.not]
words = ["krantenwijk"]

[[menus]]
id = "hengelo-menu"
tenant = "hengelo"
"""
GROUPS = """# Woordgroepen, met uitleg.
[[groups]]
id = "afval"
words = ["kliko"]
"""
TEXTS = (
    """# Teksten
owner = "KCC"
[gesloten]
text = """
    + '"""'
    + """
[[rules]] zijn gesloten
"""
    + '"""'
    + """
"""
)
FILES = {
    "postkamer.toml": FIRST,
    "rules.toml": RULES,
    "groups.toml": GROUPS,
    "texts/nl.toml": TEXTS,
}


def entries(text: str | None, table: str, key: str = "id") -> list[Any]:
    assert text is not None
    return [each[key] for each in tomllib.loads(text).get(table, [])]


def test_municipality_alone_reads_its_files_as_they_are() -> None:
    alone = {"postkamer.toml": '# Almelo\n[[tenants]]\nid = "almelo"\n', "rules.toml": RULES}
    assert municipal_files(alone, "almelo") == alone
    assert municipal_files(alone, "hengelo") == {}


def test_municipality_reads_its_own_entries_and_those_of_all() -> None:
    shown = municipal_files(FILES, "almelo")
    first, rules = shown["postkamer.toml"], shown["rules.toml"]
    assert entries(first, "tenants") == ["almelo"]
    assert entries(first, "departments") == ["groen"]
    assert entries(first, "destinations") == ["crm", "piket"]
    assert entries(rules, "rules") == ["afval", "pers"]
    assert "approved_by" in str(first) and "inbox_days" in str(first)
    assert "# Wie hier werkt" in str(first) and "# van beide" in str(rules)
    assert not [name for name, text in shown.items() if "engelo" in str(text)]
    assert (shown["groups.toml"], shown["texts/nl.toml"]) == (GROUPS, TEXTS)


def test_neighbour_reads_the_other_half() -> None:
    shown = municipal_files(FILES, "hengelo")
    first, rules = shown["postkamer.toml"], shown["rules.toml"]
    assert entries(first, "destinations") == ["hengelo-crm"]
    assert entries(first, "contacts", "tenant") == entries(first, "identity_providers", "tenant")
    assert entries(first, "identity_grants", "value") == ["hengelo-balie"]
    assert entries(rules, "rules") == ["hengelo-markt", "hengelo-loket", "pers"]
    assert tomllib.loads(str(rules))["rules"][1]["any"] == [{"words": ["hengelo-woord"]}]
    assert not [name for name, text in shown.items() if "almelo" in str(text).lower()]


def test_file_with_nothing_for_a_municipality_is_left_out() -> None:
    theirs = '# Van Hengelo\n[[rules]]\nid = "x"\ntenant = "hengelo"\nwords = ["y"]\n'
    assert "theirs.toml" not in municipal_files(FILES | {"theirs.toml": theirs}, "almelo")


@pytest.mark.parametrize(
    "text",
    [
        'rules = [{id = "a", tenant = "hengelo", words = ["geheim"]}, {id = "b", words = ["x"]}]\n',
        '[[rules]]\nid = "a"\ntenant = "hengelo"\npattern = """\n[[rules]]\n"""\n'
        '[[rules]]\nid = "b"\nwords = ["x"]\n',
        "niet te lezen = [",
    ],
)
def test_file_that_cannot_be_cut_is_not_shown(text: str) -> None:
    shown = municipal_files(FILES | {"odd.toml": text}, "almelo")
    assert shown["odd.toml"] is None
    assert shown["groups.toml"] == GROUPS


def test_municipality_whose_table_is_written_in_escapes_counts() -> None:
    alone = {"postkamer.toml": '[[tenants]]\nid = "almelo"\n'}
    hidden = '[["t\\u0065nants"]]\nid = "hengelo"\n[[rules]]\nid = "x"\ntenant = "hengelo"\n'
    shown = municipal_files(alone | {"odd.toml": hidden}, "almelo")
    assert "hengelo" not in str(shown)


def test_table_that_is_not_known_shows_nothing() -> None:
    odd = '[[later]]\nid = "geheim"\n[[groups]]\nid = "g"\nwords = ["x"]\n'
    shown = municipal_files(FILES | {"odd.toml": odd}, "almelo")["odd.toml"]
    assert "geheim" not in str(shown) and entries(shown, "groups") == ["g"]


def test_each_table_of_the_configuration_has_its_rule() -> None:
    assert SHOWN.keys() == ENTRIES.keys()


def test_version_is_of_the_whole_files() -> None:
    assert loader.version(dict(FILES)) != loader.version(
        {name: text or "" for name, text in municipal_files(FILES, "almelo").items()}
    )
