"""The reference: starts reference_worker.py and asks it."""
import json
import os
import pathlib
import subprocess
import sys
import time

WORKER = pathlib.Path(__file__).with_name("reference_worker.py")


class Reference:
    """The reference with one model, ready when it is made."""

    def __init__(self, model, folder, decoder, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        self.log = open(pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"bench-reference-{os.getpid()}.log", "w+")
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, str(WORKER), model, str(folder), decoder, str(threads)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.parts = self._answer()
        self.load_time = time.perf_counter() - began

    @property
    def pid(self):
        return self.process.pid

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise SystemExit("the reference ended:\n" + self.log.read()[-3000:])
        return json.loads(line)

    def speak(self, text, count, chunk_size, context_window, seed):
        self.process.stdin.write(json.dumps({
            "text": text, "count": count, "chunk_size": chunk_size, "context_window": context_window, "seed": seed}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()
        os.unlink(self.log.name)
