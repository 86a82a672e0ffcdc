"""What the four services stand on; it imports none of them."""
