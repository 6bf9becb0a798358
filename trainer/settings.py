"""What one training run is made of: ``retrain.toml`` as typed settings, a section per stage.

The names of sections are the names of stages and of their folders in the work folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

VOCABULARY_SIZE = 29_952
"""Entries of the paper's vocabulary (section 3.2), special tokens included."""
MAX_LENGTH = 48_000
"""Tokens of the longest input (paper section 3.3)."""


class Section(BaseModel):
    """A table of settings: immutable, and closed to unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CorpusSettings(Section):
    """One ``[[corpus]]`` table: files of one domain."""

    paths: list[str] = Field(min_length=1, description="Files, folders (searched) and globs")
    domain: str = Field("", description="Name of the domain, for reports")
    weight: float = Field(1.0, gt=0, description="How much more of these files than their size asks for")
    field: str | None = Field(
        None, description="Field or column that holds the text; unset, the whole record"
    )


class DedupSettings(Section):
    """Exact, then near duplicates (paper section 3.1)."""

    threshold: float = Field(0.8, gt=0, le=1, description="Jaccard similarity from which a line is a repeat")
    form: Literal["raw", "template"] = Field(
        "raw", description="Compare lines as they are, or their templates"
    )
    shingle: int = Field(5, ge=1, le=50, description="Characters of a shingle")
    permutations: int = Field(128, ge=16, le=1_024, description="Length of a MinHash signature")
    engine: Literal["local", "spark"] = Field("local", description="One process, or PySpark")
    heldout: float = Field(0.005, ge=0, lt=0.5, description="Share of the kept lines held out for evaluation")
    heldout_lines: int = Field(4_000, ge=0, description="Most lines held out")
    line_characters: int = Field(
        200_000, ge=1, le=400_000, description="What follows in a longer line is cut (counted)"
    )


class TokenizerSettings(Section):
    """Byte-level BPE (paper section 3.2)."""

    vocabulary: int = Field(VOCABULARY_SIZE, ge=300, le=65_535, description="Entries with special tokens")
    characters: int = Field(
        60_000_000, ge=1, le=500_000_000, description="Characters of text to learn from: bounds the memory"
    )
    commands: float = Field(
        0.03, ge=0, le=0.5, description="Share of that text that is common commands as sudo logs them"
    )
    power: float = Field(
        0.5, ge=0, le=1, description="A source's share is weight times its size to this power"
    )
    seed: int = Field(1, description="Seed of the sample")


class PretrainSettings(Section):
    """Masked-language-model pretraining (paper section 3.3)."""

    size: str = Field("tiny", description="Model size")
    shape: dict[str, Any] = Field(
        {}, description="Entries of config.json that differ from the size's, e.g. position_buckets"
    )
    steps: int = Field(4_000, ge=1, description="Optimizer steps")
    batch_tokens: int = Field(
        4_096, ge=1, description="Tokens of a batch over all processes, padding included"
    )
    accumulation: int = Field(1, ge=1, description="Batches whose gradients make one step")
    max_length: int = Field(192, ge=3, le=MAX_LENGTH, description="Tokens of a row; longer lines are cropped")
    packing: bool = Field(False, description="Pack lines into rows of max_length; unset, rows of one length")
    epoch_tokens: int = Field(50_000_000, ge=1, description="Tokens drawn by weight for one pass")
    power: float = Field(
        0.5, ge=0, le=1, description="A source's share is weight times its size to this power"
    )
    learning_rate: float = Field(1e-3, gt=0, description="Peak of the cosine schedule")
    warmup_share: float = Field(0.06, ge=0, lt=1, description="Share of the steps that warm up")
    weight_decay: float = Field(0.01, ge=0, description="Of matrices; biases and norms are not decayed")
    clip_norm: float = Field(1.0, gt=0, description="Largest norm of a gradient")
    mask_probability: float = Field(0.2, gt=0, lt=1, description="Share of the tokens that is predicted")
    delimiters: Literal["skip", "mask"] = Field(
        "skip", description="Formula 1 skips delimiters; mask is plain MLM, for comparison"
    )
    bf16: bool = Field(False, description="bfloat16 autocast: for CPUs with AVX512-BF16 or AMX, and GPUs")
    compile: bool = Field(False, description="torch.compile: slower first steps, faster later ones")
    start_from: Path | None = Field(None, description="Bundle whose weights the training starts from")
    checkpoint_minutes: float = Field(5.0, ge=0, description="Minutes between checkpoints; 0 for every step")
    spike: float = Field(1.5, gt=1, description="Loss over the recent median from which it is a spike")
    rollbacks: int = Field(3, ge=0, description="Spikes answered by going back; the next one ends the run")
    processes: int = Field(1, ge=1, description="Processes that `run` starts on this machine")
    deepspeed: dict[str, Any] | None = Field(
        None, description="DeepSpeed's own configuration; unset, plain torch"
    )
    seed: int = Field(7, description="Seed of sample, order, masking and weights")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.batch_tokens < self.max_length:
            raise ValueError(
                f"pretrain.batch_tokens: {self.batch_tokens} is less than one row of "
                f"pretrain.max_length {self.max_length}"
            )
        return self


class ContrastSettings(Section):
    """Contrastive training: what means the same lies near, what only shares words does not."""

    steps: int = Field(0, ge=0, description="Optimizer steps in all; 0 leaves the stage out of a run")
    bag_steps: int = Field(
        0,
        ge=0,
        description="First steps that train the token table and the weights alone, without the layers",
    )
    masked_steps: int = Field(
        0,
        ge=0,
        description="Steps after those that train the layers alone, as a masked language model of that table",
    )
    start_from: Path | None = Field(
        None, description="Bundle whose weights the training starts from; unset, the pretrained model"
    )
    english: float = Field(
        0.3, ge=0, lt=1, description="Share of descriptions among the pairs, if there are any"
    )
    texts: list[Path] = Field(
        [], description="JSONL with fields 'query' and 'event', or 'text': descriptions of events"
    )
    phrases: bool = Field(
        True, description="Whether our own sentences and their opposites are among the descriptions"
    )
    teacher: str | None = Field(
        None,
        description="sentence-transformers model of natural language: a folder, or a package that holds one",
    )
    teacher_texts: int = Field(
        40_000, ge=0, description="Most texts that the teacher embeds, words not counted"
    )
    max_length: int = Field(96, ge=3, le=MAX_LENGTH, description="Tokens of a text; the rest is cut")
    batch_items: int = Field(64, ge=4, description="Pairs of a step")
    chunk_tokens: int = Field(
        2_048, ge=1, description="Tokens that go through the layers together, in rows of nearly one length"
    )
    bag_items: int = Field(512, ge=4, description="Pairs of a step without the layers")
    power: float = Field(
        0.5, ge=0, le=1, description="A source's share is the number of its items to this power"
    )
    repeats: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A token's weight is divided by its count in the text to this power; with 1 repeats add nothing",
    )
    contrast_weight: float = Field(1.0, ge=0, description="Of the contrast's part in the loss")
    temperature: float = Field(0.05, gt=0, description="Of the contrast")
    domain_weight: float = Field(
        0.2, ge=0, description="Of the loss by which templates of one domain lie near across sources"
    )
    domain_temperature: float = Field(0.1, gt=0, description="Of that loss")
    teacher_temperature: float = Field(0.07, gt=0, description="Of the similarities that the teacher gives")
    teacher_weight: float = Field(1.0, ge=0, description="Of the teacher's part in the loss")
    masked_weight: float = Field(0.1, ge=0, description="Of the masked language model's part in the loss")
    masked_share: float = Field(0.25, gt=0, le=1, description="Share of a step's texts that it reads")
    mask_probability: float = Field(0.2, gt=0, lt=1, description="Share of their tokens that is predicted")
    lengths: list[int] = Field(
        [128, 64], description="Lengths that vectors may be cut to, beside the whole one"
    )
    learning_rate: float = Field(5e-4, gt=0, description="Peak of the cosine schedule")
    bag_learning_rate: float = Field(2e-3, gt=0, description="Peak of that of the steps without the layers")
    weights_factor: float = Field(
        5.0, gt=0, description="How much faster the weights of tokens and layers learn"
    )
    warmup_share: float = Field(0.05, ge=0, lt=1, description="Share of the steps that warm up")
    weight_decay: float = Field(
        0.01, ge=0, description="Of matrices; biases, norms and weights are not decayed"
    )
    clip_norm: float = Field(1.0, gt=0, description="Largest norm of a gradient")
    bf16: bool = Field(False, description="bfloat16 autocast: for CPUs with AVX512-BF16 or AMX, and GPUs")
    checkpoint_minutes: float = Field(5.0, ge=0, description="Minutes between checkpoints; 0 for every step")
    seed: int = Field(7, description="Seed of items, order and masking")


class EvaluateSettings(Section):
    """Perplexity and masked accuracy (paper section 4.1)."""

    in_distribution: list[Path] = Field(
        [], description="JSONL with a field 'line'; unset, the held-out lines"
    )
    out_of_distribution: list[Path] = Field([], description="JSONL with a field 'line'")
    max_length: int = Field(256, ge=3, le=MAX_LENGTH, description="Tokens of a line; what follows is cut")
    results: Path | None = Field(
        None, description="CSV to append to; unset, evaluation.csv of the work folder"
    )


class ExportSettings(Section):
    """The bundle (paper section 3.4 and ONNX)."""

    name: str = Field("secencoder", min_length=1, description="Name in the manifest")
    version: str = Field("1", min_length=1, description="Version in the manifest")
    data: str = Field("", description="One sentence on the training data, for card and manifest")
    licence: str = Field("other", min_length=1, description="Licence of the model, e.g. Apache-2.0")
    keep_fp32: bool = Field(False, description="Keep onnx/model.onnx in the bundle")
    replaces: Path | None = Field(None, description="Bundle whose metrics the card shows beside the new ones")
    bundle: Path | None = Field(None, description="Folder to write; unset, bundle in the work folder")


class DistillSettings(Section):
    """A static student of an encoder: a second, fast bundle (model2vec's idea, trained on the corpus)."""

    teacher: Path | None = Field(None, description="Bundle to distil; unset, the one that export writes")
    lines: int = Field(32_000, ge=2, description="Lines of the corpus that the teacher embeds")
    templates: float = Field(0.0, ge=0, le=1, description="Share of these lines that is read as templates")
    texts: list[Path] = Field(
        [], description="JSONL as in contrast.texts; half as many texts as lines are embedded beside them"
    )
    max_length: int = Field(128, ge=3, le=MAX_LENGTH, description="Tokens of such a line; the rest is cut")
    power: float = Field(
        0.5, ge=0, le=1, description="A source's share is weight times its size to this power"
    )
    width: int = Field(128, ge=1, le=4_096, description="Numbers of a token's row, at most the teacher's")
    steps: int = Field(1_000, ge=1, description="Optimizer steps")
    batch_lines: int = Field(512, ge=1, description="Lines of a step")
    learning_rate: float = Field(1e-2, gt=0, description="Peak of the cosine schedule")
    seed: int = Field(7, description="Seed of sample, order and weights")
    name: str = Field("secencoder-fast", min_length=1, description="Name in the manifest")
    version: str = Field("1", min_length=1, description="Version in the manifest")
    bundle: Path | None = Field(None, description="Folder to write; unset, fast in the work folder")


class RunSettings(Section):
    """All settings of a run."""

    work: Path = Field(Path("runs/secencoder"), description="Folder that gets a folder per stage")
    corpus: list[CorpusSettings] = Field([], description="What to learn from; dedup needs it")
    dedup: DedupSettings = DedupSettings()
    tokenizer: TokenizerSettings = TokenizerSettings()
    pretrain: PretrainSettings = PretrainSettings()
    contrast: ContrastSettings = ContrastSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    export: ExportSettings = ExportSettings()
    distill: DistillSettings = DistillSettings()
