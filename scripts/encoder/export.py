"""Writes the encoder as ONNX with 8-bit weights, and checks that it still gives the same vectors."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from bot.nlu.unigram import UnigramTokeniser
from scripts.encoder.network import Encoder

# What the runtime in .venv-nlu (1.23) reads.
_OPSET, _IR_VERSION = 17, 8


class _Served(nn.Module):
    """Only what serving needs: texts of one length in a batch, hence no mask."""

    def __init__(self, network: Encoder) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.network(ids)
        return vectors


def export(network: Encoder, target: Path, longest: int) -> None:
    """`ids` (int64, batch × length) → `vector` (float32, batch × hidden). Weights in int8 with a scale for each channel."""
    network.eval()
    network.positions = nn.Parameter(network.positions[:longest].detach().clone())
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the tracing exporter announces its successor
            torch.onnx.export(
                _Served(network),
                (torch.zeros(2, 7, dtype=torch.int64),),
                plain,
                input_names=["ids"],
                output_names=["vector"],
                dynamic_axes={"ids": {0: "batch", 1: "length"}, "vector": {0: "batch"}},
                opset_version=_OPSET,
                dynamo=False,
            )
        model = onnx.load(plain)
        model.ir_version = _IR_VERSION
        onnx.save(model, plain)
        quantize_dynamic(plain, target, per_channel=True, weight_type=QuantType.QInt8)


def agreement(
    network: Encoder, file: Path, tokeniser: UnigramTokeniser, texts: Sequence[str], longest: int
) -> tuple[float, float]:
    """Median and smallest cosine between the network's vectors and those of the written file."""
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    cosines = []
    with torch.inference_mode():
        for text in texts:
            ids = tokeniser.ids(text, longest)[None]
            found = session.run(["vector"], {"ids": ids})[0][0]
            cosines.append(float(network(torch.from_numpy(ids))[0].numpy() @ found))
    return float(np.median(cosines)), float(np.min(cosines))
