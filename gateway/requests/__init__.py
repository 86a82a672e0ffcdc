"""Request bodies as models. Pure."""
