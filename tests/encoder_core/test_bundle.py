from __future__ import annotations

import json

import pytest

from encoder_core import Bundle, BundleError, Encoder
from encoder_core.bundle import MANIFEST, write_manifest


def refusal(call, *arguments) -> str:
    """The one line with which a bundle is refused."""
    with pytest.raises(BundleError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def edit_json(path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rehash(folder) -> None:
    write_manifest(folder, {"name": "copy", "version": "test"})


def test_the_shipped_bundle_is_verified_and_describes_itself(bundle):
    assert bundle.dim == bundle.config["hidden_size"] > 0
    assert bundle.onnx_path.is_file()
    assert len(bundle.sha256) == 64
    assert bundle.name
    assert bundle.version


def test_a_copy_is_as_good_as_the_original(bundle_copy):
    loaded = Bundle.load(str(bundle_copy))
    assert (loaded.name, loaded.version) == ("copy", "test")
    assert loaded.onnx_path == bundle_copy / "onnx" / "model_qint8.onnx"


def test_the_hash_of_a_bundle_follows_its_files(bundle_copy):
    before = Bundle.load(bundle_copy).sha256
    assert Bundle.load(bundle_copy).sha256 == before
    (bundle_copy / "README.md").write_text("another card")
    rehash(bundle_copy)
    assert Bundle.load(bundle_copy).sha256 != before


def test_a_flipped_byte_in_any_listed_file_is_found(bundle_copy):
    for name in json.loads((bundle_copy / MANIFEST).read_text())["files"]:
        path = bundle_copy / name
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[len(flipped) // 2] ^= 1
        path.write_bytes(flipped)
        message = refusal(Bundle.load, bundle_copy)
        assert str(path) in message
        assert "sha256" in message
        path.write_bytes(content)
    Bundle.load(bundle_copy)


def test_a_listed_file_that_is_missing_is_named(bundle_copy):
    (bundle_copy / "tokenizer.json").unlink()
    assert f"{bundle_copy / 'tokenizer.json'}: is listed in {MANIFEST} but missing" in refusal(
        Bundle.load, bundle_copy
    )


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_required_file_must_be_listed(bundle_copy, name):
    manifest = json.loads((bundle_copy / MANIFEST).read_text())
    del manifest["files"][name]
    edit_json(bundle_copy / MANIFEST, files=manifest["files"])
    assert name in refusal(Bundle.load, bundle_copy)


@pytest.mark.parametrize(
    "name", ["notes.txt", ".README.md.swp", "onnx/model.onnx.data", "a/deep/place.bin", "onnx/manifest.json"]
)
def test_a_file_that_the_manifest_does_not_list_is_named(bundle_copy, name):
    path = bundle_copy / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert f"{path}: is not listed in {MANIFEST}" in refusal(Bundle.load, bundle_copy)
    rehash(bundle_copy)
    Bundle.load(bundle_copy)


@pytest.mark.parametrize("target", ["folder", "nowhere"])
def test_an_unlisted_link_is_named_wherever_it_leads(bundle_copy, tmp_path, target):
    (tmp_path / "folder").mkdir()
    (bundle_copy / "link").symlink_to(tmp_path / target)
    assert f"{bundle_copy / 'link'}: is not listed" in refusal(Bundle.load, bundle_copy)


def test_an_empty_folder_is_no_file(bundle_copy):
    (bundle_copy / "empty").mkdir()
    Bundle.load(bundle_copy)


def test_two_trainings_of_one_name_and_version_have_two_identities(bundle_copy):
    before = Bundle.load(bundle_copy)
    assert before.identity == f"copy@test#{before.sha256[:12]}"
    (bundle_copy / "README.md").write_text("trained again")
    rehash(bundle_copy)
    again = Bundle.load(bundle_copy)
    assert (again.name, again.version) == (before.name, before.version)
    assert again.identity != before.identity


@pytest.mark.parametrize("name", ["../outside.txt", "{tmp}/outside.txt"])
def test_a_manifest_reaches_no_file_outside_its_folder(bundle_copy, tmp_path, name):
    (tmp_path / "outside.txt").write_text("not ours")
    name = name.format(tmp=tmp_path)
    files = json.loads((bundle_copy / MANIFEST).read_text())["files"]
    edit_json(bundle_copy / MANIFEST, files={**files, name: {"sha256": "0" * 64}})
    message = refusal(Bundle.load, bundle_copy)
    assert name in message
    assert "outside" in message


def test_a_link_that_leads_outside_is_refused(bundle_copy, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("not ours")
    (bundle_copy / "notes.txt").symlink_to(outside)
    rehash(bundle_copy)
    assert "notes.txt" in refusal(Bundle.load, bundle_copy)


@pytest.mark.parametrize("content", [b"{not json", b"\xff\xfe", b"[1]", b"", b"[" * 100_000])
@pytest.mark.parametrize("name", [MANIFEST, "config.json"])
def test_broken_json_is_named(bundle_copy, name, content):
    (bundle_copy / name).write_bytes(content)
    if name != MANIFEST:
        rehash(bundle_copy)
    assert str(bundle_copy / name) in refusal(Bundle.load, bundle_copy)


@pytest.mark.parametrize("files", [None, [], "all", {"config.json": "abc"}])
def test_a_malformed_list_of_files_is_refused(bundle_copy, files):
    edit_json(bundle_copy / MANIFEST, files=files)
    assert "'files'" in refusal(Bundle.load, bundle_copy)


@pytest.mark.parametrize("version", [2, None, "1"])
def test_another_format_is_refused(bundle_copy, version):
    edit_json(bundle_copy / MANIFEST, format=version)
    message = refusal(Bundle.load, bundle_copy)
    assert MANIFEST in message
    assert repr(version) in message


def test_a_bundle_of_another_architecture_is_refused(bundle_copy):
    edit_json(bundle_copy / "config.json", model_type="bert")
    rehash(bundle_copy)
    message = refusal(Bundle.load, bundle_copy)
    assert "config.json" in message
    assert "'bert'" in message


def test_the_dimension_must_be_stated(bundle_copy):
    edit_json(bundle_copy / "config.json", hidden_size="wide")
    rehash(bundle_copy)
    assert "hidden_size" in refusal(Bundle.load, bundle_copy)


def test_a_graph_of_another_dimension_is_refused(bundle_copy, bundle):
    edit_json(bundle_copy / "config.json", hidden_size=bundle.dim + 1)
    rehash(bundle_copy)
    message = refusal(Encoder.from_path, bundle_copy)
    assert "model_qint8.onnx" in message
    assert str(bundle.dim) in message
    assert str(bundle.dim + 1) in message


@pytest.mark.parametrize("name", ["onnx/model_qint8.onnx", "tokenizer.json"])
def test_a_file_that_is_something_else_is_named(bundle_copy, name):
    (bundle_copy / name).write_bytes(b"{}")
    rehash(bundle_copy)
    assert name in refusal(Encoder.from_path, bundle_copy)


def test_a_bundle_without_a_graph_is_refused(bundle_copy):
    (bundle_copy / "onnx" / "model_qint8.onnx").unlink()
    rehash(bundle_copy)
    assert "onnx/model_qint8.onnx" in refusal(Encoder.from_path, bundle_copy)


def test_the_fp32_graph_runs_where_there_is_no_int8(bundle_copy):
    graph = bundle_copy / "onnx" / "model_qint8.onnx"
    graph.rename(graph.with_name("model.onnx"))
    rehash(bundle_copy)
    assert Encoder.from_path(bundle_copy, threads=1).embed(["a line"]).shape == (
        1,
        Bundle.load(bundle_copy).dim,
    )


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    assert str(tmp_path / "none") in refusal(Bundle.load, tmp_path / "none")


def test_a_folder_without_manifest_is_named(tmp_path):
    assert str(tmp_path / MANIFEST) in refusal(Bundle.load, tmp_path)
