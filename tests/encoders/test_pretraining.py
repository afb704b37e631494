import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small import encoder, write_prepared
from tokenizers import Tokenizer

from replication.encoders.sources.checkpoints import fetch_checkpoint
from replication.encoders.sources.pretraining import START, pretrain
from replication.files.errors import StudyError
from replication.study.encoders import Pretraining

SETTINGS = Pretraining(
    vocabulary=320,
    heads=4,
    key_value_heads=2,
    mlp=24,
    context=16,
    batch_size=4,
    learning_rate=0.01,
    epochs=3,
    seed=1,
)
SEEN, UNSEEN = "plimbora", "quovezti"  # words of a training text and of a test-only one
TEXTS = [
    *((f"the {a} {b} {SEEN}", f"{a} over the {b} town") for a in ("red", "old") for b in "xyzuvw"),
    (f"{UNSEEN} " * 40, f"{UNSEEN} " * 40),
]
ENTRY = encoder(Path("tiny-llama"), family="causal", source="pretrained", finetune_layers=0)
ENTRY = replace(ENTRY, pretraining=SETTINGS)


@pytest.fixture
def prepared(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_prepared(TEXTS)
    return tmp_path / "data" / "prepared"


def train(prepared: Path, name: str = "out", **changes) -> Path:
    folder = prepared.parents[1] / name
    folder.mkdir()
    pretrain(replace(ENTRY, pretraining=replace(SETTINGS, **changes)), prepared, folder)
    return folder


def loss(folder: Path) -> float:
    """Mean next-token loss on the training texts, by Hugging Face's own model."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    texts = [f"{title}\n{abstract}" for title, abstract in TEXTS[:-1]]
    ids = torch.tensor([[i for text in texts for i in tokenizer.encode(text).ids]])
    with torch.no_grad():
        return model(ids, labels=ids).loss.item()


def test_the_loss_goes_down(prepared):
    one = loss(train(prepared, "one", epochs=1, learning_rate=1e-9))
    many = loss(train(prepared, "many", epochs=40))
    # An untrained model is about as good as chance, ln(vocabulary) = 5.8.
    assert 5 < one < 7 and many < 0.5 * one


def test_the_same_bytes_twice(prepared):
    first, second = train(prepared, "first"), train(prepared, "second")
    names = {p.name for p in first.iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json"}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    other = train(prepared, "other", seed=2)
    weights = "model.safetensors"
    assert (first / weights).read_bytes() != (other / weights).read_bytes()


def test_the_files_load_as_a_llama(prepared):
    from transformers import AutoModel, AutoTokenizer

    folder = train(prepared)
    model, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    config = model.config
    sizes = (config.model_type, config.num_hidden_layers, config.hidden_size)
    assert sizes == ("llama", ENTRY.layers, ENTRY.width)
    assert (config.num_attention_heads, config.num_key_value_heads) == (4, 2)
    assert next(model.parameters()).dtype == torch.float32
    ids = AutoTokenizer.from_pretrained(folder)("the red x")["input_ids"]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert ids == tokenizer.encode("the red x").ids
    assert ids[0] == config.bos_token_id == tokenizer.token_to_id(START)
    assert tokenizer.decode(ids) == "the red x"


def test_text_of_the_test_split_alone_is_not_read(prepared):
    folder = train(prepared)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # A word that was read many times is one piece (with its space); one never read is bytes.
    assert len(tokenizer.encode(f" {SEEN}", add_special_tokens=False).ids) == 1
    assert len(tokenizer.encode(f" {UNSEEN}", add_special_tokens=False).ids) > 5
    assert not any(re.search("quo|vez|zti", word) for word in tokenizer.get_vocab())


def test_other_test_texts_give_the_same_model(prepared):
    first = train(prepared, "first")
    write_prepared([*TEXTS[:-1], ("something else", "altogether")])
    second = train(prepared, "second")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


@pytest.mark.parametrize("batch_size", [1, 2, 5, 1000])
def test_any_number_of_batches(prepared, batch_size):
    train(prepared, batch_size=batch_size, epochs=1)


def test_ten_batches(prepared):  # where torch's one-cycle schedule divides by zero
    train(prepared, batch_size=1000, epochs=10)


def test_a_corpus_shorter_than_the_context(prepared):
    with pytest.raises(
        StudyError, match=r"pretraining\.context is 9000 tokens, but the corpus has"
    ):
        train(prepared, context=9000)


def test_stage_checkpoint_pretrains(params, prepared):
    params = replace(params, encoders={"tiny": ENTRY}, adapters={})
    fetch_checkpoint("tiny", params)
    names = {p.name for p in Path("checkpoints/tiny").iterdir()}
    assert names == {"config.json", "model.safetensors", "tokenizer.json", "source.json"}
