"""Limits of Meta's messages, in characters and in numbers of parts."""

TITLE, DESCRIPTION, ROWS, BUTTONS, BUTTON = 24, 72, 10, 3, 20
"""Meta's limits of the rows of a list and of buttons: characters of a title and a description,
number of rows, number of buttons, characters of a button."""
BODY, INTERACTIVE_BODY = 4096, 1024
"""Most characters of a text, and of a text with a list, buttons or a template."""
