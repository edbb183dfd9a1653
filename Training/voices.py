"""The embedded voices: what is done to the teacher's one voice to make each."""

# name: (F0 level, playing rate, speed).  The rate moves formants and F0 together, the level moves F0 alone, the speed is
# the pace of what comes out.
VOICES = {
    "alloy": (1.00, 1.00, 1.00),
    "echo": (0.84, 0.86, 0.98),
    "fable": (0.92, 0.92, 0.93),
    "onyx": (0.80, 0.80, 0.92),
    "nova": (1.08, 1.06, 1.07),
    "shimmer": (1.10, 1.13, 1.00),
}
NAMES = list(VOICES)


def excursion(exaggeration):
    """Factor on the F0 excursion for an `exaggeration` of 0.25 to 2; 0.5 leaves the teacher as it is."""
    return (exaggeration / 0.5) ** 0.5


def embedding(name, size):
    """A fixed unit vector that stands for the voice: `[size]`, float32.  T3 gets 256, S3Gen 192 numbers."""
    import numpy as np
    vector = np.random.default_rng(1000 + NAMES.index(name)).standard_normal(size).astype(np.float32)
    return vector / np.linalg.norm(vector)
