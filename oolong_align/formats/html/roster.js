// The speaker panel: rename and merge speakers.

const make = (tag, properties = {}, ...children) => {
  const { dataset = {}, attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

const swatch = (colour) =>
  make("span", { className: `swatch s${colour % 8} p${Math.floor(colour / 8) % 3}`, ariaHidden: "true" });

class Roster {
  constructor({ holder, model, onRename, onMerge }) {
    Object.assign(this, { holder, model, onRename, onMerge });
    this.merging = null;
  }

  draw() {
    const { holder, model } = this;
    const total = [...model.document.speakers.values()].reduce((sum, speaker) => sum + speaker.seconds, 0);
    holder.replaceChildren(...[...model.document.speakers].map((entry) => this.row(entry, total)));
  }

  row([label, speaker], total) {
    const share = total > 0 ? Math.round((100 * speaker.seconds) / total) : 0;
    const words = `${speaker.words} ${speaker.words === 1 ? "word" : "words"}`;
    const facts = [formatTime(speaker.seconds), `${share} %`, words, ...(speaker.name ? [label] : [])];
    const row = make("li", { dataset: { label } });
    row.append(swatch(this.model.colour(label)), this.nameField(label, speaker));
    row.append(make("span", { className: "facts" }, facts.join(" · ")));
    if (this.model.document.speakers.size > 1) row.append(this.mergePart(label));
    return row;
  }

  nameField(label, speaker) {
    const field = make("input", {
      className: "name",
      value: speaker.name ?? "",
      placeholder: label,
      spellcheck: false,
      autocomplete: "off",
      dir: "auto",
      ariaLabel: `Name of ${label}`,
    });
    field.addEventListener("change", () => {
      this.onRename(label, field.value);
      field.value = this.model.document.speakers.get(label).name ?? "";
    });
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape") field.value = this.model.document.speakers.get(label).name ?? "";
      if (event.key === "Enter" || event.key === "Escape") field.blur();
    });
    return field;
  }

  mergePart(label) {
    if (this.merging !== label) {
      const button = make("button", { className: "quiet merge", type: "button" }, "Merge…");
      button.ariaLabel = `Merge ${this.model.name(label)} into another speaker`;
      button.addEventListener("click", () => {
        this.merging = label;
        this.draw();
        this.holder.querySelector("select")?.focus();
      });
      return button;
    }
    const others = [...this.model.document.speakers.keys()].filter((other) => other !== label);
    const choice = make("select", { ariaLabel: `Merge ${this.model.name(label)} into` });
    choice.append(...others.map((other) => make("option", { value: other }, this.model.name(other))));
    const close = () => {
      this.merging = null;
      this.draw();
    };
    const accept = make("button", { type: "button" }, "Merge");
    accept.addEventListener("click", () => {
      this.merging = null;
      this.onMerge(label, choice.value);
    });
    const cancel = make("button", { className: "quiet", type: "button" }, "Cancel");
    cancel.addEventListener("click", close);
    const part = make("div", { className: "merging" }, "Merge into ", choice, accept, cancel);
    part.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    return part;
  }
}
