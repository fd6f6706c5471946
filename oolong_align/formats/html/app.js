// Connects the parts of the page: playback, corrections, downloads, search and the keyboard.

const say = (text) => {
  get("say").textContent = text;
};

const list = new VirtualList({
  scroller: get("scroller"),
  holder: get("turns"),
  count: segments().length,
  estimate: estimateHeight,
  build: buildTurn,
});

addEventListener("beforeprint", () => list.beforePrint());
addEventListener("afterprint", () => list.afterPrint());

const wordNode = (number) => get("turns").querySelector(`.w[data-n="${number}"]`);

const revealWord = (number) => list.reveal(model.segmentOf[number], () => wordNode(number));

// --- playback

const timeline = new Timeline({
  box: get("timeline"),
  canvas: get("lanes"),
  playhead: get("playhead"),
  tip: get("tip"),
  model,
  duration,
  onSeek: (seconds) => seek(seconds),
});

const setFollow = (on) => {
  state.follow = on;
  get("follow").hidden = on || player.audio.paused;
};

const player = new Player(get("audio"), duration, {
  onTime(seconds) {
    timeline.move(seconds);
    const shown = formatTime(seconds, long);
    if (get("now").textContent !== shown) {
      get("now").textContent = shown;
      get("timeline").setAttribute("aria-valuenow", seconds.toFixed(0));
      get("timeline").setAttribute("aria-valuetext", shown);
    }
    const word = model.wordAt(seconds);
    if (word === state.word) return;
    const before = state.word;
    state.word = word;
    for (const number of [before, word]) {
      const element = wordNode(number);
      if (element) paintWord(element, number);
    }
    if (state.follow && word >= 0) revealWord(word);
  },
  onState(playing) {
    get("play").classList.toggle("playing", playing);
    get("play").ariaLabel = playing ? "Pause" : "Play";
    setFollow(state.follow);
  },
  onMissing() {
    get("open").hidden = false;
    get("why").textContent = settings.audio ? `Open ${settings.audioName}…` : "Open the recording…";
    say("The recording could not be loaded. Open the file to play it.");
  },
});

const seek = (seconds) => {
  setFollow(true);
  player.seek(seconds);
};

const loadRecording = () => {
  if (settings.audio === "link") player.load(settings.address);
  else if (settings.audio === "embed") player.loadBase64(get("recording").textContent, settings.mediaType);
  else get("open").hidden = false;
};

get("file").addEventListener("change", ({ target }) => {
  if (!target.files.length) return;
  player.load(URL.createObjectURL(target.files[0]));
  get("open").hidden = true;
});

const stepTurn = (by) => {
  const word = Math.max(model.wordAt(player.position), 0);
  const index = model.segmentOf[word] ?? 0;
  const goal = segments()[Math.min(Math.max(index + by, 0), segments().length - 1)];
  if (goal) seek(goal.start);
};

// Without a recording, the play button asks for the file.
const play = () => (player.loaded ? player.toggle() : get("file").click());

get("play").addEventListener("click", play);
get("back").addEventListener("click", () => seek(player.position - 5));
get("ahead").addEventListener("click", () => seek(player.position + 5));
get("speed").addEventListener("change", ({ target }) => {
  player.audio.defaultPlaybackRate = player.audio.playbackRate = Number(target.value);
});
get("follow").addEventListener("click", () => {
  setFollow(true);
  if (state.word >= 0) revealWord(state.word);
});
for (const kind of ["wheel", "touchmove"]) {
  get("scroller").addEventListener(kind, () => setFollow(false), { passive: true });
}
get("turns").addEventListener("click", ({ target }) => {
  if (!getSelection().isCollapsed) return;
  const word = target.closest(".w");
  const stamp = target.closest(".stamp");
  if (word) seek(model.starts[word.dataset.n]);
  if (stamp) seek(Number(stamp.dataset.seconds));
});

// --- corrections

const roster = new Roster({
  holder: get("roster"),
  model,
  onRename(label, name) {
    if (model.isTaken(label, name)) say(`${cleanText(name)} is another speaker's label. Choose another name, or merge the speakers.`);
    if (!model.rename(label, name)) return;
    say(`Renamed ${label} to ${model.name(label)}.`);
    redraw();
  },
  onMerge(source, target) {
    const gone = model.name(source);
    model.merge(source, target);
    say(`Merged ${gone} into ${model.name(target)}.`);
    redraw();
    get("roster").querySelector(`[data-label="${CSS.escape(target)}"] .name`)?.focus();
  },
});

// The first visible word keeps its position when paragraphs above it are joined or split.
const rebuildList = () => {
  const edge = get("scroller").getBoundingClientRect().top;
  const seen = [...get("turns").querySelectorAll(".w")].find((word) => word.getBoundingClientRect().bottom > edge);
  const place = seen?.getBoundingClientRect().top;
  list.rebuild(segments().length);
  if (!seen) return;
  const number = Number(seen.dataset.n);
  list.reveal(model.segmentOf[number], () => wordNode(number));
  const moved = wordNode(number).getBoundingClientRect().top - place;
  if (Math.abs(moved) > 0.5) {
    get("scroller").scrollTop += moved;
    list.render();
  }
};

const redraw = () => {
  const focused = document.activeElement?.closest?.("#roster li")?.dataset.label;
  roster.draw();
  if (focused) get("roster").querySelector(`[data-label="${CSS.escape(focused)}"] .name`)?.focus();
  get("undo").disabled = !model.edits.length;
  timeline.draw();
  rebuildList();
  showFacts();
};

const undo = () => {
  if (!model.edits.length) return;
  const { kind } = model.undo();
  say(kind === "merge" ? "Merge undone." : "Rename undone.");
  redraw();
};

get("undo").addEventListener("click", undo);
addEventListener("beforeunload", (event) => {
  if (model.corrections() !== state.saved) event.preventDefault();
});

// --- downloads

const WRITERS = {
  json: [writeJson, "application/json"],
  srt: [writeSrt, "application/x-subrip"],
  vtt: [writeVtt, "text/vtt"],
};

const openMenu = (open) => {
  get("formats").hidden = !open;
  get("download").setAttribute("aria-expanded", String(open));
  if (open) get("formats").querySelector("button").focus();
};

get("download").addEventListener("click", () => openMenu(get("formats").hidden));
get("formats").addEventListener("click", ({ target }) => {
  const format = target.dataset.format;
  if (!format) return;
  const [write, type] = WRITERS[format];
  const address = URL.createObjectURL(new Blob([write(model)], { type: `${type};charset=utf-8` }));
  const link = make("a", { href: address, download: `${model.document.source || "transcript"}.${format}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  if (format === "json") state.saved = model.corrections();
  openMenu(false);
  get("download").focus();
});
addEventListener("click", ({ target }) => {
  if (!target.closest(".menu")) openMenu(false);
});

// --- search

const showSearch = () => {
  for (const element of get("turns").querySelectorAll(".w")) paintWord(element, Number(element.dataset.n));
  const { matches, current } = search;
  const place = current < 0 ? "" : `${current + 1} of `;
  get("found").textContent = get("query").value.trim() ? `${place}${matches.length || "No matches"}` : "";
  get("previous").disabled = get("next").disabled = !matches.length;
};

const stepSearch = (by) => {
  const match = search.step(by, Math.max(state.word, 0));
  if (match) {
    setFollow(false);
    revealWord(match[0]);
  }
  showSearch();
};

get("query").addEventListener("input", ({ target }) => {
  search.run(target.value);
  timeline.marks = search.matches.map(([first]) => model.starts[first]);
  timeline.draw();
  stepSearch(1);
});
get("search").addEventListener("submit", (event) => {
  event.preventDefault();
  stepSearch(1);
});
get("previous").addEventListener("click", () => stepSearch(-1));
get("query").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.shiftKey) {
    event.preventDefault();
    stepSearch(-1);
  }
  if (event.key === "Escape") get("scroller").focus();
});

// --- keyboard

const showPeople = (open) => {
  get("speakers").classList.toggle("open", open);
  get("people").setAttribute("aria-expanded", String(open));
};

get("people").addEventListener("click", () => showPeople(!get("speakers").classList.contains("open")));
get("help").addEventListener("click", () => get("keys").showModal());

const scrollList = (end) => {
  setFollow(false);
  if (end) list.scrollToEnd();
  else list.scrollToStart();
};

const KEYS = {
  " ": play,
  Home: () => scrollList(false),
  End: () => scrollList(true),
  ArrowLeft: (shift) => (shift ? stepTurn(-1) : seek(player.position - 5)),
  ArrowRight: (shift) => (shift ? stepTurn(1) : seek(player.position + 5)),
  "/": () => {
    get("query").focus();
    get("query").select();
  },
  "?": () => get("keys").showModal(),
  Escape: () => {
    if (!get("formats").hidden) {
      openMenu(false);
      get("download").focus();
    }
    showPeople(false);
  },
};

addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (get("keys").open || target.closest("input, select, textarea")) return;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z" && !event.shiftKey) {
    event.preventDefault();
    undo();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, key)) return;
  if (event.shiftKey && (key === "Home" || key === "End")) return; // the browser extends the selection
  // Space activates a focused button, except a timestamp: after a click on it, Space still controls the player.
  if (key === " " && target.closest("button:not(.stamp)")) return;
  event.preventDefault();
  KEYS[key](event.shiftKey);
});
addEventListener("keyup", (event) => {
  if (event.key === " " && event.target.closest(".stamp")) event.preventDefault();
});

// --- start

const quantity = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;
const showFacts = () => {
  const { speakers, language } = model.document;
  const facts = [formatTime(duration, long), quantity(speakers.size, "speaker"), quantity(model.starts.length, "word")];
  get("facts").textContent = [...facts, language].filter(Boolean).join(" · ");
};
showFacts();
state.saved = model.corrections();
get("length").textContent = formatTime(duration, long);
get("now").textContent = formatTime(0, long);
get("empty").hidden = model.starts.length > 0;
get("warnings").append(...model.document.warnings.map((text) => make("li", {}, text)));
roster.draw();
timeline.draw();
list.render();
setTimeout(loadRecording);
