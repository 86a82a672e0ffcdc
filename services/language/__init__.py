"""Dutch words and stems, readability of texts, BSNs and IBANs in them. Pure."""
