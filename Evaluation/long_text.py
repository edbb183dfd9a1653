"""A long text as a job whose server is killed twice on the way, beside its sentences one by one, and what a recogniser
makes of either.

    python long_text.py [--characters 20000] [--binary .build/release/chatterbox]

The text is the everyday sentences of sentences.tsv in a random order, in paragraphs of six. Word errors by Whisper tiny, as
judge.py counts them, over the whole text: a lost or doubled sentence would be ten. The sentences one by one are joined with
pauses and cut into windows just as the job's speech is, so that cuts cost both alike."""
import argparse
import csv
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import numpy as np

from judge import HERE, Judge, errors, progress


def sentences_of(length):
    with open(os.path.join(HERE, "sentences.tsv")) as file:
        sentences = [row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] == "everyday"]
    order = random.Random(1)
    chosen = []
    while sum(map(len, chosen)) + len(chosen) < length:
        chosen.append(order.choice(sentences))
    return chosen


def text_of(sentences):
    return "\n\n".join(" ".join(sentences[i : i + 6]) for i in range(0, len(sentences), 6))


class Server:
    def __init__(self, binary, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "VOICE_LIBRARY_DIR": f"{folder}/voices", "LONG_TEXT_DATA_DIR": f"{folder}/jobs"}
        self.process = subprocess.Popen(
            [binary, "serve", "--host", "127.0.0.1", "--port", str(port)], env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while True:
            try:
                if self.ask("GET", "/health")["model_loaded"]:
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)

    def ask(self, method, path, body=None, raw=False):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request) as answer:
            content = answer.read()
        return content if raw else json.loads(content)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def spoken(binary, text):
    """Samples of the whole text, by a job."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, folder)
        job = server.ask("POST", "/audio/speech/long", {"input": text, "response_format": "wav", "seed": 1})["job_id"]
        kills = [33, 66]
        shown = -1
        while True:
            state = server.ask("GET", f"/audio/speech/long/{job}")
            done = state["progress"]["overall_progress"]
            if int(done) != shown:
                shown = int(done)
                progress(shown, 100, "speaking")
            if state["status"] == "completed":
                break
            if state["status"] == "failed":
                raise SystemExit(f"the job failed: {state['progress']['error']}")
            if kills and done >= kills[0]:
                kills.pop(0)
                server.kill()
                server = Server(binary, folder)
            time.sleep(0.05)
        if kills:
            raise SystemExit("the text was spoken before the server could be killed; give more --characters")
        wav = server.ask("GET", f"/audio/speech/long/{job}/download", raw=True)
        server.kill()
    return samples_of(wav), state


def samples_of(wav):
    return np.frombuffer(wav[44:], "<i2").astype(np.float32) / 32768


def one_by_one(binary, sentences, pause=0.3, rate=24000):
    """Samples of the sentences as requests of their own, each with another seed, and silence between them."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(binary, folder)
        parts = []
        for number, sentence in enumerate(sentences):
            body = {"input": sentence, "response_format": "wav", "seed": number + 1}
            parts += [samples_of(server.ask("POST", "/audio/speech", body, raw=True)), np.zeros(int(pause * rate), np.float32)]
            progress(number + 1, len(sentences), "sentences")
        server.kill()
    return np.concatenate(parts)


def windows(samples, rate=24000, longest=24.0):
    """Pieces of at most `longest` seconds, cut in the quietest tenth of a second of each one's last third."""
    start = 0
    while start < len(samples):
        end = min(len(samples), start + int(longest * rate))
        if end < len(samples):
            step = rate // 10
            begin = start + (end - start) * 2 // 3
            energy = [np.square(samples[i : i + step]).sum() for i in range(begin, end - step, step // 4)]
            end = begin + int(np.argmin(energy)) * (step // 4) + step // 2
        yield samples[start:end]
        start = end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--binary", default=os.path.join(HERE, "..", ".build", "release", "chatterbox"))
    options = parser.parse_args()
    sentences = sentences_of(options.characters)
    text = text_of(sentences)
    samples, state = spoken(options.binary, text)
    judge = Judge()
    reference = judge.words(text)
    kinds = {f"a job of {state['metadata']['total_chunks']} chunks, killed twice": samples,
             f"{len(sentences)} sentences one by one": one_by_one(options.binary, sentences)}  # fmt: skip
    print(f"{len(text)} characters, {len(reference)} words")
    for kind, samples in kinds.items():
        pieces = list(windows(samples))
        heard = []
        for number, piece in enumerate(pieces):
            heard += judge.words(judge.transcribe(piece))
            progress(number + 1, len(pieces), "hearing")
        count = errors(reference, heard)
        print(f"{kind}: {len(samples) / 24000:.0f} s of speech, {count} words wrong, {count / len(reference):.1%}", flush=True)


if __name__ == "__main__":
    main()
