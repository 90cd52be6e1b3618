"""Webhooks: what the server tells others by itself when a project, task or job has changed."""
