// A recording: from a file, or from the microphone as WAV.

import { bytes, duration, make, say } from "./dom.js";
import { wavFile } from "./take.js";

const MAX_SECONDS = 60;
/** As the models work; a minute of it is 2.9 MB. */
const SAMPLE_RATE = 24000;
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Events: `change` when `file` is another. */
export class Recorder extends EventTarget {
  #input;
  #button;
  #meter;
  #note;
  #recording = null;
  /** @type {File|null} */
  file = null;

  /** @param {Element} place to be filled @param {string} id of the file's input */
  constructor(place, id) {
    super();
    const note = `${id}-note`;
    this.#input = make("input", { type: "file", id, name: id, accept: "audio/*,.wav,.mp3,.flac,.m4a,.ogg,.oga,.opus,.aac,.webm,.aif,.aiff",
      "aria-describedby": `${note} ${id}-error`, change: () => this.#take(this.#input.files[0] ?? null) });
    this.#button = make("button", { type: "button", click: () => this.#toggle(), text: "Record" });
    this.#meter = make("meter", { min: 0, max: 1, value: 0, hidden: true, "aria-label": "Level of the microphone" });
    this.#note = make("p", { class: "hint", id: note, role: "status" });
    place.append(
      make("div", { class: "field" }, make("label", { for: id, text: "A file of yours" }), this.#input),
      make("div", { class: "row" }, make("span", { class: "hint", text: "or the microphone" }), this.#button, this.#meter),
      this.#note);
  }

  clear() {
    this.#input.value = "";
    this.#take(null);
  }

  #take(file) {
    this.file = file;
    say(this.#note, file ? `${file.name}, ${bytes(file.size)}` : "");
    this.dispatchEvent(new Event("change"));
  }

  async #toggle() {
    if (this.#recording) return this.#recording.stop();
    if (!navigator.mediaDevices) {
      return say(this.#note, "Browsers lend the microphone to pages from https:// or localhost only.");
    }
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: RAW });
    } catch (error) {
      const isMissing = error.name === "NotFoundError";
      return say(this.#note, isMissing ? "There is no microphone." : "The browser didn’t lend the microphone.");
    }
    const recorder = new MediaRecorder(stream);
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopMeter = this.#watch(stream, recorder);
    recorder.onstop = async () => {
      stopMeter();
      this.#recording = null;
      for (const track of stream.getTracks()) track.stop();
      this.#button.textContent = "Record again";
      this.#take(await toWav(new Blob(parts)));
    };
    this.#recording = recorder;
    this.#button.textContent = "Stop recording";
    this.#input.value = "";
    recorder.start();
  }

  /** Shows level and time while it records. @returns a function that ends it */
  #watch(stream, recorder) {
    const context = new AudioContext();
    const analyser = new AnalyserNode(context, { fftSize: 2048 });
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const start = performance.now();
    this.#meter.hidden = false;
    say(this.#note, "Recording. Speak as you want the voice to sound.");
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#meter.value = Math.sqrt(Math.max(...samples.map(Math.abs)));
      const seconds = (performance.now() - start) / 1000;
      this.#button.textContent = `Stop recording (${Math.floor(seconds)} s)`;
      if (seconds >= MAX_SECONDS) recorder.stop();
    }, 100);
    return () => {
      clearInterval(timer);
      context.close();
      this.#meter.hidden = true;
    };
  }
}

/** What the microphone gave, as a WAV file of one channel. */
async function toWav(blob) {
  const audio = await new OfflineAudioContext(1, 1, SAMPLE_RATE).decodeAudioData(await blob.arrayBuffer());
  const pcm = new Int16Array(audio.length);
  for (let channel = 0; channel < audio.numberOfChannels; channel++) {
    audio.getChannelData(channel).forEach((sample, i) => {
      pcm[i] += Math.round((Math.max(-1, Math.min(1, sample)) * 32767) / audio.numberOfChannels);
    });
  }
  const name = `recording of ${duration(audio.duration)}.wav`;
  return new File([wavFile([pcm], pcm.length, SAMPLE_RATE)], name, { type: "audio/wav" });
}
