"""What CVAT does behind its API: how tasks come into being, how jobs decide a status, what an annotation may be."""
