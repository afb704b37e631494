import shutil

import numpy as np
import pytest
from small import MINILM, TEXTS
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from replication.encoders.tokens import (
    load_tokenizer,
    lowers_letters,
    piece_ids,
    prompted_ids,
    text_ids,
    token_limits,
    truncated_ids,
    word_ids,
    words_of,
)
from replication.files.errors import StudyError
from replication.study.settings import Text

TITLES = [title for title, _ in TEXTS]
REAL = ["Mayor's “new” plan: 3.5% more!", "", "naïve café 東京 \U0001f600", "word " * 60, "a\tb  c"]


def lists(ragged) -> list[list[int]]:
    return [ragged.row(i).tolist() for i in range(len(ragged))]


def reference(folder):
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))


def test_limits_by_field():
    assert token_limits(Text(title_tokens=7, abstract_tokens=9)) == {"title": 7, "abstract": 9}


def test_words_are_lower_case_and_punctuation_stands_alone():
    assert words_of("It's 7-0: Über_all!") == ["it", "'", "s", "7", "-", "0", ":", "über_all", "!"]


def test_word_ids():
    tokens = word_ids(["B a, b", "", "a b a b", " "], {"a": 2, "b": 3}, limit=3, unknown=1)
    assert lists(tokens) == [[3, 2, 1], [0], [2, 3, 2], [0]]
    assert tokens.values.dtype == np.int32 and tokens.offsets.dtype == np.int64


@pytest.mark.parametrize("kind", ["bert", "roberta"])
@pytest.mark.parametrize("limit", [2, 5, 50])
def test_piece_ids_are_those_of_hugging_face(folders, kind, limit):
    texts = [*TITLES, "", "mayors ~ unknown\u00e9"]
    expected = reference(folders[kind])(texts, truncation=True, max_length=limit)["input_ids"]
    tokens = piece_ids(texts, folders[kind], limit)
    assert lists(tokens) == expected
    assert tokens.values.dtype == np.int32 and max(map(len, expected)) <= limit


@pytest.mark.parametrize("limit", [4, 20, 300])
def test_piece_ids_of_the_real_minilm(limit):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MINILM, local_files_only=True)
    expected = tokenizer(REAL, truncation=True, max_length=limit)["input_ids"]
    assert lists(piece_ids(REAL, MINILM, limit)) == expected
    assert all(ids[0] == 101 and ids[-1] == 102 for ids in expected)


def test_an_empty_text_keeps_the_special_tokens(folders):
    assert lists(piece_ids([""], folders["bert"], 9)) == [[2, 3]]


def test_a_limit_below_the_special_tokens_is_refused(folders, params):
    told = r"text\.abstract_tokens: 1 is not accepted; accepted: 2 or more"
    with pytest.raises(StudyError, match=told):
        text_ids(params.registry[params.encoder], "abstract", TITLES, folders["bert"], 1)


def test_prompted_ids_of_a_short_text_are_those_of_the_whole_sentence(folders):
    texts = [*TITLES, "", '"quoted" words', "3 days"]
    sentences = [f"This news: {text} means in one word:" for text in texts]
    expected = reference(folders["llama"])(sentences)["input_ids"]
    assert lists(prompted_ids(texts, folders["llama"], 50)) == expected


def test_prompted_ids_keep_the_prompt_when_the_text_is_cut(folders):
    tokenizer = reference(folders["llama"])
    before = tokenizer("This news:")["input_ids"]
    after = tokenizer(" means in one word:", add_special_tokens=False)["input_ids"]
    long = "the old mayor wins a new vote over the town team"
    body = tokenizer(f" {long}", add_special_tokens=False)["input_ids"]
    assert len(body) > 4
    assert lists(prompted_ids([long], folders["llama"], 4)) == [before + body[:4] + after]


def test_truncated_ids_by_hand(tmp_path):
    """As released (D8): text and prompt are cut together; token 0 fills up what is read."""
    words = ["[zero]", "[bos]", "This", "news", ":", "sun", "rain", "means", "in", "one", "word"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[zero]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[bos] $A", special_tokens=[("[bos]", 1)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    texts = ["sun", "rain sun rain sun", ""]
    tokens, padding = truncated_ids(texts, tmp_path, 11, least=10)
    assert padding.tolist() == [0, 0, 1]
    assert lists(tokens) == [
        [1, 2, 3, 4, 5, 7, 8, 9, 10, 4],
        [1, 2, 3, 4, 6, 5, 6, 5, 7, 8, 9],
        [0, 1, 2, 3, 4, 7, 8, 9, 10, 4],
    ]
    tokens, padding = truncated_ids(texts[:2], tmp_path, 5, least=5)
    assert lists(tokens) == [[1, 2, 3, 4, 5], [1, 2, 3, 4, 6]] and not padding.any()


@pytest.mark.parametrize("limit", [3, 12, 40])
def test_truncated_ids_are_those_of_hugging_face(folders, limit):
    tokenizer = reference(folders["llama"])
    tokenizer.padding_side, tokenizer.pad_token = "left", "<|begin_of_text|>"  # its token 0
    texts = [*TITLES, "", '"quoted" words']
    sentences = [f"This news: {text} means in one word:" for text in texts]
    expected = tokenizer(sentences, padding="max_length", truncation=True, max_length=limit)
    tokens, padding = truncated_ids(texts, folders["llama"], limit, least=limit)
    assert lists(tokens) == expected["input_ids"] and tokens.values.dtype == np.int32
    assert (limit - padding).tolist() == [sum(mask) for mask in expected["attention_mask"]]
    least = truncated_ids(texts, folders["llama"], limit)
    cut = zip(expected["input_ids"], padding, strict=True)
    assert lists(least[0]) == [ids[n:] for ids, n in cut] and not least[1].any()


def test_a_limit_of_the_file_itself_is_not_used(folders, tmp_path):
    tokenizer = Tokenizer.from_file(str(folders["llama"] / "tokenizer.json"))
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=30)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    expected = lists(prompted_ids(TITLES, folders["llama"], 50))
    assert lists(prompted_ids(TITLES, tmp_path, 50)) == expected


def test_a_missing_tokenizer_names_the_command(tmp_path):
    with pytest.raises(StudyError, match=r"tokenizer\.json: no such file; run `dvc repro checkpo"):
        piece_ids(["a"], tmp_path / "checkpoints" / "bert", 9)


def test_a_tokenizer_that_lowers_letters_is_known_by_its_file(folders, tmp_path):
    assert lowers_letters(MINILM)
    assert not lowers_letters(folders["roberta"]) and not lowers_letters(tmp_path)


def test_a_tokenizer_is_read_once_and_never_left_cutting(folders):
    first = load_tokenizer(folders["bert"])
    piece_ids(["some words that are cut"], folders["bert"], 4)
    truncated_ids(["some words that are cut"], folders["bert"], 4)
    assert load_tokenizer(folders["bert"]) is first and first.truncation is None


def test_a_tokenizer_that_has_changed_is_read_anew(folders, tmp_path):
    path = tmp_path / "tokenizer.json"
    shutil.copy(folders["bert"] / path.name, path)
    first = piece_ids(TITLES, tmp_path, 50)
    expected = lists(piece_ids(TITLES, folders["roberta"], 50))
    shutil.copy(folders["roberta"] / path.name, path)
    assert lists(piece_ids(TITLES, tmp_path, 50)) == expected
    assert lists(first) == lists(piece_ids(TITLES, folders["bert"], 50))
