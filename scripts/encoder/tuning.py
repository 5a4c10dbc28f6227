"""Fine-tunes the encoder to tell our intents apart (docs/nlu.md, section Encoder)."""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from bot.nlu.unigram import UnigramTokeniser
from scripts.encoder.network import Encoder
from scripts.encoder.sentences import Sentences

Ids = NDArray[np.int64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """Chosen by measurement; the card of the model names the values of the shipped one."""

    epochs: int = 6
    batch: int = 32
    frozen: int = 4
    rate: float = 1e-4
    layer_decay: float = 0.9
    head_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up: float = 0.1
    dropout: float = 0.1
    head_dropout: float = 0.2
    scale: float = 8.0
    smoothing: float = 0.05
    noise: float = 0.15
    longest: int = 64
    first_head_from: int = 30
    seed: int = 20250101


def spoil(text: str, chance: random.Random) -> str:
    """One slip of the finger: a character left out, doubled, or exchanged with its neighbour."""
    if len(text) < 5:
        return text
    place = chance.randrange(len(text) - 1)
    kind = chance.randrange(3)
    if kind == 0:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[: place + 1] + text[place:]
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def padded(rows: Sequence[Ids], pad: int) -> tuple[Tensor, Tensor]:
    """Ids and mask of one batch."""
    longest = max(map(len, rows))
    ids = np.full((len(rows), longest), pad, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.float32)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def batches(lengths: Sequence[int], size: int, chance: random.Random) -> list[list[int]]:
    """Sentences of similar length together, otherwise in random order."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i] + chance.random() * 4)
    result = [order[start : start + size] for start in range(0, len(order), size)]
    chance.shuffle(result)
    return result


def vectors(network: Encoder, tokeniser: UnigramTokeniser, texts: Sequence[str], longest: int) -> Vectors:
    """One row for each text, without gradients."""
    network.eval()
    rows = [tokeniser.ids(text, longest) for text in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    result = np.zeros((len(rows), network.positions.shape[1]), dtype=np.float32)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for start in _progress(range(0, len(order), 64), "vectors"):
            part = order[start : start + 64]
            result[part] = network(*padded([rows[i] for i in part], tokeniser.special["pad"])).numpy()
    return result


def _progress(steps: Sequence[int], label: str) -> Iterator[int]:
    """A bar on the terminal, a line for each tenth elsewhere."""
    started, shown = time.monotonic(), -1
    for done, step in enumerate(steps):
        yield step
        part = (done + 1) / len(steps)
        tick = int(part * (100 if sys.stderr.isatty() else 10))
        if tick != shown:
            shown = tick
            passed = time.monotonic() - started
            bar = "█" * int(24 * part)
            start, end = ("\r", "\n" if part == 1 else "") if sys.stderr.isatty() else ("", "\n")
            print(
                f"{start}   {label:<10} {bar:<24} {100 * part:3.0f} %  {passed:5.0f} s of {passed / part:5.0f} s",
                end=end,
                file=sys.stderr,
                flush=True,
            )


def _few_of_each(gold: NDArray[np.int64], count: int, chance: random.Random) -> list[int]:
    """Up to `count` sentences of each intent: enough for a start, and quick."""
    result: list[int] = []
    for intent in range(int(gold.max()) + 1):
        members = np.flatnonzero(gold == intent).tolist()
        result += chance.sample(members, min(count, len(members)))
    return result


def first_head(found: Vectors, gold: NDArray[np.int64], recipe: Recipe) -> nn.Linear:
    """A linear layer over the frozen vectors to start from, halved so that fine-tuning has something to do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # only a start
        regression = LogisticRegression(C=10.0, max_iter=60).fit(found * recipe.scale, gold)
    head = nn.Linear(found.shape[1], len(regression.classes_))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(regression.coef_ * 0.5))
        head.bias.copy_(torch.from_numpy(regression.intercept_ * 0.5))
    return head


def optimiser(network: Encoder, head: nn.Linear, recipe: Recipe) -> torch.optim.AdamW:
    """Lower layers learn more slowly; biases and normalisations do not decay."""
    groups = []
    top = len(network.layers) - 1
    for place, layer in enumerate(network.layers):
        if place >= recipe.frozen:
            rate = recipe.rate * recipe.layer_decay ** (top - place)
            for parameter in layer.parameters():
                decay = recipe.weight_decay if parameter.dim() > 1 else 0.0
                groups.append({"params": [parameter], "lr": rate, "weight_decay": decay})
    groups.append({"params": list(head.parameters()), "lr": recipe.head_rate, "weight_decay": recipe.weight_decay})
    return torch.optim.AdamW(groups, fused=True)


def tune(network: Encoder, tokeniser: UnigramTokeniser, sentences: Sentences, recipe: Recipe) -> Iterator[int]:
    """Change `network` in place; yields after each epoch. Sentences held out are not looked at."""
    chance = random.Random(recipe.seed)  # noqa: S311 (repeatable, not secret)
    torch.manual_seed(recipe.seed)
    seen = [i for i, left_out in enumerate(sentences.held_out) if not left_out]
    texts = [sentences.texts[i] for i in seen]
    place = {name: i for i, name in enumerate(sentences.names)}
    gold = np.asarray([place[sentences.intents[i]] for i in seen], dtype=np.int64)
    few = _few_of_each(gold, recipe.first_head_from, chance)
    head = first_head(vectors(network, tokeniser, [texts[i] for i in few], recipe.longest), gold[few], recipe)
    for frozen in (network.words, network.after_embedding, *network.layers[: recipe.frozen]):
        frozen.requires_grad_(False)
    network.positions.requires_grad_(False)
    machine = optimiser(network, head, recipe)
    total = recipe.epochs * -(-len(texts) // recipe.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        machine, lambda step: min((step + 1) / (recipe.warm_up * total), (total - step) / (total * (1 - recipe.warm_up)))
    )
    for epoch in range(recipe.epochs):
        network.train()
        losses = []
        drawn = [spoil(text, chance) if chance.random() < recipe.noise else text for text in texts]
        rows = [tokeniser.ids(text, recipe.longest) for text in drawn]
        order = batches([len(row) for row in rows], recipe.batch, chance)
        for step in _progress(range(len(order)), f"epoch {epoch + 1}/{recipe.epochs}"):
            part = order[step]
            ids, mask = padded([rows[i] for i in part], tokeniser.special["pad"])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = network(ids, mask, dropout=recipe.dropout, frozen=recipe.frozen)
            scores = head(nn.functional.dropout(found * recipe.scale, recipe.head_dropout))
            loss = nn.functional.cross_entropy(scores, torch.from_numpy(gold[part]), label_smoothing=recipe.smoothing)
            machine.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            machine.step()
            schedule.step()
            losses.append(float(loss.detach()))
        print(f"   loss {np.mean(losses):.3f}", file=sys.stderr, flush=True)
        yield epoch + 1
    network.eval()
