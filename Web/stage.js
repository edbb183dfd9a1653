// Shows a take while it is made and heard: waveform, words, figures.

import { $, duration, say } from "./dom.js";
import { Waveform } from "./waveform.js";
import { Words } from "./words.js";

const FIGURES = ["first-sound", "latency", "rtf", "chunks", "held", "gaps", "heard"];
/** How much sound has to be left for "in hand" to look comfortable. */
const LOW_SECONDS = 0.3;

export class Stage {
  #player;
  #waveform = new Waveform($("waveform"));
  #words = new Words($("words"));
  #take = null;
  #isPlaying = false;

  /** @param {Player} player */
  constructor(player) {
    this.#player = player;
    // Figures also go on while the page is in the background, where there are no animation frames.
    player.addEventListener("report", () => this.#showFigures());
    const draw = () => {
      this.#draw();
      requestAnimationFrame(draw);
    };
    draw();
  }

  /** @param {Take} take @param {boolean} isPlaying its sound is being heard, or about to be */
  show(take, isPlaying) {
    if (take !== this.#take) {
      this.#take = take;
      this.#words.show(take.text);
      $("words").hidden = false;
      say($("problem"), "");
    }
    this.#isPlaying = isPlaying;
    const stage = $("stage").dataset;
    stage.state = take.state;
    stage.playing = isPlaying;
    say($("status"), describe(take, isPlaying));
    if (take.error) say($("problem"), take.error);
    this.#showFigures();
    if (take.state === "done" || take.state === "stopped") {
      $("waveform").setAttribute("aria-label", `Waveform: ${duration(take.seconds)} in ${take.ends.length} chunks`);
    }
  }

  /** Samples that were heard: of a take that is over, all of them. */
  get #heard() { return this.#isPlaying ? this.#player.position : (this.#take?.samples ?? 0); }

  #draw() {
    const take = this.#take;
    this.#waveform.draw(take, this.#heard);
    if (take) this.#words.light(take.words, this.#isPlaying ? this.#heard / take.sampleRate : null);
  }

  #showFigures() {
    const take = this.#take;
    if (!take) return;
    if (this.#isPlaying) take.gaps = Math.max(take.gaps, this.#player.gaps);
    const heard = this.#heard;
    const held = (take.samples - heard) / take.sampleRate;
    const values = {
      "first-sound": take.firstSound === null ? "–" : `${Math.round(take.firstSound)} ms`,
      latency: take.metrics ? `${Math.round(take.metrics.latency_to_first_chunk * 1000)} ms` : "–",
      rtf: take.metrics ? take.metrics.rtf.toFixed(3) : "–",
      chunks: take.ends.length || "–",
      held: this.#isPlaying ? `${held.toFixed(1)} s` : "–",
      gaps: take.samples > 0 ? String(take.gaps) : "–",
      heard: `${(heard / take.sampleRate).toFixed(1)} of ${take.seconds.toFixed(1)} s`,
    };
    for (const id of FIGURES) say($(id), String(values[id]));
    $("held").classList.toggle("low", this.#isPlaying && take.state === "speaking" && held < LOW_SECONDS);
    $("gaps").classList.toggle("low", take.gaps > 0);
    const stage = $("stage").dataset;
    stage.chunks = take.ends.length;
    stage.gaps = take.gaps;
    stage.heard = heard;
    stage.peak = this.#player.peak;
  }
}

function describe(take, isPlaying) {
  const length = `${duration(take.seconds)} in ${take.ends.length} ${take.ends.length === 1 ? "chunk" : "chunks"}`;
  const gaps = take.gaps === 0 ? "without a gap" : take.gaps === 1 ? "with a gap" : `with ${take.gaps} gaps`;
  switch (take.state) {
    case "waiting": return take.note || "Waiting for the first sound…";
    case "speaking": return "Speaking…";
    case "stopped": return isPlaying ? "Playing…" : `Stopped after ${duration(take.seconds)}.`;
    case "failed": return take.samples > 0 && isPlaying ? "Playing what came…" : "Not spoken.";
    default: return isPlaying ? "Playing…" : `${length}, ${gaps}.`;
  }
}
