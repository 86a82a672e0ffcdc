"""Small talk and the language of a text. Pure."""
