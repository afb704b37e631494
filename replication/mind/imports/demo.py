"""The demo: an invented corpus, with the true click probabilities beside it."""

from pathlib import Path

from replication.files.errors import StudyError
from replication.mind.imports.base import DataSet
from replication.study.settings import ON_THE_DEMO_S_CORPUS, Params

SIZES = ("articles", "train_users", "test_users", "train_impressions", "test_impressions")


class Demo(DataSet):
    def takes(self, params: Params) -> bool:
        return params.profile in ON_THE_DEMO_S_CORPUS

    def check(self, params: Params, where: Path) -> None:
        for key in ("seed", *SIZES):
            if getattr(params.data, key) is None:
                raise StudyError(f"{where}: data.{key}: is null or missing; the demo needs it")

    def provide(self, params: Params, out: Path, pins: Path) -> None:
        from replication.mind.demo.corpus import DemoSize, write_demo

        sizes = {name: getattr(params.data, name) for name in SIZES}
        assert params.data.seed is not None  # `check` has seen to it
        write_demo(out, DemoSize(**sizes), params.data.seed, params.data.drift)
