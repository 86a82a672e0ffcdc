"""HTTP server, health and metrics, problems, bearer tokens, rate limits."""
