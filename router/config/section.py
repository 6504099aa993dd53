"""What every section of the settings is, and the numbers that several have."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Tier = Annotated[int, Field(ge=0, le=1_000)]


class Section(BaseModel):
    """Every section: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
