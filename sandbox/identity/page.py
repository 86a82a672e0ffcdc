"""The pages of the provider: the choice of a person, and notices. They have no script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sandbox.identity.client import Client
from sandbox.identity.people import PEOPLE
from services.refusal import Refusal

FOLDER = Path(__file__).parent / "pages"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def choice_page(fields: Mapping[str, str], client: Client) -> web.Response:
    """Return the page on which somebody chooses who they are. Its form ends at the client, and
    browsers hold `form-action` against each address on the way."""
    form_action = f"'self' {client.origin}"
    return _page("choice.html", form_action=form_action, fields=fields, people=PEOPLE.values())


def refusal_page(refusal: Refusal) -> web.Response:
    """Return the page for a request that names no address to send the refusal to."""
    text = "De toepassing die u hierheen stuurde, vroeg iets dat niet kan. Probeer het opnieuw."
    title = "Dat lukt niet"
    return _page("notice.html", 400, title=title, text=text, detail=refusal.detail)


def logged_out_page() -> web.Response:
    text = "U kunt deze pagina sluiten."
    return _page("notice.html", title="U bent uitgelogd", text=text, detail="")


def _page(
    template: str, status: int = 200, *, form_action: str = "'none'", **values: Any
) -> web.Response:
    headers = {
        "Content-Security-Policy": f"{POLICY}; form-action {form_action}",
        "Referrer-Policy": "no-referrer",
    }
    text = _TEMPLATES.get_template(template).render(values)
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
