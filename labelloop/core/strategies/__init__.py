"""Query strategies: which images of a pool people should label next, one module for each way of choosing.

Each has `rank(query, rng)`, which returns a manifest of exactly min(budget, pool) rows, and a line in `table.py`.
"""
