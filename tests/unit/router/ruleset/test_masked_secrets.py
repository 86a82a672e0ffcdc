"""Secrets in the files of a configuration, before people read these."""

import pytest

from router.ruleset.masked_secrets import mask_secrets
from router.ruleset.municipal_files import municipal_files

HEAD = "[[destinations]]\n"


@pytest.mark.parametrize(
    "written",
    [
        'secret = "whsec_hunter2"',
        "secret='whsec_hunter2'   # van het CRM",
        'secret_next = "naam:hunter2"',
        'secret = "hunter2\\" met een teken"',
        '"secret" = "hunter2"',
        '# secret = "whsec_hunter2"',
        'oauth = {secret = "hunter2"}',
    ],
)
def test_secret_is_masked_however_it_is_mostly_written(written: str) -> None:
    shown = mask_secrets(f"{HEAD}{written}\nid = 'crm'\n", "a")
    assert shown and "hunter2" not in shown and "***" in shown and "id = 'crm'" in shown


@pytest.mark.parametrize(
    "written",
    [
        'secret = """\nhunter2"""',
        '"s\\u0065cret" = "hunter2"',
        'secret = "env:" + "x"',
    ],
)
def test_file_with_a_secret_in_another_way_is_not_shown(written: str) -> None:
    assert mask_secrets(f"{HEAD}{written}\n", "a") is None


@pytest.mark.parametrize(
    "text",
    [
        f'{HEAD}secret = "env:CRM_SECRET"\nsecret_next = ""\n',
        f'{HEAD}client_secret = "env:X"\n# secret = "env:CRM_SECRET"\n',
        '[[rules]]\nid = "geheim"\nwords = ["secret santa"]\n',
    ],
)
def test_name_of_a_variable_stays(text: str) -> None:
    assert mask_secrets(text, "a") == text


@pytest.mark.parametrize("neighbour", ["", '[[tenants]]\nid = "hengelo"\n'])
def test_municipality_reads_its_destination_without_the_secret(neighbour: str) -> None:
    first = (
        f'[[tenants]]\nid = "almelo"\n{neighbour}'
        '[[departments]]\nid = "kcc"\ntenant = "almelo"\ndestination = "crm"\n'
        '[[destinations]]\nid = "crm"\nsecret = "whsec_hunter2"\n'
    )
    odd = '[[destinations]]\nid = "crm"\nsecret = """hunter2"""\n'
    shown = municipal_files({"a.toml": first, "odd.toml": odd}, "almelo")
    assert "hunter2" not in str(shown)
    assert 'secret = "***"' in str(shown["a.toml"]) and shown["odd.toml"] is None
