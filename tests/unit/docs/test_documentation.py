"""The documentation is true: it names what exists and shows what the code does."""

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

from cli.archive.signer import PIN
from cli.main import main
from cli.routing.explanation import explain
from cli.support.configuration import EXAMPLE
from cli.support.language import LANGUAGE
from deliverer.crm import response_policy
from deliverer.destinations.cloudevents import Event
from sandbox.crm.receiver import CrmMode
from sandbox.openklant.modes import OpenKlantMode
from sandbox.settings import VARIABLES
from services import event_types
from services.amqp import topology
from services.config import loader
from services.config.settings import (
    ApiSettings,
    ArchiverSettings,
    BackupSettings,
    DelivererSettings,
    DeskSettings,
    GatewaySettings,
    ManagementSettings,
    PersonSettings,
    RouterSettings,
    Settings,
    StatusSettings,
)
from services.whatsapp.items import Message
from services.whatsapp.parser import parse, words

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KINDS: list[type[Settings]] = [GatewaySettings, RouterSettings, DelivererSettings, ArchiverSettings]
PICTURE_BYTES = 400_000


def read(path: str) -> str:
    return (ROOT / path).read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_architecture_shows_the_topology() -> None:
    drawn = "\n".join(topology.format_table(topology.queues(2, ["crm"])))
    marked = f"<!-- topology -->\n```text\n{drawn}\n```\n<!-- /topology -->"
    assert marked in read("ARCHITECTURE.md")


def anchors(page: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and GitLab derive them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.*?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def is_resolved(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def unresolved_links(page: Path, text: str) -> list[str]:
    links = re.findall(r"\]\(([^)\s]+)[^)]*\)", text)
    return [link for link in links if "://" not in link and not is_resolved(page, link)]


def missing_files(text: str) -> list[str]:
    made_later = {"deploy/.env", ".local/environment", ".local/log/setup.log", ".local/release"}
    named = re.findall(r"`([\w.][\w./-]*/[\w./-]*|\w+\.(?:md|toml|yml))`", text)
    here = {path.name for path in ROOT.iterdir()}
    of_ours = [path for path in named if not path.startswith("deploy/secrets")]
    ours = [path for path in of_ours if Path(path).parts[0] in here and path not in made_later]
    return [path for path in ours if not (ROOT / path).exists()]


def commands(
    group: click.Command, before: str = "postkamer"
) -> Iterator[tuple[str, click.Command]]:
    yield before, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield from commands(command, f"{before} {name}")


COMMANDS = dict(commands(main))
TAKE_WORDS = tuple(
    f"{name} "
    for name, command in COMMANDS.items()
    if any(isinstance(each, click.Argument) for each in command.params)
)
TARGETS = {*re.findall(r"^([\w-]+):.*## ", read("Makefile"), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_names_only_links_files_and_commands_that_exist(page: Path) -> None:
    text = page.read_text()
    assert unresolved_links(page, text) == []
    assert missing_files(text) == []
    assert {*re.findall(r"(?:^|`)make (\w+(?:-\w+)*)", text, re.MULTILINE)} <= TARGETS
    named = re.findall(
        r"(?:^|`)(?:\.venv/bin/)?(postkamer(?: [a-z]+(?:-[a-z]+)*)*)", text, re.MULTILINE
    )
    assert [name for name in {*named} - COMMANDS.keys() if not name.startswith(TAKE_WORDS)] == []
    assert not re.search(r"(?<![\w.])/(work|tmp|root|home)/", text), "a path of some machine"


def test_list_of_pages_has_every_page_once() -> None:
    folder = ROOT / "docs"
    listed = re.findall(r"^\| \[.*?\]\((\S+)\)", read("docs/README.md"), re.MULTILINE)
    pages = [path for path in folder.glob("*/*.md") if path.parent.name != "decisions"]
    assert sorted(listed) == sorted(str(page.relative_to(folder)) for page in pages)


def test_architecture_names_every_package() -> None:
    paper = read("ARCHITECTURE.md")
    folders = ("services", "gateway", "router", "deliverer", "archiver", "witness")
    inits = [init for folder in folders for init in (ROOT / folder).rglob("__init__.py")]
    packages = [str(init.parent.relative_to(ROOT)) for init in inits]
    assert len(packages) > 40
    named = [f"`{package}`" if "/" in package else f"`{package}/`" for package in packages]
    assert [name for name in named if name not in paper] == []


def settings_table() -> dict[str, tuple[str, str]]:
    """Variable -> for whom, by default; as the README has it."""
    rows = re.findall(
        r"^\| `(POSTKAMER_\w+)` \| (.*?) \| (.*) \|$", read("README.md"), re.MULTILINE
    )
    return {name: (who, default) for name, who, default in rows}


def test_readme_has_every_setting_with_its_services_and_default() -> None:
    table = settings_table()
    table.pop("POSTKAMER_SANDBOX_PORT")
    for name in (LANGUAGE, PIN):  # read by the command line itself
        assert table.pop(name)[0] == "commands"
    ours = {field for kind in KINDS for field in kind.model_fields}
    kinds = (ApiSettings, BackupSettings, StatusSettings, ManagementSettings, PersonSettings)
    fields = {name: field for kind in kinds for name, field in kind.model_fields.items()}
    of_sandbox = {name for name, _ in VARIABLES.values()}
    for name in fields.keys() - ours:
        variable = "POSTKAMER_" + name.upper()
        who, default = table.pop(variable)
        assert who == ("commands, sandbox" if variable in of_sandbox else "commands")
        assert default.startswith("must be given") == fields[name].is_required()
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


def test_page_of_the_desk_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| (`POSTKAMER_[^|]*) \| ([^|]*) \|", read("docs/operators/desk.md"), re.M)
    names = [name for row, _ in rows for name in re.findall(r"`(POSTKAMER_\w+)`", row)]
    common = {"bind", "log_level", "traces_url"}  # as for the services in the README
    expected = {"POSTKAMER_" + f.upper() for f in DeskSettings.model_fields.keys() - common}
    assert sorted(names) == sorted(expected)
    for row, default in rows:
        fields = [
            DeskSettings.model_fields[name.removeprefix("POSTKAMER_").lower()]
            for name in re.findall(r"`(POSTKAMER_\w+)`", row)
        ]
        shown = default.strip()
        assert all(field.is_required() for field in fields) == (shown == "must be given")
        given = [str(field.default) for field in fields if isinstance(field.default, str | int)]
        assert all(each.removeprefix("http://127.0.0.1") in shown for each in given)


def test_sandbox_page_names_all_settings_and_modes() -> None:
    paper = read("docs/integrators/sandbox.md")
    assert [name for name, _ in VARIABLES.values() if f"`{name}`" not in paper] == []
    modes = {
        mode for kind in (CrmMode, OpenKlantMode) for mode in get_args(kind.__annotations__["mode"])
    }
    assert [mode for mode in modes if f"`{mode}`" not in paper] == []


@pytest.mark.slow
def test_routing_question_in_the_readme_has_the_answer_of_the_readme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("POSTKAMER_CONFIG", raising=False)
    readme = read("README.md")
    asked = re.search(r"postkamer (route explain .*)", readme)
    assert asked
    answered = CliRunner().invoke(main, shlex.split(asked[1]))
    assert answered.output in blocks(readme, "text")


@pytest.mark.slow
def test_table_of_messages_on_the_page_has_the_report_of_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    page = read("docs/municipality/routing.md")
    asked = re.search(r"postkamer (route test .*--lang en)", page)
    assert asked
    answered = CliRunner().invoke(main, shlex.split(asked[1]))
    assert answered.output in blocks(page, "text")


@pytest.mark.slow
def test_webhook_in_the_readme_is_routed_as_the_readme_says() -> None:
    body = re.search(r"^body='(.*)'$", read("README.md"), re.MULTILINE)
    assert body
    [item] = parse(body[1].encode())
    assert isinstance(item, Message)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    answer = explain(loader.load(EXAMPLE), words(item), item.number, noon)
    assert f"the desk at *{answer['name']}*" in " ".join(read("README.md").split())


def test_picture_in_the_readme_is_of_the_page_and_small() -> None:
    picture = (ROOT / "docs" / "images" / "page.png").read_bytes()
    width, height = int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")
    assert picture.startswith(b"\x89PNG")
    assert (width, height) == (1440, 900)
    assert len(picture) < PICTURE_BYTES


def test_events_page_shows_an_event_with_its_fields() -> None:
    [shown] = blocks(read("docs/integrators/events.md"), "json")
    event = msgspec.json.decode(shown)
    always = [f.name for f in msgspec.structs.fields(Event) if f.default is not msgspec.UNSET]
    assert list(event) == always
    assert event["type"] == event_types.RECEIVED


def test_events_page_lists_the_types_that_are_sent() -> None:
    page = read("docs/integrators/events.md")
    listed = re.findall(r"^\| `(nl\.postkamer\.[\w.-]+)` \|", page, re.MULTILINE)
    sent = [value for name, value in vars(event_types).items() if name.isupper()]
    assert sorted(listed) == sorted(sent)


def test_events_page_lists_the_statuses_that_park_and_that_are_retried() -> None:
    page = read("docs/integrators/events.md")
    parked, transient = (
        ", ".join(map(str, sorted(statuses)))
        for statuses in (response_policy.PARKED_STATUSES, response_policy.TRANSIENT_STATUSES)
    )
    assert f"| {parked} | takes the message to be at fault" in page
    assert transient in page


def test_pages_say_alike_how_long_meta_repeats_a_webhook() -> None:
    """Its own pages disagree: 36 hours are sure, and seven days are what some of them say."""
    again = r"(?:repeats?\b|tries again|sends? (?:it |them )?again|keeps trying|retries)"
    term = r"(?:\d+|seven) (?:hours|days)\b[^.|:;]{0,20}"
    saying = rf"\bMeta\b[^.|:;]{{0,60}}?{again}[^.|:;]* {term}"
    sayings = [
        (page.name, said)
        for page in PAGES
        for said in re.findall(saying, " ".join(page.read_text().split()))
    ]
    assert len(sayings) >= 15
    sure = r"36 hours at least|at least 36 hours|some of its pages"
    assert [each for each in sayings if not re.search(sure, each[1])] == []


def test_every_decision_is_listed_and_has_its_three_parts() -> None:
    folder = ROOT / "docs" / "decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text())
    assert listed == [path.name for path in decisions]
    for path in decisions:
        parts = re.findall(r"^## (\w+)$", path.read_text(), re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequence"], path.name
        assert path.read_text().startswith(f"# {path.name[:4]}. "), path.name
