"""How cost grows with the text, the voice's recording and the sessions: our server alone."""
import asyncio

import machine
import models
import ours

# What grows -> with which models.
MODELS = {"sessions": ("embedded", "nano"), "texts": ("embedded", "nano"), "prompts": ("nano",)}
SESSIONS = {"embedded": (1, 2, 4, 8, 16, 24, 32, 48, 64), "nano": (1, 2, 4, 8)}
LENGTHS = (10, 30, 100, 300, 1000, 3000)
PROMPTS = (3, 5, 7.5, 10)
SENTENCES = (
    "The river was so clear that we could see the stones, and nobody wanted to go home. "
    "Could you turn down the music a little, please? I am trying to read. "
    "My brother works at a bakery near the old bridge, and he gets up at four every morning. "
    "If you are tired, you can rest on the couch for a while before we leave. "
    "There was a long line of people outside the shop, but the door stayed closed until nine. ")


def text_of(length):
    """Sentences of so many characters, the last cut."""
    return (SENTENCES * (length // len(SENTENCES) + 1))[:length - 1].rstrip(" ,.").ljust(length - 1, "e") + "."


def exact(name):
    """Random weights never end by themselves: 100 tokens, 4 s, as few as can be asked for."""
    return {} if name == "embedded" else {"min_new_tokens": 100, "max_new_tokens": 100}


def sessions(name, options, log):
    """So many requests at once: the worst first audio, the factor of each in the worst case and of all together, and
    the least lead that what had come had over a listener who began to listen with the first audio; below 0 it paused."""
    count = max(SESSIONS[name])
    server = ours.Server(models.folder(name), options.threads, "--max-sessions", str(count), *models.options(name))
    result = []
    try:
        server.speak(text_of(100), **exact(name))
        for count in SESSIONS[name]:
            log(f"{name}: {count} at once")
            with machine.Others(server.pid) as others:
                runs = asyncio.run(server.speak_together([text_of(300)] * count, **exact(name)))
            result.append({
                "sessions": count, "first": max(r["first"] for r in runs), "rtf": max(r["total"] / r["audio"] for r in runs),
                "rtf_together": max(r["total"] for r in runs) / sum(r["audio"] for r in runs), "lead": min(r["lead"] for r in runs),
                "paused": sum(r["lead"] < 0 for r in runs), "memory": machine.peak_memory(server.pid), "others": others.share})
        return result
    finally:
        server.stop()


def texts(name, options, log):
    """Texts of so many characters. Only the embedded voice speaks as long as a text is."""
    server = ours.Server(models.folder(name), options.threads, *models.options(name))
    result = []
    try:
        server.speak(text_of(100), **exact(name))
        for length in LENGTHS:
            log(f"{name}: {length} characters")
            with machine.Others(server.pid) as others:
                runs = [server.speak(text_of(length), **exact(name)) for _ in range(options.rounds)]
            runs.sort(key=lambda run: run["first"])
            middle = runs[len(runs) // 2]
            result.append({"characters": length, "first": middle["first"], "rtf": middle["total"] / middle["audio"],
                           "audio": middle["audio"], "lead": min(r["lead"] for r in runs),
                           "memory": machine.peak_memory(server.pid), "others": others.share})
        return result
    finally:
        server.stop()


def prompts(name, options, log):
    """Voices of recordings of so many seconds."""
    result = []
    for seconds in PROMPTS:
        log(f"{name}: a recording of {seconds:g} s")
        server = ours.Server(models.with_prompt(name, seconds), options.threads, *models.options(name))
        try:
            server.speak(text_of(100), **exact(name))
            with machine.Others(server.pid) as others:
                runs = [server.speak(text_of(100), chunk_size=25, **exact(name)) for _ in range(options.rounds)]
            runs.sort(key=lambda run: run["first"])
            middle = runs[len(runs) // 2]
            result.append({"seconds": seconds, "first": middle["first"], "rtf": middle["total"] / middle["audio"],
                           "memory": machine.peak_memory(server.pid), "others": others.share})
        finally:
            server.stop()
    return result
