// The transcript and its corrections: a list of edits that are applied to the original in order.

const inferSpaces = (text, words) => {
  // Whether each word has a space before it; a space before the first word is not visible.
  const spaces = [];
  let place = 0;
  for (const { word } of words) {
    const space = place > 0 && text.startsWith(" " + word, place);
    spaces.push(space);
    place += word.length + (space ? 1 : 0);
  }
  return spaces;
};

const speakerNumber = (label) => Number(label.replace("SPEAKER_", ""));

const round = (value, decimals) => Number(value.toFixed(decimals)) + 0;

class Model {
  constructor(text) {
    this.text = text;
    this.edits = [];
    this.read();
    this.colours = new Map();
    for (const label of this.labels()) this.colours.set(label, this.colours.size);
    const words = this.document.segments.flatMap((segment) => segment.words);
    this.starts = Float64Array.from(words, (word) => word.start);
    this.ends = Float64Array.from(words, (word) => word.end);
  }

  read() {
    const { document, cues, joins, settings } = JSON.parse(this.text);
    document.speakers = new Map(document.speakers);
    document.speaker_embeddings = new Map(document.speaker_embeddings);
    this.document = document;
    this.cues = cues;
    this.joins = joins;
    this.settings = settings;
    this.index();
  }

  index() {
    const { segments } = this.document;
    this.firsts = [];
    this.segmentOf = new Int32Array(segments.reduce((total, { words }) => total + words.length, 0));
    let number = 0;
    segments.forEach(({ words }, index) => {
      this.firsts.push(number);
      this.segmentOf.fill(index, number, number + words.length);
      number += words.length;
    });
    this.spaces = segments.map((segment) => inferSpaces(segment.text, segment.words));
  }

  labels() {
    const found = new Set(this.document.speakers.keys());
    for (const { speaker } of [...this.document.segments, ...this.document.diarization]) {
      if (speaker !== null) found.add(speaker);
    }
    return [...found];
  }

  colour(label) {
    return label === null ? -1 : this.colours.get(label);
  }

  name(label) {
    return this.document.speakers.get(label)?.name || label;
  }

  turns() {
    const { diarization, segments } = this.document;
    return diarization.length ? diarization : segments.filter((segment) => segment.speaker !== null);
  }

  // Number of the last word that starts at or before a time; -1 before the first word.
  wordAt(seconds) {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= seconds + 1e-3) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // Key of the current state of the corrections; equal for equal states, regardless of the edits that led to them.
  corrections() {
    const merges = this.edits.filter(({ kind }) => kind === "merge");
    return JSON.stringify([[...this.document.speakers], merges]);
  }

  // Whether a name equals the label of another speaker, so that the two could be confused.
  isTaken(label, name) {
    const clean = cleanText(name);
    return clean !== label && (this.document.speakers.has(clean) || /^SPEAKER_\d+$/.test(clean));
  }

  rename(label, name) {
    if ((name && !cleanName(name)) || this.isTaken(label, name)) return false;
    const clean = cleanText(name);
    if ((this.document.speakers.get(label).name ?? "") === clean) return false;
    this.apply({ kind: "rename", label, name: clean || null });
    return true;
  }

  merge(source, target) {
    this.apply({ kind: "merge", source, target });
  }

  undo() {
    const undone = this.edits.pop();
    const kept = this.edits;
    this.edits = [];
    this.read();
    kept.forEach((edit) => this.apply(edit));
    return undone;
  }

  apply(edit) {
    this.edits.push(edit);
    if (edit.kind === "rename") this.document.speakers.get(edit.label).name = edit.name;
    else {
      this.joins = joinSegments(this.document, this.joins, [edit.source, edit.target]);
      mergeSpeakers(this.document, this.cues, edit.source, edit.target);
      this.index();
    }
  }
}

// Before two speakers are merged, join segments that are separate only because the speaker changes.
const joinSegments = (document, joins, labels) => {
  const joined = [];
  const kept = [];
  document.segments.forEach((segment, index) => {
    const before = joined[joined.length - 1];
    const last = before?.words.at(-1);
    const [first] = segment.words;
    const isOne =
      last &&
      first &&
      last.speaker !== first.speaker &&
      [before, last, first, segment].every(({ speaker }) => labels.includes(speaker)) &&
      last.end - before.words[0].start < joins[index][0];
    if (isOne) joined.push(joinTwo([joined.pop(), kept[kept.length - 1]], [segment, joins[index]]));
    else {
      joined.push(segment);
      kept.push(joins[index]);
    }
  });
  document.segments = joined;
  return kept;
};

const joinTwo = ([before, join], [segment, own]) => {
  const spaces = [...storedSpaces(before, join), ...storedSpaces(segment, own)];
  const words = [...before.words, ...segment.words].map(({ leading_space: _, ...word }) => word);
  const text = words.map(({ word }, place) => (spaces[place] ? " " : "") + word).join("").trim();
  const inferred = inferSpaces(text, words);
  inferred[0] = join[2];
  // As in render_json: spaces are stored only if they cannot be inferred from the text.
  const isInferred = words.every(({ word }, place) => word && inferred[place] === spaces[place]);
  if (!isInferred) words.forEach((word, place) => Object.assign(word, { leading_space: spaces[place] }));
  return { ...before, end: segment.end, text, words };
};

const storedSpaces = ({ text, words }, [, space]) => {
  if (words.some((word) => "leading_space" in word)) return words.map((word) => word.leading_space);
  return [space, ...inferSpaces(text, words).slice(1)];
};

const mergeSpeakers = (document, cues, source, target) => {
  const records = [document.segments, document.exclusive_diarization, document.pieces, document.diarization];
  records.push(...document.segments.map((segment) => segment.words));
  for (const record of records.flat()) if (record.speaker === source) record.speaker = target;
  for (const cue of [...cues.srt, ...cues.vtt]) if (cue[2] === source) cue[2] = target;
  document.diarization = joinTurns(document.diarization, target);
  unmarkOverlap(document);
  const kept = document.speakers.get(target);
  const gone = document.speakers.get(source);
  joinEmbeddings(document.speaker_embeddings, [target, kept.seconds], [source, gone.seconds]);
  const rank = (speaker) => (speaker.name ? 2 : speaker.voice !== null ? 1 : 0);
  if (rank(gone) > rank(kept)) {
    Object.assign(kept, { name: gone.name, voice: gone.voice, probability: gone.probability });
  }
  kept.seconds = round(kept.seconds + gone.seconds, 3);
  kept.words += gone.words;
  document.speakers.delete(source);
};

// Join turns of one speaker that overlap or touch; keep all turns sorted by start, speaker and end.
const joinTurns = (turns, label) => {
  const own = turns.filter((turn) => turn.speaker === label).sort((a, b) => a.start - b.start || a.end - b.end);
  const joined = [];
  for (const turn of own) {
    const last = joined[joined.length - 1];
    if (last && turn.start <= last.end) last.end = Math.max(last.end, turn.end);
    else joined.push({ ...turn });
  }
  const others = turns.filter((turn) => turn.speaker !== label);
  return [...others, ...joined].sort(
    (a, b) => a.start - b.start || speakerNumber(a.speaker) - speakerNumber(b.speaker) || a.end - b.end,
  );
};

// A word stays marked as overlap only if turns of at least two speakers overlap it.
const unmarkOverlap = ({ segments, diarization }) => {
  for (const word of segments.flatMap((segment) => segment.words)) {
    if (!word.overlap) continue;
    const speakers = new Set();
    for (const turn of diarization) {
      if (turn.start >= word.end) break;
      if (turn.end > word.start) speakers.add(turn.speaker);
    }
    word.overlap = speakers.size > 1;
  }
};

const joinEmbeddings = (embeddings, [target, targetSeconds], [source, sourceSeconds]) => {
  const own = embeddings.get(target);
  const other = embeddings.get(source);
  embeddings.delete(source);
  if (!other) return;
  if (!own) {
    embeddings.set(target, other);
    return;
  }
  const silent = targetSeconds === 0 && sourceSeconds === 0;
  const [a, b] = silent ? [1, 1] : [targetSeconds, sourceSeconds];
  const sum = own.map((value, place) => a * value + b * other[place]);
  const length = Math.sqrt(sum.reduce((total, value) => total + value * value, 0));
  if (length > 0) embeddings.set(target, sum.map((value) => round(value / length, 6)));
};
