// The transcript as paragraphs of words, with a tooltip for each word.

const get = (id) => document.getElementById(id);
const model = new Model(get("data").textContent);
const { settings } = model;
const segments = () => model.document.segments;
const duration = model.ends.reduce((last, end) => Math.max(last, end), model.document.duration);
const long = duration >= 3600;
const search = new Search(model);
const state = { word: -1, follow: true, saved: "" };

const lowScore = (word) => word.score !== null && word.score < settings.lowScore;
const lowConfidence = (word) => word.speaker_confidence !== null && word.speaker_confidence < settings.lowConfidence;

const describe = (word) => {
  const percent = (share) => `${Math.round(100 * share)} %`;
  const parts = [formatTime(word.start, long)];
  if (lowScore(word)) parts.push(`word confidence ${percent(word.score)}`);
  if (lowConfidence(word)) parts.push(`speaker confidence ${percent(word.speaker_confidence)}`);
  if (word.estimated) parts.push("time and speaker are estimates");
  if (word.overlap) parts.push("overlapping speech");
  return parts.join(" · ");
};

const paintWord = (element, number) => {
  const hit = search.hits.get(number);
  element.classList.toggle("now", number === state.word);
  element.classList.toggle("hit", hit !== undefined);
  element.classList.toggle("current", hit !== undefined && hit === search.current);
};

const wordElement = (word, number) => {
  const element = make("span", { className: "w", title: describe(word), dataset: { n: number } }, word.word);
  if (lowScore(word)) element.classList.add("unsure-word");
  if (lowConfidence(word) || word.estimated) element.classList.add("unsure-speaker");
  paintWord(element, number);
  return element;
};

const buildTurn = (index) => {
  const segment = segments()[index];
  const before = index > 0 ? segments()[index - 1].speaker : undefined;
  const colour = model.colour(segment.speaker);
  const item = make("li", {
    className: `turn ${colour < 0 ? "unknown" : `s${colour % 8} p${Math.floor(colour / 8) % 3}`}`,
    attributes: { "aria-setsize": segments().length, "aria-posinset": index + 1 },
  });
  const stamp = make("button", { className: "stamp", type: "button", dataset: { seconds: segment.start } });
  stamp.textContent = formatTime(segment.start, long);
  stamp.ariaLabel = `Go to ${stamp.textContent}`;
  const text = make("p", { dir: "auto" });
  if (model.document.language) text.lang = model.document.language;
  segment.words.forEach((word, place) => {
    if (model.spaces[index][place]) text.append(" ");
    text.append(wordElement(word, model.firsts[index] + place));
  });
  item.append(stamp);
  if (segment.speaker !== before) {
    item.classList.add("begins");
    const name = segment.speaker === null ? "Unknown speaker" : model.name(segment.speaker);
    item.append(make("h3", {}, ...(colour < 0 ? [] : [swatch(colour)]), make("bdi", {}, name)));
  }
  item.append(text);
  return item;
};

const estimateHeight = (index) => {
  const columns = Math.max(Math.min(get("scroller").clientWidth - 120, 640) / 8.2, 20);
  const segment = model.document.segments[index];
  const begins = index === 0 || model.document.segments[index - 1].speaker !== segment.speaker;
  return Math.ceil(segment.text.length / columns) * 28 + (begins ? 48 : 8);
};
