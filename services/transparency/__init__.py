"""Transparency logs: Merkle tree, signed notes, consistency proofs, co-signatures of witnesses."""
