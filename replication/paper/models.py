"""The paper's own names: its recommenders, language models and tunings."""

from typing import TYPE_CHECKING, Literal, NamedTuple

from replication.evaluation.metrics import METRICS


class Model(NamedTuple):
    """A language model: small (SLM), pre-trained (PLM) or large (LLM), as the paper sorts them.

    layers and width of its token vectors tell it from what stands in for it. parameters are those
    of the checkpoint on the Hugging Face hub; None for GloVe, which is a table of vectors: how many
    of them are used depends on the corpus.
    """

    kind: Literal["SLM", "PLM", "LLM"]
    layers: int
    width: int
    parameters: int | None


# By size, smallest first. The paper's released code loads the Instruct variant of Llama 3.1 8B,
# which has the same shape.
MODELS: dict[str, Model] = {
    "glove": Model("SLM", 0, 300, None),
    "bert-tiny": Model("PLM", 2, 128, 4_385_920),
    "bert-mini": Model("PLM", 4, 256, 11_170_560),
    "bert-small": Model("PLM", 4, 512, 28_763_648),
    "bert-medium": Model("PLM", 8, 512, 41_373_184),
    "bert-base": Model("PLM", 12, 768, 109_482_240),
    "roberta-base": Model("PLM", 12, 768, 124_645_632),
    "llama-3.1-8b": Model("LLM", 32, 4096, 8_030_261_248),
}

RECOMMENDERS = ("naml", "nrms", "lstur")  # of its tables; a study may have more
TUNINGS = ("frozen", "finetuned")

if TYPE_CHECKING:  # a checker cannot read a Literal off a list
    Recommender = str
    ModelName = str
    Tuning = str
    Metric = str
else:
    Recommender = Literal[RECOMMENDERS]
    ModelName = Literal[tuple(MODELS)]
    Tuning = Literal[TUNINGS]
    Metric = Literal[METRICS]
