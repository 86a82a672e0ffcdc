"""The files of the page: complete in both languages, and without anything from elsewhere."""

import re
from pathlib import Path

import pytest
from msgspec import structs

from sandbox import organisation, page_server
from sandbox.identity.people import PEOPLE
from sandbox.meta.graph_errors import MAGIC
from sandbox.settings import SandboxSettings
from services.config import loader

FILES = page_server.load_files()
KEY = re.compile(r'^  "([a-z0-9_.-]+)": "(.*)",$', re.MULTILINE)
LINES_MOST = 600
SHIPPED = Path(__file__).parents[3] / "deploy/examples/voorbeeldstad/postkamer.toml"


def words(language: str) -> dict[str, str]:
    return dict(KEY.findall(FILES[f"words-{language}.js"].content.decode()))


def text(name: str) -> str:
    return FILES[name].content.decode()


def scripts() -> str:
    return "\n".join(text(n) for n in FILES if n.endswith(".js") and not n.startswith("words-"))


def test_both_languages_have_the_same_texts_and_placeholders() -> None:
    dutch, english = words("nl"), words("en")
    assert len(dutch) > 100
    assert dutch.keys() == english.keys()
    for key, sentence in dutch.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", english[key])), (
            key
        )


def test_each_text_that_the_page_names_exists() -> None:
    named = set(re.findall(r'data-(?:word|label|hint)="([^"]+)"', text("index.html")))
    named |= set(re.findall(r'word\("([^"]+)"', scripts()))
    named |= set(re.findall(r'say: "([^"]+)"', scripts()))
    assert len(named) > 80
    assert named <= words("nl").keys() | {"desk.waiting"}


def test_the_page_is_dutch_before_any_script_runs() -> None:
    page = text("index.html")
    dutch = words("nl")
    for key, shown in re.findall(r'data-word="([^"]+)"[^>]*>([^<]+)<', page):
        assert dutch[key] == shown or key == "live.on"


@pytest.mark.parametrize("name", [n for n in FILES if n.endswith((".js", ".css", ".html"))])
def test_a_file_is_short_and_loads_nothing_from_elsewhere(name: str) -> None:
    content = text(name)
    assert content.count("\n") < LINES_MOST
    elsewhere = re.findall(r"https?://[^\s\"']+", content)
    assert set(elsewhere) <= {"http://www.w3.org/2000/svg"}


def test_the_page_has_no_inline_script_or_style() -> None:
    page = text("index.html")
    assert re.findall(r"<script(?![^>]* src=)", page) == []
    assert "<style" not in page
    assert re.findall(r"\son\w+=|\sstyle=", page) == []


def test_each_file_that_the_page_loads_exists() -> None:
    page = text("index.html")
    asked = re.findall(r'(?:src|href)="/page/([^"]+)"', page)
    asked += re.findall(r'from "/page/([^"]+)"', scripts())
    assert set(asked) <= FILES.keys()


def test_the_page_gets_the_town_and_example_citizens() -> None:
    about = page_server.describe(organisation.EXAMPLE, FILES)
    assert len(about["departments"]) == len(organisation.EXAMPLE.departments)
    assert len(about["citizens"]) >= 4
    assert all(MAGIC[one["phone"]] for one in about["troubled"])
    assert all(f"trouble.{one['phone']}" in words("nl") for one in about["troubled"])
    assert about["samples"] == ["container", "lantaarn", "stoep"]


@pytest.mark.slow
def test_a_sandbox_without_configuration_has_the_shipped_town() -> None:
    config = loader.load(SHIPPED).config
    assert organisation.from_config(config) == organisation.EXAMPLE
    at_desk = organisation.from_config(config, SandboxSettings().desk_url)
    assert at_desk == structs.replace(organisation.EXAMPLE, desk_url=SandboxSettings().desk_url)
    assert organisation.from_config(config, "http://127.0.0.1:18070") == organisation.EXAMPLE


def test_page_names_the_people_who_can_log_in_by_the_words_of_the_login() -> None:
    assert {f"works.{each.id}": each.work for each in PEOPLE.values()} == {
        key: sentence for key, sentence in words("nl").items() if key.startswith("works.")
    }
    about = page_server.describe(organisation.EXAMPLE, FILES)
    assert [each["name"] for each in about["employees"]] == [each.name for each in PEOPLE.values()]
