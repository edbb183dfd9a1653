// Draws a take: bars as they come in, a mark where each chunk begins, what has been heard in colour.

import { PEAK_SAMPLES } from "./take.js";

const BAR = 3;
const GAP = 2;
/** The picture begins with room for so many seconds and then gets denser. */
const FIRST_SECONDS = 4;
/** What is quieter than this doesn't fill the height. */
const QUIET = 0.1;

export class Waveform {
  #canvas;
  #colours = null;
  #drawn = "";

  /** @param {HTMLCanvasElement} canvas as wide as its place */
  constructor(canvas) {
    this.#canvas = canvas;
    const forget = () => { this.#colours = null; this.#drawn = ""; };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
    new ResizeObserver(() => {
      const scale = devicePixelRatio || 1;
      canvas.width = Math.round(canvas.clientWidth * scale);
      canvas.height = Math.round(canvas.clientHeight * scale);
      forget();
    }).observe(canvas);
  }

  /** @param {Take|null} take @param {number} position the sample that is heard */
  draw(take, position) {
    const state = `${take?.number} ${take?.samples} ${position}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    const colours = (this.#colours ??= this.#readColours());
    context.clearRect(0, 0, width, height);
    const scale = devicePixelRatio || 1;
    const step = (BAR + GAP) * scale;
    const bars = Math.floor(width / step);
    const points = Math.max(take?.peaks.length ?? 0, (FIRST_SECONDS * (take?.sampleRate ?? 24000)) / PEAK_SAMPLES);
    const samplesPerBar = (points / bars) * PEAK_SAMPLES;
    const middle = height / 2;
    const top = Math.max(QUIET, take?.loudest ?? 0);

    if (take) this.#drawChunks(context, take, samplesPerBar, step, height, scale, colours);
    for (let bar = 0; bar < bars; bar++) {
      const level = take ? loudest(take.peaks, (bar * points) / bars, ((bar + 1) * points) / bars) / top : 0;
      const isThere = take && bar * samplesPerBar < take.samples;
      const half = Math.max(scale, level ** 0.7 * (height / 2 - 10 * scale));
      const isHeard = isThere && (bar + 0.5) * samplesPerBar <= position;
      context.fillStyle = isHeard ? colours.heard : isThere ? colours.coming : colours.empty;
      context.beginPath();
      context.roundRect(bar * step, middle - half, BAR * scale, 2 * half, (BAR * scale) / 2);
      context.fill();
    }
  }

  #drawChunks(context, take, samplesPerBar, step, height, scale, colours) {
    for (const end of take.ends.slice(0, -1)) {
      const x = (end / samplesPerBar) * step - (GAP * scale) / 2;
      context.fillStyle = colours.empty;
      context.fillRect(Math.round(x), 0, scale, height);
      context.fillStyle = colours.mark;
      context.beginPath();
      context.arc(Math.round(x) + scale / 2, 3 * scale, 3 * scale, 0, 2 * Math.PI);
      context.fill();
    }
  }

  #readColours() {
    const style = getComputedStyle(this.#canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    return { heard: read("--accent"), coming: read("--wave"), empty: read("--line"), mark: read("--mark") };
  }
}

function loudest(peaks, from, to) {
  let level = 0;
  for (let i = Math.floor(from); i < Math.max(to, from + 1); i++) level = Math.max(level, peaks[i] ?? 0);
  return level;
}
