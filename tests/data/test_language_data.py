"""Language data as a tested product: each message names the file, the value and the fix."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from actions.registry import ACTIONS
from bot.core.texts import Texts

ROOT = Path(__file__).resolve().parents[2]
FEWEST_SENTENCES = 40
PAYLOAD = re.compile(r"^/([a-z_]+)(\{.*\})?$")


@cache
def load(path: str) -> Any:
    return yaml.load((ROOT / path).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def catalogue() -> dict[str, dict[str, Any]]:
    return {item["name"]: item for item in load("data/catalogue/intents.yml")["intents"]}


@cache
def sentences() -> dict[str, list[tuple[str, Path]]]:
    """Intent → its training sentences, with the file of each."""
    found: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for path in sorted((ROOT / "data/nlu").glob("*/*.yml")):
        for block in load(str(path.relative_to(ROOT)))["nlu"]:
            for line in block["examples"].splitlines():
                found[block["intent"]].append((line.removeprefix("- ").strip(), path))
    return found


@cache
def held_out() -> dict[str, list[str]]:
    blocks = load("tests/data/questions.yml")["nlu"]
    return {block["intent"]: [line.removeprefix("- ") for line in block["examples"].splitlines()] for block in blocks}


def measuring() -> list[str]:
    """tests/data/held_out.tsv: a writer of its own, who measures the model."""
    lines = (ROOT / "tests/data/held_out.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[1] for line in lines[1:]]


def bare(sentence: str) -> str:
    return re.sub(r"[\W_]+", "", sentence).lower()


def rules() -> list[dict[str, Any]]:
    return [rule for path in sorted((ROOT / "data/rules").glob("*.yml")) for rule in load(str(path.relative_to(ROOT)))["rules"]]


def opening_intents() -> set[str]:
    """Intents that a rule answers outside any form."""
    return {rule["steps"][0]["intent"] for rule in rules() if "condition" not in rule and "intent" in rule["steps"][0]}


def test_every_intent_of_the_catalogue_is_in_the_domain_and_no_other() -> None:
    assert set(load("domain.yml")["intents"]) == {*catalogue(), "nlu_fallback"}


def test_every_intent_has_one_file_named_after_it_in_its_group() -> None:
    expected = {f"data/nlu/{item['group']}/{name}.yml" for name, item in catalogue().items()}
    actual = {str(path.relative_to(ROOT)) for path in (ROOT / "data/nlu").glob("*/*.yml")}
    assert actual == expected


def test_every_intent_has_enough_sentences() -> None:
    few = {name: len(sentences()[name]) for name in catalogue() if len(sentences()[name]) < FEWEST_SENTENCES}
    assert not few, f"fewer than {FEWEST_SENTENCES} sentences: {few}"


def test_no_sentence_stands_twice() -> None:
    seen: dict[str, tuple[str, Path]] = {}
    problems = []
    for intent, items in sentences().items():
        for sentence, path in items:
            key = bare(sentence)
            if key in seen:
                problems.append(f"{path.name}: {sentence!r} also stands under {seen[key][0]} in {seen[key][1].name}; remove one")
            seen[key] = (intent, path)
    assert not problems, "\n".join(problems)


def test_no_held_out_question_is_in_the_training_data() -> None:
    trained = {bare(sentence) for items in sentences().values() for sentence, _ in items}
    asked = [*measuring(), *(question for items in held_out().values() for question in items)]
    leaked = [question for question in asked if bare(question) in trained]
    assert not leaked, f"tests/data/questions.yml, held_out.tsv: reword {leaked}, or take them from the training data"


def test_every_intent_has_held_out_questions() -> None:
    assert set(held_out()) == set(catalogue())
    assert [name for name, items in held_out().items() if len(items) < 2] == []


def test_every_intent_has_a_rule() -> None:
    assert opening_intents() == {*catalogue(), "nlu_fallback"}


def test_every_intent_has_an_answer_in_its_group() -> None:
    expected = {f"data/answers/{item['group']}/{name}.yml" for name, item in catalogue().items()}
    actual = {str(path.relative_to(ROOT)) for path in (ROOT / "data/answers").glob("*/*.yml")}
    assert actual == expected
    wrong = [path for path in actual if load(path)["intent"] != Path(path).stem]
    assert not wrong, f"the intent inside differs from the file's name: {wrong}"


def test_option_titles_are_short_and_unique() -> None:
    titles = [answer.title for answer in Texts.load(ROOT / "data/answers").answers.values()]
    assert len(titles) == len(set(titles))
    assert [title for title in titles if not 2 <= len(title) <= 14] == []


def test_every_button_leads_to_an_intent() -> None:
    texts = Texts.load(ROOT / "data/answers")
    problems = []
    everything = [(name, text) for name, answer in texts.answers.items() for text in (answer.general, *answer.variants.values())]
    for name, text in [*everything, *texts.dialogue.items()]:
        for button in text.buttons:
            found = PAYLOAD.match(button.payload)
            if not found or found.group(1) not in catalogue():
                problems.append(f"{name}: button {button.title!r} has payload {button.payload!r}")
    assert not problems, "\n".join(problems)


def test_general_answers_need_no_values() -> None:
    texts = Texts.load(ROOT / "data/answers")
    assert {name: answer.general.placeholders for name, answer in texts.answers.items() if answer.general.placeholders} == {}


def test_answers_never_ask_for_secrets_or_offer_a_personal_account() -> None:
    asks = re.compile(r"(?<!不要)(?<!别)(请|把)[^，。！]{0,6}(密码|验证码)[^，。！]{0,4}(告诉|发给)(我|同事|客服)")
    texts = Texts.load(ROOT / "data/answers")
    every = {name: answer.general.text for name, answer in texts.answers.items()} | {k: t.text for k, t in texts.dialogue.items()}
    assert [name for name, text in every.items() if asks.search(text)] == []


def test_texts_use_plain_placeholders_only() -> None:
    """No format specification or attribute access inside a text: values arrive ready to read."""
    texts = Texts.load(ROOT / "data/answers")
    every = [text for answer in texts.answers.values() for text in (answer.general, *answer.variants.values())]
    odd = [
        name
        for text in [*every, *texts.dialogue.values()]
        for _, name, spec, conversion in Formatter().parse(text.text)
        if name is not None and (not name.isidentifier() or spec or conversion)
    ]
    assert not odd


def test_actions_of_the_domain_are_the_actions_of_the_server() -> None:
    registered = {action.action_name for action in ACTIONS}
    assert registered == set(load("domain.yml")["actions"])
