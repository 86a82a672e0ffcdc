"""HTTP API of the router: try a sentence, read the versions of the rules."""
