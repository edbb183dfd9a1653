// One request and all that came of it.

/** Samples per point of the waveform: 10 ms at 24 kHz. */
export const PEAK_SAMPLES = 240;

/** What was asked, and its audio, words and figures as they come. */
export class Take {
  static #count = 0;
  number = ++Take.#count;
  sampleRate = 24000;
  samples = 0;
  /** @type {Int16Array[]} */
  chunks = [];
  /** Where each chunk ends, in samples. */
  ends = [];
  /** The loudest sample of every 10 ms, 0 to 1. */
  peaks = [];
  loudest = 0;
  /** `{word, start, end}` in seconds, in order. */
  words = [];
  metrics = null;
  /** Milliseconds from the click to the first sound. */
  firstSound = null;
  gaps = 0;
  /** waiting, speaking, done, stopped or failed. */
  state = "waiting";
  error = null;
  seed = null;

  constructor(text, voice) {
    this.text = text;
    this.voice = voice;
  }

  get seconds() { return this.samples / this.sampleRate; }

  /** @param {Int16Array} pcm one chunk */
  add(pcm) {
    for (let i = 0; i < pcm.length; i++) {
      const at = Math.floor((this.samples + i) / PEAK_SAMPLES);
      const level = Math.abs(pcm[i]) / 32768;
      if (!(this.peaks[at] >= level)) this.peaks[at] = level;
      if (level > this.loudest) this.loudest = level;
    }
    this.chunks.push(pcm);
    this.samples += pcm.length;
    this.ends.push(this.samples);
  }

  /** Forgets what was not heard. */
  cut(samples) {
    if (samples >= this.samples) return;
    let start = 0;
    const kept = [];
    for (const chunk of this.chunks) {
      if (start < samples) kept.push(chunk.subarray(0, samples - start));
      start += chunk.length;
    }
    this.chunks = kept;
    this.samples = samples;
    this.ends = this.ends.filter((end) => end < samples);
    if (samples > 0) this.ends.push(samples);
    this.peaks.length = Math.ceil(samples / PEAK_SAMPLES);
    this.words = this.words.filter((word) => word.start < this.seconds);
  }

  /** A name for its file, from its first words. */
  get fileName() {
    const words = this.text.normalize("NFKD").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40).replace(/^-+|-+$/g, "");
    return `${words || "speech"}.wav`;
  }

  wav() { return wavFile(this.chunks, this.samples, this.sampleRate); }
}

/** A WAV file of PCM16 mono. @param {Int16Array[]} chunks */
export function wavFile(chunks, samples, sampleRate) {
  const header = new DataView(new ArrayBuffer(44));
  const text = (at, value) => [...value].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, 36 + samples * 2, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, sampleRate, true);
  header.setUint32(28, sampleRate * 2, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  text(36, "data");
  header.setUint32(40, samples * 2, true);
  return new Blob([header.buffer, ...chunks], { type: "audio/wav" });
}
