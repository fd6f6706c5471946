// Writers of the downloads; their output equals that of the Python renderers byte for byte.

const cleanText = (text) =>
  text
    .replace(/[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/g, " ")
    .replace(/[\x00-\x1f\x7f-\x9f\ufeff]/g, "")
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/ {2,}/g, " ")
    .trim();

const JOINERS = /^[\u200c\u200d]+|[\u200c\u200d]+$/g;

const cleanName = (name) => {
  const visible = cleanText(name)
    .replace(/(?![\u200c\u200d])\p{Cf}/gu, "")
    .replace(/\[/g, "(")
    .replace(/\]/g, ")")
    .replace(/-{2,}>/g, "→");
  const characters = [...visible.trim().replace(/\s+/g, " ").replace(JOINERS, "")];
  return characters.length <= 60 ? characters.join("") : characters.slice(0, 59).join("").trimEnd() + "…";
};

// The name to print for each label. If two different names are equal after cleaning, the label is added to both.
const printedNames = (model) => {
  const clean = new Map();
  const owners = new Map();
  for (const label of model.labels()) {
    const name = cleanName(model.name(label)) || cleanName(label) || "SPEAKER";
    clean.set(label, name);
    owners.set(name, (owners.get(name) ?? new Set()).add(model.name(label)));
  }
  const unique = ([label, name]) => (owners.get(name).size > 1 ? `${name} (${cleanName(label) || "SPEAKER"})` : name);
  return new Map([...clean].map((entry) => [entry[0], unique(entry)]));
};

const clock = (milliseconds, mark) => {
  const pad = (value, width) => String(value).padStart(width, "0");
  const seconds = Math.floor(milliseconds / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => pad(part, 2)).join(":") + mark + pad(milliseconds % 1000, 3);
};

const writeSrt = (model) => {
  const names = printedNames(model);
  return model.cues.srt
    .map(([start, end, speaker, text], index) => {
      const prefix = speaker === null ? "" : `[${names.get(speaker)}]: `;
      return `${index + 1}\n${clock(start, ",")} --> ${clock(end, ",")}\n${prefix}${text}\n\n`;
    })
    .join("");
};

const writeVtt = (model) => {
  const names = printedNames(model);
  const escape = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const voice = (name) => `<v ${escape(name)}${name.endsWith("--") ? " " : ""}>`;
  const blocks = model.cues.vtt.map(([start, end, speaker, text]) => {
    const opening = speaker === null ? "" : voice(names.get(speaker));
    return `${clock(start, ".")} --> ${clock(end, ".")}\n${opening}${text}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
};

// A number in the format of Python floats: 1.0, 1e-05.
const writeFloat = (value) => {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
};

const writeJson = (model) => {
  const dump = (value) => {
    if (typeof value === "number") return writeFloat(value);
    if (Array.isArray(value)) return `[${value.map(dump).join(", ")}]`;
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    return `{${Object.entries(value)
      .map(([key, item]) => `${JSON.stringify(key)}: ${dump(item)}`)
      .join(", ")}}`;
  };
  const lines = (items, open, close) => (items.length ? `${open}\n${items.join(",\n")}\n${close}` : open + close);
  const entries = (pairs, write) => lines(pairs.map(([key, item]) => `${dump(key)}: ${write(item)}`), "{", "}");
  // Seconds are floats, numbers of words are integers.
  const speaker = ({ words, ...rest }) => `${dump(rest).slice(0, -1)}, "words": ${words}}`;
  const { document } = model;
  const words = document.segments.flatMap((segment) => segment.words);
  const wordSegments = words.map(({ leading_space: _, ...word }) => word);
  const vectors = [...document.speaker_embeddings].sort(([a], [b]) => speakerNumber(a) - speakerNumber(b));
  const fields = Object.entries(document).map(([key, value]) => {
    if (key === "word_segments") value = wordSegments;
    if (key === "speakers") return `"speakers": ${entries([...value], speaker)}`;
    if (key === "speaker_embeddings") return `"speaker_embeddings": ${entries(vectors, dump)}`;
    if (key === "model" && value) return `"model": ${entries(value, (written) => written)}`;
    return `${dump(key)}: ${Array.isArray(value) ? lines(value.map(dump), "[", "]") : dump(value)}`;
  });
  return `{\n${fields.join(",\n")}\n}\n`;
};
