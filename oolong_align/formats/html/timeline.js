// Speaker turns over time, with one lane per speaker, so that overlapping speech is visible. The canvas is drawn only on
// changes; the playhead is a separate element that moves over it.

const formatTime = (seconds, long) => {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (!long && minutes < 60) return `${minutes}:${pad(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${pad(minutes % 60)}:${pad(whole % 60)}`;
};

const TICKS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
const RULER = 16;

class Timeline {
  constructor({ box, canvas, playhead, tip, model, duration, onSeek }) {
    Object.assign(this, { box, canvas, playhead, tip, model, duration, onSeek });
    this.position = 0;
    this.marks = [];
    new ResizeObserver(() => this.draw()).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    const secondsAt = (event) => {
      const { left, width } = box.getBoundingClientRect();
      return Math.min(Math.max((event.clientX - left) / width, 0), 1) * duration;
    };
    box.addEventListener("pointerdown", (event) => {
      box.setPointerCapture(event.pointerId);
      onSeek(secondsAt(event));
    });
    box.addEventListener("pointermove", (event) => {
      if (box.hasPointerCapture(event.pointerId)) onSeek(secondsAt(event));
      this.showTip(event, secondsAt(event));
    });
    box.addEventListener("pointerleave", () => (tip.hidden = true));
    box.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -5, ArrowRight: 5, ArrowDown: -5, ArrowUp: 5, PageUp: 30, PageDown: -30 };
      const goal = { Home: 0, End: duration }[event.key] ?? this.position + (steps[event.key] ?? NaN);
      if (Number.isNaN(goal) || event.shiftKey) return;
      event.preventDefault();
      event.stopPropagation();
      onSeek(goal);
    });
    box.setAttribute("aria-valuemax", duration.toFixed(0));
  }

  laneHeight(count) {
    return count <= 4 ? 11 : count <= 8 ? 8 : count <= 14 ? 5 : 3;
  }

  draw() {
    const { model, canvas, box } = this;
    const width = box.clientWidth;
    if (!width) return;
    const turns = model.turns();
    const labels = model.labels();
    const lane = new Map(labels.map((label, index) => [label, index]));
    const tall = this.laneHeight(labels.length);
    const gap = tall > 5 ? 3 : 1;
    const height = RULER + labels.length * (tall + gap) + 5;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    const brush = canvas.getContext("2d");
    brush.scale(scale, scale);
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    const perSecond = this.duration > 0 ? width / this.duration : 0;
    this.drawRuler(brush, width, height, perSecond, value);
    const top = (label) => RULER + lane.get(label) * (tall + gap);
    for (const label of labels) {
      brush.fillStyle = value("--lane");
      brush.fillRect(0, top(label), width, tall);
    }
    for (const label of labels) {
      brush.fillStyle = this.fill(brush, model.colour(label), value, scale);
      for (const turn of turns) {
        if (turn.speaker !== label) continue;
        brush.fillRect(turn.start * perSecond, top(label), Math.max((turn.end - turn.start) * perSecond, 1), tall);
      }
    }
    brush.fillStyle = value("--mark");
    for (const second of this.marks) {
      brush.globalAlpha = 1;
      brush.fillRect(second * perSecond - 1, RULER - 5, 2, 5);
      brush.globalAlpha = 0.3;
      brush.fillRect(second * perSecond - 0.5, RULER, 1, height - RULER - 5);
    }
    brush.globalAlpha = 1;
    this.move(this.position);
  }

  drawRuler(brush, width, height, perSecond, value) {
    const step = TICKS.find((each) => each * perSecond >= 72) ?? 28800;
    brush.font = `11px ${value("--font")}`;
    brush.textBaseline = "top";
    for (let second = 0; second < this.duration; second += step) {
      const x = second * perSecond;
      const text = formatTime(second, this.duration >= 3600);
      brush.fillStyle = value("--line");
      brush.fillRect(x, 2, 1, height);
      if (x + brush.measureText(text).width + 6 > width) continue;
      brush.fillStyle = value("--muted");
      brush.fillText(text, x + 5, 1);
    }
  }

  // Eight solid colours, then the same colours striped, then dotted.
  fill(brush, colour, value, scale) {
    const solid = value(`--s${colour % 8}`);
    const kind = Math.floor(colour / 8) % 3;
    if (kind === 0) return solid;
    const tile = document.createElement("canvas");
    tile.width = tile.height = Math.round(4 * scale);
    const pen = tile.getContext("2d");
    pen.fillStyle = solid;
    pen.fillRect(0, 0, tile.width, tile.height);
    pen.fillStyle = value("--panel");
    const half = tile.width / 2;
    if (kind === 1) pen.fillRect(0, 0, half, tile.height);
    else pen.fillRect(half / 2, half / 2, half, half);
    const pattern = brush.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().scale(1 / scale));
    return pattern;
  }

  showTip(event, seconds) {
    const { tip, box, model } = this;
    const speaking = model.turns().filter((turn) => turn.start <= seconds && seconds < turn.end);
    const names = [...new Set(speaking.map((turn) => model.name(turn.speaker)))];
    tip.textContent = [formatTime(seconds, this.duration >= 3600), ...names].join(" · ");
    tip.hidden = false;
    const { left, width } = box.getBoundingClientRect();
    const half = tip.offsetWidth / 2;
    const place = Math.min(Math.max(event.clientX - left, half), width - half);
    tip.style.transform = `translateX(${place - half}px)`;
  }

  move(seconds) {
    this.position = seconds;
    const share = this.duration > 0 ? Math.min(seconds / this.duration, 1) : 0;
    this.playhead.style.transform = `translateX(${share * this.box.clientWidth}px)`;
  }
}
