"""The pages for newcomers name settings, fields, metrics, events and addresses that exist."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from router.handlers.account_event import ACCOUNT_HANDLERS, ALARMS, NUMBER_HANDLERS
from router.handlers.meta_vocabulary import FIELDS
from services import metrics
from services.config.numbers import Number

ROOT = Path(__file__).parents[3]
FIRST_DAY, TROUBLESHOOTING = "docs/operators/first-day.md", "docs/operators/troubleshooting.md"
DECISIONS, SUPPORT = "docs/municipality/besluiten.md", "SUPPORT.md"
PRODUCT = ("services", "gateway", "router", "deliverer", "archiver")
each = pytest.mark.parametrize("page", [FIRST_DAY, TROUBLESHOOTING])


def read(page: str) -> str:
    return (ROOT / page).read_text()


def section(page: str, heading: str) -> str:
    return read(page).split(f"## {heading}\n")[1].split("\n## ")[0]


def names_in(text: str, pattern: str) -> set[str]:
    return {*re.findall(rf"`({pattern})`", text)}


def test_first_day_lists_the_webhook_fields_that_postkamer_acts_on() -> None:
    rows = re.findall(r"^\| (`.*?) \|", section(FIRST_DAY, "Webhook fields"), re.MULTILINE)
    listed = names_in(" ".join(rows), "[a-z_]+")
    assert listed <= FIELDS
    assert listed >= {"messages", *ALARMS, *ACCOUNT_HANDLERS, *NUMBER_HANDLERS}


def test_first_day_shows_a_number_that_the_configuration_accepts() -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```", read(FIRST_DAY), re.MULTILINE | re.DOTALL)
    [number] = tomllib.loads(shown)["numbers"]
    assert Number.model_validate(number).waba


@each
def test_page_names_only_metrics_and_alarms_that_exist(page: str) -> None:
    known = {metric.name for metric in metrics.REGISTRY.collect()}
    named = {*re.findall(r"\bpostkamer_[a-z_]+", read(page))}
    assert {name.removesuffix("_total") for name in named} - known == set()
    groups = yaml.safe_load(read("deploy/prometheus/rules.yml"))["groups"]
    alarms = {rule["alert"] for group in groups for rule in group["rules"]}
    assert names_in(read(page), r"Postkamer[A-Z]\w+") <= alarms


@each
def test_page_names_only_log_events_that_exist(page: str) -> None:
    sources = "".join(path.read_text() for top in PRODUCT for path in (ROOT / top).rglob("*.py"))
    events = names_in(read(page), r"[a-z]+\.[a-z_]+") - {"postkamer.toml"}
    assert len(events) > 1
    assert {event for event in events if f'"{event}"' not in sources} == set()


@each
def test_page_names_only_variables_that_are_documented(page: str) -> None:
    documented = read("README.md") + read("docs/integrators/sandbox.md")
    assert {v for v in re.findall(r"POSTKAMER_\w+", read(page)) if v not in documented} == set()


def test_decisions_name_only_settings_that_exist() -> None:
    settings = read("docs/municipality/settings.md") + read("docs/operators/numbers.md")
    named = names_in(section(DECISIONS, "Wat u besluit"), "[a-z_]+")
    assert len(named) > 10
    assert {n for n in named if not re.search(rf"(`|^){n}\b", settings, re.MULTILINE)} == set()


@pytest.mark.parametrize("page", ["README.md", "docs/README.md", "SECURITY.md", TROUBLESHOOTING])
def test_page_says_whom_to_write_to(page: str) -> None:
    assert "SUPPORT.md" in read(page)


def test_support_page_says_who_maintains_postkamer() -> None:
    maintenance = yaml.safe_load(read("publiccode.yml"))["maintenance"]["type"]
    assert f"`maintenance` in `publiccode.yml` says `{maintenance}`" in read(SUPPORT)
