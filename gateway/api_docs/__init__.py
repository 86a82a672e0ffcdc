"""OpenAPI description of /v1."""
