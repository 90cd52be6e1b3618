"""Settings of heavy computations: where they run and how much memory they may take. No result depends on them."""

from typing import Literal

from pydantic import Field, model_validator

from labelloop.settings.section import Section


class ComputeSettings(Section):
    """Where heavy computations run; no result depends on it."""

    engine: Literal["local", "ray"] = Field(
        "local", description="local: threads of this machine. ray: a Ray cluster (pip install 'labelloop[scale]')."
    )
    address: str = Field(
        "",
        description="ray: host:port, ray://host:port, or auto for the cluster this machine belongs to; empty: Ray is "
        "started on this machine for as long as it is needed. Workers need this version of labelloop.",
    )
    memory_gib: float | None = Field(
        None,
        ge=1,
        description="local: GiB that scoring may take; a larger pool is sorted in files of .labelloop/scratch. null: "
        "most of what is free.",
    )

    @model_validator(mode="after")
    def _fits(self) -> "ComputeSettings":
        if self.address and self.engine == "local":
            raise ValueError("compute.address needs engine: ray")
        return self
