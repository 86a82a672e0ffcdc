"""Records and reports for tests of the archiver."""
