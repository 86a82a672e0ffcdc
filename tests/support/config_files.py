"""Small configurations, of one file and of two, that tests change as people do."""

from pathlib import Path

ONE_DEPARTMENT = """
[[tenants]]
id = "almelo"
name = "Gemeente Almelo"
[[numbers]]
id = "10000001"
tenant = "almelo"
fallback = "kcc"
[[departments]]
id = "kcc"
tenant = "almelo"
name = "Klantcontact"
destination = "crm"
[[destinations]]
id = "crm"
kind = "cloudevents"
url = "https://crm.example/events"
"""
TOML = f"""\
include = ["rules/*.toml"]
approved_by = "De secretaris"
{ONE_DEPARTMENT.strip()}
[[departments]]
id = "groen"
tenant = "almelo"
name = "Groen"
destination = "crm"
"""
RULE = """\
[[rules]]
id = "afval"
words = ["{}"]
department = "groen"
"""


def approved_rules(approved_by: str) -> str:
    return f'approved_by = "{approved_by}"\n{ONE_DEPARTMENT}'


def two_files(folder: Path) -> Path:
    """A configuration of two files."""
    (folder / "rules").mkdir()
    (folder / "rules" / "afval.toml").write_text(RULE.format("container"))
    path = folder / "postkamer.toml"
    path.write_text(TOML)
    return path


def replaced(file: Path, text: str) -> None:
    """Replace a file in one step, as an editor or a deployment does."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.replace(file)
