"""`labelloop doctor`: what a project needs, whether it is there, and what to do where it is not."""

from labelloop.cli.doctor.command import run

__all__ = ["run"]
