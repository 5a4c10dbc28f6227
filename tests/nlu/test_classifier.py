"""The n-gram model: learning, calibration, storage; and the component around it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu import keys
from bot.nlu.classifier import NgramIntentClassifier, combine
from bot.nlu.features import Featuriser, prepare
from bot.nlu.ngrams import NgramModel, Settings, fit_sharpness, log_softmax
from bot.nlu.tokeniser import NormalisingJiebaTokenizer

SENTENCES = {
    "ask_repayment_method": ["怎么还款", "用什么还", "在哪还钱", "还款渠道有哪些", "微信能还吗", "可以用银行卡还吗"],
    "ask_credit_limit": ["额度多少", "我的额度是多少", "在哪看额度", "最高能借多少", "查一下额度", "额度怎么查"],
    "greet": ["你好", "在吗", "您好啊", "早上好", "有人在吗", "哈喽你好"],
}
TEXTS = [text for texts in SENTENCES.values() for text in texts]
INTENTS = [intent for intent, texts in SENTENCES.items() for _ in texts]
SETTINGS = Settings(at_least=1, folds=3)


@pytest.fixture(scope="module")
def model() -> NgramModel:
    return NgramModel.train(TEXTS, INTENTS, SETTINGS)


def test_it_finds_the_intent_of_a_sentence_it_has_not_seen(model):
    best = int(np.argmax(model.log_probabilities("请问额度是多少呢")))
    assert model.intents[best] == "ask_credit_limit"


def test_probabilities_sum_to_one_even_for_a_text_without_any_known_feature(model):
    for text in ("怎么还款", "zzz", ""):
        assert np.exp(model.log_probabilities(text)).sum() == pytest.approx(1)


def test_a_message_without_anything_known_has_no_favourite(model):
    for text in ("", "？？？", "😂"):
        assert np.ptp(model.log_probabilities(text)) == 0


def test_a_stored_model_gives_the_same_probabilities(model, tmp_path):
    model.save(tmp_path)
    restored = NgramModel.load(tmp_path)
    assert restored.intents == model.intents
    for text in TEXTS:
        np.testing.assert_allclose(np.exp(restored.log_probabilities(text)), np.exp(model.log_probabilities(text)), atol=2e-3)


def test_nothing_is_stored_as_a_pickle(model, tmp_path):
    model.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.npz"]
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays} == {"f"}


def test_a_model_of_another_format_is_refused(model, tmp_path):
    model.save(tmp_path)
    description = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(description | {"format": 0}), encoding="utf-8")
    with pytest.raises(ValueError, match="train again"):
        NgramModel.load(tmp_path)


def test_two_intents_are_enough():
    pair = NgramModel.train(TEXTS[:12], INTENTS[:12], SETTINGS)
    assert pair.intents[int(np.argmax(pair.log_probabilities("额度多少")))] == "ask_credit_limit"


def test_an_intent_with_too_few_sentences_is_named():
    with pytest.raises(ValueError, match="thank"):
        NgramModel.train([*TEXTS, "谢谢"], [*INTENTS, "thank"], SETTINGS)


def test_training_twice_gives_the_same_model(model):
    again = NgramModel.train(TEXTS, INTENTS, SETTINGS)
    np.testing.assert_array_equal(again.weights, model.weights)
    assert again.sharpness == model.sharpness


def test_sharpness_follows_how_often_the_scores_are_right():
    scores = np.tile([1.0, 0.0], (1000, 1))
    gold = np.array([0] * 900 + [1] * 100)
    probability = np.exp(log_softmax(scores[0] * fit_sharpness(scores, gold)))[0]
    assert probability == pytest.approx(0.9, abs=0.01)


def test_numbers_read_alike_whether_masked_or_not():
    assert prepare("借5000元") == prepare("借*元") == prepare("借320.67元") == "借0元"


def test_a_feature_of_training_is_the_feature_in_use():
    featuriser = Featuriser.fit(TEXTS, 3, 1)
    row = featuriser.matrix(["怎么还款"])
    columns, values = featuriser.row("怎么还款")
    np.testing.assert_array_equal(np.sort(columns), np.sort(row.indices))
    assert np.square(values).sum() == pytest.approx(2)  # characters and words, each of length 1


class Fixed:
    """A scorer with given probabilities."""

    intents = ("a", "b")

    def __init__(self, *probabilities: float) -> None:
        self._logs = np.log(np.asarray(probabilities))

    def log_probabilities(self, canonical: str) -> np.ndarray:
        return self._logs


def test_scorers_are_joined_by_their_geometric_mean():
    joined = combine([Fixed(0.9, 0.1), Fixed(0.5, 0.5)], "")
    assert joined[0] == pytest.approx(0.75)  # √0.45 : √0.05 = 3 : 1


def test_the_component_is_restored_from_the_model_archive(tmp_path):
    storage, resource = LocalModelStorage(tmp_path), Resource("classifier")
    config = {**NgramIntentClassifier.get_default_config(), "folds": 3}
    data = TrainingData([Message.build(text=text, intent=intent) for text, intent in zip(TEXTS, INTENTS, strict=True)])
    tokeniser = NormalisingJiebaTokenizer.create(NormalisingJiebaTokenizer.get_default_config(), storage, resource, None)
    trained = NgramIntentClassifier.create(config, storage, resource, None)
    trained.train(tokeniser.process_training_data(data))
    restored = NgramIntentClassifier.load(config, storage, resource, None)
    [message] = restored.process(tokeniser.process([Message.build(text="我的額渡多少？？")]))
    assert message.get(keys.CANONICAL) == "我的额度多少？"
    assert message.get("intent")["name"] == "ask_credit_limit"
    ranking = message.get("intent_ranking")
    assert ranking[0]["name"] == "ask_credit_limit"
    assert {item["name"] for item in ranking} == set(SENTENCES)
    assert ranking == sorted(ranking, key=lambda item: -item["confidence"])


def test_a_bot_without_a_trained_classifier_does_not_start(tmp_path):
    with pytest.raises(ValueError, match="nothing"):
        NgramIntentClassifier.load(
            NgramIntentClassifier.get_default_config(), LocalModelStorage(tmp_path), Resource("nothing"), None
        )


def test_tokens_stand_where_they_were_typed():
    tokeniser = NormalisingJiebaTokenizer(NormalisingJiebaTokenizer.get_default_config())
    typed = "小米隨星借 怎么換款"
    tokens = tokeniser.tokenize(Message.build(text=typed), "text")
    places = {token.text: typed[token.start : token.end] for token in tokens}
    assert places["随星借"] == "小米隨星借"
    assert places["还款"] == "換款"
