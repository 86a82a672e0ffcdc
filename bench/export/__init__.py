"""Exporting conversations to a depot: the conversations, the export, and its report."""
