"""Parts of the services on real servers, for integration tests."""
