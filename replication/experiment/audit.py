"""Stage `audit`: each deviation of the released code flipped alone, for one pair.

A pair is a recommender and an encoder, frozen and fine-tuned. From each base protocol every
deviation that touches the pair is flipped alone, and both tunings are run anew. All flips share
one seed and the first of the listed learning rates, so that each differs from its base in one
thing. The bases themselves are run with several seeds, which show how large mere chance is. One of
these runs is D11's (no seed): another seed stands for "any other draw".
"""

import json

import numpy as np
import polars as pl

from replication.encoders.sources.checkpoints import checkpoint_digest
from replication.experiment.flips import audit_runs
from replication.experiment.record import relevant
from replication.experiment.run import auc_on_test
from replication.files.atomic import new_file, write_json
from replication.files.digest import of_key
from replication.files.documents import read_json
from replication.files.errors import StudyError
from replication.machine import environment, processes
from replication.study import paths
from replication.study.params import Params

_SUMMARY, _IMPRESSIONS = "summary.json", "auc.npy"  # of a finished run, in the cache


def audit(name: str, params: Params) -> None:
    """Run one pair's audit; write reports/audit/<name>.json and runs/audit/<name>.parquet.

    The Parquet file has a column of AUC per impression for each run, such as `clean~D4/frozen` or,
    of another seed than the first, `clean@2/frozen`. A run that is finished is kept in cache/audit,
    so that an interrupted audit goes on where it was.
    """
    if name not in params.audit.pairs:
        listed = ", ".join(params.audit.pairs)
        raise StudyError(f"the command line: audit: {name!r} is not accepted; accepted: {listed}")
    runs, columns = {}, {}
    for one in audit_runs(params, name):
        found = None if one.untouched else _run_once(one.cell, one.key)
        runs[one.key] = {
            "base": one.base,
            "deviation": one.flip,
            "tuning": one.tuning,
            "seed": one.cell.seed,
            "recommender": one.cell.recommender,
            "encoder": one.cell.encoder,
            "untouched": one.untouched,
            **({"auc": None, "seconds": None} if found is None else found[0]),
        }
        if found is not None:
            columns[one.key] = found[1]
    if not processes.is_first():
        return
    with new_file(paths.IMPRESSIONS / "audit" / f"{name}.parquet") as temporary:
        pl.DataFrame(columns).fill_nan(None).write_parquet(temporary)
    write_json(paths.AUDIT / f"{name}.json", {"pair": name, "runs": runs})


def _run_once(cell: Params, label: str) -> tuple[dict, np.ndarray]:
    """AUC and seconds of one run, and its AUC per impression; from the cache if it is there."""
    if processes.is_first():
        print(f"audit: {label}, {cell.recommender} {cell.encoder} {cell.tuning}", flush=True)
    key = environment.result_key(
        environment.RUNS,
        params=relevant(cell),
        data=json.loads((paths.PREPARED / "meta.json").read_bytes())["sha256"],
        checkpoint=checkpoint_digest(cell.encoder)["sha256"],
    )
    folder = paths.AUDIT_CACHE / of_key(key)
    if not processes.agreed(folder.exists()):
        with processes.folder_by_first(folder) as temporary:
            auc, of_impressions, seconds = auc_on_test(cell)
            if processes.is_first():
                write_json(temporary / _SUMMARY, {"auc": auc, "seconds": round(seconds, 2)})
                np.save(temporary / _IMPRESSIONS, of_impressions, allow_pickle=False)
    return read_json(folder / _SUMMARY), np.load(folder / _IMPRESSIONS, allow_pickle=False)
