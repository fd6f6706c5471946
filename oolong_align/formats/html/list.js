// A virtual list: only the items near the visible part are in the page. Heights are estimated until an item is built.

const MAX_PASSES = 10;

class VirtualList {
  constructor({ scroller, holder, count, estimate, build }) {
    Object.assign(this, { scroller, holder, count, estimate, build });
    this.shown = new Map();
    this.heights = new Float64Array(count);
    this.offsets = new Float64Array(count + 1);
    this.requested = false;
    this.resetHeights();
    scroller.addEventListener("scroll", () => this.requestRender(), { passive: true });
    let width = scroller.clientWidth;
    new ResizeObserver(() => {
      if (scroller.clientWidth !== width) {
        width = scroller.clientWidth;
        const anchor = this.indexAt(this.top());
        const distance = this.top() - this.offsets[anchor];
        this.resetHeights();
        this.reserve();
        scroller.scrollTop = holder.offsetTop + this.offsets[anchor] + distance;
      }
      this.requestRender();
    }).observe(scroller);
  }

  resetHeights() {
    for (let index = 0; index < this.count; index++) this.heights[index] = this.estimate(index);
    this.updateOffsets();
  }

  updateOffsets() {
    for (let index = 0; index < this.count; index++) {
      this.offsets[index + 1] = this.offsets[index] + this.heights[index];
    }
  }

  // The holder has the height of all items, so that neither removing items nor building them moves the scroll position.
  reserve() {
    this.holder.style.height = `${this.offsets[this.count]}px`;
  }

  requestRender() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame(() => {
      this.requested = false;
      this.render();
    });
  }

  // Distance from the top of the first item to the top of the visible part.
  top() {
    return this.scroller.scrollTop - this.holder.offsetTop;
  }

  isAtEnd() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    return scrollTop > 0 && scrollTop + clientHeight >= scrollHeight - 1;
  }

  // Index of the last item that begins at or above an offset.
  indexAt(offset) {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.offsets[middle] <= offset) low = middle;
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
      this.resetHeights();
    }
    this.render();
  }

  // Measured heights can make room for more items, which are measured in the next pass. A list at its end stays there:
  // without that, items that are taller than estimated move the end below the visible part.
  render() {
    if (!this.count) return;
    const end = this.isAtEnd();
    for (let pass = 0; pass < MAX_PASSES; pass++) {
      const changed = this.fill();
      if (end) this.scroller.scrollTop = this.scroller.scrollHeight;
      if (!changed) break;
    }
  }

  // Build the items around the visible part and measure them. Returns whether a height changed.
  fill() {
    const { scroller, holder } = this;
    const top = this.top();
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
    if (changed) this.updateOffsets();
    holder.style.paddingTop = `${this.offsets[first]}px`;
    this.reserve();
    // The first visible item keeps its position when an item above it turns out taller or shorter.
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

  // Paper does not scroll: all items are in the page while it is printed.
  beforePrint() {
    this.scrollTop = this.scroller.scrollTop;
    this.show(0, this.count - 1);
    this.holder.style.paddingTop = this.holder.style.height = "";
  }

  afterPrint() {
    this.reserve();
    this.scroller.scrollTop = this.scrollTop;
    this.render();
  }

  element(index) {
    return this.shown.get(index);
  }

  scrollToStart() {
    this.scroller.scrollTop = 0;
    this.render();
  }

  scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.render();
  }

  // Scroll an item into the upper third of the visible part, unless all of it is visible already.
  reveal(index, find) {
    const { scroller, holder } = this;
    const view = scroller.clientHeight;
    for (let pass = 0; pass < 3; pass++) {
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
