"""What `postkamer check` finds: every fault at once, and what is doubtful, with file and line."""

import json
from pathlib import Path

import pytest

from bench.workloads.large_config import large_municipality
from cli.support.configuration import EXAMPLE
from tests.support.cli.command_line import SETTINGS, TOML, postkamer

FOLDER = Path(__file__).parents[4] / "deploy/examples/voorbeeldstad/texts"


def test_a_good_installation_passes_the_check(file: Path) -> None:
    done = postkamer("check", env=SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")
    done = postkamer("check", "--config", file)
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")


@pytest.mark.slow
def test_the_shipped_example_has_no_fault() -> None:
    done = postkamer("check", "--config", EXAMPLE)
    assert done.exit_code == 0, done.output


def test_every_fault_of_file_secrets_and_settings_is_told_at_once(file: Path) -> None:
    env = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_ARCHIVE_KEY": "hunter2"}
    done = postkamer("check", "--json", env=env)
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["warnings"] == []
    assert found["faults"] == [
        "CRM_SECRET (destination crm): is missing",
        "POSTKAMER_AMQP_URL: is missing",
        "POSTKAMER_API_TOKENS: is missing",
        "POSTKAMER_ARCHIVE_KEY: expected 32 bytes in base64",
        "POSTKAMER_DATABASE_URL: is missing",
        "POSTKAMER_META_ACCESS_TOKEN: is missing",
        "POSTKAMER_META_APP_SECRETS: is missing",
        "POSTKAMER_META_GRAPH_URL: is missing",
        "POSTKAMER_META_VERIFY_TOKEN: is missing",
        "POSTKAMER_OBJECT_STORE: is missing",
    ]
    broken = TOML.replace('destination = "crm"', 'destination = "x"').replace("https", "ftp")
    file.write_text(broken)
    done = postkamer("check", env=env)
    assert done.exit_code == 1
    assert f"fault: {file}:33: destinations.0.url: " in done.stdout
    assert "POSTKAMER_AMQP_URL: is missing" in done.stdout
    assert f"fault: {file}:19: departments.0.destination: there is no destination" in done.stdout
    assert "fault: CRM_SECRET (destination crm): is missing" in done.stdout
    assert done.stdout.endswith("14 faults, 0 warnings\n")


def test_of_a_file_that_was_only_asked_about_no_secret_is_looked_for(file: Path) -> None:
    file.write_text(TOML.replace("https", "ftp"))
    done = postkamer("check", "--config", file)
    assert done.stdout.endswith("1 fault, 0 warnings\n")
    file.write_text(TOML.replace("env:CRM_SECRET", "env:"))
    done = postkamer("check", env=SETTINGS | {"POSTKAMER_CONFIG": str(file)})
    assert done.stdout.endswith("1 fault, 0 warnings\n")
    assert f"{file}:34: destinations.0.secret: " in done.stdout


def test_what_contradicts_itself_hides_no_fault_of_words_or_texts(file: Path) -> None:
    wrong = TOML.replace('fallback = "kcc"', 'fallback = "x"', 1).replace(
        '"grof vuil"]', '"gr*of", "*"]\ngroups = ["tuin"]\nreply = "weg"'
    )
    file.write_text('texts = "texts"\n' + wrong)
    texts = file.parent / "texts"
    texts.mkdir()
    (texts / "nl.toml").write_text('owner = "KCC"\nversion = "1"\n')
    done = postkamer("check", "--config", file, "--json")
    found = json.loads(done.stdout)["faults"]
    assert [f for f in found if f.startswith(f"{file}:")] == [
        f"{file}:11: numbers.0.fallback: 'almelo' has no department 'x'",
        f"{file}:38: rules.0.words.1: 'gr*of': A star stands for the rest of a word:"
        " at its end or at its start, outside quotes",
        f"{file}:38: rules.0.words.2: '*': There is no word or emoji in it",
        f"{file}:39: rules.0.groups: there is no group 'tuin'",
        f"{file}:40: rules.0.reply: there is no text 'weg'",
    ]
    assert f"{texts / 'nl.toml'}:0: gesloten: is not there" in found


@pytest.mark.parametrize(
    "asks",
    [
        "Geef uw BSN, dan zoeken wij het op.",
        "Stuur ons een foto van uw paspoort.",
        "Wat is uw burgerservicenummer?",
    ],
)
def test_no_text_and_no_template_may_ask_for_a_bsn(file: Path, asks: str) -> None:
    texts = file.parent / "texts"
    texts.mkdir()
    nl = (FOLDER / "nl.toml").read_text()
    (texts / "nl.toml").write_text(
        nl + f'\n[sjabloon]\ntext = "{asks} Of mail ons."\nbuttons = ["Ja", "Nee"]\n'
    )
    file.write_text('texts = "texts"\n' + TOML)
    done = postkamer("check", "--config", file)
    assert done.exit_code == 1
    assert f"sjabloon.text: asks for what may not go by WhatsApp: {asks}" in done.stdout


def test_neither_a_value_nor_a_menu_may_ask_for_a_bsn(file: Path) -> None:
    texts = file.parent / "texts"
    texts.mkdir()
    nl = (FOLDER / "nl.toml").read_text()
    (texts / "nl.toml").write_text(nl + '\n[uitleg]\ntext = "Wilt u hulp? {hulp}"\n')
    options = (
        '{id = "a", title = "Geef uw BSN", reply = "uitleg"}',
        '{id = "b", title = "Medewerker", description = "App uw BSN", department = "kcc"}',
        '{id = "c", title = "Afval", reply = "uitleg"}',
        '{id = "d", title = "Groen", reply = "uitleg"}',
    )
    menu = f'[[menus]]\nid = "m"\noptions = [{", ".join(options)}]\n'
    values = '[tenants.values]\nhulp = "Wij helpen niet. Geef eerst uw BSN door."\n[[numbers]]'
    file.write_text('texts = "texts"\n' + TOML.replace("[[numbers]]", values, 1) + menu)
    done = postkamer("check", "--config", file)
    for what in (
        "uitleg.text: asks for what may not go by WhatsApp: {hulp}",
        "menus.0: option 'Geef uw BSN' asks for what may not go by WhatsApp",
        "menus.0: what stands under 'Medewerker' asks for what may not go by WhatsApp",
    ):
        assert what in done.stdout


def test_what_is_doubtful_is_told_with_its_file_and_line_and_is_no_fault(file: Path) -> None:
    file.write_text(
        'include = ["more.toml"]\n'
        + TOML
        + '[[rules]]\nid = "b"\nwords = ["boom", "Áfval"]\ndepartment = "groen"\n'
        + '[[destinations]]\nid = "x"\nkind = "cloudevents"\nurl = "http://crm.example/"\n'
    )
    more = file.parent / "more.toml"
    more.write_text('\n[[rules]]\nid = "c"\ntypes = ["brief"]\ntag = ["post"]\n')
    done = postkamer("check", "--config", file)
    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            f"warning: {more}:2: rule c never holds: Meta has no type of message brief",
            f"warning: {file}:42: rule b: 'Áfval' never counts, rule afval fits first",
            f"warning: {file}:47: destination x: its url is not https",
            "0 faults, 3 warnings",
        ],
    )


def test_a_large_town_has_no_faults_and_no_doubts(tmp_path: Path) -> None:
    for name, text in large_municipality(200, 1000).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = postkamer("check", "--config", tmp_path / "postkamer.toml")
    assert (done.exit_code, done.output) == (0, "0 faults, 0 warnings\n")
