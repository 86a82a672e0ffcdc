"""The hosts of a database URL."""

import pytest

from services.postgres.primary import split_hosts


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
