"""Requests that leave: the addresses that they may go to."""
