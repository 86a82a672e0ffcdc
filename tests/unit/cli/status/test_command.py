"""Settings of `postkamer status`: a wrong one is misuse, so that 1 means that a person should
look."""

import pytest

from tests.support.cli.command_line import postkamer


@pytest.mark.parametrize("urls", ["router", "router=", "=http://x", "router=ftp://x"])
def test_wrong_addresses_are_named(urls: str) -> None:
    done = postkamer("status", env={"POSTKAMER_OPS_URLS": urls})
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("POSTKAMER_OPS_URLS: expected name=address pairs")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("POSTKAMER_AMQP_URL", "http://u:hunter2@x"),
        ("POSTKAMER_DATABASE_URL", "mysql://u:hunter2@x"),
        ("POSTKAMER_BROKER_METRICS_URL", "ftp://u:hunter2@x"),
    ],
)
def test_wrong_settings_are_named_without_their_value(setting: str, value: str) -> None:
    done = postkamer("status", "--json", env={setting: value})
    assert (done.exit_code, done.stdout) == (2, "")
    assert setting in done.stderr and "hunter2" not in done.stderr
