"""Questions to causal models of every accepted kind, and targets of LoRA that share weights."""

from dataclasses import replace

import pytest
import torch
from small import ADAPTER, encoder, write_clicks
from test_questions import CANDIDATES, HISTORIES, TITLES, text
from tiny_models import CAUSAL, write_kind

from replication.encoders.architectures import ARCHITECTURES
from replication.encoders.lora.adapt import adapt
from replication.encoders.lora.questions import Questioner, answer_scores
from replication.encoders.sources.adapters import load_causal
from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.files.errors import StudyError


@pytest.mark.parametrize("kind", CAUSAL)
def test_packed_questions_are_answered_as_each_alone(tmp_path, kind):
    """By plain transformers, whose layers of local attention see the four nearest tokens."""
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    write_kind(kind, tmp_path / kind, places=256)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / kind / "tokenizer.json"))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / kind).eval()
    questioner = Questioner(TITLES, tmp_path / kind, 50)
    yes, no = questioner.answers
    with torch.no_grad():
        ours = load_causal(tmp_path / kind, "float32")
        found = answer_scores(ours, questioner.ask(HISTORIES, CANDIDATES), (yes, no))
        for b, (history, row) in enumerate(zip(HISTORIES, CANDIDATES, strict=True)):
            for j, candidate in enumerate(row):
                if candidate:
                    ids = tokenizer(text(history, candidate), return_tensors="pt")["input_ids"]
                    states = model.get_decoder()(ids).last_hidden_state[0, -1]
                    head = model.get_output_embeddings().weight
                    expected = states @ (head[yes] - head[no])
                    torch.testing.assert_close(found[b, j], expected, rtol=1e-4, atol=1e-4)
    if ARCHITECTURES[model.config.model_type].window != "all":  # else titles are too far away
        assert found[CANDIDATES > 0].std() > 0.1


@pytest.mark.parametrize(
    ("kind", "target"), [("qwen3", "embed_tokens"), ("gemma3", "embed_tokens"), ("gpt2", "wte")]
)
def test_a_target_that_shares_its_weight_is_refused(params, tmp_path, kind, target):
    write_clicks()
    write_kind(kind, tmp_path / kind, places=256)
    entry = encoder(tmp_path / kind, family="causal", finetune_layers=0)
    adapter = replace(ADAPTER, base=kind, targets=(target,))
    changed = replace(params, encoders={**params.encoders, kind: entry}, adapters={"lora": adapter})
    fetch_checkpoint(kind, changed)
    with pytest.raises(StudyError, match=rf"^adapters.lora.targets: {target} is not accepted: lm_"):
        adapt("lora", changed)


def test_questions_longer_than_a_model_reads_are_refused(params, tmp_path):
    write_clicks()
    write_kind("gpt2", tmp_path / "gpt2", places=40)
    entry = encoder(tmp_path / "gpt2", family="causal", finetune_layers=0)
    adapter = replace(ADAPTER, base="gpt2", targets=("c_attn",))
    changed = replace(
        params, encoders={**params.encoders, "gpt2": entry}, adapters={"lora": adapter}
    )
    fetch_checkpoint("gpt2", changed)
    with pytest.raises(
        StudyError, match=r"^adapters.lora: \d+ tokens in one question; expected 40"
    ):
        adapt("lora", changed)
