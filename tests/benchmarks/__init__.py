"""Benchmarks: run with ``make bench``. Every figure stands beside a peer measured in the same run."""
