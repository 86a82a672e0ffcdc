"""One vocabulary: the options, examples and headings of all commands."""

import re
import shlex

import click
import pytest
from click.shell_completion import BashComplete

from cli.examples import EXAMPLES
from cli.main import HEADINGS, main
from cli.support.options import RenamedOption
from tests.support.cli.command_line import postkamer
from tests.support.cli.command_tree import walk_commands
from tests.support.installation import ROOT

PAGE = (ROOT / "docs" / "operators" / "command-line.md").read_text()
COMMON = {
    "--since", "--until", "--reason", "--by", "--tenant", "--phone", "--phone-file", "--bsuid",
    "--number", "--department", "--destination", "--conversation", "--employee", "--token",
    "--text", "--type", "--config", "--out", "--json", "--lang", "--all", "--dry-run", "--help",
}  # fmt: skip
"""Options that mean the same in each command."""
OWN = {
    "all": {"--desk", "--settings"},
    "archive annotate": {"--request"},
    "archive disclosure decide": {"--decision", "--ground"},
    "archive disclosure draw": {"--kind", "--review-on", "--words"},
    "archive disclosure redact": {"--list", "--propose"},
    "archive export": {
        *("--code", "--zaak", "--permanent", "--target", "--target-id", "--title", "--contact"),
        *("--as-of", "--made-at"), "--transcript",
    },
    "archive handover again": {"--target"},
    "archive handover list": {"--state"},
    "archive hold list": {"--overdue"},
    "archive hold place": {"--ground", "--review-on", "--words"},
    "archive hold review": {"--review-on"},
    "archive list draw": {"--zero-days"},
    "archive list show": {"--open", "--items", "--after"},
    "archive prove": {"--open", "--former"},
    "archive accept": {"--only-database-differs"},
    "archive replay": {"--mend", "--copied"},
    "archive request decide": {"--decision", "--ground", "--hold-review-on"},
    "archive request extend": {"--ground"},
    "archive reindex": {"--terms"},
    "archive request list": {"--open", "--overdue"},
    "archive request open": {"--kind", "--received"},
    "archive rotate": {"--hashes", "--master"},
    "archive search": {
        "--any", "--direction", "--oldest", "--limit", "--after", "--as-of", "--count",
    },
    "archive signer new": {"--folder", "--log", "--module", "--token-label"},
    "archive signer serve": {"--folder", "--socket", "--group"},
    "archive subject": {"--request", "--made-by"},
    "archive terms": {"--permanent"},
    "archive transcript": {"--originals"},
    "archive verify": {"--public-key", "--witness", "--media", "--index"},
    "check": {"--live", "--texts"},
    "costs": {"--month", "--group-by", "--csv"},
    "figures open-data": {"--month"},
    "figures register": {"--month"},
    "figures report": {"--month"},
    "files list": {"--state"},
    "backup check": {"--folder", "--wal", "--objects", "--days"},
    "balance": {"--accept", "--begin"},
    "parked drop": {"--status", "--unreadable"},
    "parked list": {"--status", "--unreadable"},
    "parked replay": {"--status", "--per-second", "--cancel", "--unreadable"},
    "parked show": {"--content"},
    "quarantine again": {"--cause"},
    "quarantine drop": {"--cause"},
    "quarantine list": {"--cause", "--state"},
    "quarantine show": {"--content"},
    "route explain": {"--at"},
    "rules approve": {"--alone"},
    "route replay": {"--before", "--examples"},
    "route test": {"--against", "--at", "--at-least"},
    "sends doubt": {"--held"},
    "sends settle": {"--saw"},
    "silence simulate": {"--hours", "--per-day", "--seed"},
    "status": {"--watch"},
    "tenant export": {"--key-file", "--final", "--wait"},
    "tenant start": {"--called-off"},
    "tenant forget": {"--key-file", "--called-off"},
    "tenant import": {"--key-file", "--log-key"},
    "tenant export-open": {"--as-of"},
    "token add": {
        *("--role", "--people", "--test", "--per-second", "--burst", "--note"),
        *("--all-departments", "--confidential"),
    },
    "token narrow": {"--all-departments", "--confidential"},
    "witness key new": {"--folder", "--name"},
    "witness key show": {"--folder"},
    "witness serve": {"--folder", "--logs", "--bind", "--port", "--ops-port"},
}  # fmt: skip
"""Options that one command has alone."""
SERVICES = {*HEADINGS["Services"], "archive signer serve", "witness serve"}
PRINT_A_FILE = {
    "archive consistency",
    "archive list declaration",
    "archive prove",
    "archive request letter",
    "topology definitions",
}
FORMER = {
    "--author", "--by", "--expires", "--from", "--municipality", "--pdf", "--subject-phone",
    "--to", "--why",
}  # fmt: skip


ALL = dict(walk_commands(main))
OPTIONS = {
    path: [each for each in command.params if isinstance(each, click.Option)]
    for path, command in ALL.items()
}


@pytest.mark.parametrize("path", ALL)
def test_command_has_only_options_of_the_vocabulary(path: str) -> None:
    names = {name for option in OPTIONS[path] for name in (*option.opts, *option.secondary_opts)}
    assert names <= COMMON | OWN.get(path, set())
    assert all(option.help for option in OPTIONS[path] if set(option.opts) & COMMON)
    by_name = {name: option for option in OPTIONS[path] for name in option.opts}
    if path not in SERVICES | PRINT_A_FILE:
        json = by_name["--json"]
        assert json.is_flag or json.flag_value  # the former --json FILE of one command
    if "--lang" in by_name:
        assert by_name["--lang"].envvar == "POSTKAMER_LANG"


def test_former_names_still_work_and_are_not_shown() -> None:
    renamed = [
        (path, option)
        for path, options in OPTIONS.items()
        for option in options
        if isinstance(option, RenamedOption)
    ]
    assert {option.former for _, option in renamed} == FORMER
    for path, option in renamed:
        context = click.Context(ALL[path], resilient_parsing=True)
        value = option.type.to_info_dict().get("choices", ["2026-11-01"])[0]
        values, *_ = option_parser(path, context).parse_args([option.former, value])
        assert values[option.name or ""] in (value, [value])
        assert not re.search(rf"{option.former}\b", ALL[path].get_help(context))


def option_parser(path: str, context: click.Context) -> click.parser._OptionParser:
    return ALL[path].make_parser(context)


def test_shell_completes_commands_and_options_by_their_present_names() -> None:
    complete = BashComplete(main, {}, "postkamer", "_POSTKAMER_COMPLETE").get_completions
    assert {item.value for item in complete([], "")} == {*main.places}
    assert [item.value for item in complete(["archive"], "se")] == ["search"]
    assert {item.value for item in complete(["costs"], "--")} == {
        *("--month", "--tenant", "--department", "--number", "--group-by", "--config"),
        *("--lang", "--json", "--csv", "--help"),
    }


def test_each_command_has_an_example_that_can_be_typed() -> None:
    assert EXAMPLES.keys() == ALL.keys()
    for path, example in EXAMPLES.items():
        words = shlex.split(example.partition(" >")[0])
        context = click.Context(ALL[path])
        assert " ".join(words).startswith(path)
        ALL[path].parse_args(context, words[len(path.split()) :])
        assert f"postkamer {example}" in ALL[path].get_help(context)


def test_each_command_belongs_to_one_heading_of_the_help() -> None:
    listed = [name for names in HEADINGS.values() for name in names]
    assert sorted(listed) == sorted(main.places)
    shown = postkamer("--help").stdout
    for heading, (first, *_) in HEADINGS.items():
        section = shown.partition(f"{heading}:\n")[2].partition("\n\n")[0]
        assert f"  Example: postkamer {first}" in section
        assert "..." not in section


def test_help_of_a_group_has_a_whole_sentence_for_each_command() -> None:
    groups = {path.rpartition(" ")[0] for path in ALL} - {""}
    for group in groups:
        listed = postkamer(*group.split(), "--help").stdout.partition("Commands:")[2]
        assert listed and "..." not in listed, group


def test_page_of_the_command_line_has_each_example_and_common_option() -> None:
    assert [example for example in EXAMPLES.values() if f"postkamer {example}" not in PAGE] == []
    assert [option for option in COMMON if f"`{option}" not in PAGE] == []
    assert [heading for heading in HEADINGS if f"### {heading}" not in PAGE] == []
    assert postkamer("archive", "search", "zwembad", "--json").stderr in PAGE
