"""How many threads a process computes with, and how those wait: settled before torch is loaded."""

import os
from collections.abc import Mapping, MutableMapping

_SPINS = 1000  # turns that an idle thread of OpenMP looks for work before it sleeps


def settle(environ: MutableMapping[str, str] = os.environ) -> None:
    """One thread, unless OMP_NUM_THREADS says otherwise; idle ones sleep soon.

    The number of threads decides the last digits of a sum. With one, a result does not depend on
    the number of cores, and as many stages run at once, in which cores do more than in one stage on
    all of them. Several threads that spin while they wait take the core from whoever else works on
    the machine.
    """
    environ.setdefault("OMP_NUM_THREADS", "1")
    if not environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        environ["GOMP_SPINCOUNT"] = str(_SPINS)


def stated_threads(environ: Mapping[str, str] = os.environ) -> int:
    """Of each process: what OMP_NUM_THREADS says, else one."""
    stated = environ.get("OMP_NUM_THREADS", "")
    return int(stated) if stated.isdecimal() and int(stated) else 1
