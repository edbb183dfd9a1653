// Plays PCM16 while it comes, through an AudioWorklet.

/** What the worklet's ring holds, less what may be on its way. */
const RING_SAMPLES = (1 << 18) - 4096;
/** After a gap this much has to be there before sound goes on, rather than stutter. */
const REFILL_SECONDS = 0.5;
/** An audio graph that runs in silence keeps a machine awake, so it rests after this. */
const REST_MS = 30_000;

/**
 * One take at a time: `begin`, `push` as often as audio comes, `finish`; or `stop`.
 *
 * Events: `first` (detail: milliseconds from the click to the first sound), `report`, `ended`.
 */
export class Player extends EventTarget {
  #context = null;
  #node = null;
  #ready = null;
  #take = 0;
  #waiting = [];
  #sent = 0;
  #isComplete = false;
  #isStopped = false;
  #report = { position: 0, at: 0, playing: false };
  #click = null;
  #isBusy = false;
  #restTimer = null;
  gaps = 0;
  /** Loudest sample of the last twentieth of a second. */
  peak = 0;

  /** Makes the audio graph, silent until the browser lets it sound: done early, it costs no time at the click. */
  prepare(sampleRate) {
    if (this.#context?.sampleRate === sampleRate) return this.#ready;
    this.#context?.close();
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    this.#context = context;
    this.#node = null;
    this.#ready = context.audioWorklet.addModule(new URL("player-worklet.js", import.meta.url)).then(() => {
      const node = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
      node.port.onmessage = ({ data }) => this.#receive(data);
      node.connect(context.destination);
      this.#node = node;
    });
    return this.#ready;
  }

  /** Browsers let sound begin with a gesture: call it in one. */
  unlock() {
    this.#restLater();
    if (this.#context?.state === "suspended") return this.#context.resume();
  }

  #restLater() {
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => { if (!this.#isBusy) this.#context?.suspend(); }, REST_MS);
  }

  get sampleRate() { return this.#context?.sampleRate ?? 24000; }

  /** Starts a take; what was playing ends. @param {number} clickedAt when the user asked for it, performance.now() */
  async begin(clickedAt, sampleRate) {
    const take = ++this.#take;
    this.#waiting = [];
    this.#sent = 0;
    this.#isComplete = false;
    this.#isStopped = false;
    this.#report = { position: 0, at: 0, playing: false };
    this.#click = null;
    this.#isBusy = true;
    this.gaps = 0;
    await this.prepare(sampleRate);
    await this.unlock();
    if (take !== this.#take || this.#isStopped) return;
    // Two clocks: this pair of readings turns a frame of the one into a time of the other.
    this.#click = { clickedAt, now: performance.now(), audio: this.#context.currentTime };
    this.#node.port.postMessage({ begin: take, refill: Math.round(REFILL_SECONDS * sampleRate) });
    this.#feed();
  }

  /** @param {Int16Array} samples */
  push(samples) {
    this.#waiting.push(samples);
    this.#feed();
  }

  /** No more will come. */
  finish() {
    this.#isComplete = true;
    this.#feed();
  }

  /** Silence at once. @returns {number} samples that were heard */
  stop() {
    const heard = this.position;
    this.#waiting = [];
    this.#isComplete = false;
    this.#isStopped = true;
    this.#isBusy = false;
    this.#restLater();
    this.#node?.port.postMessage({ stop: true });
    return heard;
  }

  /** The sample that can be heard now. */
  get position() {
    const { position, at, playing } = this.#report;
    if (!playing) return position;
    const rate = this.#context.sampleRate;
    const ahead = (this.#context.currentTime - (this.#context.outputLatency || 0) - at) * rate;
    return Math.max(0, Math.min(Math.round(position + ahead), this.#sent));
  }

  #feed() {
    if (!this.#node || !this.#click) return;
    while (this.#waiting.length > 0) {
      const room = RING_SAMPLES - (this.#sent - this.#report.position);
      if (room <= 0) return;
      const next = this.#waiting[0];
      if (next.length <= room) this.#waiting.shift();
      else this.#waiting[0] = next.subarray(room);
      const samples = next.slice(0, room);
      this.#sent += samples.length;
      this.#node.port.postMessage({ samples }, [samples.buffer]);
    }
    if (this.#isComplete) {
      this.#isComplete = false;
      this.#node.port.postMessage({ end: true });
    }
  }

  #receive(message) {
    if (message.take !== this.#take) return;
    if (message.first !== undefined) {
      const { clickedAt, now, audio } = this.#click;
      const milliseconds = now - clickedAt + (message.first / this.#context.sampleRate - audio) * 1000;
      this.dispatchEvent(new CustomEvent("first", { detail: milliseconds }));
      return;
    }
    this.gaps = message.gaps;
    if (message.ended) {
      this.#report = { position: message.position, at: 0, playing: false };
      this.peak = 0;
      this.#isBusy = false;
      this.#restLater();
      this.dispatchEvent(new Event("ended"));
    } else {
      this.#report = message;
      this.peak = message.peak;
      this.#feed();
      this.dispatchEvent(new Event("report"));
    }
  }
}
