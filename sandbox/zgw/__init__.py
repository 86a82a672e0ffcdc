"""A stand-in of a ZGW provider: Documenten API 1.4 and the part of the Zaken API beside it."""
