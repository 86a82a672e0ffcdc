"""Weak signs of danger, beside the safety rules: a trained scorer of words. Pure."""
