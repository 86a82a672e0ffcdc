"""Ways to run Postkamer: on a laptop (`local`), on one machine (`one_machine`), in containers."""
