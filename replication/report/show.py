"""What `make repro` ends with: the table of results, the verdicts, and where the report is."""

from replication.report.grid_table import results_table
from replication.report.study import DEMO_LABEL, read_study
from replication.report.tables import markdown
from replication.report.verdicts import verdict_counts
from replication.study import paths
from replication.study.params import Params


def show_results(params: Params) -> None:
    """Print them. Errors: `StudyError` where nothing has been run."""
    study = read_study(params)
    table = results_table(study, intervals=["auc"])
    print(markdown(table.header, table.for_people(), table.text_columns))
    for line in verdict_counts(study):
        print(line)
    if study.demo:
        print(DEMO_LABEL)
    print(f"Report: {(paths.REPORTS / 'REPORT.md').resolve()}")
