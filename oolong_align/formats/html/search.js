// Phrase search in the transcript; it ignores case and accents.

const plain = (text) =>
  text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[’‘]/g, "'").replace(/\s+/g, " ");

class Search {
  constructor(model) {
    this.model = model;
    this.matches = [];
    this.current = -1;
    this.hits = new Map();
  }

  // Store each match as the numbers of its first and last word.
  run(query) {
    const wanted = plain(query).trim();
    this.matches = wanted ? this.model.document.segments.flatMap((_, index) => this.inSegment(index, wanted)) : [];
    this.current = -1;
    this.hits = new Map();
    this.matches.forEach(([first, last], number) => {
      for (let word = first; word <= last; word++) this.hits.set(word, number);
    });
  }

  inSegment(index, wanted) {
    const { words } = this.model.document.segments[index];
    const edges = [];
    let text = "";
    words.forEach(({ word }, place) => {
      if (this.model.spaces[index][place]) text += " ";
      edges.push(text.length);
      text += plain(word);
    });
    const wordAt = (place) => {
      let word = 0;
      while (word + 1 < edges.length && edges[word + 1] <= place) word++;
      return word + this.model.firsts[index];
    };
    const found = [];
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found.push([wordAt(at), wordAt(at + wanted.length - 1)]);
    }
    return found;
  }

  // Go to the next or previous match; the first step goes to the first match at or after a word.
  step(by, word) {
    const { matches } = this;
    if (!matches.length) return null;
    if (this.current < 0) {
      const following = matches.findIndex(([first]) => first >= word);
      this.current = following < 0 ? 0 : following;
      if (by < 0) this.current = (this.current - 1 + matches.length) % matches.length;
    } else {
      this.current = (this.current + by + matches.length) % matches.length;
    }
    return matches[this.current];
  }
}
