"""Benchmarks: ratios to a bare ceiling measured in the same run, since machines are noisy."""
