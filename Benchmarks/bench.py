"""make bench: how fast we are, beside the reference, beside what the machine could do at most, and as requests grow.

Runs the release server through its public WebSocket and the reference (PyPI chatterbox-tts) in turn, on the same
checkpoints, text and number of tokens. Writes benchmarks.json, benchmarks.md and benchmarks.svg into a folder; a run of
some models or parts renews those of an earlier run of the same machine and leaves the others.

  python bench.py                                     everything, in about an hour
  python bench.py --models nano embedded --rounds 3   some models
  python bench.py --parts speed --out /tmp            speed, stages, sessions, texts or prompts
"""
import argparse
import json
import pathlib
import statistics
import time

import growth
import limits
import machine
import models
import ours
import plot
import report
import theirs

ROOT = pathlib.Path(__file__).resolve().parents[1]
# As long as a request's speech: 89 characters, one sentence, about 6 s.
TEXT = "The river was so clear that we could see the stones, and nobody wanted to go home at all."
CHUNK, CONTEXT, PROMPT_SECONDS = 25, 50, 10
PARTS = ("speed", "stages", "sessions", "texts", "prompts")


def median(values):
    return statistics.median(values) if values else None


def summary(runs):
    """Medians of runs, with every one of them."""
    return {"first": median([r["first"] for r in runs]), "rtf": median([r["total"] / r["audio"] for r in runs]),
            "tokens": runs[0]["tokens"], "runs": runs}


def loaded(make, times):
    """Starts something once for nothing, so that all it reads is in memory, then so many times; the last stays."""
    make().stop()
    seconds = []
    for index in range(times):
        one = make()
        seconds.append(one.load_time)
        if index < times - 1:
            one.stop()
    return one, seconds


def speed(name, options):
    """Ours with fixed chunks and with the defaults, and the reference, one after the other in every round."""
    folder, rounds, tokens = models.folder(name), options.rounds, options.tokens
    if name == "english":                                               # the reference needs 26 s for a second of audio
        rounds, tokens = min(rounds, options.english_rounds), min(tokens, 100)
    exact = {"min_new_tokens": tokens, "max_new_tokens": tokens}
    fixed = dict(exact, chunk_size=CHUNK, context_window=CONTEXT)
    models.read_all(folder)
    log(f"{name}: loading")
    server, loads = loaded(lambda: ours.Server(folder, options.threads, *models.options(name)), options.loads)
    other = None
    try:
        if options.reference:
            kind, decoder = models.MODELS[name]
            other, their_loads = loaded(
                lambda: theirs.Reference(kind.removesuffix("-meanflow"), folder, decoder or "own", options.threads), options.loads)
        runs = {"fixed": [], "defaults": [], "reference": []}
        # Both sides once: a first chunk and chunks with all of the context. The reference's english would take minutes.
        server.speak(TEXT, **dict(fixed, min_new_tokens=100, max_new_tokens=100))
        if other:
            other.speak(TEXT, 4 * CHUNK if name != "english" else CHUNK, CHUNK, CONTEXT, 0)
        with machine.Others(*[one.pid for one in (server, other) if one]) as others:
            for index in range(rounds):
                log(f"{name}: round {index + 1} of {rounds}")
                sides = [lambda: runs["fixed"].append(server.speak(TEXT, **fixed)),
                         lambda: runs["defaults"].append(server.speak(TEXT, chunk_growth=True, **exact))]
                if other:
                    sides.append(lambda: runs["reference"].append(other.speak(TEXT, tokens, CHUNK, CONTEXT, index)))
                for side in sides if index % 2 == 0 else reversed(sides):
                    side()
        for run in runs["fixed"] + runs["defaults"]:
            if run["tokens"] != tokens:
                raise SystemExit(f"{name}: {run['tokens']} tokens in place of {tokens}")
        result = {"rounds": rounds, "tokens": tokens, "others": others.share, "fixed": summary(runs["fixed"]),
                  "defaults": summary(runs["defaults"]), "memory": machine.peak_memory(server.pid),
                  "load": median(loads), "loads": loads}
        if other:
            result["reference"] = summary(runs["reference"]) | {
                "memory": machine.peak_memory(other.pid), "load": median(their_loads), "loads": their_loads,
                "imports": other.parts["imports"]}
        return result
    finally:
        server.stop()
        if other:
            other.stop()


def stages(name, options):
    """The time of each stage, and its work."""
    folder = models.folder(name)
    rounds = min(options.rounds, options.english_rounds) if name == "english" else options.rounds
    log(f"{name}: stages")
    with machine.Others() as others:
        times = ours.stages(folder, options.threads, rounds, CHUNK, CONTEXT, *models.options(name))
    return {"times": times, "work": limits.of_stages(folder, models.MODELS[name][1], times), "others": others.share}


def log(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=list(models.MODELS), default=list(models.MODELS))
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--english-rounds", type=int, default=1, help="most rounds of english with the guided decoder [1]")
    parser.add_argument("--loads", type=int, default=3, help="starts of either side; their median is the load time [3]")
    parser.add_argument("--threads", type=int, default=2, help="of either side [2]")
    parser.add_argument("--tokens", type=int, default=150, help="speech tokens of a request, 100 to 1000 [150: 6 s]")
    parser.add_argument("--no-reference", dest="reference", action="store_false", help="without the reference: a quick look")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs", help="where the results go [docs]")
    options = parser.parse_args()
    if not 100 <= options.tokens <= 1000 or min(options.rounds, options.english_rounds, options.loads, options.threads) < 1:
        parser.error("there must be 100 to 1000 tokens, and at least one round, load and thread")
    return options


def main():
    options = arguments()
    results = report.Results(options.out / "benchmarks.json")
    about = machine.describe(ROOT)
    log(f"{about['cpu']}, {about['cores']} cores: measuring its rates")
    results.begin(about, machine.rates(options.threads), {"threads": options.threads, "chunk": CHUNK, "context": CONTEXT,
                                                          "prompt_seconds": PROMPT_SECONDS, "text": TEXT})
    for name in options.models:
        for part, measure in (("speed", lambda: speed(name, options)), ("stages", lambda: stages(name, options)),
                              ("sessions", lambda: growth.sessions(name, options, log)),
                              ("texts", lambda: growth.texts(name, options, log)),
                              ("prompts", lambda: growth.prompts(name, options, log))):
            if part not in options.parts or (part in growth.MODELS and name not in growth.MODELS[part]):
                continue
            results.add(part, name, measure())
            report.write(results.data, options.out / "benchmarks.md")
            plot.draw(results.data, options.out / "benchmarks.svg")
    print(report.terminal(results.data, options.models))
    log(f"written: {options.out}/benchmarks.md")


if __name__ == "__main__":
    main()
