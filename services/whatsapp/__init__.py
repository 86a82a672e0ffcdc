"""Meta's webhook bodies: bytes in, typed items out. Pure; see `items` for what comes out."""
