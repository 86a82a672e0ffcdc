"""A page as a browser reads it: its elements and what each would run."""

from html.parser import HTMLParser

ATTACK = "x-evil"
"""Element that nobody's page has: where it is read as one, words became markup."""
WORDS = f"\"'><{ATTACK} onload=evil()><script>evil()</script>{{{{7*7}}}}"
"""Words that leave an attribute, an element, a script and a template, where one lets them."""


class Markup(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == ATTACK:
            self.faults.append("words became an element")
        if tag == "script" and not given.get("src", "").startswith("/assets/"):
            self.faults.append("a script that is no file of ours")
        for name, value in given.items():
            if name.startswith("on") or name == "style":
                self.faults.append(f"an attribute {name}")
            if name in ("href", "src", "action") and not value.startswith(("/", "#")):
                self.faults.append(f"a {name} that leads elsewhere")


def faults_of(page: str) -> list[str]:
    """Return what words could make of a page beside text."""
    return Markup(page).faults + (["a template was read"] if ">49<" in page else [])
