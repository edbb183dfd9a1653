"""What the machine is and can do: its name, and the rates that no program on it can beat by much."""
import os
import platform
import subprocess
import time

import torch

SECONDS = 2
# Instructions that bear on products of matrices, as /proc/cpuinfo names them.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm")


def describe(root):
    """The machine, the software and the commit that are measured."""
    with open("/proc/cpuinfo") as file:
        lines = [line.split(":", 1) for line in file if ":" in line]
    info = {key.strip(): value.strip() for key, value in reversed(lines)}
    flags = info.get("flags", info.get("Features", "")).split()
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    git = lambda *words: subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()
    return {
        "cpu": info.get("model name", platform.machine()), "cores": len(os.sched_getaffinity(0)),
        "flags": [flag for flag in FLAGS if flag in flags], "memory_gb": round(memory, 1),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()), "kernel": platform.release(),
        "python": platform.python_version(), "torch": torch.__version__,
        "commit": git("rev-parse", "--short", "HEAD"),
        "changed": bool(git("status", "--porcelain", "--", "Sources", "Package.swift")),
        "date": time.strftime("%Y-%m-%d"),
    }


def best(body, work):
    """A rate, work a second, that one in ten of the runs in some seconds reaches."""
    body()
    end, rates = time.perf_counter() + SECONDS, []
    while time.perf_counter() < end or len(rates) < 10:
        start = time.perf_counter()
        body()
        rates.append(work / (time.perf_counter() - start))
    return sorted(rates)[len(rates) * 9 // 10]


def rates(threads):
    """Bytes read a second from memory, and operations a second of products of matrices, by type."""
    torch.set_num_threads(threads)
    with torch.inference_mode():
        numbers = torch.ones(1 << 28)                                   # 1 GiB, more than any cache
        matrix, vector = numbers.view(1 << 14, 1 << 14), torch.ones(1 << 14)
        read = max(best(numbers.sum, 4 * numbers.numel()), best(lambda: matrix @ vector, 4 * numbers.numel()))
        del numbers, matrix
        result = {"bytes": read}
        for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
            result[name] = 0
            for size in (512, 1024, 2048):
                a, b = torch.randn(size, size).to(dtype), torch.randn(size, size).to(dtype)
                result[name] = max(result[name], best(lambda: a @ b, 2 * size**3))
    return result


class Others:
    """How much of the machine others used while something was measured: what makes a measurement doubtful."""

    def __init__(self, *pids):
        self.pids = [os.getpid(), *pids]

    def __enter__(self):
        self.start = self._read()
        return self

    def __exit__(self, *_):
        own, busy, total = (b - a for a, b in zip(self.start, self._read()))
        self.share = round(max(0, busy - own) / max(total, 1), 3)

    def _read(self):
        with open("/proc/stat") as file:
            user, nice, system, idle, wait, *rest = map(int, file.readline().split()[1:9])
        own = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/stat") as file:
                own += sum(map(int, file.read().rsplit(")", 1)[1].split()[11:15]))        # children that have ended too
        busy = user + nice + system + sum(rest)                         # the rest: interrupts, and what a host took away
        return own, busy, busy + idle + wait


def peak_memory(pid):
    """MB, the most that a process ever had in memory."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
