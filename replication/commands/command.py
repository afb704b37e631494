"""What every command shares: its arguments, and the parameters of the study."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replication.study.params import Params

Command = Callable[[argparse.Namespace], None]


def argument(*names: str, **options: Any) -> Callable[[Command], Command]:
    """Give a command an argument, as `argparse` describes it; they are listed top to bottom."""

    def add(command: Command) -> Command:
        declared = getattr(command, "arguments", ())
        command.arguments = ((names, options), *declared)  # type: ignore[attr-defined]
        return command

    return add


def load_params() -> "Params":
    """The parameters, checked."""
    from replication.study.params import load_params

    return load_params()


def shared_params(arguments: argparse.Namespace) -> "Params":
    """The parameters, in each of the processes that they want for a stage which several can share;
    to be called before the stage's own modules are imported."""
    from replication.machine.launch import share_stage

    params = load_params()
    share_stage(params.training.launch, arguments.typed)
    return params
