"""Other people's data sets, brought into MIND's form before a study begins."""

import argparse
from pathlib import Path

from replication.commands.command import argument


@argument("kind", help="the data set: ebnerd, xmind, adressa or movielens")
@argument("folder", type=Path, help="as it is published; a zip of it too, but Adressa's; "
          "movielens: 100k or 1m downloads it")  # fmt: skip
@argument("out", type=Path, help="the new folder, for `data.path` of profile local")
@argument("--mind", type=Path, help="xmind: MIND's folder, whose clicks the translations serve")
@argument("--language", help="xmind: three letters, where the folder has several languages")
@argument("--seed", type=int, default=1, help="adressa, movielens: of all that is drawn; 1")
@argument("--shown", type=int, default=20, help="adressa, movielens: candidates of an impression")
@argument("--history", type=int, help="the newest clicks that are kept; all of ebnerd, else 50")
@argument("--test", type=float, default=0.1, help="adressa, movielens: least share of the test")
def import_(arguments: argparse.Namespace) -> None:
    """Write EB-NeRD, xMIND, Adressa or MovieLens in MIND's form, checked."""
    from replication.importers.base import Options
    from replication.importers.write import import_data

    asked = vars(arguments)
    options = Options(**{name: asked[name] for name in Options.__dataclass_fields__})
    figures = import_data(arguments.kind, arguments.folder, arguments.out, options)
    for split, found in figures["splits"].items():
        print(
            f"{split}: {found['impressions']:,} impressions, {found['clicks']:,} clicks, "
            f"{found['users']:,} users, {found['articles']:,} articles"
        )
        for what, count in found["left_out"].items():
            print(f"  left out or noted: {count:,} {what}")
    print(f"{arguments.out}: dvc exp run -S profile=local -S data.path={arguments.out}")
