"""The API by resource: each module answers the requests for one noun and nothing else."""
