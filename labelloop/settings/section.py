"""What all sections of `labelloop.yaml` share."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of `labelloop.yaml`: immutable, and unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
