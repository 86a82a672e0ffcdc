"""Towns, servers, clocks and observers that tests of every level share."""
