"""The hosts of a database URL."""

from urllib.parse import urlsplit

import pytest

from services.postgres.primary import hosts_as_before, split_hosts


@pytest.mark.parametrize(
    ("url", "each"),
    [
        ("postgresql://u:p@db1/x", ["postgresql://u:p@db1/x"]),
        ("postgresql:///x?host=/run/pg", ["postgresql:///x?host=/run/pg"]),
        (
            "postgresql://u:p%2C@db1:5433,db2/x?sslmode=require",
            [
                "postgresql://u:p%2C@db1:5433/x?sslmode=require",
                "postgresql://u:p%2C@db2/x?sslmode=require",
            ],
        ),
        (
            "postgres://u@[::1]:1,[::2]:2/x",
            ["postgres://u@[::1]:1/x", "postgres://u@[::2]:2/x"],
        ),
    ],
)
def test_each_host_gets_a_url_with_the_same_user_database_and_options(
    url: str, each: list[str]
) -> None:
    assert split_hosts(url) == each


def test_hosts_of_an_exchanged_address_keep_their_order() -> None:
    before = ["postgresql://a:old@two:5432/x", "postgresql://a:old@one:5432/x"]
    now = "postgresql://a:new@one:5432,two:5432,three:5432/x"
    hosts = [urlsplit(each).hostname for each in hosts_as_before(before, now)]
    assert hosts == ["two", "one", "three"]
