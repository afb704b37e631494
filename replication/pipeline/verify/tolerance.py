"""How far a result may be from the recorded one when it was made on another machine.

Another processor, another number of threads or other library versions round differently, in the
last digits. Training carries that on, and early stopping can then choose another batch. Measured
on the demo's runs (REPRODUCING.md), metrics moved by at most 0.0005 where it chose the same batch,
and by up to 0.01 where it did not; between an AMD and an Intel machine by up to 0.005: less than
what other test impressions would change. So a metric may move by as much as half its own 95 %
interval is wide. On the same machine nothing may differ.
"""

METRIC = 0.01  # where no interval is recorded: half of the demo's are wider
STATES = 0.01  # of the root mean square: bf16 rounds by 0.2 % at each operation
REASON = (
    "on another machine a metric may differ by half the width of its recorded 95 % interval, "
    "hidden states by 1 % of their root mean square, and the best of close figures (the depth of a "
    "sweep, a flip of the audit) may be another; on the same machine nothing may differ"
)


def of_interval(low: float, high: float) -> float:
    """The difference that is allowed of a metric with this 95 % interval."""
    return (high - low) / 2
