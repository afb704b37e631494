"""Options of `python -m replication grid` that make no sense are told in one line."""

import pytest

from replication.__main__ import main
from replication.pipeline.grid.command import _places


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "how many stages at once"),
        (["--jobs", "3", "--gpus", "0,1"], "more than 2 GPUs"),
        (["--slurm", "--gpus", "0"], "this machine's"),
        (["--jobs", "1", "--sbatch-option=--qos=low"], "only with --slurm"),
    ],
)
def test_one_line_tells_what_is_wrong(options, words, capsys):
    assert main(["grid", *options]) == 1
    told = capsys.readouterr().err
    assert words in told and told.count("\n") == 1


@pytest.mark.parametrize("options", [["--jobs", "0"], ["--jobs", "x"], ["--gpus", "0,0"]])
def test_no_number_and_no_list_of_gpus(options):
    with pytest.raises(SystemExit):
        main(["grid", *options])


def test_gpus_say_how_many_unless_jobs_says_fewer():
    assert _places(None, ["0", "1"]) == (2, ["0", "1"]) and _places(1, ["0", "1"]) == (1, ["0"])
    assert _places(3, None) == (3, [])
