from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import DebertaV2Config, DebertaV2Model

import trainer.export.attention_graph
from trainer.export.calibrate import activation_ranges, best_range, squared_error
from trainer.export.graph import activation_names, build_graph
from trainer.export.pooling import PooledEncoder, Pooling
from trainer.stages.manifest import StageError

TOLERANCE = 1e-4
BASE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "type_vocab_size": 0,
    "relative_attention": True,
    "pos_att_type": ["c2p", "p2c"],
    "share_att_key": True,
    "norm_rel_ebd": "layer_norm",
    "position_biased_input": False,
    "position_buckets": 32,
    "max_relative_positions": -1,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-7,
}


def make_encoder(**shape) -> DebertaV2Model:
    """Random weights, larger than a fresh model's, so that positions and content both decide."""
    torch.manual_seed(3)
    encoder = DebertaV2Model(DebertaV2Config(**BASE | shape)).eval()
    for parameter in encoder.parameters():
        parameter.data += torch.randn_like(parameter) * 0.15
    return encoder


def opened(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def batch_of(length, rows=3):
    """Random ids and a mask with a whole row, a half one and one of a single token."""
    ids = np.random.default_rng(length).integers(5, BASE["vocab_size"], (rows, length))
    mask = np.ones_like(ids)
    mask[1 % rows, (length + 1) // 2 :] = 0
    mask[2 % rows, 1:] = 0
    return ids, mask


def stock(encoder, ids, mask):
    with torch.no_grad():
        hidden = encoder(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state
    return hidden.numpy()


def differences(encoder, graph, length, rows=3):
    ids, mask = batch_of(length, rows)
    expected = stock(encoder, ids, mask)
    hidden, pooled = graph.run(None, {"input_ids": ids, "attention_mask": mask})
    weights = mask[:, :, None].astype(np.float32)
    mean = (expected * weights).sum(1) / weights.sum(1)
    return np.abs((hidden - expected)[mask > 0]).max(), np.abs(pooled - mean).max()


SHAPES = {
    "both": {},
    "c2p": {"pos_att_type": ["c2p"]},
    "p2c": {"pos_att_type": ["p2c"]},
    "content only": {"pos_att_type": []},
    "own position projections": {"share_att_key": False},
    "own projections, c2p": {"share_att_key": False, "pos_att_type": ["c2p"]},
    "256 buckets": {"position_buckets": 256},
    "no buckets": {"position_buckets": -1, "max_relative_positions": 40},
    "no norm of positions": {"norm_rel_ebd": "none"},
    "relu": {"hidden_act": "relu"},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_graph_computes_what_transformers_computes(shape):
    encoder = make_encoder(**shape)
    graph = opened(build_graph(encoder))
    for length in (1, 2, 3, 17, 33, 64, 130):
        assert max(differences(encoder, graph, length)) <= TOLERANCE, length


@pytest.mark.parametrize("shape", [{"position_buckets": 256}, {"pos_att_type": ["c2p"]}], ids=["both", "c2p"])
def test_long_rows_compute_the_same_on_both_sides_of_the_threshold(shape):
    encoder = make_encoder(**shape)
    graph = opened(build_graph(encoder))
    for length in (513, 1_024, 1_025, 1_100, 2_048):
        assert max(differences(encoder, graph, length, rows=2)) <= TOLERANCE, length


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_blocks_of_queries_change_nothing(shape, monkeypatch):
    encoder = make_encoder(**shape)
    monkeypatch.setattr(trainer.export.attention_graph, "BLOCK_SCORES", 0)
    monkeypatch.setattr(trainer.export.attention_graph, "BLOCK_QUERIES", 8)
    graph = opened(build_graph(encoder))
    for length in (8, 9, 15, 16, 17, 100):
        assert max(differences(encoder, graph, length)) <= TOLERANCE, length


@pytest.mark.parametrize("shares", [(1.0, 0.0, 0.0), (0.3, 0.7, 0.0), (0.0, 0.0, 1.0)])
def test_layers_without_a_share_above_all_others_are_not_computed(shares):
    encoder = make_encoder()
    tokens = np.random.default_rng(0).random(BASE["vocab_size"], np.float32)
    pooling = Pooling(tokens, np.array(shares, np.float32), repeats=0.5)
    model = build_graph(encoder, pooling=pooling)
    read = int(np.flatnonzero(shares).max())
    assert len(activation_names(encoder, pooling)) == 4 * read
    assert sum(node.op_type == "LayerNormalization" for node in model.graph.node) == 2 * read
    ids, mask = batch_of(17)
    with torch.no_grad():
        expected = PooledEncoder(encoder, pooling)(torch.tensor(ids), torch.tensor(mask))[1].numpy()
    (found,) = opened(model).run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})
    assert np.abs(found - expected).max() <= TOLERANCE


def test_order_and_distance_reach_the_vectors():
    graph = opened(build_graph(make_encoder(pos_att_type=["c2p"])))
    ids, mask = np.arange(10, 30)[None], np.ones((1, 20), dtype=np.int64)
    forth, back = (
        graph.run(["sentence_embedding"], {"input_ids": x, "attention_mask": mask})[0]
        for x in (ids, ids[:, ::-1].copy())
    )
    assert np.abs(forth - back).max() > 100 * TOLERANCE


FOREIGN = {
    "position_biased_input": {"position_biased_input": True},
    "conv_kernel_size": {"conv_kernel_size": 3},
    "hidden_act": {"hidden_act": "silu"},
    "type_vocab_size": {"type_vocab_size": 2},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_the_graph_is_not_made_for_is_refused_by_name(name):
    with pytest.raises(StageError, match=f"config.json: {name}"):
        build_graph(DebertaV2Model(DebertaV2Config(**BASE | FOREIGN[name])))


@pytest.fixture(scope="module")
def int8():
    """An encoder with its fp32 and int8 graphs, calibrated on random rows."""
    encoder = make_encoder(pos_att_type=["c2p"], hidden_size=64)
    model = build_graph(encoder)
    rows = [np.random.default_rng(n).integers(5, 300, 5 + n) for n in range(60)]
    ranges = activation_ranges(model, rows, activation_names(encoder))
    return opened(model), opened(build_graph(encoder, ranges))


def pooled(graph, ids, mask=None):
    mask = np.ones_like(ids) if mask is None else mask
    return graph.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": mask})[0]


def cosine(a, b):
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


def test_int8_points_where_fp32_points(int8):
    ids = np.random.default_rng(99).integers(5, 300, (40, 30))
    exact, small = (pooled(graph, ids) for graph in int8)
    assert cosine(exact, small).min() > 0.99
    assert not np.allclose(exact, small, atol=1e-6)


def test_an_int8_vector_does_not_depend_on_the_lines_beside_it(int8):
    _, graph = int8
    rng = np.random.default_rng(5)
    line = rng.integers(5, 300, (1, 12))
    alone = pooled(graph, line)
    ids = rng.integers(5, 300, (9, 40))
    mask = np.ones_like(ids)
    ids[4, :12], mask[4, 12:] = line, 0
    assert np.abs(pooled(graph, ids, mask)[4] - alone[0]).max() < 1e-3


def test_all_weights_fit_seven_bits_and_every_linear_layer_is_int8(int8):
    encoder = make_encoder(pos_att_type=["c2p"])
    model = build_graph(encoder, dict.fromkeys(activation_names(encoder), (-1.0, 1.0)))
    linear = [node for node in model.graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(linear) == 6 * BASE["num_hidden_layers"]
    constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer}
    for node in linear:
        weights = constants[node.input[1]]
        assert weights.dtype == np.int8
        assert np.abs(weights.astype(int)).max(axis=0).tolist() == [63] * weights.shape[1]
    assert not [node for node in model.graph.node if node.op_type == "Gemm"]


def test_a_range_gives_up_rare_extremes_for_finer_steps():
    values = np.random.default_rng(0).standard_normal(60_000).astype(np.float32)
    values[0] = 60.0
    low, high = best_range(values)
    assert high < 60.0
    assert squared_error(values, low, high) < squared_error(values, float(values.min()), 60.0)


@pytest.mark.parametrize("values", [[0.5, 2.0], [-3.0, -1.0], [0.0, 0.0]])
def test_zero_lies_in_every_range(values):
    low, high = best_range(np.array(values, dtype=np.float32))
    assert low <= 0 <= high


def test_the_optimiser_does_not_undo_the_choice_of_operators(tmp_path):
    encoder = make_encoder(pos_att_type=["c2p"])
    ranges = dict.fromkeys(activation_names(encoder), (-1.0, 1.0))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    model = build_graph(encoder, ranges).SerializeToString()
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert {"LayerNormalization", "Gelu", "MatMulIntegerToFloat"} <= found
    assert not found & {"SkipLayerNormalization", "BiasGelu", "DynamicQuantizeMatMul"}


MEMORY = """
import resource, sys
import numpy as np, onnxruntime
graph = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
def peak(length):
    ids = np.full((1, length), 7)
    graph.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
small = peak(1_500)
print(peak(12_000) - small)
"""


def test_memory_grows_linearly_with_the_length(tmp_path):
    """All scores of one head at 12,000 tokens are 549 MB, the index of their positions twice that."""
    onnx.save(build_graph(make_encoder(num_hidden_layers=1)), tmp_path / "model.onnx")
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "model.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150
