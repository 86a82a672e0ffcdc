"""The API of disclosures: what is made public, or shown to who asked for access."""
