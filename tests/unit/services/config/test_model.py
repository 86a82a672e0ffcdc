"""Configuration of a municipality: every fault of the file at once, each with its line."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from services.config.loader import load
from services.config.model import ConfigError, Configuration, parse
from services.toml.errors import ConfigFault
from tests.support.example_count import example_count

GOOD = """\
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"

[[numbers]]
id = "106540352242922"
tenant = "almelo"
fallback = "kcc"

[[departments]]
id = "kcc"
tenant = "almelo"
name = "Klantcontactcentrum"
destination = "crm"

[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/events"
secret = "env:CRM_SECRET"

[[rules]]
id = "afval"
words = ["afval", "grof vuil"]
department = "kcc"
"""


def faults(text: str) -> list[ConfigFault]:
    with pytest.raises(ConfigError) as raised:
        parse(text, "p.toml")
    return raised.value.faults


def places(text: str) -> list[tuple[int, str]]:
    return [(fault.line, fault.where) for fault in faults(text)]


def test_configuration_finds_its_entries_by_id() -> None:
    config = parse(GOOD, "p.toml")
    assert config.partitions == 2
    assert config.number("106540352242922") is config.numbers[0]
    assert config.tenant("almelo") is config.tenants[0]
    assert config.department("almelo", "kcc") is config.departments[0]
    assert config.destination("crm") is config.destinations[0]
    assert config.number("106540352242923") is config.tenant("borne") is None
    assert config.department("borne", "kcc") is config.destination("other") is None


RULE = 'department = "kcc"'
MENU = """[[menus]]
id = 'm'
tenant = 'borne'
[[menus.options]]
id = 'terug'
title = 'Terug'
menu = 'm'
"""
# Text to replace, its replacement; line and place of the fault, words of its sentence.
WRONG = [
    ('name = "Gemeente Almelo"', "name = 7", 3, "tenants.0.name", "a text in quotes"),
    ('name = "Gemeente Almelo"', "", 1, "tenants.0.name", "is missing"),
    ('name = "Gemeente Almelo"', 'nmae = "x"', 1, "tenants.0.name", "is missing"),
    ('id = "almelo"', 'id = "Almelo!"', 2, "tenants.0.id", "small letters"),
    ('id = "106540352242922"', "id = 106540352242922", 6, "numbers.0.id", "a text in quotes"),
    ('fallback = "kcc"', 'fallback = "kc"', 8, "numbers.0.fallback", "no department 'kc'"),
    ('"almelo"\nfallback', '"borne"\nfallback', 7, "numbers.0.tenant", "no tenant 'borne'"),
    ('"almelo"\nname = "K', '"borne"\nname = "K', 12, "departments.0.tenant", "no tenant"),
    ('destination = "crm"', 'destination = "x"', 14, "departments.0.destination", "no dest"),
    ('name = "Gemeente Almelo"', 'name = " "', 3, "tenants.0.name", "is empty"),
    ('name = "Klant', f'name = "{"x" * 200}', 13, "departments.0.name", "at most 200"),
    ("[[tenants]]", "partitions = 0\n[[tenants]]", 1, "partitions", "1 or more"),
    ("[[tenants]]", f'approved_by = "{"x" * 201}"\n[[tenants]]', 1, "approved_by", "at most 200"),
    ('kind = "cloudevents"', 'kind = "pigeons"', 18, "destinations.0.kind", "cloudevents"),
    ('url = "https', 'url = "ftp', 19, "destinations.0.url", "begins with https"),
    ("env:CRM_SECRET", " env: ", 20, "destinations.0.secret", "name of a variable"),
    ('secret = "env:CRM_SECRET"', "window = 0", 20, "destinations.0.window", "1 or more"),
    ('secret = "env:CRM_SECRET"', "window = 513", 20, "destinations.0.window", "512 or less"),
    ('words = ["afval", "grof vuil"]', "words = []", 22, "rules.0", "must ask something"),
    ('words = ["afval", "grof vuil"]', 'words = ["a", 7]', 24, "rules.0.words.1", "in quotes"),
    ('"grof vuil"', '" "', 24, "rules.0.words.1", "is empty"),
    ('department = "kcc"', "", 22, "rules.0", "must name a department"),
    (RULE, f'{RULE}\npattern = "(a"', 26, "rules.0.pattern", "no pattern"),
    (RULE, f'{RULE}\npattern = "(?<=a)b"', 26, "rules.0.pattern", "no pattern"),
    (RULE, f'{RULE}\nhours = "Mo-Fr 25:00"', 26, "rules.0.hours", ""),
    (RULE, f'{RULE}\ngroups = ["x"]', 26, "rules.0.groups", "no group 'x'"),
    (RULE, f'{RULE}\nnumbers = ["x"]', 26, "rules.0.numbers", "no number 'x'"),
    (RULE, f'{RULE}\nmenu = "x"', 26, "rules.0.menu", "no menu 'x'"),
    (RULE, f'{RULE}\nall = [{{}}]', 26, "rules.0.all.0", "must ask something"),
    (RULE, f"{RULE}\nall = {'[{all = ' * 9}[]{'}]' * 9}", 22, "rules.0", "more than 8 deep"),
    (RULE, f'{RULE}\npriority = "highest"', 26, "rules.0.priority", "normal"),
    ('destination = "crm"', 'destination = "crm"\nwhen_closed = "kcc"', 15,
     "departments.0.when_closed", "back to itself"),
    ('destination = "crm"', 'destination = "crm"\nescalate_to = "x"', 15,
     "departments.0.escalate_to", "no department 'x'"),
    ('destination = "crm"', 'destination = "crm"\nhours = "Mo"', 15,
     "departments.0.hours", ""),
    ('name = "Gemeente Almelo"', 'name = "x"\nmenu = "x"', 4, "tenants.0.menu", "no menu 'x'"),
    ("[[rules]]", f"{MENU}[[rules]]", 26, "menus.0.options.0.id", "way back"),
    ("[[rules]]", f"{MENU}[[rules]]", 23, "menus.0.id", "back to itself"),
    (RULE, f"{RULE}\nmenu = 'm'\ntenant = 'almelo'\n{MENU}", 26, "rules.0.menu", "of another"),
    ('kind = "cloudevents"', 'kind = "mail"', 19, "destinations.0.url", "smtp"),
    ('kind = "cloudevents"', 'kind = "mail"', 16, "destinations.0.to", "is missing"),
    ('kind = "cloudevents"', 'kind = "fax"', 18, "destinations.0.kind", "one of 'cloudevents'"),
    ('kind = "cloudevents"', 'kind = 7', 18, "destinations.0.kind", "one of 'cloudevents'"),
    ('kind = "cloudevents"', "", 16, "destinations.0.kind", "is missing"),
    ('kind = "cloudevents"', 'kind = "cloudevents"\nlink = "x"', 19, "destinations.0.link",
     "no setting 'link' for the kind 'cloudevents'"),
    ('url = "https://crm.example/events"', 'url = "smtp://a.nl"', 19, "destinations.0.url",
     "begins with https"),
    ('department = "kcc"', 'department = "x"', 25, "rules.0.department", "no department 'x'"),
    ('department = "kcc"', 'department = "kcc"\ntenant = "x"', 26, "rules.0.tenant", "no tenant"),
    ("[[tenants]]", "[tenants]", 1, "tenants", "[[tenants]], with two brackets"),
    ("[[tenants]]", "partitions = 65\n[[tenants]]", 1, "partitions", "64 or less"),
    ("[[tenants]]", "nonsense = 1\n[[tenants]]", 1, "nonsense", "no setting 'nonsense'"),
    ("[[tenants]]", "[nonsense]\n[[tenants]]", 1, "nonsense", "no table 'nonsense'"),
    ("[[rules]]", "[[nonsense]]", 22, "nonsense", "no table 'nonsense'"),
]  # fmt: skip


MISNAMED = MENU.replace("id = 'm'", "id = 'menu'").replace("= 'm'", "= 'mneu'")
# Text to replace, its replacement, the sentence of the fault.
MISSPELT = [
    (RULE, 'departement = "kcc"', "there is no setting 'departement': did you mean 'department'?"),
    (RULE, f'{RULE}\nall = [{{wrds = ["a"]}}]',
     "there is no setting 'wrds': did you mean 'words'?"),
    ('name = "Gemeente Almelo"', 'name = "x"\nnight = "21-8"', "Write a night as in 21:00-08:00"),
    (RULE, f'{RULE}\n[[closings]]\nfirst = 2026-12-24\nhours = "9-12"',
     "Write the hours of a closing as in 09:00-12:00,13:00-15:00"),
    (RULE, f"{RULE}\nfoo = 1", "there is no setting 'foo'"),
    (RULE, f'{RULE}\ntexts = "texts"',
     "there is no setting 'texts': it belongs above the first [[table]] of postkamer.toml"),
    ("[[rules]]", "[[ruls]]", "there is no table 'ruls': did you mean [[rules]]?"),
    ("[[numbers]]", '[tenants.privcy]\ncontact = "x"\n[[numbers]]',
     "there is no setting 'privcy': did you mean 'privacy'?"),
    ("[[tenants]]", 'text = "texts"\n[[tenants]]',
     "there is no setting 'text': did you mean 'texts'?"),
    ("secret =", "secrt =",
     "there is no setting 'secrt' for the kind 'cloudevents': did you mean 'secret'?"),
    ("secret =", "sendr =", "there is no setting 'sendr' for the kind 'cloudevents'"),
    ('fallback = "kcc"', 'fallback = "kc"',
     "'almelo' has no department 'kc': did you mean 'kcc'?"),
    (RULE, 'department = "KCC"', "there is no department 'KCC': did you mean 'kcc'?"),
    (RULE, 'department = "parkeren"', "there is no department 'parkeren'"),
    ('destination = "crm"', 'destination = "crm"\ninstead_of = ["a"]\nwhen_closed = "a"',
     "there is no department 'a': 'kcc' is there instead of it"),
    ('destination = "crm"', 'destination = "crm"\ninstead_of = ["kcc"]',
     "'kcc' means the department 'kcc' already"),
    (RULE, f'{RULE}\ntenant = "almleo"', "there is no tenant 'almleo': did you mean 'almelo'?"),
    ('destination = "crm"', 'destination = "crm1"',
     "there is no destination 'crm1': did you mean 'crm'?"),
    (RULE, f'{RULE}\nnumbers = ["10654035224292"]',
     "there is no number '10654035224292': did you mean '106540352242922'?"),
    ("[[rules]]", f"{MISNAMED}[[rules]]",
     "there is no menu 'mneu': did you mean 'menu'?"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "sentence"), MISSPELT)
def test_misspelt_name_or_time_is_told_what_was_probably_meant(
    old: str, new: str, sentence: str
) -> None:
    assert old in GOOD
    assert sentence in [fault.what for fault in faults(GOOD.replace(old, new, 1))]


@pytest.mark.parametrize(("old", "new", "line", "where", "words"), WRONG)
def test_fault_is_reported_with_its_line_its_place_and_a_sentence(
    old: str, new: str, line: int, where: str, words: str
) -> None:
    assert old in GOOD
    found = faults(GOOD.replace(old, new, 1))
    assert (line, where) in [(fault.line, fault.where) for fault in found]
    assert [f for f in found if f.where == where and words in f.what], found


def test_partitions_and_window_are_accepted_at_their_bounds() -> None:
    for partitions, window in [(1, 1), (64, 512)]:
        text = f"partitions = {partitions}\n{GOOD}".replace("url", f"window = {window}\nurl", 1)
        config = parse(text, "p.toml")
        assert (config.partitions, config.destinations[0].window) == (partitions, window)
    assert parse(GOOD, "p.toml").destinations[0].window == 64


def test_fault_line_is_counted_as_editors_count_lines() -> None:
    """Only a line feed makes a line of TOML; U+2028 and others may stand within one."""
    text = "# \u2028\x85\u2029 in a comment\r\n" + GOOD.replace("\n", "\r\n")
    assert faults(text.replace('fallback = "kcc"', 'fallback = "x"'))[0].line == 9


def test_faults_of_form_and_of_references_are_reported_in_file_order() -> None:
    text = (
        GOOD.replace('fallback = "kcc"', 'fallback = "x"')
        .replace('destination = "crm"', 'destination = "x"')
        .replace('url = "https', 'url = "ftp')
        .replace('department = "kcc"', 'department = "y"')
    )
    text += '[[tenants]]\nid = "almelo"\nname = 7\n[[rules]]\nid = 7\nwords = []\ntenant = "z"\n'
    assert places(text) == [
        (8, "numbers.0.fallback"), (14, "departments.0.destination"), (19, "destinations.0.url"),
        (25, "rules.0.department"), (27, "tenants.1.id"), (28, "tenants.1.name"),
        (30, "rules.1.id"), (32, "rules.1.tenant"),
    ]  # fmt: skip
    missing = GOOD.replace('"crm"', '"CRM"').replace('name = "Gemeente Almelo"', "")
    lines = [line for line, _ in places(missing.replace('url = "https', 'url = "ftp'))]
    assert lines == [1, 17, 19]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('id = "almelo"', "", (1, "tenants.0.id")),
        ('id = "almelo"', "id = 7", (2, "tenants.0.id")),
        ('id = "almelo"', 'id = " almelo "\nx = 1', (3, "tenants.0.x")),
        ('id = "kcc"', "id = []", (11, "departments.0.id")),
        ('tenant = "almelo"\nname', "name", (10, "departments.0.tenant")),
        ('id = "crm"', "id = {}", (17, "destinations.0.id")),
        ("[[tenants]]", "[tenants]", (1, "tenants")),
        ("[[departments]]", "[departments]", (10, "departments")),
        (GOOD[GOOD.index("[[dest") : GOOD.index("[[rules")], "", (0, "destinations")),
        ("[[tenants]]", "tenants = []\n[[x]]", (1, "tenants")),
    ],
)
def test_unreadable_table_causes_no_fault_in_references_to_it(
    old: str, new: str, place: tuple[int, str]
) -> None:
    found = places(GOOD.replace(old, new, 1))
    assert place in found
    assert {where for _, where in found} <= {place[1], "x"}


def test_table_with_only_wrong_entries_is_not_reported_as_empty() -> None:
    text = GOOD.replace('kind = "cloudevents"', 'kind = "x"')
    text += '[[destinations]]\nid = "b"\nkind = "y"\nurl = "https://b.example/"\n'
    assert places(text) == [(18, "destinations.0.kind"), (28, "destinations.1.kind")]


def test_readable_destinations_are_returned_with_the_faults() -> None:
    text = GOOD.replace("https", "ftp") + "[[destinations]]\nid = 7\nsecret = 'env:X'\n"
    with pytest.raises(ConfigError) as raised:
        parse(text, "p.toml")
    assert raised.value.read
    found = [(one.id, one.secret) for one in raised.value.read.destinations]
    assert found == [("crm", "env:CRM_SECRET")]


@pytest.mark.parametrize("table", ["tenants", "numbers", "departments", "destinations", "rules"])
def test_second_entry_with_the_same_id_is_a_fault(table: str) -> None:
    start = GOOD.index(f"[[{table}]]")
    block = GOOD[start:].split("\n\n")[0]
    text = GOOD + "\n" + block
    [fault] = faults(text)
    assert fault.where == f"{table}.1.id"
    assert "second time" in fault.what
    assert fault.line == text.count("\n", 0, text.rindex(f"[[{table}]]")) + 2


def test_two_municipalities_may_have_a_department_of_the_same_id() -> None:
    second = GOOD.split("\n[[destinations]]")[0].replace("almelo", "borne")
    config = parse(GOOD + second.replace("106540352242922", "106540352242923"), "p.toml")
    assert len(config.departments) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0), ("\n\n[[tenants]\n", 3), ("[[tenants]]\nid = \n", 2), ("a = 1\na = 2\n", 2),
        ('a = "\\uD800"', 1), ("a = 1\0", 1), ("x = " + "[" * 5000, 0),
        ("x = " + "{a=" * 5000, 0), ("partitions = " + "9" * 5000, 0),
    ],
)  # fmt: skip
def test_invalid_toml_is_a_fault_with_its_line(text: str, line: int) -> None:
    assert line in [fault.line for fault in faults(text)]


TABLES = st.sampled_from([*"[]{}=.,'\"#\n\\", *GOOD.split(), *GOOD.split("\n"), "\u2028", "\x00"])
CHANGED = st.builds(
    lambda at, new, length: GOOD[:at] + new + GOOD[at + length :],
    st.integers(0, len(GOOD) - 1),
    st.sampled_from(["", *GOOD.split("\n"), "#", '"', "7"]),
    st.sampled_from([0, 1, 5]),
)


@how(max_examples=example_count(375))
@given(st.text() | st.lists(TABLES, max_size=30).map("".join) | CHANGED)
@example("tenants = [[]]\nnumbers = {}\n")
@example("[tenants.id]\n")
@example("[[tenants.id]]\n")
@example("tenants = 1979-05-27T07:32:00Z")
def test_any_text_is_a_configuration_or_has_faults(text: str) -> None:
    try:
        assert isinstance(parse(text, "p.toml"), Configuration)
    except ConfigError as error:
        assert error.faults and str(error).startswith("p.toml:")
        assert all(0 <= fault.line <= text.count("\n") + 1 for fault in error.faults)


def test_unreadable_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes("één".encode("latin-1"))
    (tmp_path / "folder").mkdir()
    for name in ("absent", "latin", "folder"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path / name)


def test_file_with_byte_order_mark_and_crlf_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "postkamer.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).config == parse(GOOD, "")


def test_faults_quote_no_secret_from_the_file() -> None:
    text = GOOD.replace('"env:CRM_SECRET"', "{ hidden = 'tiger' }").replace("https:", "tiger:")
    with pytest.raises(ConfigError) as raised:
        parse(text, "p.toml")
    assert "tiger" not in str(raised.value)
