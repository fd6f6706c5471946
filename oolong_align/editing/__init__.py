"""Corrections of a transcript by people: names, one speaker for two, whose a time is, and another number of speakers.

Each edit is a pure function on a `oolong_align.types.Transcript` that leaves the old one as it is and gives another.
Whoever edits the JSON by other means gets the same transcript by these rules. Order, texts, times and probabilities of
words never change, nor do the language, the duration, the speech ranges and the model.

Rename
    Sets ``speakers[label].name`` and nothing else: labels never change, and ``voice`` and ``probability`` go on telling
    what a voice library found. The name is kept on one line without control characters
    (`oolong_align.text.clean.clean_text`). No name at all takes it away; a name of which nothing can be printed is
    refused, and so is the label of another speaker. Two speakers may have one name.

Join
    Where a merge or an assignment takes away the change of speaker between two words, the utterances that it parted
    become one, from the start of the first to the end of the second, unless they would have been parted without it:
    by the rules of `oolong_align.alignment.utterances.gather_utterances`. All other ends of utterances stay, also where
    a person put them. Done from the first utterance to the last, each with what has been joined before it.

Merge
    All that is the source's becomes the target's, and the source is removed.

    1. Words and utterances change their speaker, and utterances are joined; ``speaker_confidence`` stays.
    2. Segments and pieces change their speaker and are not joined; the embeddings of pieces stay.
    3. The target's turns that overlap or touch are joined; turns are sorted by start, speaker and end.
    4. ``seconds`` and ``words`` are added.
    5. The target keeps ``name``, ``voice`` and ``probability``, unless the source has a name where the target has none,
       or a voice where the target has neither: then it takes all three.
    6. The mean embedding is the sum of the two weighted by ``seconds`` (alike if both are 0), L2-normalised; computed
       in double precision from six decimals and rounded to them, as they are written. Without one of the two it is the
       other; a sum of zero leaves the target's.
    7. A word stays marked as overlapped only if turns of two speakers still reach into it.

Assign
    A word is the speaker's if its middle is at or after the start and before the end; its ``speaker_confidence`` is 1
    and it is not overlapped.

    1. An utterance of which a word changes its speaker is split into runs of words with one speaker, with the times of
       their first and last word; if that is one run, its times stay.
    2. Segments, pieces and turns of other speakers are cut at start and end, and the parts inside become the
       speaker's. Each part of a piece has the embedding of the whole. The speaker's turns are joined as in a merge.
    3. ``seconds`` (of segments) and ``words`` move from one speaker to the other. Mean embeddings stay.
    4. A speaker who is not there yet is added behind the others, without a mean embedding, if the label is the one
       behind the highest.
    5. Who has nothing left stays, for other assignments, until `prune`.

Prune
    Removes speakers who have no word, utterance, segment, piece and turn, and their mean embeddings; ``oolong edit``
    does so once, after all edits, if it assigned anything.

Re-clustering
    Finds another number of speakers from the embeddings of the pieces, as the diarizer would; see `recluster`.
"""

from __future__ import annotations

from oolong_align.editing.edits import add_speaker, assign, merge, prune, rename
from oolong_align.editing.recount import find_plda, recluster

__all__ = ["add_speaker", "assign", "find_plda", "merge", "prune", "recluster", "rename"]
