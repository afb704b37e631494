"""What the training of an adapter took."""

from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.files.atomic import write_json
from replication.machine import environment, processes
from replication.study import paths


def save_adapter_cost(name: str, seconds: float | None) -> None:
    """Write what an adapter's training took to reports/adapters/<name>.json.

    seconds: None where the run had been interrupted, for then it did not do the whole.
    """
    if not processes.is_first():
        return
    training = checkpoint_digest(name)["training"]
    write_json(
        paths.ADAPTERS / f"{name}.json",
        {
            "trainable_parameters": training["trainable_parameters"],
            "steps": training["steps"],
            "held_out": training["held_out"],
            "processes": processes.count(),
            "seconds": None if seconds is None else round(seconds, 2),
            **environment.peak_memory(),
            "hardware": environment.hardware(),
        },
    )
