"""The command line and rules to compare, for tests of commands."""
