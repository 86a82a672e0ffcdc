"""Tables that a configuration names: rules that fall below one are refused, with a sentence."""

from pathlib import Path

import pytest

from router.table_gate import validate_by_tables
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from tests.support.cli.command_line import TOML

TEST = '[[tests]]\ntenant = "almelo"\ntable = "tabel.csv"\nat_least = {}\n'
ROWS = "text;department\ngrof vuil;groen\nafval;groen\nvraag;kcc\nboom;groen\n"


def load(folder: Path, more: str = TEST.format(0.76), rows: str = ROWS) -> LoadedConfig:
    (folder / "tabel.csv").write_text(rows)
    (folder / "postkamer.toml").write_text(TOML + more)
    return loader.load(folder / "postkamer.toml")


def faults(loaded: LoadedConfig, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        validate_by_tables(loaded, folder)
    return [str(fault).removeprefix(f"{folder}/") for fault in raised.value.faults]


def test_rules_that_reach_their_table_are_accepted(tmp_path: Path) -> None:
    for at_least in (0.75, 0.01):
        loaded = load(tmp_path, TEST.format(at_least))
        assert validate_by_tables(loaded, tmp_path) is loaded


def test_rules_below_a_table_are_refused_with_counts_alone(tmp_path: Path) -> None:
    assert faults(load(tmp_path), tmp_path) == [
        "tabel.csv:0: test of almelo: 3 of 4 messages (75 %) go to their department,"
        " and 76 % must: wrong are 1 of 3 of groen"
    ]


def test_faults_of_all_tables_are_told_at_once_and_quote_no_message(tmp_path: Path) -> None:
    more = TEST.format(0.9) + TEST.format(1).replace("tabel", "weg") + TEST.format(0.76)
    rows = "text;department\nkcc;mijn buurman\n;kcc\n"
    assert faults(load(tmp_path, more, rows), tmp_path) == [
        "tabel.csv:2: department: there is no such department",
        "tabel.csv:2: department: there is no such department",
        "tabel.csv:3: text: is empty",
        "tabel.csv:3: text: is empty",
        "weg.csv:0: test of almelo: cannot be read: No such file or directory",
    ]


def test_table_of_a_municipality_without_a_number_cannot_be_judged(tmp_path: Path) -> None:
    hengelo = '[[tenants]]\nid = "hengelo"\nname = "Gemeente Hengelo"\n'
    loaded = load(tmp_path, hengelo + TEST.format(0.5).replace("almelo", "hengelo"))
    [fault] = faults(loaded, tmp_path)
    assert fault.endswith(
        "test of hengelo: the municipality has no number, so no message can be judged"
    )


def test_version_has_no_table_in_its_files(tmp_path: Path) -> None:
    one = load(tmp_path)
    other = load(tmp_path, rows=ROWS + "puin;groen\n")
    assert (other.version, [*other.files]) == (one.version, ["postkamer.toml"])
    (tmp_path / "tabel.csv").unlink()
    assert loader.load(tmp_path / "postkamer.toml").version == one.version


@pytest.mark.parametrize("table", ["../tabel.csv", "/etc/hostname", "link.csv", "a\\u0000.csv"])
def test_table_elsewhere_is_refused(tmp_path: Path, table: str) -> None:
    (tmp_path / "link.csv").symlink_to("/etc/hostname")
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, TEST.format(0.5).replace("tabel.csv", table))
    [fault] = raised.value.faults
    assert (fault.line, fault.place) == (41, "test: table")
    assert fault.what.endswith("is no place beside this file: it is named from here")


def test_test_of_an_unknown_municipality_or_in_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tenant: there is no tenant 'almalo': did you mean"):
        load(tmp_path, TEST.format(0.5).replace("almelo", "almalo"))
    (tmp_path / "rules.toml").write_text(TEST.format(0.5))
    (tmp_path / "postkamer.toml").write_text('include = ["rules.toml"]\n' + TOML)
    with pytest.raises(ConfigError, match="who changes rules does not lower what they must reach"):
        loader.load(tmp_path / "postkamer.toml")
