"""Ways to run Postkamer: on a laptop (`deploy.local`), or in containers (the other files)."""
