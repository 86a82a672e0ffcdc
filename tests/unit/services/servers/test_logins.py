"""Passwords that stand apart from the addresses in which clients of servers read them."""

from urllib.parse import unquote, urlsplit

import pytest

from services.servers.logins import add_login

WORD = "a/b:c?d#e@f,g%20 é"
MARK = "a%2Fb%3Ac%3Fd%23e%40f%2Cg%2520%20%C3%A9"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("postgresql://us@db/x", f"postgresql://us:{MARK}@db/x"),
        ("postgresql://us@a:5432,b:5432/x?y=z", f"postgresql://us:{MARK}@a:5432,b:5432/x?y=z"),
        ("postgresql://us@[::1]:5432/x", f"postgresql://us:{MARK}@[::1]:5432/x"),
        ("postgresql:///x?host=/run", f"postgresql://o%40b:{MARK}@/x?host=/run"),
        ("amqps://mq:5671/x?cafile=/a", f"amqps://o%40b:{MARK}@mq:5671/x?cafile=/a"),
        ("amqp://us@a/x, amqp://us@b/x", f"amqp://us:{MARK}@a/x, amqp://us:{MARK}@b/x"),
        ("https://mq:15671", f"https://o%40b:{MARK}@mq:15671"),
        ("amqp://us:own@a/x,amqp://us@b/x", f"amqp://us:own@a/x,amqp://us:{MARK}@b/x"),
        ("postgresql://us:own@a:1,b:2/x", "postgresql://us:own@a:1,b:2/x"),
        ("no address", "no address"),
    ],
)
def test_password_is_added_to_each_address_that_has_none(before: str, after: str) -> None:
    assert add_login(before, "o@b", WORD) == after


def test_client_reads_the_password_to_the_letter() -> None:
    parts = urlsplit(add_login("amqp://mq/x", "user", WORD))
    assert (unquote(parts.password or ""), parts.username, parts.hostname) == (WORD, "user", "mq")
