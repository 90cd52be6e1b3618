"""Images on disk to vectors, by whichever provider the project names."""
