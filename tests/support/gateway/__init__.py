"""Commands of CRMs and tokens, for tests of the gateway."""
