"""The subject access report as PDF."""
