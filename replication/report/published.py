"""Other people's figures on MIND."""

from replication.evaluation.metrics import METRICS
from replication.paper.cells import METRIC_NAMES
from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Table

CROSS_CHECK_TEXT = (
    "These figures are not the paper's, and no verdict uses them. They come from other "
    "code and other parts of MIND: they say of what size a figure can be expected to be."
)


def cross_checks_table(study: Study) -> Table:
    """A row per published result, as `replication/paper/cross_checks.yaml` has it."""
    rows: list[list[Field]] = []
    for check in study.comparison["cross_checks"]:
        row: list[Field] = [check[key] for key in ("source", "data", "model")]
        for metric in METRICS:
            text, sd = f"{check['metrics'][metric]:.4f}", check["sd"].get(metric)
            row.append(text if sd is None else f"{text} ± {sd:.4f}")
        rows.append([*row, check.get("note", "")])
    header = ["source", "data", "model", *METRIC_NAMES.values(), "note"]
    caption = "Other people's published results on MIND (± standard deviation over seeds)."
    return Table("cross_checks", caption, COMPARED, header, rows, text_columns=3)
