"""The papers are true: what they name exists, what they show is what the code does."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click
import msgspec
import pytest
from click.testing import CliRunner

from cli.main import main
from cli.routing.explanation import explain
from cli.support.configuration import EXAMPLE
from deliverer.crm import response_policy
from deliverer.destinations.cloudevents import Event
from router.handlers import timer_fired
from router.output import crm_events
from sandbox.crm.receiver import CrmMode
from sandbox.openklant.modes import OpenKlantMode
from sandbox.settings import VARIABLES
from services.amqp import topology
from services.config import loader
from services.config.settings import (
    ArchiverSettings,
    DelivererSettings,
    GatewaySettings,
    RouterSettings,
    Settings,
)
from services.whatsapp.items import Message
from services.whatsapp.parser import parse, words

ROOT = Path(__file__).parents[3]
PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KINDS: list[type[Settings]] = [GatewaySettings, RouterSettings, DelivererSettings, ArchiverSettings]
PICTURE_BYTES = 400_000


def read(path: str) -> str:
    return (ROOT / path).read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def name_of(paper: Path) -> str:
    return str(paper.relative_to(ROOT))


def test_the_queues_in_the_architecture_are_drawn_from_the_table() -> None:
    shown = re.search(
        r"<!-- topology -->\n```text\n(.*?)\n```\n<!-- /topology -->",
        read("ARCHITECTURE.md"),
        re.DOTALL,
    )
    assert shown
    assert shown[1].split("\n") == topology.format_table(topology.queues(2, ["crm"]))


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and GitLab derive them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def is_resolved(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_relative_link_and_anchor_resolves(paper: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", paper.read_text())
    inside = [link for link in links if "://" not in link]
    assert [link for link in inside if not is_resolved(paper, link)] == []


def test_the_list_of_pages_has_every_page_once() -> None:
    folder = ROOT / "docs"
    listed = re.findall(r"^\| \[.*?\]\((\S+)\)", read("docs/README.md"), re.MULTILINE)
    pages = [path for path in folder.glob("*/*.md") if path.parent.name != "decisions"]
    assert sorted(listed) == sorted(str(page.relative_to(folder)) for page in pages)


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_file_that_is_named_exists(paper: Path) -> None:
    made_later = {"deploy/.env", ".local/environment"}
    named = re.findall(r"`([\w.][\w./-]*/[\w./-]*|\w+\.(?:md|toml|yml))`", paper.read_text())
    ours = {path.parts[0] for path in map(Path, named)} & {p.name for p in ROOT.iterdir()}
    missing = [
        path
        for path in named
        if Path(path).parts[0] in ours and path not in made_later and not (ROOT / path).exists()
    ]
    assert missing == []


def test_every_package_is_in_the_map() -> None:
    paper = read("ARCHITECTURE.md")
    folders = ("services", "gateway", "router", "deliverer", "archiver")
    inits = [init for folder in folders for init in (ROOT / folder).rglob("__init__.py")]
    packages = [str(init.parent.relative_to(ROOT)) for init in inits]
    assert len(packages) > 40
    named = [f"`{package}`" if "/" in package else f"`{package}/`" for package in packages]
    assert [name for name in named if name not in paper] == []


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_make_target_that_is_named_exists(paper: Path) -> None:
    targets = set(re.findall(r"^(\w+):.*## ", read("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (\w+)", paper.read_text(), re.MULTILINE))
    assert named <= targets


def commands(group: click.Command, before: str = "postkamer") -> Iterator[str]:
    yield before
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, f"{before} {name}")


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_every_command_that_is_named_exists_or_is_said_to_be_missing(paper: Path) -> None:
    known = set(commands(main)) | {"postkamer status"}  # docs/status.md: not there yet
    named = re.findall(r"(?:^|`)(?:\.venv/bin/)?(postkamer(?: [a-z]+)*)", paper.read_text(), re.M)
    assert set(named) - known == set()


@pytest.mark.parametrize("paper", PAPERS, ids=name_of)
def test_no_paper_knows_the_machine_that_it_was_written_on(paper: Path) -> None:
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", paper.read_text())


def settings_table() -> dict[str, tuple[str, str]]:
    """Variable -> for whom, by default; as the README has it."""
    rows = re.findall(
        r"^\| `(POSTKAMER_\w+)` \| (.*?) \| (.*) \|$", read("README.md"), re.MULTILINE
    )
    return {name: (who, default) for name, who, default in rows}


def test_the_readme_has_every_setting_with_whom_it_is_for_and_its_default() -> None:
    table = settings_table()
    table.pop("POSTKAMER_SANDBOX_PORT")
    assert table.keys() == {"POSTKAMER_" + f.upper() for kind in KINDS for f in kind.model_fields}
    for variable, (who, default) in table.items():
        field = variable.removeprefix("POSTKAMER_").lower()
        users = [kind for kind in KINDS if field in kind.model_fields]
        names = ", ".join(kind.__name__.removesuffix("Settings").lower() for kind in users)
        assert who == ("all" if len(users) == len(KINDS) else names), variable
        given = users[0].model_fields[field]
        shown = f"`{given.default}`" if given.default not in ("", ()) else "none"
        starts = "must be given" if given.is_required() else shown
        assert default.startswith(starts), variable


def test_the_sandboxs_settings_and_modes_are_all_named() -> None:
    paper = read("docs/integrators/sandbox.md")
    assert [name for name, _ in VARIABLES.values() if f"`{name}`" not in paper] == []
    modes = {
        mode for kind in (CrmMode, OpenKlantMode) for mode in get_args(kind.__annotations__["mode"])
    }
    assert [mode for mode in modes if f"`{mode}`" not in paper] == []


@pytest.mark.slow
def test_the_question_in_the_readme_gets_the_answer_in_the_readme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    readme = read("README.md")
    asked = re.search(r"postkamer (route explain .*)", readme)
    assert asked
    answered = CliRunner().invoke(main, shlex.split(asked[1]))
    assert answered.output in blocks(readme, "text")


@pytest.mark.slow
def test_the_webhook_in_the_readme_is_a_message_that_goes_where_the_readme_says() -> None:
    body = re.search(r"^body='(.*)'$", read("README.md"), re.MULTILINE)
    assert body
    [item] = parse(body[1].encode())
    assert isinstance(item, Message)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    answer = explain(loader.load(EXAMPLE), words(item), item.number, noon)
    assert f"the desk at *{answer['name']}*" in " ".join(read("README.md").split())


def test_the_picture_in_the_readme_is_of_the_page_and_quick_to_load() -> None:
    picture = (ROOT / "docs" / "images" / "page.png").read_bytes()
    width, height = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    assert picture.startswith(b"\x89PNG")
    assert (width, height) == (1440, 900)
    assert len(picture) < PICTURE_BYTES


def always(field: msgspec.structs.FieldInfo) -> bool:
    """Whether every event has it."""
    return field.default is not msgspec.UNSET


def test_the_event_shown_to_crm_builders_has_the_fields_of_an_event() -> None:
    [shown] = blocks(read("docs/integrators/events.md"), "json")
    event = msgspec.json.decode(shown)
    assert list(event) == [field.name for field in msgspec.structs.fields(Event) if always(field)]
    assert event["type"] == crm_events.RECEIVED


def test_the_types_of_event_that_are_listed_are_those_that_are_sent() -> None:
    page = read("docs/integrators/events.md")
    listed = re.findall(r"^\| `(nl\.postkamer\.[\w.-]+)` \|", page, re.MULTILINE)
    sent = [
        crm_events.RECEIVED,
        crm_events.TRANSFERRED,
        crm_events.STATUS_CHANGED,
        crm_events.CARE_ALARM,
        crm_events.MEDIA_AVAILABLE,
        *timer_fired.EVENTS.values(),
    ]
    assert sorted(listed) == sorted(sent)


def test_the_answers_that_park_a_message_are_those_of_the_policy() -> None:
    row = ", ".join(str(status) for status in sorted(response_policy.PARKED_STATUSES))
    assert f"| {row} | takes the message to be at fault" in read("docs/integrators/events.md")
    assert ", ".join(map(str, sorted(response_policy.TRANSIENT_STATUSES))) in read(
        "docs/integrators/events.md"
    )


def test_every_decision_is_listed_and_has_its_three_parts() -> None:
    folder = ROOT / "docs" / "decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text())
    assert listed == [path.name for path in decisions]
    for path in decisions:
        parts = re.findall(r"^## (\w+)$", path.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequence"], path.name
        assert path.read_text().startswith(f"# {path.name[:4]}. "), path.name
