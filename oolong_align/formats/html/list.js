// A list of any length of which only what can be seen is in the page; its items have different heights.

class VirtualList {
  constructor({ scroller, holder, count, estimate, build }) {
    Object.assign(this, { scroller, holder, count, estimate, build });
    this.shown = new Map();
    this.heights = new Float64Array(count);
    this.offsets = new Float64Array(count + 1);
    this.asked = false;
    this.forget();
    scroller.addEventListener("scroll", () => this.ask(), { passive: true });
    let width = scroller.clientWidth;
    new ResizeObserver(() => {
      if (scroller.clientWidth !== width) {
        width = scroller.clientWidth;
        const anchor = this.indexAt(scroller.scrollTop);
        const into = scroller.scrollTop - this.offsets[anchor];
        this.forget();
        scroller.scrollTop = this.offsets[anchor] + into;
      }
      this.ask();
    }).observe(scroller);
  }

  forget() {
    for (let index = 0; index < this.count; index++) this.heights[index] = this.estimate(index);
    this.measure();
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.render();
    });
  }

  // Last item that begins at or above a place.
  indexAt(place) {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offsets[middle] <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  rebuild(count) {
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    if (count !== this.count) {
      this.count = count;
      this.heights = new Float64Array(count);
      this.offsets = new Float64Array(count + 1);
      this.forget();
    }
    this.render();
  }

  render() {
    if (!this.count) return;
    // Heights that turn out otherwise can leave room for more: a second look is enough in practice.
    for (let look = 0; look < 3; look++) if (!this.fill()) break;
  }

  fill() {
    const { scroller, holder } = this;
    const top = scroller.scrollTop - holder.offsetTop;
    const view = scroller.clientHeight;
    const first = this.indexAt(top - view / 2);
    const last = this.indexAt(top + view * 1.5);
    for (const [index, element] of this.shown) {
      if (index >= first && index <= last) continue;
      if (element.contains(document.activeElement)) scroller.focus({ preventScroll: true });
      element.remove();
      this.shown.delete(index);
    }
    this.show(first, last);
    const anchor = this.indexAt(top);
    const before = this.offsets[anchor];
    let changed = false;
    for (const [index, element] of this.shown) {
      const { height } = element.getBoundingClientRect();
      if (Math.abs(height - this.heights[index]) > 0.5) {
        this.heights[index] = height;
        changed = true;
      }
    }
    if (changed) this.measure();
    holder.style.paddingTop = `${this.offsets[first]}px`;
    holder.style.paddingBottom = `${this.offsets[this.count] - this.offsets[last + 1]}px`;
    // What the reader looks at stays where it is when something above turns out taller or shorter.
    const moved = this.offsets[anchor] - before;
    if (Math.abs(moved) > 0.5) scroller.scrollTop += moved;
    return changed;
  }

  show(first, last) {
    let next = null;
    for (let index = last; index >= first; index--) {
      if (!this.shown.has(index)) {
        const element = this.build(index);
        this.holder.insertBefore(element, next);
        this.shown.set(index, element);
      }
      next = this.shown.get(index);
    }
  }

  // Paper cannot scroll: everything is there while it is printed.
  print() {
    this.before = this.scroller.scrollTop;
    this.show(0, this.count - 1);
    this.holder.style.paddingTop = this.holder.style.paddingBottom = "";
  }

  printed() {
    this.render();
    this.scroller.scrollTop = this.before;
  }

  measure() {
    for (let index = 0; index < this.count; index++) {
      this.offsets[index + 1] = this.offsets[index] + this.heights[index];
    }
  }

  element(index) {
    return this.shown.get(index);
  }

  // Bring an item into the upper third of the view, or leave it where it is if it can be seen there.
  reveal(index, find) {
    const { scroller, holder } = this;
    const view = scroller.clientHeight;
    for (let look = 0; look < 3; look++) {
      const element = find?.() ?? this.element(index);
      if (element) {
        const box = element.getBoundingClientRect();
        const { top } = scroller.getBoundingClientRect();
        if (box.top >= top + 12 && box.bottom <= top + view - 48) return;
        scroller.scrollTop += box.top - top - view / 3;
      } else {
        scroller.scrollTop = holder.offsetTop + this.offsets[index] - view / 3;
      }
      this.render();
    }
  }
}
