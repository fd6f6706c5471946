"""Speaker evidence of plugins: attribution of errors, and checks of results."""

from __future__ import annotations

import gc
import re
import traceback
import weakref
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_people import Known

from oolong_align.errors import AudioError, InputError
from oolong_align.hookspecs import DiarizerEntry, hookimpl
from oolong_align.pipeline import Pipeline
from oolong_align.testing import make_host
from oolong_align.types import Diarization

Run = Callable[..., tuple[int, str, str]]
Record = Callable[..., Path]


class Evidence:
    """Speaker evidence with fixed results."""

    def __init__(self, embedding: object = None, scores: object = None) -> None:
        self.embedding = np.ones(2, np.float32) if embedding is None else embedding
        self.cosines = {0: 0.5, 1: 0.25} if scores is None else scores

    def embed(self, start: float, end: float) -> object:
        return self._return(self.embedding)

    def scores(self, start: float, end: float) -> object:
        return self._return(self.cosines)

    def _return(self, value: object) -> object:
        if isinstance(value, Exception):
            raise value
        return value


class Offers:
    """A diarizer with this evidence."""

    name = "mine"

    def __init__(self, voice: object, diarize: Callable[..., Diarization]) -> None:
        self._voice = voice
        self._inner = diarize

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return [DiarizerEntry("mine", "mine", lambda config: self._diarize)]

    def _diarize(self, *args: object, **kwargs: object) -> Diarization:
        return replace(self._inner(*args, **kwargs), voice=self._voice)


class Implements(Offers):
    """The same as a stage hook."""

    @hookimpl
    def oolong_diarizers(self) -> list[DiarizerEntry]:
        return []

    @hookimpl
    def oolong_diarize(self, audio: object) -> Diarization:
        return self._diarize(audio)


BROKEN = {
    "scores raises": (Evidence(scores=KeyError("frames")), "failed in WHERE: KeyError: 'frames'"),
    "scores returns a list": (
        Evidence(scores=[0.5]),
        "broke the contract in WHERE: must be a mapping of speakers, not list",
    ),
    "scores of names": (Evidence(scores={"Ada": 0.5}), "broke the contract in WHERE: .* a cosine for each speaker id"),
    "scores are not finite": (
        Evidence(scores={0: np.nan, 1: 0.0}),
        "voice.scores must return a cosine for each .* 0: nan",
    ),
    "embed raises": (Evidence(RuntimeError("gone")), "failed in WHERE: RuntimeError: gone"),
    "embed returns a list": (
        Evidence([1.0]),
        "broke the contract in WHERE: .*must be a numpy array of float32, not list",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("kind", "where"), [(Offers, "diarizer 'mine'"), (Implements, "oolong_diarize")])
def test_a_plugin_with_broken_evidence_is_named(
    run: Run, replay: object, record: Record, tmp_path: Path, kind: type[Offers], where: str, broken: str
) -> None:
    voice, message = BROKEN[broken]
    chosen = ("--diarizer", "mine" if kind is Offers else "replay", "--transcriber", "replay")
    code, _, err = run(
        "transcribe", record(), *chosen, "--json", "-o", tmp_path / "out", plugins=(kind(voice, replay._diarize),)
    )
    assert code == 3 and err.count("\n") == 1
    assert err.startswith("oolong: error: Plugin 'mine' ") and "Run without it: -p no:mine" in err
    assert re.search(message.replace("WHERE", where), err), err


def test_evidence_of_a_plugin_is_checked_and_copied(replay: object, record: Record) -> None:
    host = make_host(replay, Offers(Evidence(np.ones(2)), replay._diarize))
    transcript = Pipeline(host, host.resolve("transcribe", {"diarizer": "mine", "transcriber": "replay"}))(record())
    voice = transcript.diarization.voice
    assert voice.embed(0.0, 1.0).dtype == np.float32  # converted from float64
    assert voice.scores(0.0, 1.0) == {0: 0.5, 1: 0.25}
    assert isinstance(deepcopy(voice), Evidence)
    refused = Offers(Evidence(InputError("this span is too short")), replay._diarize)
    host = make_host(replay, refused)
    diarization = Pipeline(host, host.resolve("diarize", {"diarizer": "mine"}))(record()).diarization
    with pytest.raises(InputError, match=r"^this span is too short$"):
        diarization.voice.embed(0.0, 1.0)


@pytest.mark.parametrize("stage", ["identify", "write"])
def test_a_failed_recording_keeps_no_evidence(replay: object, record: Record, tmp_path: Path, stage: str) -> None:
    voices: list[weakref.ref[Evidence]] = []

    class Fails(Offers):
        def _diarize(self, *args: object, **kwargs: object) -> Diarization:
            voice = Evidence()
            voices.append(weakref.ref(voice))
            return replace(self._inner(*args, **kwargs), voice=voice)

        @hookimpl
        def oolong_identify(self, transcript: object, diarization: Diarization) -> None:
            if stage == "identify":
                try:
                    raise KeyError("voice")
                except KeyError as error:
                    raise AudioError("unheard") from error

    (tmp_path / "out" / "a.json").mkdir(parents=True)  # a file cannot replace a folder
    host = make_host(replay, Fails(None, replay._diarize))
    config = host.resolve("diarize", {"diarizer": "mine"}, formats=["json"])
    lines: list[str] = []
    results = Pipeline(host, config).run_files(
        [record("a.wav"), record("b.wav")],
        tmp_path / "out",
        on_result=lambda result: lines.extend(traceback.format_exception(result.error) if result.error else ()),
    )
    gc.collect()
    failed = [result.error for result in results if result.error is not None]
    assert len(failed) == (2 if stage == "identify" else 1)
    assert any("_work" in line for line in lines)
    assert [voice() for voice in voices] == [None, None]


def test_embeddings_are_converted_for_a_library(record: Record, library: Path, run: Run, tmp_path: Path) -> None:
    class Doubles:
        @hookimpl(wrapper=True)
        def oolong_diarize(self) -> Iterator[None]:
            found = yield
            return replace(found, embeddings={each: found.embeddings[each].astype(float) for each in found.embeddings})

    given = (record("Ada_Bob.0.wav", 20), "--diarizer", "known", "--speakers", library, "-o", tmp_path)
    code, _, err = run("diarize", *given, plugins=(Known(), Doubles()))
    assert (code, err.count("2 speakers")) == (0, 1), err
