"""Holds over HTTP: placed, reviewed and lifted by those who keep the record."""
