"""Faults of all files at once, and none that only follows from another."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.check.check import check
from services.config.loader import LoadedConfig, load, load_without_rules
from services.config.model import ConfigError
from services.config.reload import WatchedFiles
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_strategies import NOW

FOLDER = Path(__file__).parents[4] / "deploy/examples/voorbeeldstad/texts"
MENUS = """\
[[menus]]
id = "onderwerp"
options = [{id = "a", title = "Medewerker", department = "groen"}]
"""
GROUPED = '[[rules]]\nid = "g"\ngroups = ["tuin"]\ndepartment = "bomen"\nreply = "uitleg"\n'


def refusal(load: Callable[[Path], LoadedConfig], path: Path) -> str:
    """Return all faults for which a service refuses the files, '' for none."""
    try:
        load(path)
    except ConfigError as error:
        return str(error)
    return ""


def faults_of(folder: Path, first: str, **files: str) -> list[str]:
    """File, line and sentence of each fault; `a__b` is the file a/b.toml."""
    for name, text in {"postkamer": first, **files}.items():
        file = folder / f"{name.replace('__', '/')}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    path = folder / "postkamer.toml"
    assert refusal(load, path) == refusal(load_without_rules, path)
    found = check(folder / "postkamer.toml", {}, NOW, settings_too=False)
    return [fault.removeprefix(f"{folder}/") for fault in found.faults]


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ('[[rules]]\nid = "r"\nhold = true\nwords = ["a", ""]\n', "rule r: words.1"),
        ('[[rules]]\nid = "r"\nhold = true\npattern = "(a"\n', "rule r: pattern"),
        (
            '[[rules]]\nid = "r"\nhold = true\nall = [{pattern = "a{9999}"}]\n',
            "rule r: all.0.pattern",
        ),
        ('[[rules]]\nid = "r"\nwords = ["a"]\n', "rule r"),
        ('[[rules]]\nid = "r"\nwords = ["a"]\ndepartment = "bomen"\n', "rule r: department"),
        ('[[rules]]\nid = "r"\nhold = true\nword = ["a"]\n', "rule r: word"),
        ('[[care]]\nid = "c"\nkind = "threat"\nwithout = ["a", 1]\n', "care rule c: without.1"),
        ('[[groups]]\nid = "g"\nwords = ["a", ""]\n', "group g: words.1"),
        (
            '[[groups]]\nid = "g"\nwords = ["a"]\n[[groups]]\nid = "g"\nwords = ["b"]\n',
            "group g: id",
        ),
        ("[groups]\n", "groups"),
    ],
)
def test_service_that_decides_nothing_refuses_the_rules_that_the_router_refuses(
    tmp_path: Path, entry: str, place: str
) -> None:
    path = tmp_path / "postkamer.toml"
    path.write_text(TOML + entry)
    refused = refusal(load_without_rules, path)
    assert f": {place}: " in refused
    assert refused == refusal(load, path)


def test_service_that_decides_nothing_keeps_no_words() -> None:
    path = FOLDER.parent / "postkamer.toml"
    whole, kept = load(path), load_without_rules(path)
    assert whole.config.rules and whole.config.care and whole.config.groups
    assert kept.version == whole.version
    assert (kept.config.rules, kept.config.care, kept.config.groups) == ((), (), ())
    assert (kept.texts.languages, kept.files, kept.sources) == ({}, {}, ())
    dropped = {"rules": (), "care": (), "groups": ()}
    assert kept.config == whole.config.model_copy(update=dropped)


BACKWARD = "[[closings]]\nfirst = 2026-12-25\nlast = 2026-12-24\n"
NOT_BESIDE = "is no place beside this file: it is named from here"
BROKEN = '[[rules]]\nid = "x"\nwords = = 1\n'
NO_TOML = "a.toml:3: words: a value is missing here, or it has a sign too many"


@pytest.mark.parametrize(
    ("first", "files", "found"),
    [
        # An unreadable file may hold anything: nothing of it is reported as missing.
        ('include = ["a.toml"]\n' + TOML + GROUPED, {}, ["1: include: there is no file 'a.toml'"]),
        ('include = ["a.toml"]\n' + TOML + GROUPED, {"a": BROKEN}, [NO_TOML]),
        ('include = ["b.toml", "c.toml"]\n', {"b": TOML},
         ["1: include: there is no file 'c.toml'"]),
        # Certain faults of other files are reported beside it.
        ('include = ["a.toml", "b.toml", "c.toml"]\n' + TOML.replace("https", "ftp"),
         {"a": BROKEN, "b": '[[rules]]\nid = "y"\nwords = ["a*b"]\nhold = true\n'},
         ["1: include: there is no file 'c.toml'",
          "34: destination crm: url: expected an address that begins with https:// or http://",
          NO_TOML,
          "b.toml:3: rule y: words.0: 'a*b': A star stands for the rest of a word:"
          " at its end or at its start, outside quotes"]),
        (TOML + BROKEN + MENUS + BROKEN + BACKWARD, {},
         ["41: words: a value is missing here, or it has a sign too many"]),
        (TOML + "id = 2\n[tenants]\n", {}, None),
        # Neither is a department that has no form, nor a text.
        (TOML.replace('name = "Openbare ruimte"', "name = 7") + MENUS, {},
         ["23: department groen: name: expected a text in quotes",
          "39: menu onderwerp: text: there is no text 'keuze'"]),
        ('texts = "texts"\n' + TOML + GROUPED, {"texts__nl": "a = = 1\n"},
         ["42: rule g: groups: there is no group 'tuin'",
          "43: rule g: department: there is no department 'bomen'",
          "texts/nl.toml:1: a: a value is missing here, or it has a sign too many"]),
        (TOML + MENUS + "[[menus]]\nid = ['a']\n", {}, None),
        ("texts = 7\n" + TOML + MENUS, {}, ["1: texts: expected a text in quotes"]),
        # Files that are not beside the first one.
        (f'include = ["{FOLDER.parent}/*.toml"]\n' + TOML, {},
         [f"1: include: '{FOLDER.parent}/*.toml' {NOT_BESIDE}"]),
        (f'texts = "{FOLDER}"\n' + TOML, {}, [f"1: texts: '{FOLDER}' {NOT_BESIDE}"]),
        ('texts = "a\\u0000"\n' + TOML, {}, None),
        ('include = ["a\\u0000"]\n' + TOML, {}, None),
    ],
)  # fmt: skip
def test_check_reports_every_fault_of_all_files_and_no_consequence_of_one(
    tmp_path: Path, first: str, files: dict[str, str], found: list[str] | None
) -> None:
    got = faults_of(tmp_path, first, **files)
    want = None if found is None else [
        f if ".toml:" in f else f"postkamer.toml:{f}" for f in found
    ]  # fmt: skip
    assert got and (want is None or sorted(got) == sorted(want))


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("include", "../*.toml"),
        ("include", "rules/../../other/x.toml"),
        ("include", "../other/x.toml"),
        ("include", "link.toml"),
        ("texts", "../other/texts"),
        ("texts", "rules/../../other/texts"),
        ("texts", "linked"),
    ],
)
def test_nothing_is_read_from_outside_the_folder_of_the_configuration(
    tmp_path: Path, setting: str, name: str
) -> None:
    town, other = tmp_path / "town", tmp_path / "other"
    for folder in (town / "rules", other / "texts"):
        folder.mkdir(parents=True)
    for file in (tmp_path / "x.toml", other / "x.toml"):
        file.write_text("")
    (other / "texts" / "nl.toml").write_text((FOLDER / "nl.toml").read_text())
    (town / "link.toml").symlink_to(other / "x.toml")
    (town / "linked").symlink_to(other / "texts")
    value = f'["{name}"]' if setting == "include" else f'"{name}"'
    [fault] = faults_of(town, f"{setting} = {value}\n{TOML}")
    assert fault == f"postkamer.toml:1: {setting}: {name!r} {NOT_BESIDE}"


def test_folder_that_is_reached_by_links_is_one_place(tmp_path: Path) -> None:
    """Kubernetes mounts a ConfigMap so."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "x.toml").write_text("")
    (tmp_path / "..2026" / "postkamer.toml").write_text(f'include = ["*x.toml"]\n{TOML}')
    (tmp_path / "..data").symlink_to("..2026")
    for name in ("x.toml", "postkamer.toml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    assert load(tmp_path / "postkamer.toml").files.keys() == {"postkamer.toml", "x.toml"}


@pytest.mark.parametrize(
    "address",
    ["https://crm:hunter2@crm.example/events", "https://hunter2@crm.example/", "http://:@x/"],
)
@pytest.mark.parametrize(
    ("before", "setting"),
    [
        ("https://crm.example/events", "{}"),
        (
            'secret = "env:CRM_SECRET"',
            'secret = "env:CRM_SECRET"\noauth = {{token_url = "{}", client_id = "x",'
            ' client_secret = "env:A"}}',
        ),
        ('[[destinations]]', '[[destinations]]\nid = "ok"\nkind = "openklant"\nurl ='
         ' "https://ok.example"\nlink = "{}"\n[[destinations]]'),
        ('[[destinations]]', '[[destinations]]\nid = "ok"\nkind = "openklant"\nurl ='
         ' "https://ok.example"\ncases_url = "{}"\n[[destinations]]'),
        ('[[destinations]]', '[[destinations]]\nid = "ok"\nkind = "openklant"\nurl ='
         ' "https://ok.example"\nobjects_url = "{}"\nobjects_secret = "env:B"\n[[destinations]]'),
        ('[[numbers]]', '[[numbers]]\ngraph_url = "{}"'),
    ],
)  # fmt: skip
def test_address_with_a_password_is_refused_and_not_repeated(
    tmp_path: Path, address: str, before: str, setting: str
) -> None:
    found = faults_of(tmp_path, TOML.replace(before, setting.format(address), 1))
    assert any("no user name or password" in fault for fault in found), found
    assert "hunter2" not in "".join(found)


def test_mail_server_with_a_password_is_refused(tmp_path: Path) -> None:
    mail = (
        '\n[[destinations]]\nid = "m"\nkind = "mail"\nurl = "smtps://u:hunter2@mail.example"\n'
        'to = ["a@x.example"]\nsender = "b@x.example"\n'
    )
    [fault] = faults_of(tmp_path, TOML + mail)
    assert "no user name or password" in fault and "hunter2" not in fault


def test_missing_file_hides_no_fault_of_the_texts(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    nl = (FOLDER / "nl.toml").read_text()
    (tmp_path / "texts" / "nl.toml").write_text(nl + '\n[vraag]\ntext = "Wat is uw BSN?"\n')
    found = faults_of(tmp_path, 'texts = "texts"\ninclude = ["weg.toml"]\n' + TOML)
    assert [f for f in found if "weg.toml" in f] == [
        "postkamer.toml:2: include: there is no file 'weg.toml'"
    ]
    assert [f for f in found if "vraag.text: asks for what may not go by WhatsApp" in f]


ODD = st.recursive(
    st.sampled_from(
        [True, -1, 10**30, 0.5, float("nan"), "", "a", "x" * 300, "a\x00", "*", "é", "terug"]
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
FIELDS: dict[str, list[str]] = {
    "tenants": ["id", "name", "menu", "care", "values", "automatic"],
    "numbers": ["id", "tenant", "fallback", "previous", "phone_number_id", "secrets"],
    "departments": ["id", "tenant", "name", "destination", "hours", "when_closed", "escalate_to"],
    "destinations": ["id", "kind", "url", "secret", "to", "client_certificate", "client_key",
                     "certificate_authorities", "oauth"],
    "menus": ["id", "tenant", "text", "options", "timeout_minutes"],
    "rules": ["id", "tenant", "department", "menu", "words", "groups", "pattern", "hours", "all",
              "any", "not", "states", "numbers", "reply", "tag", "referral", "choices"],
    "care": ["id", "kind", "words", "department", "without", "reply"],
    "groups": ["id", "words"],
    "closings": ["first", "last", "tenant", "departments", "hours"],
    "contacts": ["tenant", "tag", "phones"],
}  # fmt: skip
ENTRIES = "".join(
    (
        MENUS,
        '[[groups]]\nid = "tuin"\nwords = ["boom"]\n',
        '[[care]]\nid = "c"\nkind = "threat"\nwords = ["boos"]\n',
        "[[closings]]\nfirst = 2026-12-24\n",
        '[[contacts]]\ntenant = "borne"\ntag = "pers"\nphones = ["+31600000000"]\n',
    )
)


def as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\u{ord(c):04x}" if c < " " else c for c in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k} = {as_toml(v)}' for k, v in value.items())}}}"
    return str(value)


PLACES = st.sampled_from([(table, key) for table, keys in FIELDS.items() for key in keys])
TOPS = st.sampled_from(["include", "texts", "partitions", *FIELDS])


@pytest.mark.slow
@given(st.lists(st.tuples(PLACES, ODD), max_size=3), st.lists(st.tuples(TOPS, ODD), max_size=1))
def test_any_value_of_a_field_is_accepted_or_reported_as_a_fault(
    changes: list[tuple[tuple[str, str], Any]], tops: list[tuple[str, Any]]
) -> None:
    text = TOML + ENTRIES
    for (table, key), value in changes:
        text += f"[[{table}]]\n{key} = {as_toml(value)}\n"
        old = f"\n{key} = "
        at = text.find(old, text.index(f"[[{table}]]"))
        if at > 0:
            text = text[:at] + f"{old}{as_toml(value)}" + text[text.index("\n", at + 1) :]
    text = "".join(f"{key} = {as_toml(value)}\n" for key, value in tops) + text
    with TemporaryDirectory() as folder:
        path = Path(folder, "postkamer.toml")
        path.write_text(text)
        check(path, {}, NOW, settings_too=True)
        WatchedFiles(path).poll()
        try:
            assert load(path).config.rules
        except ConfigError as error:
            assert error.faults
            assert all(0 <= f.line <= text.count("\n") + 1 for f in error.faults)
