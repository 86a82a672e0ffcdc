"""HTTP API of the router: the rules, a sentence to try on them, and the figures of a month."""
