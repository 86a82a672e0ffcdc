"""The language of the pages, kept in the browser."""

from aiohttp import web

from desk.login.attempt import own_path
from desk.pages.forms import Form, read_form
from desk.web.form_fields import BadForm
from desk.web.site import LANGUAGE_COOKIE
from desk.web.words import LANGUAGES

KEPT_SECONDS = 365 * 24 * 3600


class LanguagePages:
    def __init__(self, own_url: str) -> None:
        self._is_secure = own_url.startswith("https:")

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/language", self._choose)]

    async def _choose(self, request: web.Request) -> web.Response:
        """POST /language: nobody need be logged in, and nothing but a cookie changes."""
        try:
            form = await read_form(request)
        except BadForm:
            form = Form({})
        language = next((each for each in LANGUAGES if each == form.text("language")), "nl")
        response = web.Response(status=303, headers={"Location": own_path(form.text("to"))})
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=KEPT_SECONDS,
            path="/",
            httponly=True,
            secure=self._is_secure,
            samesite="Lax",
        )
        return response
