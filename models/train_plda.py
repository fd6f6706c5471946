"""Train the PLDA of a speaker embedding model: LDA, then a two-covariance model by EM, both with shrinkage.

``python models/train_plda.py embeddings.npz --out vbx_model.npz``        train with the default dimension
``python models/train_plda.py embeddings.npz --dim 64 128 --shrinkage 0 0.1 --folds 10``   compare settings by EER
``python models/train_plda.py clean.npz rooms.npz=0.5 --dim 64 128 --conversations recordings/ --out vbx_model.npz``
``python models/train_plda.py utterances/ --embedding model.onnx --out vbx_model.npz``    train from audio

An embeddings file holds ``embedding (N, D)`` and ``speaker (N,)``, and may hold ``weight (N,)``: how many embeddings
of its speaker each one counts for. A folder of audio holds ``utt2spk`` (``UTTERANCE SPEAKER`` lines) and either
``wav.scp`` (``UTTERANCE PATH`` lines) or files ``SPEAKER/UTTERANCE.*``.

Each input is a corpus, and no two corpora share a person, whatever the names. ``INPUT=WEIGHT`` lets every person of it
count as that many people with the same embeddings: in the means, in both covariances and in the likelihood that EM
raises. A weight of 2 is the same as giving the corpus twice; 1 where none is given.

Of several settings the one with the lowest DER over ``--conversations`` is written, without these the one with the
lowest equal error rate between embeddings of held-out speakers (``--folds``). Nothing is drawn at random: the same
input produces the same file. Length normalisation is where `oolong_align.diarization.plda.Plda.transform` has it.
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
    """DER of each setting with the default diarizer, in one pass of its networks over the conversations.

    Raises
    ------
    UsageError
        If the PLDAs are made for embeddings of another size than the model's.
    """
    embedding = embedding or find_bundle(parts=("embedding",)).files["embedding"]
    size = next(iter(pldas.values())).dimension
    if (dimension := EmbeddingModel(embedding).dimension) != size:
        raise UsageError(
            f"the corpora hold embeddings of {size} numbers, but {embedding} returns {dimension}; name the model that "
            "made them with --embedding"
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
    """Lines of a table in Markdown; columns for what was measured."""
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
    """Setting to take and the reason: lowest DER, then lowest EER, then fewest dimensions and least shrinkage.

    Raises
    ------
    UsageError
        If there are several and nothing was measured.
    """
    if len(settings) == 1:
        return settings[0], "the only setting given"
    if not rates and not scores:
        raise UsageError(f"{len(settings)} settings and nothing to choose by: add --conversations FOLDER or --folds N")
    values = {each: scores[each].error_rate for each in settings} if scores else dict(rates)
    taken, next_best = sorted(settings, key=lambda each: (values[each], rates.get(each, 0.0), each))[:2]
    measure = "DER on the conversations" if scores else "equal error rate on held-out speakers"
    return taken, (
        f"the lowest {measure}, {values[taken]:.2%}; next is {describe(next_best)} with {values[next_best]:.2%}. "
        "What was chosen on these data looks a little better on them than elsewhere"
    )


def describe(setting: Setting) -> str:
    """Name a setting."""
    return f"dimension {setting[0]}, shrinkage {setting[1]:g}"


def report(arguments: argparse.Namespace, corpus: Corpus, conversations: Sequence[Conversation]) -> Plda:
    """Train every setting, print what was measured, and give the chosen model."""
    settings = list(dict.fromkeys((dim, shrinkage) for dim in arguments.dim for shrinkage in arguments.shrinkage))
    if not arguments.folds and not conversations:
        choose(settings, {}, {})  # refuses several settings before the training
    pldas = {
        (dim, shrinkage): train(corpus, dim=dim, shrinkage=shrinkage, iterations=arguments.iterations)
        for dim, shrinkage in settings
    }
    rates: dict[Setting, float] = {}
    scores: dict[Setting, Score] = {}
    cosine = None
    if arguments.folds:
        rates, cosine = cross_validate(corpus, settings, arguments.iterations, arguments.folds)
        print(f"EER: equal error rate on held-out speakers, {arguments.folds} folds, pairs of one corpus")
    if conversations:
        scores = measure_settings(pldas, conversations, arguments.embedding)
        print(f"DER: {len(conversations)} recordings, no collar, overlap scored; speakers too many and too few in all")
    if rates or scores:
        print(*table(settings, rates, cosine, scores), sep="\n")
    taken, reason = choose(settings, rates, scores)
    print(f"taken: {describe(taken)}: {reason}")
    return pldas[taken]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="+", metavar="INPUT[=WEIGHT]", help="embeddings file or folder of audio")
    parser.add_argument("--dim", type=int, nargs="+", default=[DEFAULT_DIM], help="dimensions after the LDA")
    parser.add_argument("--shrinkage", type=float, nargs="+", default=[DEFAULT_SHRINKAGE], help="0 to 1")
    parser.add_argument("--iterations", type=int, default=DEFAULT_ITERATIONS, help="of EM")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate every dim and shrinkage by speaker")
    parser.add_argument("--conversations", type=Path, metavar="FOLDER", help="recordings with RTTM: measure DER")
    parser.add_argument(
        "--embedding",
        type=Path,
        help="ONNX embedding model, for folders of audio and for DER; or the default one",
    )
    parser.add_argument("--threshold", type=float, help="of pieces, stored for embeddings that need their own")
    parser.add_argument("--out", type=Path, help="file to write")
    arguments = parser.parse_args()
    if not (arguments.folds or arguments.conversations or arguments.out):
        parser.error("nothing to do: give --out FILE, --folds N, or --conversations FOLDER")
    inputs = [parse_input(text) for text in arguments.inputs]
    if arguments.out:
        others = [path for path in (arguments.embedding, arguments.conversations) if path]
        check_outputs([arguments.out], [*(path for path, _ in inputs), *others])
    if arguments.threshold is not None and not 0 < arguments.threshold <= 2:
        raise UsageError(f"--threshold {arguments.threshold:g}: a distance above 0 and up to 2 is needed")
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
