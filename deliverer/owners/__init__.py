"""Notices to who owns a destination."""
