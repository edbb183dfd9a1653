"""A long text as a job whose server is killed twice on the way, and what a recogniser makes of the result.

    python long_text.py [--characters 20000] [--binary .build/release/chatterbox]

The text is the everyday sentences of sentences.tsv in a random order, in paragraphs of six. Word errors by Whisper tiny, as
judge.py counts them, over the whole text: a lost or doubled sentence would be ten."""
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


def text_of(length):
    with open(os.path.join(HERE, "sentences.tsv")) as file:
        sentences = [row[1] for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row[0] == "everyday"]
    order = random.Random(1)
    text, count = "", 0
    while len(text) < length:
        for sentence in order.sample(sentences, len(sentences)):
            text += sentence + ("\n\n" if count % 6 == 5 else " ")
            count += 1
            if len(text) >= length:
                break
    return text.strip()


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
    return np.frombuffer(wav[44:], "<i2").astype(np.float32) / 32768, state


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
    text = text_of(options.characters)
    samples, state = spoken(options.binary, text)
    judge = Judge()
    pieces = list(windows(samples))
    heard = []
    for number, piece in enumerate(pieces):
        heard += judge.words(judge.hear(piece)[0])
        progress(number + 1, len(pieces), "hearing")
    reference = judge.words(text)
    count = errors(reference, heard)
    print(
        f"{len(text)} characters, {len(reference)} words in {len(samples) / 24000:.0f} s of speech, "
        f"{state['metadata']['total_chunks']} chunks, killed twice: {count} words wrong, {100 * count / len(reference):.1f} %"
    )


if __name__ == "__main__":
    main()
