"""The embedded voices: what is done to the teacher's one voice to make each."""

# name: (playing rate, pace, tilt).  The rate moves formants and F0 together, the pace is that of what comes out, the
# tilt raises or lowers what lies above 2.5 kHz, in dB.
VOICES = {
    "alloy": (1.00, 1.00, 0),
    "echo": (0.86, 1.00, 2),
    "fable": (0.93, 0.92, -2),
    "onyx": (0.78, 0.94, -3),
    "nova": (1.07, 1.03, 3),
    "shimmer": (1.15, 0.98, -2),
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
