// The audio thread's half of the player: a ring of samples that leaves in order, and a count of what went wrong.
//
// In:  {begin: take, refill}, {samples: Int16Array}, {end: true}, {stop: true}
// Out: {take, position, at, gaps, held, peak, playing} about 20 times a second; {take, first: frame} at the first sound;
//      {take, ended: true} once all has been played. Frames and positions count samples.

const CAPACITY = 1 << 18;
const REPORT_FRAMES = 1024;
/** Below -60 dB nobody hears anything. */
const SILENCE = 0.001;
/** A stop fades over these frames (5 ms at 24 kHz): a cut in mid-wave is a click. */
const FADE_FRAMES = 120;

class PlayerProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(CAPACITY);
    this.reset(0, 0);
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  reset(take, refill) {
    this.take = take;
    this.refill = refill;
    this.written = 0;
    this.read = 0;
    this.gaps = 0;
    this.isActive = take !== 0;
    this.isComplete = false;
    this.hasSounded = false;
    /** Samples that have to be there before playing goes on; after a gap it is more than at the start. */
    this.needed = 1;
    this.fade = 0;
    this.sinceReport = 0;
    this.peak = 0;
  }

  receive(message) {
    if (message.begin) {
      this.reset(message.begin, message.refill);
    } else if (message.samples && this.isActive && this.fade === 0) {
      for (const sample of message.samples) this.ring[this.written++ % CAPACITY] = sample / 32768;
    } else if (message.end) {
      this.isComplete = true;
    } else if (message.stop && this.isActive) {
      this.fade = FADE_FRAMES;
      this.written = Math.min(this.written, this.read + FADE_FRAMES);
      this.isComplete = true;
    }
  }

  process(_inputs, [[output]]) {
    if (this.isActive) this.fill(output);
    return true;
  }

  fill(output) {
    const held = this.written - this.read;
    if (held >= this.needed || this.isComplete) {
      this.needed = 1;
      const count = Math.min(held, output.length);
      for (let i = 0; i < count; i++) {
        let sample = this.ring[this.read++ % CAPACITY];
        if (this.fade > 0) sample *= --this.fade / FADE_FRAMES;
        const level = Math.abs(sample);
        if (level > this.peak) this.peak = level;
        if (!this.hasSounded && level > SILENCE) {
          this.hasSounded = true;
          this.port.postMessage({ take: this.take, first: currentFrame + i });
        }
        output[i] = sample;
      }
      if (count < output.length) this.runDry();
    }
    this.sinceReport += output.length;
    if (this.sinceReport >= REPORT_FRAMES && this.isActive) this.report(output.length);
  }

  /** All that was there has been played: the end, or a gap. */
  runDry() {
    if (this.isComplete) {
      this.isActive = false;
      this.port.postMessage({ take: this.take, ended: true, position: this.read, gaps: this.gaps });
    } else if (this.read > 0) {
      this.gaps += 1;
      this.needed = this.refill;
    }
  }

  report(frames) {
    this.port.postMessage({
      take: this.take, position: this.read, at: currentTime + frames / sampleRate, gaps: this.gaps,
      held: this.written - this.read, peak: this.peak, playing: this.needed === 1 && this.read > 0,
    });
    this.sinceReport = 0;
    this.peak = 0;
  }
}

registerProcessor("player", PlayerProcessor);
