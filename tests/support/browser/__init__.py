"""The sandbox's page and a small town behind it, for browser tests."""
