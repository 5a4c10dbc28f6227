"""The words that the dialogue listens for, from ``data/lexicon/dialogue_words.yml``, as compiled patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from bot.core.settings import ROOT
from bot.identity.contacts.registry import default_registry

NAME = r"(?:[\u4e00-\u9fa5]{2,3}的)?"
"""我爱人王强的额度: a name may stand between the person and the matter."""
PLAIN = (
    "keep_schedule",
    "resend_code",
    "refuses_phone",
    "withdraw_complaint",
    "add_to_complaint",
    "appeal",
    "command",
    "how_to",
)
PUNCTUATION = r"[\s，。、！？!?,.~…]"


@dataclass(frozen=True)
class DialogueWords:
    """One pattern per purpose; each is described beside its words in the data file."""

    cancel: re.Pattern[str]
    filler: re.Pattern[str]
    cancel_schedule: re.Pattern[str]
    question: re.Pattern[str]
    complaint_opener: re.Pattern[str]
    third_party: re.Pattern[str]
    keep_schedule: re.Pattern[str]
    resend_code: re.Pattern[str]
    refuses_phone: re.Pattern[str]
    withdraw_complaint: re.Pattern[str]
    add_to_complaint: re.Pattern[str]
    appeal: re.Pattern[str]
    command: re.Pattern[str]
    how_to: re.Pattern[str]
    named_person: re.Pattern[str]
    not_names: tuple[str, ...]

    def people_asked_about(self, text: str) -> list[str]:
        """The names in "李婷欠了多少" and "帮我查王强的额度": somebody, and a matter of their account."""
        found = (match["name"] for match in self.named_person.finditer(text))
        return [name for name in found if not name.startswith(self.not_names)]


def any_of(words: list[str]) -> str:
    """Longest first, so that 我要 is taken before 我."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@cache
def dialogue_words(path: Path = ROOT / "data" / "lexicon" / "dialogue_words.yml") -> DialogueWords:
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    return DialogueWords(
        cancel=re.compile(f"^(?:{any_of(raw['cancel_openers'])})?(?:{any_of(raw['cancel'])})"),
        filler=re.compile(f"{PUNCTUATION}|{any_of(raw['filler'])}"),
        cancel_schedule=re.compile(any_of(raw["cancel_schedule"])),
        question=re.compile(any_of(raw["question"])),
        complaint_opener=re.compile(f"{PUNCTUATION}|{any_of(raw['complaint_openers'])}"),
        third_party=re.compile(
            f"(?:{any_of(raw['people'])})(?:{any_of(raw['between'])}){{0,3}}{NAME}(?:{any_of(raw['matters'])})"
        ),
        named_person=_named_person(raw),
        not_names=tuple(raw["not_names"]),
        **{name: re.compile(any_of(raw[name])) for name in PLAIN},
    )


def _named_person(raw: dict[str, list[str]]) -> re.Pattern[str]:
    given = f"(?![{''.join(raw['not_in_names'])}])[\u4e00-\u9fff]"
    name = f"(?P<name>[{default_registry().people.surnames}](?:{given}){{1,2}}?)"
    before = f"(?:^|{PUNCTUATION}|{any_of(raw['name_openers'])})"
    matters = any_of([*raw["matters"], *raw["name_matters"]])
    return re.compile(f"{before}{name}(?:{any_of(raw['between'])}){{0,4}}(?:{matters})")
