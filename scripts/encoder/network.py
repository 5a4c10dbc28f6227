"""The encoder in PyTorch: BERT's layers, mean over the tokens, length one."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from scripts.encoder.source import Pretrained, Shape

_PARTS = {"q": "query", "k": "key", "v": "value", "ao": "output", "fi": "widen", "fo": "narrow"}


class Layer(nn.Module):
    """Self-attention and feed-forward, each with a residual and a normalisation after it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.query = nn.Linear(shape.hidden, shape.hidden)
        self.key = nn.Linear(shape.hidden, shape.hidden)
        self.value = nn.Linear(shape.hidden, shape.hidden)
        self.output = nn.Linear(shape.hidden, shape.hidden)
        self.after_attention = nn.LayerNorm(shape.hidden, eps=shape.epsilon)
        self.widen = nn.Linear(shape.hidden, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.hidden)
        self.after_inner = nn.LayerNorm(shape.hidden, eps=shape.epsilon)

    def forward(self, states: Tensor, bias: Tensor | None, dropout: float) -> Tensor:
        """`bias` is added to the attention scores (−∞ for padding)."""
        batch, length, width = states.shape

        def split(values: Tensor) -> Tensor:
            return values.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

        query, key, value = split(self.query(states)), split(self.key(states)), split(self.value(states))
        scores = query @ key.transpose(-1, -2) / math.sqrt(width // self.heads)
        weights = torch.softmax(scores if bias is None else scores + bias, dim=-1)
        mixed = (weights @ value).transpose(1, 2).reshape(batch, length, width)
        attended = nn.functional.dropout(self.output(mixed), dropout, self.training)
        states = self.after_attention(states + attended)
        inner = nn.functional.dropout(self.narrow(nn.functional.gelu(self.widen(states))), dropout, self.training)
        result: Tensor = self.after_inner(states + inner)
        return result


class Encoder(nn.Module):
    """Ids of one length or padded → one vector of length 1 for each text."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.words = nn.Embedding(shape.vocabulary, shape.hidden)
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.hidden))
        self.after_embedding = nn.LayerNorm(shape.hidden, eps=shape.epsilon)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: Tensor, mask: Tensor | None = None, *, dropout: float = 0.0, frozen: int = 0) -> Tensor:
        """`mask` is 1 for tokens and 0 for padding; no gradient reaches the lowest `frozen` layers."""
        bias = None if mask is None else (1 - mask[:, None, None, :]) * -1e4
        with torch.set_grad_enabled(torch.is_grad_enabled() and frozen == 0):
            states = self.after_embedding(self.words(ids) + self.positions[: ids.shape[1]])
            for layer in self.layers[:frozen]:
                states = layer(states, bias, 0.0)
        for layer in self.layers[frozen:]:
            states = layer(states, bias, dropout)
        if mask is None:
            return nn.functional.normalize(states.mean(dim=1).float(), dim=-1)
        pooled = (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return nn.functional.normalize(pooled.float(), dim=-1)


def load(pretrained: Pretrained) -> Encoder:
    """The network with the pretrained weights. The type embedding (always the first type) is added to the positions."""
    shape, tensors = pretrained.shape, pretrained.tensors
    network = Encoder(shape)

    def fill(target: Tensor, name: str) -> None:
        target.copy_(torch.from_numpy(tensors[name]).view(target.shape))

    with torch.no_grad():
        fill(network.words.weight, "emb.word")
        fill(network.positions, "emb.pos")
        network.positions.add_(torch.from_numpy(tensors["emb.type"][: shape.hidden]))
        fill(network.after_embedding.weight, "emb.ln.w")
        fill(network.after_embedding.bias, "emb.ln.b")
        for i, layer in enumerate(network.layers):
            for short, name in _PARTS.items():
                part = getattr(layer, name)
                fill(part.weight, f"l{i}.{short}.w")
                fill(part.bias, f"l{i}.{short}.b")
            for short, name in {"aln": "after_attention", "oln": "after_inner"}.items():
                part = getattr(layer, name)
                fill(part.weight, f"l{i}.{short}.w")
                fill(part.bias, f"l{i}.{short}.b")
    return network.eval()
