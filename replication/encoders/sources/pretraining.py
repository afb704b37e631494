"""Pre-train a small Llama-architecture causal model on the corpus text: the demo's stand-in LLM."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from tqdm import tqdm

from replication.encoders.sources.words import NORM, word_table
from replication.files.errors import StudyError
from replication.machine.dropout import register_attention
from replication.machine.precision import autocast, computing_device, resolve_precision
from replication.mind.columns.prepared import load_prepared
from replication.study.encoders import Pretraining
from replication.study.params import Encoder

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import LlamaForCausalLM

START = "<|begin_of_text|>"


def pretrain(encoder: Encoder, prepared: Path, folder: Path, words: Path | None = None) -> None:
    """Train tokenizer and model on titles and abstracts; write Hugging Face files to `folder`.

    `words` is a BERT model's folder whose word vectors the token embeddings start from, for a small
    corpus cannot teach what words mean; None starts them at random.
    Articles are read in the order of their ids; the text of articles that appear only in the test
    split is left out, as it would not have been there when a language model was trained.
    Errors: `StudyError` where the corpus is shorter than one row of `context` tokens.
    """
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    settings = encoder.pretraining
    assert settings is not None  # the source's `check` has seen to it
    texts = _texts(prepared)
    tokenizer = _train_tokenizer(texts, settings.vocabulary)
    encoded = tokenizer.encode_batch(texts)
    stream = np.array([token for e in encoded for token in e.ids], np.int64)
    count = len(stream) // settings.context
    if not count:
        raise StudyError(
            f"encoders: pretraining.context is {settings.context} tokens, but the corpus has "
            f"{len(stream)}; lower it"
        )
    rows = torch.from_numpy(stream[: count * settings.context].reshape(count, settings.context))
    torch.manual_seed(settings.seed)
    start = tokenizer.token_to_id(START)
    model = LlamaForCausalLM(
        LlamaConfig(  # type: ignore[call-arg]  # attn_implementation is no field of any config
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=encoder.width,
            intermediate_size=settings.mlp,
            num_hidden_layers=encoder.layers,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.key_value_heads,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=start,
            eos_token_id=start,
            attn_implementation=register_attention(),
        )
    )
    model.to(computing_device())  # type: ignore[arg-type]  # transformers wraps it without its self
    if words is not None:
        table = cast(torch.nn.Embedding, model.get_input_embeddings())
        _start_from_words(table.weight, tokenizer, words)
    _train(model, rows.to(computing_device()), settings)
    model.float().cpu().save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))


def _texts(prepared: Path) -> list[str]:
    data = load_prepared(prepared)
    seen = np.zeros(len(data.articles.news_id), bool)
    for ragged in (data.train.candidates, data.train.histories):
        seen[np.asarray(ragged.values)] = True
    pairs = zip(data.articles.title, data.articles.abstract, seen, strict=True)
    return [f"{title}\n{abstract}" for title, abstract, kept in pairs if kept and title]


def _train_tokenizer(texts: list[str], vocabulary: int) -> "Tokenizer":
    """A byte-level BPE tokenizer, as Llama 3's, that starts each text with `START`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
    )
    return tokenizer


@torch.no_grad()
def _start_from_words(table: torch.Tensor, tokenizer: "Tokenizer", words: Path) -> None:
    """Set the rows of `table` (vocabulary, width) whose tokens are whole words of a BERT model."""
    names, vectors = word_table(words, table.shape[1])
    ids = {name: i for i, name in enumerate(names)}
    for i in range(len(table)):
        place = ids.get(tokenizer.decode([i]).strip().lower())
        if place is not None:
            table[i] = torch.from_numpy(vectors[place] / NORM)


def _train(model: "LlamaForCausalLM", rows: torch.Tensor, settings: Pretraining) -> None:
    """Next-token prediction over (rows, context) ids; AdamW with a one-cycle learning rate."""
    steps = settings.epochs * -(-len(rows) // settings.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, fused=True)
    # At least eleven steps: with exactly ten the schedule divides by zero.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=max(steps, 11), pct_start=0.1
    )
    generator = torch.Generator().manual_seed(settings.seed)
    precision = resolve_precision("auto")
    model.train()
    with tqdm(total=steps, desc="pre-training", unit="batch") as progress:
        for _ in range(settings.epochs):
            for chosen in torch.randperm(len(rows), generator=generator).split(settings.batch_size):
                ids = rows[chosen]
                with autocast(precision):
                    loss = model(input_ids=ids, labels=ids, use_cache=False).loss
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                schedule.step()
                progress.update()
                progress.set_postfix(loss=f"{loss.item():.3f}")
