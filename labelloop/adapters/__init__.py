"""One module or package for each outside system, and its only importer; none of them knows Dagster."""
