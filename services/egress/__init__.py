"""Requests that leave: the addresses that they may go to, and the certificate shown there."""
