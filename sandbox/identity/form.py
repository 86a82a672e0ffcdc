"""Parameters in a query or a form, as OAuth reads them. Pure."""

from urllib.parse import parse_qsl

from services.refusal import Refusal

MAX_FIELDS = 30
"""Most parameters of one request; OpenID Connect has some twenty."""


def parse_form(text: str) -> dict[str, str] | Refusal:
    """Return the parameters. An empty one counts as absent, and none may stand twice (RFC 6749,
    section 3.1)."""
    try:
        pairs = parse_qsl(text, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return Refusal("invalid_request", "These parameters cannot be read")
    fields = dict(pairs)
    if len(fields) < len(pairs):
        return Refusal("invalid_request", "A parameter stands twice")
    return fields
