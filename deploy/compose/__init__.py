"""The first steps of an installation in containers."""
