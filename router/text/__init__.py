"""Small talk, language and personal data in a text. Pure."""
