"""Generate meeting.flac from meeting.txt, with the true turns (.rttm), utterances (.stm) and word times (.ctm).

Needs flite on the PATH (Debian: ``apt-get install flite``). The true times are the phone times of the synthesiser.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from oolong_align.audio.recording import load_audio

RATE, SCRIPT = 16_000, Path(__file__).with_name("meeting.txt")
VOICES = {"Nora": ["slt"], "Ralph": ["rms"], "Kai": ["kal16", "--setf", "int_f0_target_mean=150"]}


def flite(voice: list[str], *arguments: str) -> list[str]:
    try:
        return subprocess.check_output(["flite", "-voice", *voice, *arguments], text=True).split()
    except FileNotFoundError:
        sys.exit("flite is not on the PATH. Install it (Debian and Ubuntu: apt-get install flite).")


def time_words(voice: list[str], text: str, wav: Path) -> list[tuple[float, float, str]]:
    spoken = [phone.split(":") for phone in flite(voice, "-psdur", "-t", text, "-o", str(wav))]
    starts = [0.0, *(float(end) for _, end in spoken)]
    spans = [(start, float(end)) for start, (name, end) in zip(starts, spoken, strict=False) if name != "pau"]
    alone = [flite(voice, "-ps", "-t", word, "-o", "none") for word in text.split()]  # as many phones as in the text
    own = np.split(np.array(spans), np.cumsum([len(phones) - phones.count("pau") for phones in alone])[:-1])
    return [(float(o[0, 0]), float(o[-1, 1]), word) for o, word in zip(own, text.split(), strict=True)]


def main(out: Path) -> None:
    mix, end = np.random.default_rng(0).normal(scale=1e-4, size=120 * RATE), 0.0  # a quiet room
    truth: dict[str, list[str]] = {"rttm": [], "stm": [], "ctm": []}
    with TemporaryDirectory() as folder:
        for name, gap, text in (line.split(maxsplit=2) for line in SCRIPT.read_text().splitlines()[1:]):
            words = time_words(VOICES[name], text, wav := Path(folder, "line.wav"))
            samples = load_audio(wav).read(0, 30 * RATE)
            shift = end + float(gap) - words[0][0]
            mix[round(shift * RATE) :][: len(samples)] += 0.06 * samples / np.sqrt(np.mean(samples**2))
            start, end = words[0][0] + shift, words[-1][1] + shift
            truth["rttm"] += [f"SPEAKER meeting 1 {start:.3f} {end - start:.3f} <NA> <NA> {name} <NA> <NA>"]
            truth["stm"] += [f"meeting 1 {name} {start:.3f} {end:.3f} {text}"]
            truth["ctm"] += [f"meeting 1 {a + shift:.3f} {b - a:.3f} {word} 1 lex {name}" for a, b, word in words]
    with av.open(out / "meeting.flac", "w") as file:
        stream = file.add_stream("flac", rate=RATE, layout="mono")
        pcm = (mix[None, : round((end + 0.5) * RATE)] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.rate = RATE
        file.mux([*stream.encode(frame), *stream.encode(None)])
    for suffix, rows in truth.items():
        (out / f"meeting.{suffix}").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
