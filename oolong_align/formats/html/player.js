// Plays the recording. Without a recording it still has a position, so that the rest of the page works.

class Player {
  constructor(audio, duration, { onTime, onState, onMissing }) {
    Object.assign(this, { audio, duration, onTime, onState, onMissing });
    this.position = 0;
    this.loaded = false;
    const follow = () => {
      if (audio.paused) return;
      this.report(audio.currentTime);
      requestAnimationFrame(follow);
    };
    audio.addEventListener("play", () => {
      onState(true);
      requestAnimationFrame(follow);
    });
    audio.addEventListener("pause", () => {
      this.report(audio.currentTime);
      onState(false);
    });
    audio.addEventListener("error", () => {
      this.loaded = false;
      onState(false);
      onMissing();
    });
    // Files without an index can seek only after their duration is known.
    audio.addEventListener("loadedmetadata", () => {
      if (Math.abs(audio.currentTime - this.position) > 0.01) audio.currentTime = this.position;
    });
  }

  load(address) {
    this.loaded = true;
    this.audio.src = address;
  }

  loadBase64(text, type) {
    const raw = atob(text);
    const bytes = new Uint8Array(raw.length);
    for (let place = 0; place < raw.length; place++) bytes[place] = raw.charCodeAt(place);
    this.load(URL.createObjectURL(new Blob([bytes], { type })));
  }

  report(seconds) {
    this.position = seconds;
    this.onTime(seconds);
  }

  seek(seconds) {
    const place = Math.min(Math.max(seconds, 0), this.duration);
    if (this.loaded) this.audio.currentTime = place;
    this.report(place);
  }

  toggle() {
    if (!this.audio.paused) return this.audio.pause();
    if (this.position >= this.duration - 0.05) this.seek(0);
    return this.audio.play().catch(() => {});
  }
}
