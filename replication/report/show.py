"""What `make repro` ends with: the table of results, and where the report is."""

from replication import paths
from replication.errors import StudyError
from replication.params import Params
from replication.report.results import read_grid, read_json
from replication.report.tables import markdown
from replication.report.write import DEMO_LABEL, RESULT_HEADER, result_rows


def show_results(params: Params) -> None:
    """Print the table. Errors: `StudyError` where nothing has been run."""
    baselines = read_json(paths.BASELINES)
    if baselines is None:
        raise StudyError(f"{paths.BASELINES}: no such file; run `dvc repro`")
    rows = result_rows(read_grid(params), baselines, intervals=["auc"])
    print(markdown(RESULT_HEADER, rows, 3))
    if params.profile == "demo":
        print(DEMO_LABEL)
    print(f"Report: {(paths.REPORTS / 'REPORT.md').resolve()}")
