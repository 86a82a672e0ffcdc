"""Language of a command that speaks Dutch and English: --lang, POSTKAMER_LANG, or the locale."""

import os
from collections.abc import Mapping

import click
from click.core import ParameterSource

LANGUAGES = ("nl", "en")
LANGUAGE = "POSTKAMER_LANG"
LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Variables of the locale, in the order of POSIX: the first one that is set decides."""


def locale_language(environ: Mapping[str, str]) -> str:
    """Return the language of the locale; Dutch for one that is neither Dutch nor English, as C."""
    locale = next(filter(None, (environ.get(name) for name in LOCALE)), "")
    language = locale.replace("-", "_").partition("_")[0].lower()
    return language if language in LANGUAGES else LANGUAGES[0]


class LanguageOption(click.Option):
    """Option whose errors name the variable if the value came from there."""

    def get_error_hint(self, ctx: click.Context | None) -> str:
        if ctx and ctx.get_parameter_source("lang") is ParameterSource.ENVIRONMENT:
            return f"'{LANGUAGE}'"
        return super().get_error_hint(ctx)


lang_option = click.option(
    "--lang",
    cls=LanguageOption,
    type=click.Choice(LANGUAGES),
    envvar=LANGUAGE,
    default=lambda: locale_language(os.environ),
    help=f"Left out: {LANGUAGE}, else the locale, else nl.",
)
