"""`postkamer status`: what is live, what is ready, and the rules that services go by."""

import pytest

from cli.status import Service, list_problems
from services.config.rules_status import RefusedChange, RulesStatus
from tests.support.cli.command_line import postkamer

REFUSED = RefusedChange("/etc/rules/afval.toml", 3, "rule afval: words: is missing")
OLD, NEW = RulesStatus("a1"), RulesStatus("b2")


def up(name: str, rules: RulesStatus | None = None) -> Service:
    return Service(name, "http://x", live=True, ready=True, rules=rules)


@pytest.mark.parametrize(
    ("services", "problems"),
    [
        ([up("router", OLD), up("gateway", OLD), up("archiver")], []),
        ([Service("router", "http://x", reason="no answer")], ["router is not live: no answer"]),
        (
            [Service("router", "http://x", live=True, reason="no database")],
            ["router is not ready: no database"],
        ),
        (
            [up("router", RulesStatus("a1", REFUSED)), up("gateway", RulesStatus("a1", REFUSED))],
            [f"A change of the rules is not in force: {REFUSED}"],
        ),
        (
            [up("router", OLD), up("gateway", NEW)],
            ["Not all services go by the same version of the rules."],
        ),
    ],
)
def test_problems_are_one_sentence_each(services: list[Service], problems: list[str]) -> None:
    assert [*list_problems(services)] == problems


@pytest.mark.parametrize("urls", ["router", "router=", "=http://x", "router=ftp://x"])
def test_wrong_addresses_are_named(urls: str) -> None:
    done = postkamer("status", env={"POSTKAMER_OPS_URLS": urls})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("POSTKAMER_OPS_URLS: expected name=address pairs")
