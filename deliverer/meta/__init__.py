"""Sending from the ledger to Meta or a BSP."""
