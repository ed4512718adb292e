"""What may become the embedding model, and that it is prepared once."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.model_export import ModelError, is_complete, prepared_model, publish, reason, run_child, sweep
from services.model_source import PACKAGED_SHA256, Source, find_source, fingerprint, sha256


async def test_a_name_that_is_not_on_this_machine_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"EMBEDDING_MODEL=nobody/knows-it .* Run `hf download nobody/knows-it`"):
        await prepared_model(tmp_path, "nobody/knows-it")


async def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"is not a sentence-transformers model: modules\.json or model\.safetensors"):
        await prepared_model(tmp_path / "models", str(tmp_path))


async def test_what_the_child_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^EMBEDDING_MODEL=nobody/knows-it is neither"):
        await run_child(tmp_path, "nobody/knows-it", print)


@pytest.mark.parametrize(("code", "errors", "said"), [(3, ["noise", "Refused."], "Refused."), (-9, [], "ran out")])
def test_the_reason_of_a_failed_child_is_told(code: int, errors: Sequence[str], said: str) -> None:
    assert said in reason(code, errors)


def test_the_packaged_weights_are_the_original_ones() -> None:
    assert sha256(find_source(None).path / "model.safetensors") == PACKAGED_SHA256


def test_the_packaged_model_is_found_by_its_names_too() -> None:
    assert find_source("sentence-transformers/all-MiniLM-L6-v2") == find_source("") == find_source(None)


def test_a_change_of_configuration_changes_the_fingerprint(tmp_path: Path) -> None:
    folder = shutil.copytree(find_source(None).path, tmp_path / "model")
    before = fingerprint(Source("model", folder, packaged=False))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert fingerprint(Source("model", folder, packaged=False)) != before


def test_a_copy_of_the_packaged_model_has_its_fingerprint(tmp_path: Path) -> None:
    folder = shutil.copytree(find_source(None).path, tmp_path / "model")
    assert fingerprint(Source("model", folder, packaged=False)) == fingerprint(find_source(None))


async def test_a_prepared_model_is_found_without_a_step(models: Path) -> None:
    steps: list[str] = []
    assert await prepared_model(models, None, steps.append) == await prepared_model(models, "")
    assert steps == []


async def test_the_description_fits_the_file(models: Path) -> None:
    folder = await prepared_model(models, None)
    described = json.loads((folder / "model.json").read_bytes())
    assert described["sha256"] == sha256(folder / "model.onnx")
    assert (described["dimensions"], described["max_tokens"], described["pooling"]) == (384, 256, ["mean"])
    assert folder.name == f"all-MiniLM-L6-v2-{described['fingerprint']}"


def test_the_second_of_two_processes_keeps_what_the_first_published(tmp_path: Path) -> None:
    first, second = made(tmp_path / "a"), made(tmp_path / "b")
    publish(first, tmp_path / "target")
    publish(second, tmp_path / "target")
    assert is_complete(tmp_path / "target")
    assert second.exists()


def test_a_half_written_model_is_replaced(tmp_path: Path) -> None:
    broken = made(tmp_path / "target")
    (broken / "model.onnx").write_bytes(b"")
    publish(made(tmp_path / "a"), broken)
    assert is_complete(broken)


def test_only_old_leftovers_of_killed_processes_are_swept(tmp_path: Path) -> None:
    old, new = tmp_path / ".preparing-old", tmp_path / ".preparing-new"
    old.mkdir()
    new.mkdir()
    os.utime(old, (0, 0))
    sweep(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def made(folder: Path) -> Path:
    """A folder that counts as complete."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"onnx")
    (folder / "model.json").write_text('{"bytes": 4}')
    return folder
