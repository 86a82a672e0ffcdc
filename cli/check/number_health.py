"""`postkamer check --live`: the hourly checks of each number at Meta or its BSP, made now."""

import asyncio
from collections.abc import Iterator, Mapping

from cli.check.servers import ServerCheck
from deliverer.meta.accounts import Account, load_accounts
from deliverer.meta.health.finding import NO_ANSWER, Check, Findings, State
from deliverer.meta.health.health_watch import ANSWER_BYTES, CONNECTIONS, REQUEST_SECONDS
from deliverer.meta.health.number_checks import Outside, look_at_number
from deliverer.transport.http_client import http_client
from services import clock
from services.config import settings
from services.config.model import Configuration
from services.egress.server_certificate import fetch_certificate


def check_numbers(config: Configuration, environ: Mapping[str, str]) -> ServerCheck:
    """Look at each number. Without the settings for Meta there is nothing to look with, which the
    check of the settings reports."""
    try:
        options = settings.load(settings.GraphSettings, environ)
        accounts = load_accounts(options, config, environ)
    except settings.SettingsError:
        return ServerCheck()
    return describe_findings(asyncio.run(_look(accounts, options.webhook_url)))


async def _look(accounts: Mapping[str, Account], webhook_url: str) -> dict[str, Findings]:
    async with http_client(CONNECTIONS, REQUEST_SECONDS, answer_bytes=ANSWER_BYTES) as client:
        outside, now = Outside(client, fetch_certificate, webhook_url), clock.now()
        return {
            number: await look_at_number(account, outside, now)
            for number, account in accounts.items()
        }


def describe_findings(findings: Mapping[str, Findings]) -> ServerCheck:
    """Return a fault for each finding that is wrong, and a warning for each that is not known."""
    result = ServerCheck()
    targets = {"wrong": result.faults, "warning": result.warnings, "unknown": result.warnings}
    for number, found in findings.items():
        for check, state, detail in _results(found):
            if state in targets:
                targets[state].append(f"number {number}: {check}: {detail}")
        if all(state in ("fine", "not_offered") for _, state, _ in _results(found)):
            result.checked.append(f"number {number}")
    return result


def _results(findings: Findings) -> Iterator[tuple[Check, State, str]]:
    for check, finding in findings.items():
        yield (check, finding.state, finding.detail) if finding else (check, "unknown", NO_ANSWER)
