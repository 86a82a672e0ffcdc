"""Dutch words and stems, readability of texts. Pure."""
