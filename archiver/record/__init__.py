"""The record: entries sealed under keys of their own, in a log that shows every change."""
