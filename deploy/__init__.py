"""How Postkamer is run: here, on a laptop; in containers, see the files beside this one."""
