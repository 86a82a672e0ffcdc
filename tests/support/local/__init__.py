"""A stand-in service and its process, for tests of the local run."""
