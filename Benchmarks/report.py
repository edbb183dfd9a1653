"""The results of benchmarks: kept as JSON, told as a page.  Run by itself it writes the page anew from the JSON:
python report.py docs"""
import json
import pathlib
import sys

import limits

NAMES = {"embedded": "embedded", "nano": "nano", "turbo": "turbo", "english-meanflow": "english, meanflow",
         "english": "english, 10 steps"}
STAGES = {"t3_prefill_new_voice": "T3 reads text and a new voice", "t3_prefill": "T3 reads text, voice remembered",
          "t3_token": "T3 makes a token", "t3_token_of_sessions": "T3 makes a token each of {sessions} sessions",
          "sampling": "a token is drawn", "s3gen_first_chunk": "S3Gen, first chunk", "s3gen_later_chunk": "S3Gen, later chunk",
          "vocoder_chunk": "vocoder, chunk"}
PAGE = """# Benchmarks

`make bench` writes this page, benchmarks.json with every single measurement, and the plot. {machine[cpu]}, {machine[cores]} \
cores ({flags}), {machine[memory_gb]} GB, {machine[system]}; {setting[threads]} threads on either side. Reads {read:.0f} GB/s; \
products of matrices {float32:.0f} GFLOP/s in float32, {bfloat16:.0f} in bfloat16.

![Real-time factor, first audio, sessions and text length](benchmarks.svg)

## Beside the reference

So many times quicker or smaller than the reference: above 1 is better than it.

{ratios}

Time to first audio in seconds; real-time factor, computing over audio, below 1 is faster than speech; peak memory in MB; \
start to ready in seconds, Python's imports included. Medians of the rounds, least to most in brackets.

{absolute}

How it was measured:

- The models are at the published sizes with random weights, made by Tests/EndToEnd/official.py, and both sides read the \
same files; embedded is the real voice. Nano isn't in the reference's package: it is turbo's class with nano's sizes. Nor is embedded: it is \
the package's T3 and S3Gen at its sizes and the PyTorch original of its vocoder, whose text is as many ids as characters.
- The text has {length} characters; the voice is of a recording of {setting[prompt_seconds]} s for S3Gen, for T3 as long as the \
model takes. The number of speech tokens is fixed, so that no early end helps anyone. {setting[chunk]} tokens a chunk, \
{setting[context]} of context; "defaults" leaves chunks to our server.
- Ours is the release binary with its defaults (int8 for T3's weights, bfloat16 for the rest), measured by a client of its \
WebSocket. The reference is PyPI chatterbox-tts 0.1.7 with PyTorch {machine[torch]}, in float32 as published, in a process of \
its own, asked without any transport. It streams as chatterbox-streaming does: every chunk S3Gen runs over prompt, context and \
chunk. It uses its cache of keys and values and inference mode, and is spared watermark and attention maps.
- Both are loaded at the same time and speak in turn, each round in the other order, after a warm-up. A start \
that doesn't count comes before those that do, so that no one waits for the disk, and so that ours has kept its packed weights. \
Our server remembers what T3 has read of a voice, which the reference reads again.
- "Others" is what else used the machine meanwhile, as a share of its cores: with more than a few hundredths, measure again.

| model | tokens | rounds | others | commit | date |
|---|---|---|---|---|---|
{conditions}
"""


class Results:
    """What has been measured, in a file; runs add to it as long as the machine is the same."""

    def __init__(self, path):
        self.path = path
        self.data = json.loads(path.read_text()) if path.exists() else {}

    def begin(self, machine, rates, setting):
        same = ("cpu", "cores", "memory_gb")
        known = self.data.get("machine", {})
        if [known.get(k) for k in same] != [machine[k] for k in same] or self.data["setting"] != setting:
            self.data = {}
        # The best that was ever seen: a rate measured beside other work would make limits that are easy to reach.
        best = {name: max(rate, self.data.get("rates", {}).get(name, 0)) for name, rate in rates.items()}
        self.data |= {"machine": machine, "rates": best, "setting": setting}

    def add(self, part, model, values):
        machine = self.data["machine"]
        commit = machine["commit"] + (" and changes" if machine["changed"] else "")
        self.data.setdefault(part, {})[model] = {"commit": commit, "date": machine["date"], "values": values}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.data, indent=1) + "\n")


def number(value, digits=2):
    """As many digits as say something: three figures and no more than `digits` behind the point."""
    if value is None:
        return ""
    for places in range(digits + 1):
        if abs(value) >= 10 ** (2 - places):
            return f"{value:,.{places}f}"
    return f"{value:.{digits}f}"


def table(head, rows):
    line = lambda cells: "| " + " | ".join(cells) + " |"
    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def values(data, part):
    """By model, in our order."""
    found = data.get(part, {})
    return {name: found[name]["values"] for name in NAMES if name in found}


def ratio_rows(data):
    rows = []
    for name, run in values(data, "speed").items():
        theirs = run.get("reference")
        if not theirs:
            continue
        rows.append([NAMES[name]] + [
            number(theirs[key] / ours[key], 1) for ours, key in (
                (run["fixed"], "first"), (run["defaults"], "first"), (run["fixed"], "rtf"), (run["defaults"], "rtf"), (run, "memory"),
                (run, "load"))])
    return rows


RATIO_HEAD = ["model", "first audio", "the same, defaults", "real-time factor", "the same, defaults", "memory", "load"]


def spread(side, of):
    """A median with the least and the most."""
    all_of = [of(run) for run in side["runs"]]
    middle = sorted(all_of)[len(all_of) // 2] if len(all_of) % 2 else sum(sorted(all_of)[len(all_of) // 2 - 1:][:2]) / 2
    digits = 3 if middle < 0.1 else 2
    return number(middle, digits) + (f" ({number(min(all_of), digits)}–{number(max(all_of), digits)})" if len(all_of) > 1 else "")


def absolute_rows(data):
    rows = []
    for name, run in values(data, "speed").items():
        sides = [("chunks fixed", run["fixed"], run), ("defaults", run["defaults"], None)]
        if "reference" in run:
            sides.append(("reference", run["reference"], run["reference"]))
        for label, side, costs in sides:
            load = number(costs["load"]) if costs else ""
            if costs and "imports" in costs:
                load += f" (imports {number(costs['imports'])})"
            rows.append([NAMES[name], label, spread(side, lambda r: r["first"]), spread(side, lambda r: r["total"] / r["audio"]),
                         number(costs["memory"], 0) if costs else "", load])
    return rows


def stage_section(data):
    parts = []
    for name, run in values(data, "stages").items():
        times, rows = run["times"], []
        for stage in times["stages"]:
            work, median = run["work"].get(stage["name"]), stage["median"]
            row = [STAGES[stage["name"]].format(**times["setting"]), number(1000 * median)]
            if work:
                limit = limits.seconds(work, data["rates"])
                row += [number(1000 * limit), number(median / limit, 1), number(sum(work["operations"].values()) / 1e9),
                        number(work["bytes"] / 1e6, 1)]
            rows.append(row + [""] * (6 - len(row)))
        parts.append(f"**{NAMES[name]}**, {times['threads']} threads, {times['precision']}, {times['prompt_tokens']} tokens of prompt, "
                     f"{times['flow_passes']} passes of the flow; others {run['others']}; {data['stages'][name]['commit']}\n\n"
                     + table(["stage", "ms", "limit, ms", "times the limit", "GFLOP", "MB read"], rows))
    if not parts:
        return ""
    return ("\n## Stages beside the machine's limits\n\nEach stage by itself, `chatterbox stages`. The limit is the bytes that must be "
            "read over the rate of reading, or the operations of products over the rate of products in the stage's type, whichever is "
            "more; both from the weights' shapes. A model that stays in the processor's caches, as the embedded voice does, may be below.\n\n" + "\n\n".join(parts) + "\n")


def growth_section(data):
    parts = []
    for name, rows in values(data, "sessions").items():
        smooth = [row["sessions"] for row in rows if row["paused"] == 0]
        parts.append(f"**Sessions, {NAMES[name]}**: {'up to ' + str(max(smooth)) if smooth else 'not even one'} at once without a pause "
                     f"for any listener ({data['sessions'][name]['commit']}).\n\n" + table(
                         ["sessions", "worst first audio, s", "worst factor", "factor of all together", "least lead, s", "paused", "MB", "others"],
                         [[str(r["sessions"]), number(r["first"]), number(r["rtf"]), number(r["rtf_together"], 3), number(r["lead"]),
                           str(r["paused"]), number(r["memory"], 0), str(r["others"])] for r in rows]))
    for name, rows in values(data, "texts").items():
        parts.append(f"**Text, {NAMES[name]}** ({data['texts'][name]['commit']})" + ("" if name == "embedded" else ": always 4 s of speech, since random weights never end") + "\n\n"
                     + table(["characters", "first audio, s", "factor", "speech, s", "least lead, s", "MB", "others"],
                             [[str(r["characters"]), number(r["first"], 3), number(r["rtf"], 3), number(r["audio"]), number(r["lead"]),
                               number(r["memory"], 0), str(r["others"])] for r in rows]))
    for name, rows in values(data, "prompts").items():
        parts.append(f"**Voice's recording, {NAMES[name]}** ({data['prompts'][name]['commit']}), for T3 as for S3Gen\n\n" + table(
            ["seconds", "first audio, s", "factor", "MB", "others"],
            [[f"{r['seconds']:g}", number(r["first"]), number(r["rtf"]), number(r["memory"], 0), str(r["others"])] for r in rows]))
    if not parts:
        return ""
    return ("\n## As requests grow\n\nOur server alone, its defaults. The least lead is how much had come before it was needed, at the worst "
            "moment of a listener who began with the first audio; below 0 there was a pause.\n\n" + "\n\n".join(parts) + "\n")


def write(data, path):
    rates = {name: rate / 1e9 for name, rate in data["rates"].items()}
    conditions = [[NAMES[name], str(run["tokens"]), str(run["rounds"]), str(run["others"]), data["speed"][name]["commit"],
                   data["speed"][name]["date"]] for name, run in values(data, "speed").items()]
    page = PAGE.format(
        machine=data["machine"], setting=data["setting"], length=len(data["setting"]["text"]), flags=", ".join(data["machine"]["flags"]),
        read=rates["bytes"], float32=rates["float32"], bfloat16=rates["bfloat16"], ratios=table(RATIO_HEAD, ratio_rows(data)),
        absolute=table(["model", "", "first audio", "real-time factor", "memory", "load"], absolute_rows(data)),
        conditions="\n".join("| " + " | ".join(row) + " |" for row in conditions))
    path.write_text(page + stage_section(data) + growth_section(data))


def terminal(data, models):
    """The speed of some models in columns."""
    wanted = {NAMES[name] for name in models}
    blocks = []
    for head, rows in ((["model", "", "first s", "factor", "MB", "load s"], absolute_rows(data)),
                       (["times better:", "first", "defaults", "factor", "defaults", "memory", "load"], ratio_rows(data))):
        rows = [head] + [row for row in rows if row[0] in wanted]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        if len(rows) > 1:
            blocks.append("\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows))
    return "\n\n".join(blocks)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    import plot
    results = json.loads((folder / "benchmarks.json").read_text())
    write(results, folder / "benchmarks.md")
    plot.draw(results, folder / "benchmarks.svg")
