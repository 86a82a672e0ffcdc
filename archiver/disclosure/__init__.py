"""Disclosures: documents that are made public or shown, their redactions, the inventory."""
