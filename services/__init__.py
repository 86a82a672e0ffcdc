"""Library of the four services; it imports none of them."""
