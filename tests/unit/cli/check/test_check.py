"""`postkamer check`: every fault of files, secrets, settings and certificates at once."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from bench.workloads.large_config import large_municipality
from cli.check.check import check
from cli.support.configuration import EXAMPLE
from services import clock
from tests.support.cli.command_line import SETTINGS, TOML, postkamer
from tests.support.test_ca import Authority

TEXTS = EXAMPLE.parent / "texts"
NOTHING = "\n0 faults, 0 warnings\n"
OAUTH = """\
[destinations.oauth]
token_url = "http://id.example/token"
client_id = "postkamer"
client_secret = "env:CRM_OAUTH"
"""


def install(file: Path, destination: str = "") -> dict[str, str]:
    """Write the configuration with more fields of the destination; return the settings."""
    secret = 'secret = "env:CRM_SECRET"\n'
    file.write_text(TOML.replace(secret, secret + destination))
    return SETTINGS | {"POSTKAMER_CONFIG": str(file)}


def add_texts(file: Path, more: str, config: str = TOML) -> None:
    """Write the configuration with the Dutch texts of the example and these."""
    (file.parent / "texts").mkdir()
    (file.parent / "texts/nl.toml").write_text((TEXTS / "nl.toml").read_text() + more)
    file.write_text('texts = "texts"\n' + config)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")


def test_dutch_result_has_dutch_words_around_the_faults(file: Path) -> None:
    done = postkamer("check", "--config", file, "--lang", "nl")
    assert done.stdout.splitlines() == [
        f"gecontroleerd: {file}: 2 gemeenten, 2 nummers, 3 afdelingen, 1 bestemming, 1 regel",
        "niet gecontroleerd: de adressen, geheimen en certificaten van de omgeving, want daarin"
        " staat geen POSTKAMER_-variabele",
        "0 fouten, 0 waarschuwingen",
    ]
    file.write_text(file.read_text().replace('fallback = "kcc"', 'fallback = "x"', 1))
    fault, total = postkamer("check", "--config", file, "--lang", "nl").stdout.splitlines()
    assert fault.startswith("fout: ") and total == "1 fout, 0 waarschuwingen"


def test_good_installation_has_no_faults(file: Path) -> None:
    for done in (postkamer("check", env=install(file)), postkamer("check", "--config", file)):
        assert done.exit_code == 0
        assert done.output.endswith(NOTHING)


def test_address_of_a_command_with_a_password_is_a_fault_and_is_not_quoted(file: Path) -> None:
    address = "http://u:hunter2@mq"
    given = {
        "POSTKAMER_BROKER_METRICS_URL": address,
        "POSTKAMER_BROKER_MANAGEMENT_URL": "http://:hunter2@mq",
        "POSTKAMER_GATEWAY_URL": address,
        "POSTKAMER_META_GRAPH_URL": address,
        "POSTKAMER_OPS_URLS": f"router={address}",
        "POSTKAMER_SCANNER_URL": "tcp://u:hunter2@mq:1",
    }
    done = postkamer("check", env=install(file) | given)
    said = [line for line in done.output.splitlines() if "POSTKAMER_" in line]
    assert all(any(f"{name}: " in line for line in said) for name in given), done.output
    assert "hunter2" not in done.output and "API_TOKEN:" not in done.output


ENTRIES = "2 municipalities, 2 numbers, 3 departments, 1 destination, 1 rule"
SECRETS = "the addresses, secrets and certificates of the environment"


def test_good_installation_is_told_what_was_checked(file: Path) -> None:
    done = postkamer("check", env=install(file))
    assert done.output.splitlines()[:-1] == [
        f"checked: {file}: {ENTRIES}",
        f"checked: {SECRETS}",
        "commands: also of persons who state a name, and are recorded so",
    ]
    file.write_text('include = ["more.toml"]\n' + TOML)
    (file.parent / "more.toml").write_text('[[groups]]\nid = "tuin"\nwords = ["boom"]\n')
    done = postkamer("check", "--config", file, env={"POSTKAMER_LOG_LEVEL": "info"})
    assert done.output.splitlines()[-3:-1] == [
        f"checked: {file} and 1 other file: {ENTRIES}, 1 group of words",
        f"not checked: {SECRETS}",
    ]


def test_configuration_must_be_named_and_is_checked_alone_without_an_environment(
    file: Path,
) -> None:
    unset = dict.fromkeys([name for name in os.environ if name.startswith("POSTKAMER_")])
    done = postkamer("check", "--config", file, env=unset)
    reason = "which has no POSTKAMER_ variable"
    assert done.output.splitlines()[-2:] == [f"not checked: {SECRETS}, {reason}", NOTHING.strip()]
    for env in (unset, unset | {"POSTKAMER_LOG_LEVEL": "info"}, unset | {"POSTKAMER_CONFIG": ""}):
        done = postkamer("check", env=env)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("POSTKAMER_CONFIG: is missing")
    done = postkamer("check", env=unset | {"POSTKAMER_CONFIG": str(file)})
    assert (done.exit_code, "POSTKAMER_AMQP_URL: is missing" in done.output) == (1, True)


def test_faulty_installation_is_not_told_what_was_checked(file: Path) -> None:
    file.write_text(TOML.replace("https", "ftp"))
    assert "checked" not in postkamer("check", "--config", file).output


@pytest.mark.slow
def test_shipped_example_has_no_faults() -> None:
    done = postkamer("check", "--config", EXAMPLE)
    assert done.exit_code == 0, done.output


def test_texts_are_printed_as_they_are_read(file: Path) -> None:
    done = postkamer("check", "--texts", "--json", "--config", EXAMPLE)
    texts = {(each["language"], each["id"]): each for each in json.loads(done.stdout)}
    assert len(texts) == 7 * len({id for _, id in texts}) == 7 * 24
    assert not [each for each in texts.values() if set("{}") & set(each["text"])]
    assert texts["nl", "doorgestuurd"]["tenant"] == "voorbeeldstad"
    assert texts["nl", "doorgestuurd"]["text"].startswith("Uw vraag is nu bij Burgerzaken.")
    assert texts["tr", "eerste_contact"]["text"].startswith("Voorbeeldstad Belediyesi WhatsApp")
    shown = postkamer("check", "--texts", "--config", EXAMPLE).stdout
    assert "==> en bestand (voorbeeldstad) <==\nWe cannot open your file." in shown
    file.write_text(file.read_text().replace('fallback = "kcc"', 'fallback = "x"', 1))
    refused = postkamer("check", "--texts", "--config", file)
    assert (refused.exit_code, refused.stdout) == (1, "")


def test_large_municipality_has_no_faults_and_no_warnings(tmp_path: Path) -> None:
    for name, text in large_municipality(200, 1000).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = postkamer("check", "--config", tmp_path / "postkamer.toml")
    assert done.exit_code == 0
    assert done.output.startswith("checked: ") and done.output.endswith(NOTHING)


def test_faults_of_file_secrets_and_settings_are_reported_at_once(file: Path) -> None:
    env = {"POSTKAMER_CONFIG": str(file), "POSTKAMER_ARCHIVE_KEY": "hunter2"}
    done = postkamer("check", "--json", env=env)
    missing = ("AMQP_URL", "API_TOKENS", "DATABASE_URL", "META_ACCESS_TOKEN", "META_APP_SECRETS")
    missing += ("META_GRAPH_URL", "META_VERIFY_TOKEN", "OBJECT_STORE", "WORKING_KEY")
    key = "POSTKAMER_ARCHIVE_KEY: expected 32 bytes in base64"
    of_settings = sorted([*(f"POSTKAMER_{name}: is missing" for name in missing), key])
    faults = ["CRM_SECRET (destination crm): is missing", *of_settings]
    assert (done.exit_code, json.loads(done.stdout)) == (
        1,
        {"faults": faults, "warnings": [], "checked": []},
    )
    file.write_text(
        TOML.replace('destination = "crm"', 'destination = "x"').replace("https", "ftp")
    )
    done = postkamer("check", env=env)
    assert done.exit_code == 1
    for fault in (
        f"{file}:33: destination crm: url: ",
        f"{file}:19: department kcc: destination: there is no destination",
        *faults,
    ):
        assert f"fault: {fault}" in done.stdout
    assert done.stdout.endswith("15 faults, 0 warnings\n")


def test_check_of_a_named_file_looks_for_no_secret_and_no_certificate(file: Path) -> None:
    install(file, 'client_certificate = "crm.pem"\n')
    assert postkamer("check", "--config", file).output.endswith(NOTHING)
    file.write_text(TOML.replace("https", "ftp"))
    assert postkamer("check", "--config", file).stdout.endswith("1 fault, 0 warnings\n")


def test_wrong_name_of_a_secret_is_one_fault(file: Path) -> None:
    env = install(file)
    file.write_text(TOML.replace("env:CRM_SECRET", "env:"))
    done = postkamer("check", env=env)
    assert done.stdout.endswith("1 fault, 0 warnings\n")
    assert f"{file}:34: destination crm: secret: " in done.stdout


def test_cross_reference_fault_hides_no_fault_of_words_or_texts(file: Path) -> None:
    wrong = TOML.replace('fallback = "kcc"', 'fallback = "x"', 1).replace(
        '"grof vuil"]', '"gr*of", "*"]\ngroups = ["tuin"]\nreply = "weg"'
    )
    add_texts(file, "", wrong)
    texts = file.parent / "texts/nl.toml"
    texts.write_text('owner = "KCC"\nversion = "1"\n')
    faults = json.loads(postkamer("check", "--config", file, "--json").stdout)["faults"]
    assert [fault for fault in faults if fault.startswith(f"{file}:")] == [
        f"{file}:11: number 10000001: fallback: 'almelo' has no department 'x'",
        f"{file}:38: rule afval: words.1: 'gr*of': A star stands for the rest of a word:"
        " at its end or at its start, outside quotes",
        f"{file}:38: rule afval: words.2: '*': There is no word or emoji in it",
        f"{file}:39: rule afval: groups: there is no group 'tuin'",
        f"{file}:40: rule afval: reply: there is no text 'weg'",
    ]
    assert f"{texts}:0: gesloten: is not there" in faults


@pytest.mark.parametrize(
    "asks",
    [
        "Geef uw BSN, dan zoeken wij het op.",
        "Stuur ons een foto van uw paspoort.",
        "Wat is uw burgerservicenummer?",
    ],
)
def test_template_that_asks_for_sensitive_data_is_a_fault(file: Path, asks: str) -> None:
    add_texts(file, f'\n[sjabloon]\ntext = "{asks} Of mail ons."\nbuttons = ["Ja", "Nee"]\n')
    done = postkamer("check", "--config", file)
    assert done.exit_code == 1
    assert f"sjabloon.text: asks for what may not go by WhatsApp: {asks}" in done.stdout


def test_value_or_menu_that_asks_for_sensitive_data_is_a_fault(file: Path) -> None:
    options = (
        '{id = "a", title = "Geef uw BSN", reply = "uitleg"}',
        '{id = "b", title = "Medewerker", description = "App uw BSN", department = "kcc"}',
        '{id = "c", title = "Afval", reply = "uitleg"}',
        '{id = "d", title = "Groen", reply = "uitleg"}',
    )
    menu = f'[[menus]]\nid = "m"\noptions = [{", ".join(options)}]\n'
    values = '[tenants.values]\nhulp = "Wij helpen niet. Geef eerst uw BSN door."\n[[numbers]]'
    config = TOML.replace("[[numbers]]", values, 1) + menu
    add_texts(file, '\n[uitleg]\ntext = "Wilt u hulp? {hulp}"\n', config)
    done = postkamer("check", "--config", file)
    for fault in (
        "uitleg.text: asks for what may not go by WhatsApp: {hulp}",
        "menu m: option 'Geef uw BSN' asks for what may not go by WhatsApp",
        "menu m: what stands under 'Medewerker' asks for what may not go by WhatsApp",
    ):
        assert fault in done.stdout


def test_warnings_have_file_and_line_and_are_no_faults(file: Path) -> None:
    file.write_text(
        'include = ["more.toml"]\n'
        + TOML
        + '[[rules]]\nid = "b"\nwords = ["boom", "Áfval"]\ndepartment = "groen"\n'
        + '[[destinations]]\nid = "x"\nkind = "cloudevents"\nurl = "http://crm.example/"\n'
    )
    more = file.parent / "more.toml"
    more.write_text('\n[[rules]]\nid = "c"\ntypes = ["brief"]\ntag = ["post"]\n')
    done = postkamer("check", "--config", file)
    warnings = [line for line in done.stdout.splitlines() if "checked: " not in line]
    assert (done.exit_code, warnings) == (
        0,
        [
            f"warning: {more}:2: rule c never holds: Meta has no type of message brief",
            f"warning: {file}:42: rule b: 'Áfval' never counts, rule afval fits first",
            f"warning: {file}:47: destination x: its url is not https",
            "0 faults, 3 warnings",
        ],
    )


def test_missing_certificates_and_secrets_are_reported_with_file_and_line(file: Path) -> None:
    env = install(file, f'client_certificate = "crm.pem"\nclient_key = "env:CRM_KEY"\n{OAUTH}')
    env |= {"POSTKAMER_PLAIN_HOSTS": "id.example"}
    end = [
        f"warning: {file}:38: destination crm: its token_url is not https",
        "2 faults, 1 warning",
    ]
    assert postkamer("check", env=env).output.splitlines() == [
        "fault: CRM_OAUTH: is missing (client_secret of destination crm)",
        f"fault: {file}:36: destination crm: client_key: CRM_KEY is missing",
        *end,
    ]
    missing = "cannot be read: No such file or directory"
    done = postkamer("check", env=env | {"CRM_OAUTH": "x", "CRM_KEY": "crm.key"})
    assert done.output.splitlines() == [
        f"fault: {file}:35: destination crm: client_certificate: {file.parent}/crm.pem {missing}",
        f"fault: {file}:36: destination crm: client_key: {file.parent}/crm.key {missing}",
        *end,
    ]


def test_faults_of_the_file_hide_no_fault_of_its_certificates(file: Path) -> None:
    env = install(file, f'certificate_authorities = "ca.pem"\nwindow = 0\n{OAUTH}')
    done = postkamer("check", env=env)
    for fault in (
        "token_url (destination crm): id.example: another machine",
        f"{file}:36: destination crm: window: ",
        "CRM_OAUTH: is missing (client_secret of destination crm)",
        "certificate_authorities (destination crm): ",
    ):
        assert f"fault: {fault}" in done.output
    assert done.output.endswith("4 faults, 0 warnings\n")


@pytest.mark.parametrize(("days", "words"), [(-31, ""), (-29, "expires on"), (1, "expired on")])
def test_certificate_that_ends_soon_is_a_warning(file: Path, days: int, words: str) -> None:
    own = Authority(file.parent / "tls", "ca").issued("crm", 100)
    env = install(file, 'client_certificate = "tls/crm.pem"\nclient_key = "tls/crm.key"\n')
    end = clock.now() + timedelta(days=100)
    result = check(file, env, end + timedelta(days=days), settings_too=True)
    warning = f"{file}:35: destination crm: its client certificate {words} {end:%Y-%m-%d}"
    assert (result.faults, result.warnings) == ([], [warning] if words else [])
    assert own.key.read_text() not in str(result)


def test_servers_of_other_machines_without_tls_are_faults(file: Path) -> None:
    elsewhere = {
        "POSTKAMER_AMQP_URL": "amqp://u:hunter2@mq1.example/postkamer",
        "POSTKAMER_DATABASE_URL": "postgresql://u:hunter2@pg1.example/postkamer?sslmode=require",
        "POSTKAMER_BROKER_MANAGEMENT_URL": "http://u:hunter2@mq1.example:15672",
        "POSTKAMER_SCANNER_URL": "tcp://clamd.example:3310",
    }
    done = postkamer("check", env=install(file) | elsewhere)
    faults = [line for line in done.stdout.splitlines() if "another machine" in line]
    assert [line.split(": ")[1:3] for line in faults] == [
        ["POSTKAMER_AMQP_URL", "mq1.example"],
        ["POSTKAMER_BROKER_MANAGEMENT_URL", "mq1.example"],
        ["POSTKAMER_DATABASE_URL", "pg1.example"],
        ["POSTKAMER_SCANNER_URL", "clamd.example"],
    ]
    assert done.exit_code == 1 and "hunter" not in done.stdout
    named = {"POSTKAMER_PLAIN_HOSTS": "mq1.example,pg1.example,clamd.example"}
    assert postkamer("check", env=install(file) | elsewhere | named).exit_code == 0
    gone = elsewhere["POSTKAMER_AMQP_URL"].replace("amqp:", "amqps:") + "?cafile=/gone.pem"
    done = postkamer("check", env=install(file) | elsewhere | named | {"POSTKAMER_AMQP_URL": gone})
    assert "POSTKAMER_AMQP_URL: the file of authorities cannot be read" in done.stdout
    assert done.exit_code == 1


def test_token_of_the_environment_without_departments_is_a_warning(file: Path) -> None:
    env = install(file) | {"POSTKAMER_API_TOKENS": "crm@almelo:d,desk@almelo/*:e"}
    done = postkamer("check", "--json", env=env)
    [warning] = [each for each in json.loads(done.stdout)["warnings"] if "token " in each]
    assert warning == (
        "token crm@almelo: it names no department, so it reads all of them, confidential ones too;"
        " write crm@almelo/*:... instead of crm@almelo:..., or crm@almelo/DEPARTMENT+DEPARTMENT:..."
    )


TEST = '[[tests]]\ntenant = "almelo"\ntable = "tabel.csv"\nat_least = 0.5\n'


def test_rules_below_a_table_of_messages_are_a_fault(file: Path) -> None:
    file.write_text(TOML + TEST)
    table = file.with_name("tabel.csv")
    table.write_text("text;department\ngrof vuil;kcc\nafval;groen\n")
    done = postkamer("check", "--config", file)
    assert done.exit_code == 0 and f"{ENTRIES}, 1 table of messages\n" in done.output
    for text, fault in (
        ("hoi;groem", "4: department: there is no such department: did you mean 'groen'?"),
        ("hoi;kcc", "wrong are 2 of 3 of kcc"),
    ):
        table.write_text(f"text;department\ngrof vuil;kcc\nafval;kcc\n{text}\n")
        for done in (
            postkamer("check", "--config", file),
            postkamer("rules", "approve", "--config", file, "--by", "S. Jansen"),
        ):
            assert done.exit_code == 1
            assert f"{table}:" in done.output and fault in done.output
