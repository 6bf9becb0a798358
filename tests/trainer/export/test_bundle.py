from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import trainer.export.bundle
from encoder_core import Bundle, Encoder, default_bundle_path
from encoder_core.bundle import sha256_of, write_manifest
from trainer.export.bundle import (
    FP32_TOLERANCE,
    INT8_COSINE,
    check_parity,
    export_bundle,
    export_onnx,
    open_graph,
    quantize,
    run_graph,
)
from trainer.export.loaded import ParityError, check_loaded
from trainer.export.pooling import PooledEncoder, Pooling
from trainer.stages.manifest import StageError

TOKENIZER_FILES = {"tokenizer.json", "tokenizer_config.json"}
PICKLE_SUFFIXES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
RECORD = {"name": "small", "version": "2"}


@pytest.fixture(scope="module")
def sample(lines_of) -> list[str]:
    """Fifty lines of every system that no model was trained on."""
    return [line for some in lines_of.values() for line in some[-7:]][:50]


@pytest.fixture(scope="module")
def other_graphs(new_model, tmp_path_factory):
    """A folder with both graphs of a model that is not the one of ``run``."""
    folder = tmp_path_factory.mktemp("other")
    encoder = new_model(17).deberta
    export_onnx(encoder, folder / "model.onnx")
    quantize(encoder, folder / "model.onnx", folder / "model_qint8.onnx", [np.arange(5, 60)])
    return folder


@pytest.fixture(scope="module")
def framed(tokenizer, sample):
    """Ids and attention mask of the sample, int64 (50, longest), cut to 128 tokens."""
    short = [tokenizer.encode(line).ids[:-1][:127] for line in sample]
    return padded([[*row, tokenizer.token_to_id("[SEP]")] for row in short])


@pytest.fixture(scope="module")
def expected(run, framed) -> np.ndarray:
    """What the torch model makes of ``framed``, float32 (50, dim)."""
    with torch.no_grad():
        return PooledEncoder(run.model.deberta)(*map(torch.from_numpy, framed))[1].numpy()


def padded(rows):
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return ids, (ids != 0).astype(np.int64)


def cosines(some, others):
    some, others = np.asarray(some, dtype=np.float64), np.asarray(others, dtype=np.float64)
    return (some * others).sum(1) / np.linalg.norm(some, axis=1) / np.linalg.norm(others, axis=1)


def on_graph(path, ids, mask):
    return run_graph(open_graph(path), ids, mask)


def auto_model(folder):
    """The bundle's encoder as a user of transformers gets it, in float32 for the CPU."""
    from transformers import AutoModel

    model, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not report["missing_keys"], "weights that transformers would draw at random"
    return model.float().eval()


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) for path in folder.rglob("*") if path.is_file()
    }


def test_the_fp32_graph_computes_what_torch_computes(exported, framed, expected):
    pooled = on_graph(exported / "onnx" / "model.onnx", *framed)
    assert np.abs(pooled - expected).max() <= FP32_TOLERANCE


def test_the_int8_graph_points_where_torch_points(exported, framed, expected):
    pooled = on_graph(exported / "onnx" / "model_qint8.onnx", *framed)
    assert cosines(pooled, expected).mean() >= INT8_COSINE
    assert not np.array_equal(pooled, on_graph(exported / "onnx" / "model.onnx", *framed))


@pytest.mark.parametrize(("rows", "length"), [(1, 2), (1, 3), (3, 17), (2, 300)])
def test_rows_and_length_are_free(exported, run, rows, length):
    ids = np.random.default_rng(length).integers(5, 1_000, (rows, length))
    mask = np.ones_like(ids)
    with torch.no_grad():
        pooled = PooledEncoder(run.model.deberta)(torch.from_numpy(ids), torch.from_numpy(mask))[1].numpy()
    assert np.abs(on_graph(exported / "onnx" / "model.onnx", ids, mask) - pooled).max() <= FP32_TOLERANCE
    assert cosines(on_graph(exported / "onnx" / "model_qint8.onnx", ids, mask), pooled).min() > 0.97


def test_padding_does_not_reach_a_vector(exported, framed):
    ids, mask = framed
    wide = [np.pad(array, ((0, 0), (0, 40))) for array in (ids, mask)]
    graph = exported / "onnx" / "model.onnx"
    np.testing.assert_allclose(on_graph(graph, *wide), on_graph(graph, ids, mask), atol=1e-5)


def test_the_parity_check_reports_figures_within_its_tolerances(exported, run, tokenizer, sample):
    figures = check_parity(run.model.deberta, tokenizer, sample, exported / "onnx")
    assert 0 < figures["fp32_max_abs_difference"] <= FP32_TOLERANCE
    assert INT8_COSINE <= figures["int8_cosine_mean"] < 1
    assert figures["int8_cosine_p01"] <= figures["int8_cosine_mean"]


def test_the_parity_check_leaves_the_tokenizer_as_it_was(exported, run, tokenizer, sample):
    before = tokenizer.to_str()
    check_parity(run.model.deberta, tokenizer, sample, exported / "onnx")
    assert tokenizer.to_str() == before


def test_another_models_graphs_are_refused(run, tokenizer, sample, other_graphs):
    with pytest.raises(ParityError, match="fp32 graph"):
        check_parity(run.model.deberta, tokenizer, sample, other_graphs)


def test_another_models_int8_graph_beside_the_right_fp32_graph_is_refused(
    exported, run, tokenizer, sample, other_graphs, tmp_path
):
    shutil.copy(exported / "onnx" / "model.onnx", tmp_path)
    shutil.copy(other_graphs / "model_qint8.onnx", tmp_path)
    with pytest.raises(ParityError, match="int8 graph"):
        check_parity(run.model.deberta, tokenizer, sample, tmp_path)


def test_the_bundle_is_the_layout_of_the_contract(exported):
    assert set(files_of(exported)) == TOKENIZER_FILES | {
        "config.json",
        "model.safetensors",
        "onnx/model.onnx",
        "onnx/model_qint8.onnx",
        "modules.json",
        "1_Pooling/config.json",
        "2_Centring/config.json",
        "2_Centring/model.safetensors",
        "manifest.json",
        "README.md",
    }


def test_the_manifest_lists_the_hash_of_every_file(exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    found = files_of(exported)
    del found["manifest.json"]
    assert {name: entry["sha256"] for name, entry in manifest["files"].items()} == found
    assert (manifest["name"], manifest["version"]) == ("small", "1.2.3")
    assert Bundle.load(exported).version == "1.2.3"


def test_card_and_manifest_state_the_parity(exported):
    manifest = json.loads((exported / "manifest.json").read_text())
    card = (exported / "README.md").read_text()
    assert card.startswith("# small\n")
    assert "{parity}" not in card
    assert set(manifest["parity"]) >= {
        "fp32_max_abs_difference",
        "int8_cosine_mean",
        "encoder_core_cosine_mean",
    }
    for name, value in manifest["parity"].items():
        assert f"- {name}: {value:.6g}" in card


def test_no_file_is_a_pickle(exported):
    for path in exported.rglob("*"):
        if path.is_file():
            head = path.read_bytes()[:4]
            assert path.suffix not in PICKLE_SUFFIXES
            assert head[:2] != b"\x80\x02", f"{path} starts like a pickle"
            assert head != b"PK\x03\x04", f"{path} is an archive"


def test_the_bundle_can_be_read_by_every_user(exported):
    assert exported.stat().st_mode & 0o555 == 0o555
    for path in exported.rglob("*"):
        assert path.stat().st_mode & 0o444 == 0o444, path


def test_the_encoder_of_a_worker_agrees_with_torch(exported, sample, expected):
    encoder = Encoder.from_path(exported, max_tokens=128)
    assert encoder.bundle.onnx_path.name == "model_qint8.onnx"
    vectors = encoder.embed(sample)
    assert vectors.shape == expected.shape
    assert cosines(vectors + encoder.mean, expected).mean() >= INT8_COSINE
    assert cosines(vectors, expected - encoder.mean).mean() >= INT8_COSINE


def test_transformers_loads_the_bundle_and_agrees_with_torch(exported, run, sample):
    from transformers import AutoTokenizer

    encoded = AutoTokenizer.from_pretrained(exported)(
        sample, padding=True, truncation=True, max_length=128, return_tensors="pt"
    )
    assert set(encoded) == {"input_ids", "attention_mask"}
    with torch.no_grad():
        theirs = auto_model(exported)(**encoded).last_hidden_state
        ours = run.model.deberta(**encoded).last_hidden_state
    real = encoded["attention_mask"].bool()
    torch.testing.assert_close(theirs[real], ours[real], rtol=0.01, atol=0.01)


def test_transformers_tokenizes_as_the_trainer(exported, tokenizer, lines_of):
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(exported)
    for some in lines_of.values():
        assert loaded(some)["input_ids"] == [encoding.ids for encoding in tokenizer.encode_batch(some)]
    special = (loaded.pad_token_id, loaded.cls_token_id, loaded.sep_token_id, loaded.unk_token_id)
    assert (*special, loaded.mask_token_id) == (0, 1, 2, 3, 4)
    assert loaded.model_max_length == 512


def test_training_can_go_on_from_the_weights(exported, run):
    from transformers import AutoModelForMaskedLM

    model, report = AutoModelForMaskedLM.from_pretrained(exported, output_loading_info=True)
    assert not report["missing_keys"]
    for (name, theirs), (_, ours) in zip(
        model.float().named_parameters(), run.model.named_parameters(), strict=True
    ):
        torch.testing.assert_close(theirs, ours, rtol=1e-3, atol=1e-4, msg=name)


def test_sentence_transformers_loads_the_bundle_and_agrees_with_torch(exported, sample, expected):
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    model = library.SentenceTransformer(str(exported), device="cpu").float()
    model.max_seq_length = 128
    vectors = model.encode(sample)
    assert vectors.shape == expected.shape
    np.testing.assert_allclose(vectors, expected - Encoder.from_path(exported).mean, rtol=0.01, atol=0.01)


@pytest.fixture
def quick(exported, monkeypatch):
    """Exports whose graphs are copied and whose checks pass: what is at stake is the order of the steps."""
    graphs = exported / "onnx"
    for step, name in (("export_onnx", "model.onnx"), ("quantize", "model_qint8.onnx")):
        monkeypatch.setattr(
            trainer.export.bundle,
            step,
            lambda *arguments, name=name: shutil.copy(graphs / name, target_of(arguments)),
        )
    for check in ("check_parity", "check_loaded"):
        monkeypatch.setattr(trainer.export.bundle, check, lambda *arguments, name=check: {name: 1.0})


def target_of(arguments):
    """The path that an exporting step writes: its last path."""
    return [argument for argument in arguments if isinstance(argument, Path)][-1]


def export_again(model, tokenizer, folder, **options):
    lines = ["one line", "two"]
    export_bundle(
        model,
        tokenizer,
        folder,
        lines=lines,
        calibration=lines,
        templates=[lines],
        record=RECORD,
        card="{parity}",
        **options,
    )


def names(folder):
    """What stands in a folder, locks aside."""
    return [path.name for path in folder.iterdir() if not path.name.endswith(".lock")]


@pytest.fixture
def old(exported, tmp_path):
    """A bundle of an older version."""
    shutil.copytree(exported, tmp_path / "bundle")
    (tmp_path / "bundle" / "left-over.txt").write_text("of an older version")
    write_manifest(tmp_path / "bundle", {"name": "small", "version": "1.2.3"})
    return tmp_path / "bundle"


STEPS = ["quantize", "check_parity", "write_tokenizer_config", "write_manifest", "check_loaded", "swap"]


@pytest.mark.parametrize("step", STEPS)
def test_an_export_that_fails_leaves_the_old_bundle_and_nothing_else(
    old, new_model, tokenizer, monkeypatch, quick, step
):
    before = files_of(old)

    def fail(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(trainer.export.bundle, step, fail)
    with pytest.raises(OSError, match="no space left"):
        export_again(new_model(2), tokenizer, old)
    assert files_of(old) == before
    assert names(old.parent) == ["bundle"]
    assert Bundle.load(old).version == "1.2.3"


@pytest.mark.parametrize("checked", ["check_parity", "check_loaded"])
def test_a_model_that_fails_a_check_is_not_published(old, new_model, tokenizer, monkeypatch, quick, checked):
    real = {"check_parity": check_parity, "check_loaded": check_loaded}[checked]
    monkeypatch.setattr(trainer.export.bundle, checked, real)
    with pytest.raises(ParityError):
        export_again(new_model(2), tokenizer, old)
    assert Bundle.load(old).version == "1.2.3"


def test_an_export_replaces_the_old_bundle_whole_and_leaves_the_model_alone(
    exported, run, tokenizer, old, quick
):
    weights = [parameter.clone() for parameter in run.model.parameters()]
    export_again(run.model, tokenizer, old)
    assert Bundle.load(old).version == "2"
    assert set(files_of(old)) == set(files_of(exported)) - {"onnx/model.onnx"}
    assert names(old.parent) == ["bundle"]
    for before, after in zip(weights, run.model.parameters(), strict=True):
        assert torch.equal(before, after), "the caller's weights were rounded"


def test_an_export_killed_while_it_swaps_lost_nothing(old, run, tokenizer, monkeypatch, quick):
    class Killed(BaseException):
        pass

    real = type(old).rename

    def rename(path, target):
        if path.name.endswith(".part"):
            raise Killed
        return real(path, target)

    monkeypatch.setattr(type(old), "rename", rename)
    with pytest.raises(Killed):
        export_again(run.model, tokenizer, old)
    monkeypatch.setattr(type(old), "rename", real)
    monkeypatch.setattr(trainer.export.bundle, "export_onnx", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_again(run.model, tokenizer, old)
    assert Bundle.load(old).version == "1.2.3"
    assert names(old.parent) == ["bundle"]


def test_a_link_to_a_bundle_stays_a_link(old, run, tokenizer, quick):
    link = old.with_name("current")
    link.symlink_to("bundle")
    export_again(run.model, tokenizer, link)
    assert link.is_symlink()
    assert Bundle.load(old).version == "2"


def test_what_is_no_bundle_is_not_replaced(run, tokenizer, tmp_path, quick):
    (tmp_path / "file").write_text("notes")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("notes")
    (tmp_path / "empty").mkdir()
    for name in ("file", "home"):
        with pytest.raises(StageError, match=name):
            export_again(run.model, tokenizer, tmp_path / name)
    assert (tmp_path / "home" / "letter.txt").read_text() == (tmp_path / "file").read_text() == "notes"
    export_again(run.model, tokenizer, tmp_path / "empty")
    assert Bundle.load(tmp_path / "empty").version == "2"


def test_the_manifest_says_what_each_library_made_of_the_bundle(
    exported, run, tokenizer, sample, monkeypatch
):
    parity = json.loads((exported / "manifest.json").read_text())["parity"]
    assert parity["encoder_core_cosine_mean"] >= INT8_COSINE
    assert parity["transformers_cosine_mean"] > 0.999
    monkeypatch.setattr("trainer.export.loaded.find_spec", lambda name: None)
    figures = check_loaded(exported, PooledEncoder(run.model.deberta), tokenizer, sample)
    assert figures["sentence_transformers_cosine_mean"] == "not checked: not installed"


def test_a_bundle_that_reads_other_tokens_than_the_trainer_is_refused(
    exported, run, tokenizer, sample, tmp_path
):
    shutil.copytree(exported, tmp_path / "bundle")
    path = tmp_path / "bundle" / "tokenizer.json"
    path.write_text(path.read_text().replace('"add_prefix_space": false', '"add_prefix_space": true'))
    assert path.read_text() != (exported / "tokenizer.json").read_text()
    with pytest.raises(ParityError, match="other tokens"):
        check_loaded(tmp_path / "bundle", PooledEncoder(run.model.deberta), tokenizer, sample)


def test_a_model_too_large_for_one_onnx_file_is_refused_at_once(run, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer.export.bundle, "PROTOBUF_LIMIT", 1_000)
    with pytest.raises(StageError, match="at most 2 GB"):
        export_onnx(run.model.deberta, tmp_path / "model.onnx")


def test_the_shipped_bundle_loads_in_transformers_and_its_graph_agrees_with_its_weights(sample):
    from transformers import AutoTokenizer

    folder = default_bundle_path()
    encoded = AutoTokenizer.from_pretrained(folder)(
        sample, padding=True, truncation=True, max_length=256, return_tensors="pt"
    )
    words = json.loads((folder / "4_Tokens" / "config.json").read_text())["word_weights"]
    layers = load_file(folder / "3_Layers" / "model.safetensors")["layer_weights"]
    pooling = Pooling(np.array(list(words.values()), np.float32), layers)
    with torch.no_grad():
        expected = PooledEncoder(auto_model(folder), pooling)(
            encoded["input_ids"], encoded["attention_mask"]
        )[1]
    encoder = Encoder.from_path(folder, max_tokens=256)
    expected = expected.numpy() - encoder.mean
    assert len(sample) == 50
    assert cosines(encoder.embed(sample), expected).mean() >= INT8_COSINE


def test_the_shipped_bundle_is_small_and_holds_no_pickle():
    folder = default_bundle_path()
    if folder.is_symlink():
        pytest.skip(f"{folder.name} is a link to a development bundle, not the one that ships")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40 * 2**20
    assert not [path for path in files if path.suffix in PICKLE_SUFFIXES]
