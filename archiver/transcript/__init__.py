"""The transcript of a conversation: a page and a PDF that need nothing else."""
