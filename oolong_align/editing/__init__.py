"""Corrections of a transcript: rename, merge and assign speakers, or find another number of speakers.

Each edit is a pure function from a `oolong_align.types.Transcript` to a new one. The rules below are complete: another
program that applies them to the JSON file gets the same transcript. No edit changes the order, text, times or
probabilities of words, the language, the duration, the speech ranges or the model.

Rename
    Sets ``speakers[label].name``. Labels never change, and ``voice`` and ``probability`` keep the result of the voice
    library. The name is reduced to one line without control characters (`oolong_align.text.clean.clean_text`); an empty
    name removes it. A name without printable characters, or equal to the label of another speaker, is refused. Two
    speakers may have the same name.

Join utterances
    If a merge or an assignment removes the change of speaker between two utterances, they are joined, unless the rules
    of `oolong_align.alignment.utterances.gather_utterances` would split there anyway. The joined utterance starts where
    the first one starts and ends where the second one ends. All other boundaries stay, including manual ones.
    Utterances are processed in order, so that a joined utterance can be joined with the next one.

Merge
    Moves everything of the source to the target and removes the source.

    1. Words and utterances get the new speaker, and utterances are joined. ``speaker_confidence`` is unchanged.
    2. Segments and pieces get the new speaker; they are not joined. Embeddings of pieces are unchanged.
    3. Turns of the target that overlap or touch are joined. Turns are sorted by start, speaker and end.
    4. ``seconds`` and ``words`` are added.
    5. The target keeps ``name``, ``voice`` and ``probability``. It takes all three from the source if the source has a
       name and the target has none, or if the source has a voice and the target has neither name nor voice.
    6. The mean embedding is the sum of both, weighted by ``seconds`` (equally if both are 0), L2-normalised. It is
       computed in double precision from values rounded to six decimals, and rounded to six decimals again. If one
       embedding is missing, the result is the other one; if the sum is zero, it is the embedding of the target.
    7. A word stays marked as overlapped only if turns of at least two speakers overlap it.

Assign
    Gives a time range to a speaker. A word is inside if its middle is at or after the start and before the end. Words
    inside get ``speaker_confidence`` 1 and are not marked as overlapped.

    1. An utterance with a reassigned word is split into runs of words of one speaker, which start with their first word
       and end with their last one. If there is only one run, the utterance keeps its times.
    2. Segments, pieces and turns of other speakers are cut at start and end of the range, and the parts inside go to
       the speaker. Each part of a piece keeps the embedding of the piece. Turns of the speaker are joined as in a
       merge.
    3. ``seconds`` (of segments) and ``words`` move between the speakers. Mean embeddings are unchanged.
    4. A new speaker is appended, without a mean embedding, if its label has the next free number.
    5. Speakers without any speech left stay until `prune`, so that later assignments can use them.

Prune
    Removes speakers without words, utterances, segments, pieces and turns, and their mean embeddings. ``oolong edit``
    prunes once after all edits if there was an assignment.

Recluster
    Finds another number of speakers from the embeddings of the pieces, as the diarizer does; see `recluster`.
"""

from __future__ import annotations

from oolong_align.editing.edits import add_speaker, assign, merge, prune, rename
from oolong_align.editing.recount import find_plda, recluster

__all__ = ["add_speaker", "assign", "find_plda", "merge", "prune", "recluster", "rename"]
