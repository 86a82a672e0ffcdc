"""The transcript as one HTML page that asks nothing of anybody: no script, no address."""

from base64 import b64encode
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from archiver.transcript.layout import lay_out
from archiver.transcript.transcript import File, Transcript
from services.printing.glyphs import map_strings, sanitise

TEMPLATE = "page.html"


def render_page(transcript: Transcript) -> bytes:
    """Return the page. The same transcript gives the same bytes."""
    layout = lay_out(transcript)
    page = _template().render(
        pages=map_strings(layout.pages, sanitise),
        uris={key: data_uri(file) for key, file in layout.files.items()},
        # Made here of numbers alone.
        maps={key: Markup(drawing) for key, drawing in layout.maps.items()},
    )
    return page.encode() + b"\n"


def data_uri(file: File) -> str:
    """Return what is shown of a file, as an address that holds it."""
    return f"data:{file.content_type};base64,{b64encode(file.content).decode()}"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(TEMPLATE)
