"""The home on disk: whole-file writes, locks the kernel releases, and the plain files that decide."""
