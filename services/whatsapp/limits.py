"""Limits of Meta's messages, in characters and in number."""

TITLE, DESCRIPTION, ROWS, BUTTONS, BUTTON = 24, 72, 10, 3, 20
"""Meta's bounds of a list's rows and of buttons, in characters and in number."""
BODY, INTERACTIVE_BODY = 4096, 1024
"""Characters that Meta takes: of a text; of one with a list, buttons or a template around it."""
