"""Texts become vectors: one model, run by threads that take whatever waits and never wait on purpose."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

Vectors = npt.NDArray[np.float32]

MOST_TEXTS = 32
# Measured on one thread: a 200-token text takes 26 ms alone and 34 ms in a batch of 32, which no longer fits into the
# processor's caches; a 14-token question takes 4.1 ms alone and 1.9 ms from 16 on. So a run is as large as pays off,
# and a question waits for one run of passages at most, about 35 ms.
RUN_TOKENS = 256
PASSAGE_CHARACTERS = 1000  # about RUN_TOKENS in English
MULTILINGUAL = ("multilingual", "bge-m3", "labse")  # in the names of models that read many languages


class EmbedderClosed(Exception):
    """The embedder was closed before the texts had their turn: the server is going down."""


class EmbedderUnavailable(Exception):
    """No vectors now: a service that makes them did not answer in time, or refused. Words can still be searched for."""


class Embeds(Protocol):
    """What ingestion and retrieval need of an embedder. All vectors are float32 and of length 1.

    Every call may raise EmbedderClosed; those of an embedder that asks a service, EmbedderUnavailable too.
    """

    name: str
    fingerprint: str  # vectors of two fingerprints never share a collection, nor a row in Postgres
    dimensions: int
    english_only: bool  # texts in other languages get vectors, but no meaning

    async def embed_one(self, text: str) -> Vectors:
        """The vector of one question: [dimensions]."""
        ...

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """The vectors of questions: [len(texts), dimensions]."""
        ...

    async def embed_many(self, texts: Sequence[str], progress: Callable[[int], None] = ...) -> Vectors:
        """The vectors of passages, in their order: [len(texts), dimensions]; `progress` gets how many are done."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has: what passages and the budget of an answer are measured in."""
        ...

    async def close(self) -> None:
        """Let go of threads and connections. A second call does nothing."""


class Model:
    """The exported model with its tokenizer. Blocking; safe to use from several threads at once."""

    def __init__(self, directory: Path) -> None:
        """Load a folder written by `services.model_export` (0.2 s, 150 MB)."""
        described = json.loads((directory / "model.json").read_bytes())
        self.name: str = described["name"]
        self.fingerprint: str = described["fingerprint"]
        self.dimensions: int = described["dimensions"]
        self._padding: int = described["padding_id"]
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.max_tokens: int = described["max_tokens"] - self._tokenizer.num_special_tokens_to_add(False)
        self._session = open_session(directory / "model.onnx")

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has, special ones not counted, however long it is."""
        return len(self._tokenize(text).ids)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token starts and ends, in characters of the text."""
        return list(self._tokenize(text).offsets)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """float32 [len(texts), dimensions], of length 1. What is beyond `max_tokens` of a text is not read."""
        inputs = [self._input(text) for text in texts]
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for run in runs([len(ids) for ids in inputs]):
            vectors[run] = self._run([inputs[place] for place in run])
        return vectors

    def _tokenize(self, text: str) -> Encoding:
        return tokenize(self._tokenizer, text)

    def _input(self, text: str) -> list[int]:
        encoding = self._tokenize(text)
        encoding.truncate(self.max_tokens)
        return list(self._tokenizer.post_process(encoding).ids)

    def _run(self, inputs: Sequence[list[int]]) -> Vectors:
        longest = max(map(len, inputs))
        ids = np.full((len(inputs), longest), self._padding, np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(inputs):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, np.float32)


def tokenize(tokenizer: Tokenizer, text: str) -> Encoding:
    """The text's tokens without special ones."""
    # A lone surrogate has no UTF-8 and would raise; "?" takes its place and keeps the offsets right.
    # One by one: encode_batch starts a pool of threads that competes with ours.
    return tokenizer.encode(text.encode(errors="replace").decode(), add_special_tokens=False)


def token_counter(directory: Path) -> Callable[[str], int]:
    """Counts tokens as the prepared model in `directory` does, without the model: 10 MB instead of 150."""
    tokenizer: Tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    return lambda text: len(tokenize(tokenizer, text).ids)


def english_only(name: str) -> bool:
    """Whether a model of this name, or in a folder of this name, is taken to read English only.

    It is, unless the name says otherwise by one of MULTILINGUAL: most embedding models are English, and a question
    that is put into English for a model that need not have it is found all the same; the reverse is not true.
    """
    return not any(marker in name.lower() for marker in MULTILINGUAL)


def open_session(file: Path) -> onnxruntime.InferenceSession:
    """A session that computes in the calling thread, so that the number of threads is the caller's choice."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def runs(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts to compute together: similar lengths, so that little is padding, and few enough tokens."""
    run: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if run and (len(run) == MOST_TEXTS or (len(run) + 1) * lengths[place] > RUN_TOKENS):
            yield run
            run = []
        run.append(place)
    if run:
        yield run


def portions(texts: Sequence[str]) -> Iterator[list[int]]:
    """Places of passages to hand over together, by length, shortest first; characters stand for tokens."""
    portion: list[int] = []
    for place in sorted(range(len(texts)), key=lambda place: len(texts[place])):
        if portion and (len(portion) == MOST_TEXTS or (len(portion) + 1) * len(texts[place]) > PASSAGE_CHARACTERS):
            yield portion
            portion = []
        portion.append(place)
    if portion:
        yield portion


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Texts that wait for their vectors."""

    texts: Sequence[str]
    vectors: asyncio.Future[Vectors]


class Embedder:
    """Embeds for one event loop. Questions come before passages; texts that wait together are computed together."""

    def __init__(self, model: Model, threads: int = 1) -> None:
        """Start `threads` threads on the one model. Needs a running loop.

        Questions are the first thread's alone: several threads would take them before a batch can gather, and a batch
        is what makes them cheap. Passages are anybody's.
        """
        self.name = model.name
        self.fingerprint = model.fingerprint
        self.english_only = english_only(model.name)
        self.dimensions = model.dimensions
        self.max_tokens = model.max_tokens
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._questions: deque[Job] = deque()
        self._passages: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, args=(n == 0,), name=f"embedder-{n}", daemon=True)
            for n in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @classmethod
    async def open(cls, directory: Path, *, threads: int = 1) -> Self:
        """Load a prepared model without blocking the loop. As many threads as processors make an ingest quick."""
        return cls(await asyncio.to_thread(Model, directory), threads)

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions: float32 [len(texts), dimensions], of length 1. Raises EmbedderClosed."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        return await self._submit(self._questions, texts)

    async def embed_one(self, text: str) -> Vectors:
        """The vector of one question: float32 [dimensions], of length 1. Raises EmbedderClosed."""
        vector: Vectors = (await self.embed([text]))[0]
        return vector

    async def embed_many(self, texts: Sequence[str], progress: Callable[[int], None] = lambda done: None) -> Vectors:
        """Vectors of any number of passages, computed when no question waits; `progress` gets how many are done.

        float32 [len(texts), dimensions], of length 1, in the order of `texts`. Raises EmbedderClosed.
        """
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        jobs = [(part, self._submit(self._passages, [texts[n] for n in part])) for part in portions(texts)]
        done = 0
        try:
            for part, job in jobs:
                vectors[part] = await job
                done += len(part)
                progress(done)
        finally:
            for _, job in jobs:  # a cancelled ingestion leaves nothing in the line
                job.cancel()
        return vectors

    def count_tokens(self, text: str) -> int:
        """How many tokens the text has, special ones not counted, however long it is."""
        return self._model.count_tokens(text)

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token starts and ends, in characters of the text: to cut what is longer than `max_tokens`."""
        return self._model.token_offsets(text)

    async def close(self) -> None:
        """Finish the run under way, refuse the rest with EmbedderClosed, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            left = [*self._questions, *self._passages]
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._answer(left, EmbedderClosed("The embedder is closed: the server is going down."))

    def _submit(self, line: deque[Job], texts: Sequence[str]) -> asyncio.Future[Vectors]:
        job = Job(texts, self._loop.create_future())
        with self._changed:
            if self._closed:
                raise EmbedderClosed("The embedder is closed: the server is going down.")
            line.append(job)
            self._changed.notify_all()
        return job.vectors

    def _work(self, asked: bool) -> None:
        while jobs := self._take(asked):
            wanted = [job for job in jobs if not job.vectors.cancelled()]
            outcome: Vectors | Exception
            try:
                outcome = self._model.encode([text for job in wanted for text in job.texts])
            except Exception as error:
                outcome = error
            with suppress(RuntimeError):  # the loop was closed without us: nobody waits any more
                self._loop.call_soon_threadsafe(self._answer, wanted, outcome)

    def _take(self, asked: bool) -> list[Job]:
        """All questions that wait, up to a batch, if this thread is asked; else one portion of passages; nothing once
        closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or (asked and self._questions) or self._passages)
            if self._closed:
                return []
            if asked and self._questions:
                return [self._questions.popleft() for _ in range(min(len(self._questions), MOST_TEXTS))]
            return [self._passages.popleft()]

    def _answer(self, jobs: Sequence[Job], outcome: Vectors | Exception) -> None:
        start = 0
        for job in jobs:
            end = start + len(job.texts)
            if job.vectors.done():  # cancelled while it was computed
                pass
            elif isinstance(outcome, Exception):
                job.vectors.set_exception(outcome)
            else:
                job.vectors.set_result(outcome[start:end])
            start = end
