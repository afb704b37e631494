import numpy as np
import pytest
import torch
from small import TEXTS
from tokenizers import Tokenizer, models, pre_tokenizers

from replication.encoders.lora.questions import Questioner, answer_scores
from replication.encoders.sources.adapters import load_causal
from replication.files.errors import StudyError

TITLES = ["", *(title for title, _ in TEXTS)]
HISTORIES = [np.array([3, 1]), np.array([], np.int32), np.array([5, 5, 2, 4]), np.array([6])]
CANDIDATES = np.array([[2, 5, 7], [1, 3, 4], [6, 0, 0], [7, 1, 0]])


def text(history, candidate) -> str:
    clicks = "".join(f"\n- {TITLES[a]}" for a in history)
    return (
        f"A user has read these news:{clicks}\nThe next one shown: {TITLES[candidate]}"
        "\nWill the user read it?"
    )


def reference(folder):
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    return tokenizer, AutoModelForCausalLM.from_pretrained(folder).eval()


def test_packed_scores_are_those_of_each_candidate_alone(folders):
    tokenizer, model = reference(folders["llama"])
    questioner = Questioner(TITLES, folders["llama"], 50)
    yes, no = (tokenizer(a, add_special_tokens=False)["input_ids"] for a in (" yes", " no"))
    assert questioner.answers == next((a, b) for a, b in zip(yes, no, strict=False) if a != b)
    questions = questioner.ask(HISTORIES, CANDIDATES)
    assert questions.asked.tolist() == (CANDIDATES > 0).tolist()
    with torch.no_grad():
        found = answer_scores(model, questions, questioner.answers)
        for b, (history, row) in enumerate(zip(HISTORIES, CANDIDATES, strict=True)):
            for j, candidate in enumerate(row):
                if candidate:
                    ids = tokenizer(text(history, candidate), return_tensors="pt")["input_ids"]
                    logits = model(ids).logits[0, -1]
                    expected = logits[questioner.answers[0]] - logits[questioner.answers[1]]
                    torch.testing.assert_close(found[b, j], expected, rtol=1e-4, atol=1e-4)
    assert found[CANDIDATES > 0].std() > 0.1  # the titles matter


def test_one_candidate_and_no_history(folders):
    questioner = Questioner(TITLES, folders["llama"], 50)
    questions = questioner.ask([np.array([], np.int32)], np.array([[3]]))
    tokenizer, _ = reference(folders["llama"])
    expected = tokenizer(text([], 3))["input_ids"]
    assert questions.ids.tolist() == [expected]
    assert questions.positions.tolist() == [list(range(len(expected)))]
    assert questions.ends.tolist() == [[len(expected) - 1]]
    assert torch.equal(questions.attends[0, 0], torch.ones(len(expected), len(expected)).tril() > 0)


def test_titles_are_cut_and_nothing_else(folders):
    tokenizer, _ = reference(folders["llama"])
    short = Questioner(TITLES, folders["llama"], 2).ask([np.array([5])], np.array([[1]]))
    bodies = [
        tokenizer(f" {TITLES[article]}", add_special_tokens=False)["input_ids"][:2]
        for article in (5, 1)
    ]
    pieces = ["\n-", "\nThe next one shown:", "\nWill the user read it?"]
    click, candidate, question = (
        tokenizer(piece, add_special_tokens=False)["input_ids"] for piece in pieces
    )
    opening = tokenizer("A user has read these news:")["input_ids"]
    expected = opening + click + bodies[0] + candidate + bodies[1] + question
    assert short.ids.tolist() == [expected]


def test_padding_does_not_matter(folders):
    questioner = Questioner(TITLES, folders["llama"], 50)
    model = load_causal(folders["llama"], "float32")
    with torch.no_grad():
        together = answer_scores(model, questioner.ask(HISTORIES, CANDIDATES), (5, 9))
        for b in range(len(HISTORIES)):
            alone = questioner.ask([HISTORIES[b]], CANDIDATES[b : b + 1])
            asked = alone.asked[0]
            torch.testing.assert_close(
                together[b][asked], answer_scores(model, alone, (5, 9))[0][asked]
            )


def test_answers_that_begin_alike_use_the_first_difference(tmp_path):
    vocabulary = {"[UNK]": 0, "n": 1, "y": 2, "e": 3, "s": 4, "o": 5}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")  # a token for each character
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert Questioner([""], tmp_path, 5).answers == (2, 1)  # after the space they share


def test_a_tokenizer_that_knows_neither_answer_is_refused(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(StudyError, match=r"begins ' yes' and ' no' alike"):
        Questioner([""], tmp_path, 5)
