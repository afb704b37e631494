"""Frozen dataclasses whose fields are checked strictly when parameters are read."""

from typing import TypeVar, cast, dataclass_transform

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

Kind = TypeVar("Kind")


@dataclass_transform(frozen_default=True)
def strict(kind: type[Kind]) -> type[Kind]:
    """A frozen dataclass that pydantic checks; told to checkers as what it is."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return cast(type[Kind], dataclass(frozen=True, config=config)(kind))
