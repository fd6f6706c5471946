"""Train a PLDA for a speaker embedding model: LDA, then a two-covariance model by EM, both with shrinkage.

``python models/train_plda.py embeddings.npz --out vbx_model.npz``        train with the default dimension
``python models/train_plda.py embeddings.npz --dim 64 128 --shrinkage 0 0.1 --folds 10``   compare settings by EER
``python models/train_plda.py clean.npz rooms.npz=0.5 --dim 64 128 --conversations recordings/ --out vbx_model.npz``
``python models/train_plda.py utterances/ --embedding model.onnx --out vbx_model.npz``    train from audio

An embedding file contains ``embedding (N, D)``, ``speaker (N,)`` and optionally ``weight (N,)``, the weight of each
embedding within its speaker. A folder of audio contains ``utt2spk`` (``UTTERANCE SPEAKER`` lines) and either
``wav.scp`` (``UTTERANCE PATH`` lines) or files ``SPEAKER/UTTERANCE.*``.

Each input is a corpus. Speakers of different corpora are different, even with equal names. ``INPUT=WEIGHT`` sets the
weight of its speakers in the means, in both covariances and in the likelihood that EM maximises (default: 1). A weight
of 2 is equivalent to passing the corpus twice.

The script compares several settings by DER on ``--conversations`` if given, otherwise by the equal error rate between
embeddings of held-out speakers (``--folds``), and writes the model of the best setting. The training has no random
numbers: the same input produces the same file. Lengths are normalised as in
`oolong_align.diarization.plda.Plda.transform`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from command_line import check_outputs, run
from conversations import Conversation, Score, find_conversations, score_pldas
from plda.arrays import save_plda
from plda.corpora import Corpus, load_corpora, parse_input
from plda.evaluation import Setting, cross_validate
from plda.training import DEFAULT_DIM, DEFAULT_ITERATIONS, DEFAULT_SHRINKAGE, train

from oolong_align.diarization.diarizer import Diarizer
from oolong_align.diarization.embedding import EmbeddingModel
from oolong_align.diarization.plda import Plda
from oolong_align.errors import UsageError
from oolong_align.weights import find_bundle


def measure_settings(
    pldas: Mapping[Setting, Plda], conversations: Sequence[Conversation], embedding: Path | None
) -> dict[Setting, Score]:
    """Measure the DER of each setting with the default diarizer. Its networks run once per conversation.

    Raises
    ------
    UsageError
        If the embedding size of the PLDAs differs from that of the model.
    """
    embedding = embedding or find_bundle(parts=("embedding",)).files["embedding"]
    size = next(iter(pldas.values())).dimension
    if (dimension := EmbeddingModel(embedding).dimension) != size:
        raise UsageError(
            f"The corpora have embeddings of {size} dimensions, but {embedding} computes {dimension}. Select the model "
            "of the corpora with --embedding"
        )
    with TemporaryDirectory() as scratch:
        first = Path(scratch, "vbx_model.npz")
        save_plda(first, next(iter(pldas.values())))
        diarizer = Diarizer.from_pretrained(embedding=embedding, plda=first)
    scores = score_pldas(diarizer, conversations, list(pldas.values()))
    return dict(zip(pldas, scores, strict=True))


def table(
    settings: Sequence[Setting],
    rates: Mapping[Setting, float],
    cosine: float | None,
    scores: Mapping[Setting, Score],
) -> list[str]:
    """Format the measured rates as lines of a Markdown table."""
    head, rule = "| dimensions | shrinkage |", "|---|---|"
    if rates:
        head, rule = f"{head} EER |", f"{rule}---|"
    if scores:
        head, rule = f"{head} DER | speakers |", f"{rule}---|---|"
    lines = [head, rule]
    for setting in settings:
        cells = [str(setting[0]), f"{setting[1]:g}"]
        cells += [f"{rates[setting]:.2%}"] if rates else []
        cells += [f"{scores[setting].error_rate:.2%}", scores[setting].counts] if scores else []
        lines.append(f"| {' | '.join(cells)} |")
    if cosine is not None:
        lines.append(f"| cosine | | {cosine:.2%} |{' | |' if scores else ''}")
    return lines


def choose(
    settings: Sequence[Setting], rates: Mapping[Setting, float], scores: Mapping[Setting, Score]
) -> tuple[Setting, str]:
    """Select a setting and state the reason: lowest DER, then EER, then dimension, then shrinkage.

    Raises
    ------
    UsageError
        If there are several settings without measurements.
    """
    if len(settings) == 1:
        return settings[0], "the only setting"
    if not rates and not scores:
        raise UsageError(f"Cannot select one of {len(settings)} settings: add --conversations FOLDER or --folds N")
    values = {each: scores[each].error_rate for each in settings} if scores else dict(rates)
    taken, next_best = sorted(settings, key=lambda each: (values[each], rates.get(each, 0.0), each))[:2]
    measure = "DER on the conversations" if scores else "equal error rate on held-out speakers"
    return taken, (
        f"lowest {measure}, {values[taken]:.2%}; next is {describe(next_best)} with {values[next_best]:.2%}. "
        "The selection makes these figures slightly optimistic"
    )


def describe(setting: Setting) -> str:
    """Describe a setting in words."""
    return f"dimension {setting[0]}, shrinkage {setting[1]:g}"


def report(arguments: argparse.Namespace, corpus: Corpus, conversations: Sequence[Conversation]) -> Plda:
    """Train a model per setting, print the measured rates and return the selected model."""
    settings = list(dict.fromkeys((dim, shrinkage) for dim in arguments.dim for shrinkage in arguments.shrinkage))
    if not arguments.folds and not conversations:
        choose(settings, {}, {})  # report several settings without a measure before the training
    pldas = {
        (dim, shrinkage): train(corpus, dim=dim, shrinkage=shrinkage, iterations=arguments.iterations)
        for dim, shrinkage in settings
    }
    rates: dict[Setting, float] = {}
    scores: dict[Setting, Score] = {}
    cosine = None
    if arguments.folds:
        rates, cosine = cross_validate(corpus, settings, arguments.iterations, arguments.folds)
        print(f"EER: equal error rate on held-out speakers, {arguments.folds} folds, pairs within a corpus")
    if conversations:
        scores = measure_settings(pldas, conversations, arguments.embedding)
        print(f"DER: {len(conversations)} recordings, no collar, with overlap; speakers: total surplus and missing")
    if rates or scores:
        print(*table(settings, rates, cosine, scores), sep="\n")
    taken, reason = choose(settings, rates, scores)
    print(f"Selected: {describe(taken)}: {reason}")
    return pldas[taken]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="INPUT[=WEIGHT]", help="embedding file or folder of audio")
    parser.add_argument(
        "--dim", type=int, nargs="+", default=[DEFAULT_DIM], help="dimensions after the LDA (default: %(default)s)"
    )
    parser.add_argument(
        "--shrinkage",
        type=float,
        nargs="+",
        default=[DEFAULT_SHRINKAGE],
        help="shrinkage of covariances, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument(
        "--iterations", type=int, default=DEFAULT_ITERATIONS, help="EM iterations (default: %(default)s)"
    )
    parser.add_argument("--folds", type=int, default=0, help="cross-validate each setting by speaker (default: no)")
    parser.add_argument(
        "--conversations", type=Path, metavar="FOLDER", help="recordings with RTTM files to measure DER"
    )
    parser.add_argument(
        "--embedding",
        type=Path,
        help="ONNX embedding model for folders of audio and DER (default: that of the default bundle)",
    )
    parser.add_argument("--threshold", type=float, help="clustering threshold for pieces to store, above 0 and up to 2")
    parser.add_argument("--out", type=Path, help="output file")
    arguments = parser.parse_args()
    if not (arguments.folds or arguments.conversations or arguments.out):
        parser.error("Nothing to do: add --out FILE, --folds N or --conversations FOLDER")
    inputs = [parse_input(text) for text in arguments.inputs]
    if arguments.out:
        others = [path for path in (arguments.embedding, arguments.conversations) if path]
        check_outputs([arguments.out], [*(path for path, _ in inputs), *others])
    if arguments.threshold is not None and not 0 < arguments.threshold <= 2:
        raise UsageError(f"Invalid --threshold {arguments.threshold:g}: use a distance above 0 and up to 2")
    conversations = find_conversations(arguments.conversations) if arguments.conversations else []
    corpus = load_corpora(inputs, arguments.embedding)
    print(
        f"{len(corpus.embedding)} embeddings of {corpus.num_speakers} speakers, {corpus.embedding.shape[1]} dimensions"
    )
    for number, (path, weight) in enumerate(inputs) if len(inputs) > 1 else ():
        print(f"  {path}: {int((corpus.origin == number).sum())} speakers of weight {weight:g}")
    plda = report(arguments, corpus, conversations)
    if arguments.out:
        save_plda(arguments.out, replace(plda, threshold=arguments.threshold))
        print(
            f"{arguments.out}: {arguments.out.stat().st_size} bytes; between-speaker variances {plda.phi[:4].round(1)}"
        )


if __name__ == "__main__":
    run(main)
