"""Tokenizers of SentencePiece's kind: ids of a prompted text are those of the whole sentence."""

import numpy as np
import pytest
from small import TEXTS, WORDS
from test_questions import CANDIDATES, HISTORIES, TITLES, text
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from replication.encoders.lora.questions import Questioner
from replication.encoders.tokens import prompted_ids, prompted_pieces, truncated_ids

PLAIN = [title for title, _ in TEXTS]
ODD = ["", " ", "sun ", " sun", "sun  rain", "caf\u00e9 \u6771\u4eac", "</s>", "a\nb", "\u2581sun"]


def unigram():
    """As XLM-R's and T5's: a mark before each word and before the whole."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>",
        show_progress=False,
    )  # fmt: skip
    return tokenizer, trainer


def bpe_of_words():
    """As Mistral's newer ones: the mark before the first word alone."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=160, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    return tokenizer, trainer


def bpe_of_sentences():
    """As Llama-2's: spaces become marks, one more is put in front, and nothing is split."""
    tokenizer, trainer = bpe_of_words()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=True)

    return tokenizer, trainer


def without_splits(tokenizer) -> None:
    """After training, for which words are split."""
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.pre_tokenizer = None


@pytest.fixture(params=[unigram, bpe_of_words, bpe_of_sentences], ids=lambda f: f.__name__)
def checkpoint(request, tmp_path):
    """A folder with the tokenizer's file, and the tokenizer."""
    tokenizer, trainer = request.param()
    draw = np.random.default_rng(1)
    lines = [" ".join(draw.choice(WORDS, 8)) for _ in range(80)]
    lines += [text([1, 2], 3), "This news: sun means in one word:"] * 20
    tokenizer.train_from_iterator(lines, trainer)
    if request.param is bpe_of_sentences:
        without_splits(tokenizer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path, tokenizer


def lists(ragged) -> list[list[int]]:
    return [ragged.row(i).tolist() for i in range(len(ragged))]


def test_the_ids_of_the_whole_sentence(checkpoint):
    folder, tokenizer = checkpoint
    texts = [*PLAIN, *ODD]
    expected = [tokenizer.encode(f"This news: {t} means in one word:").ids for t in texts]
    assert lists(prompted_ids(texts, folder, 200)) == expected
    assert lists(truncated_ids(texts[:3], folder, 200)[0]) == expected[:3]


@pytest.mark.parametrize("limit", [1, 4])
def test_a_text_that_is_cut_keeps_the_prompt_whole(checkpoint, limit):
    folder, tokenizer = checkpoint
    whole = tokenizer.encode("This news: the old river town wins means in one word:")
    starts = [i for i, (first, _) in enumerate(whole.offsets) if first >= len("This news:")]
    ends = [
        i
        for i, (first, _) in enumerate(whole.offsets)
        if first >= len("This news: the old river town wins")
    ]
    before, after = whole.ids[: starts[0]], whole.ids[ends[0] :]
    body = whole.ids[starts[0] : ends[0]]
    assert len(body) > 4
    found = lists(prompted_ids(["the old river town wins"], folder, limit))
    assert found == [before + body[:limit] + after]


def test_questions_have_the_ids_of_the_whole_sentence(checkpoint):
    folder, tokenizer = checkpoint
    questions = Questioner(TITLES, folder, 50).ask(HISTORIES, CANDIDATES)
    for b, (history, row) in enumerate(zip(HISTORIES, CANDIDATES, strict=True)):
        for j, candidate in enumerate(row):
            if candidate:
                seen = questions.attends[b, 0, questions.ends[b, j]]
                expected = tokenizer.encode(text(history, candidate)).ids
                assert questions.ids[b][seen].tolist() == expected
                assert questions.positions[b][seen].tolist() == list(range(len(expected)))


def test_answers_are_what_would_follow_the_question(checkpoint):
    folder, tokenizer = checkpoint
    yes, no = Questioner(TITLES, folder, 50).answers
    assert yes != no
    follow = [tokenizer.encode(f"{text([], 1)}{answer}").ids for answer in (" yes", " no")]
    assert (yes, no) == next(pair for pair in zip(*follow, strict=False) if pair[0] != pair[1])


def test_a_mark_at_the_end_stays_at_the_end(folders, tmp_path):
    """Of tokenizers of models of embeddings; the question to a causal model goes without."""
    tokenizer = Tokenizer.from_file(str(folders["llama"] / "tokenizer.json"))
    plain = tokenizer.encode(text([1], 2)).ids
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|begin_of_text|>", special_tokens=[("<|begin_of_text|>", 0)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    expected = tokenizer.encode("This news: sun means in one word:").ids
    assert lists(prompted_ids(["sun"], tmp_path, 9)) == [expected] and expected[-1] == 0
    questions = Questioner(TITLES, tmp_path, 50).ask([np.array([1])], np.array([[2]]))
    assert questions.ids[0].tolist() == plain[1:]


def test_a_prompt_of_a_transformer_counts_as_its_special_tokens_do(folders):
    tokenizer = Tokenizer.from_file(str(folders["roberta"] / "tokenizer.json"))
    long = "the old river town wins a match"
    whole = tokenizer.encode(f"query: {long}").ids
    for limit in (len(whole) + 3, len(whole), len(whole) - 2):
        found = lists(prompted_pieces([long], folders["roberta"], limit, "query: {text}"))[0]
        cut = whole if limit >= len(whole) else [*whole[: limit - 1], whole[-1]]
        assert found == cut
