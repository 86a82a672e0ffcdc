"""Commands of `postkamer tenant`."""
