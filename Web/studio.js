// The page: its parts are made here and told of each other.

import { ApiError, call, streamAddress } from "./api.js";
import { Connection } from "./connection.js";
import { $, save, say } from "./dom.js";
import { Jobs } from "./jobs.js";
import { Models, RECORDING } from "./models.js";
import { buildParameters, clearErrors, markIgnored, readParameters, showError } from "./parameters.js";
import { Player } from "./player.js";
import { Recorder } from "./recorder.js";
import { Speaking } from "./speaking.js";
import { Stage } from "./stage.js";
import { makeTabs } from "./tabs.js";
import { Takes } from "./takes.js";
import { SAMPLE_TEXT, Voices } from "./voices.js";

const MAX_CHARACTERS = 3000;
const MAX_JOB_CHARACTERS = 100_000;
const CONNECTION = { connecting: "Connecting…", open: "Connected", lost: "Connection lost, trying again…" };

buildParameters();
const player = new Player();
const connection = new Connection(streamAddress());
const speaking = new Speaking(connection, player);
const stage = new Stage(player);
const takes = new Takes(speaking);
const models = new Models();
const recorder = new Recorder($("recording-controls"), "voice_audio");
const jobs = new Jobs();
const voices = new Voices(models, preview, (voice) => {
  $("voice").value = voice;
  show("speak");
  $("text").focus();
});
const show = makeTabs({ voices: () => voices.refresh(), jobs: () => jobs.refresh() });

/** A character is a Unicode scalar, as the server counts. */
const length = (text) => [...text].length;

function speak(clickedAt) {
  clearErrors();
  const text = $("text").value;
  const count = length(text);
  if (count > MAX_CHARACTERS) {
    showError("input", `${count.toLocaleString("en")} characters are too many to speak at once: 3000 is the limit.`);
    return;
  }
  const isRecording = $("voice").value === RECORDING;
  if (isRecording && !recorder.file) {
    showError("voice_audio", "Choose a file, or record one.");
    return;
  }
  const voice = isRecording ? "a recording" : $("voice").value;
  const data = { ...models.read(), ...readParameters() };
  const note = models.chosen?.state === "loaded" ? undefined : `${$("model").value} is being loaded…`;
  speaking.speak({ text, data, voice, note, recording: isRecording ? recorder.file : undefined }, clickedAt);
}

function preview(voice, clickedAt) {
  if (speaking.isPlaying && speaking.take.isPreview && speaking.take.asked === voice) return silence();
  const data = { ...models.read(), voice, include_timestamps: true };
  speaking.speak({ text: SAMPLE_TEXT, data, voice, isPreview: true }, clickedAt);
}

function silence() {
  speaking.stop();
  voices.stop();
}

function count() {
  const characters = length($("text").value);
  say($("counter"), `${characters.toLocaleString("en")} / ${MAX_CHARACTERS.toLocaleString("en")}`);
  const isLong = characters > MAX_CHARACTERS;
  $("counter").classList.toggle("over", isLong);
  $("long-offer").hidden = !isLong;
  $("speak").disabled = isLong;
  if (!isLong) return;
  const canBeJob = jobs.isAvailable !== false && characters <= MAX_JOB_CHARACTERS;
  $("long-actions").hidden = !canBeJob;
  say($("long-reason"), canBeJob
    ? "That is too long to speak at once. As a job the server speaks it in the background, and you download it whole."
    : jobs.isAvailable === false
      ? "That is too long to speak at once, and this server makes no long-text jobs: the route is missing."
      : "That is too long even for a job, which takes up to 100,000 characters.");
}

async function makeJob() {
  const parameters = readParameters();
  const request = { input: $("text").value, response_format: $("long-format").value, ...models.read() };
  for (const name of ["exaggeration", "cfg_weight", "temperature"]) {
    if (name in parameters) request[name] = parameters[name];
  }
  clearErrors();
  try {
    await jobs.make(request);
    show("jobs");
    $("tab-jobs").focus();
  } catch (error) {
    const [field, message] = (error instanceof ApiError && Object.entries(error.fields)[0]) || [];
    if (!field || !showError(field, message)) say($("problem"), error.message);
  }
}

speaking.addEventListener("change", ({ detail: take }) => {
  stage.show(take, speaking.isPlaying);
  takes.show(take);
  if (take.isPreview) voices.showPreview(take, speaking.isPlaying);
  const isAudible = speaking.isPlaying;
  $("stop").disabled = !isAudible;
  const isOver = !["waiting", "speaking"].includes(take.state);
  $("again").disabled = !isOver || isAudible || take.samples === 0;
  $("download").disabled = !isOver || take.samples === 0;
  if (take.ignored) markIgnored(take.ignored);
  // A model that was loaded for it has voices to tell now.
  if (take.ignored && models.chosen?.state !== "loaded") models.refresh();
});

speaking.addEventListener("refused", ({ detail: { message, field } }) => {
  if (field) showError(field.replace(/^data\./, ""), message);
});

connection.addEventListener("state", () => {
  say($("connection"), CONNECTION[connection.state]);
  $("connection").dataset.state = connection.state;
  if (connection.state === "open") models.refresh();
});

// A browser doesn't tell why a WebSocket isn't let in; asked over HTTP the server says so, and a key is asked for.
connection.addEventListener("refused", () => call("GET", "languages").catch(() => {}));

recorder.addEventListener("change", () => { if (recorder.file) $("voice").value = RECORDING; });
$("text").addEventListener("input", count);
$("speak-form").addEventListener("submit", (event) => { event.preventDefault(); speak(event.timeStamp); });
$("stop").addEventListener("click", silence);
$("again").addEventListener("click", (event) => speaking.replay(speaking.take, event.timeStamp));
$("download").addEventListener("click", () => save(speaking.take.wav(), speaking.take.fileName));
$("preview").addEventListener("click", (event) => preview($("voice").value, event.timeStamp));
$("make-job").addEventListener("click", makeJob);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("ask").open) silence();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("speak-view").hidden && !$("ask").open) {
    event.preventDefault();
    if (!$("speak").disabled) speak(event.timeStamp);
  }
});
// Sound may begin with a gesture: the first one anywhere warms the audio up.
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => player.unlock(), { capture: true });

player.prepare(models.sampleRate);
if (navigator.platform.startsWith("Mac")) {
  for (const key of document.querySelectorAll("kbd")) key.textContent = key.textContent.replace("Ctrl", "⌘");
}
count();
models.refresh();
voices.refresh();
jobs.refresh().then(count);
