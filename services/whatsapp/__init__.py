"""Parser of Meta's webhook bodies: bytes in, typed items out (`items`). Pure."""
