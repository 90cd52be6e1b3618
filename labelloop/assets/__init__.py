"""The stages of the loop as Dagster assets: each gathers, calls one idea of `core`, and writes through an adapter."""
