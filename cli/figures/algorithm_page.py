"""The entry of the algorithm register as a page to read, in Markdown. Pure."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cli.figures.register_fields import FIELDS
from services.config.organisation import Tenant


def render_page(entry: Mapping[str, Any], tenant: Tenant) -> str:
    """Return the entry with the titles of the register, in its order."""
    sections = (_section(FIELDS[name].title, entry[name]) for name in FIELDS if name in entry)
    lines = [f"# {entry['name']}", "", f"Algoritme van {tenant.name}.", *_joined(sections)]
    return "".join(f"{line}\n" for line in lines)


def _joined(sections: Iterator[list[str]]) -> Iterator[str]:
    for section in sections:
        yield ""
        yield from section


def _section(title: str, value: Any) -> list[str]:
    return [f"## {title}", "", *_lines(value)]


def _lines(value: Any) -> list[str]:
    match value:
        case [{"title": _}, *_]:
            return [_link(each) for each in value]
        case list():
            return [f"- {each}" for each in value]
        case _:
            return to_markdown(str(value))


def _link(link: Mapping[str, str]) -> str:
    return f"- [{link['title']}]({link['link']})" if link["link"] else f"- {link['title']}"


TAG = re.compile(r"</?(p|ul|li)>")


def to_markdown(text: str) -> list[str]:
    """Return the lines of a text in the register's tags."""
    spaced = text.replace("</p>", "\n\n").replace("<li>", "\n- ").replace("</ul>", "\n\n")
    text = html.unescape(TAG.sub("", spaced)).strip()
    return re.sub(r"\n{3,}", "\n\n", text).splitlines()
