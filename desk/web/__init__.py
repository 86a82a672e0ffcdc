"""Pages: templates, words, files, headers, and the stream of changes."""
