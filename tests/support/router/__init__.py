"""Towns, rules and a router without its shell, for tests of the router."""
