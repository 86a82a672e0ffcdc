"""Events that Postkamer delivers, as far as the desk uses them."""
