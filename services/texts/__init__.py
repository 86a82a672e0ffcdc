"""Texts for citizens: the catalogue and its checks."""
