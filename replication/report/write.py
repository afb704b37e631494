"""Stage `report`: reports/REPORT.md, its tables (Markdown, CSV, LaTeX) and its figures."""

from replication.files.atomic import new_folder, write_text
from replication.report.beyond import beyond_tables
from replication.report.cold_starts import (
    cold_start_table,
    contrasts_table,
    gain_points,
    gains_table,
    groups_table,
)
from replication.report.costs import cost_table, quality_points
from replication.report.depths import depths_table, papers_depth, sweep_table
from replication.report.deviations import audit_table
from replication.report.document import Drawing, document
from replication.report.effects import effects_table
from replication.report.figures.auc import auc_figure
from replication.report.figures.cold_start import cold_start_figure
from replication.report.figures.cost import cost_figure
from replication.report.figures.save import save_figure
from replication.report.figures.sweep import sweep_figure
from replication.report.grid_table import results_table
from replication.report.independence import independence_table
from replication.report.published import cross_checks_table
from replication.report.study import Study, read_study
from replication.report.tables import Table
from replication.report.verdicts import claims_table, parts_tables
from replication.study import paths
from replication.study.params import Params

TABLES = (
    claims_table, results_table, effects_table, depths_table, sweep_table, groups_table,
    gains_table, cold_start_table, contrasts_table, cost_table, audit_table, independence_table,
    cross_checks_table,
)  # fmt: skip


def write_report(params: Params) -> None:
    """Write reports/REPORT.md, reports/tables and reports/figures from what has been run.

    Errors: `StudyError` naming the first file that is missing or damaged.
    """
    study = read_study(params)
    tables = {table.name: table for table in all_tables(study)}
    with new_folder(paths.REPORTS / "tables") as folder:
        for table in tables.values():
            for name, text in table.files(study.note).items():
                write_text(folder / name, text)
    drawings = _draw(study)
    write_text(paths.REPORTS / "REPORT.md", document(study, tables, drawings))


def all_tables(study: Study) -> list[Table]:
    """Every table that has files of its own."""
    made = (make(study) for make in TABLES)
    return [*made, *parts_tables(study), *beyond_tables(study.questions)]


def _draw(study: Study) -> dict[str, Drawing]:
    """Write every figure in both themes."""
    comparison = study.comparison
    curves = [curve | {"paper": papers_depth(study, curve)} for curve in comparison["sweep"]]
    figures = {
        "auc": (
            lambda *look: auc_figure(comparison["cells"], study.baselines, *look),
            "Test AUC with 95 % intervals.",
            "AUC of every experiment with its interval, a panel per recommender",
        ),
        "sweep": (
            lambda *look: sweep_figure(curves, *look),
            "Test AUC by fine-tuned layers, with 95 % intervals.",
            "A curve per recommender of AUC by the number of fine-tuned layers",
        ),
        "cold_start": (
            lambda *look: cold_start_figure(gain_points(study), *look),
            "AUC of the largest language model minus that of a smaller one, by group of users, "
            "with 95 % intervals.",
            "Difference of AUC by group of users, a panel per recommender and smaller model",
        ),
        "cost": (
            lambda *look: cost_figure(quality_points(study), *look),
            "Test AUC by number of parameters, with 95 % intervals.",
            "AUC of every experiment over its number of parameters, a panel per recommender",
        ),
    }
    with new_folder(paths.REPORTS / "figures") as folder:
        for name, (build, title, _) in figures.items():
            save_figure(build, title, study.label, folder, name)
    return {name: Drawing(name, title, alt) for name, (_, title, alt) in figures.items()}
