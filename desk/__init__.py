"""The desk, at which people answer: a CRM like any other, on the public APIs alone."""
