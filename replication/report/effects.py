"""What fine-tuning does, beside the paper: relative improvement, delta RI, effect ratio."""

from replication.report.study import COMPARED, Study
from replication.report.tables import Field, Number, Table

EFFECTS_TEXT = (
    "RI: relative improvement of the AUC by fine-tuning. Delta RI: the paper's RI minus ours, in "
    "percentage points; 0 is the same effect. ER: effect ratio, our difference over the paper's; 1 "
    "is the same effect. The paper's RI is known from the claims that state it, or from its tables "
    "once they have been imported; ER needs its tables. Where the profile lets tuned layers "
    "begin from the recommender over the frozen encoder (training.tuned_layers.start), RI is what "
    "the batches after that add, not what tuning from the first step would."
)


def effects_table(study: Study) -> Table:
    """A row per recommender and encoder, in percent."""
    rows: list[list[Field]] = []
    for effect in study.comparison["effects"]:
        ran, of = effect["runs"]
        absent = "undefined" if ran == of else "not run"
        ends = effect["ci95"] and [100 * end for end in effect["ci95"]]
        rows.append(
            [
                effect["protocol"],
                effect["recommender"],
                effect["encoder"],
                Number(effect["frozen"], absent=absent),
                Number(effect["finetuned"], absent=absent),
                _percent(effect["relative_improvement"], ends, absent),
                _percent(effect["paper"], None, "no paper value"),
                _percent(effect["delta_relative_improvement"], None, "–"),
                Number(effect["effect_ratio"], form=".2f", absent="–"),
            ]
        )
    header = ["protocol", "recommender", "encoder", "frozen", "fine-tuned", "RI %", "paper's RI %",
              "delta RI, points", "ER"]  # fmt: skip
    caption = "AUC of the frozen and the fine-tuned encoder, and what fine-tuning changes."
    return Table("effects", caption, COMPARED, header, rows, text_columns=3)


def _percent(fraction: float | None, ends: list[float] | None, absent: str) -> Number:
    value = None if fraction is None else 100 * fraction
    return Number(value, ends, form="+.2f", ends="+.2f", absent=absent)
