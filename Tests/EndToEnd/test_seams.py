"""What a listener hears must not tell where the chunks were: at joins, samples jump and the level dips no more than
inside chunks."""

import numpy
import pytest
from test_stream import LONG

RATE = 24000


def jumps(samples):
    """Second differences: the kink a cut leaves, whatever the slope of the wave."""
    return numpy.abs(numpy.diff(samples, 2))


def dip(samples, at):
    """How far the level 5 ms about a place lies below that 20 ms before and after it, in decibels."""
    near = samples[at - 120 : at + 120]
    around = numpy.concatenate([samples[at - 600 : at - 120], samples[at + 120 : at + 600]])
    return 10 * numpy.log10((around**2).mean() + 1) - 10 * numpy.log10((near**2).mean() + 1)


@pytest.mark.parametrize("chunk_size", [10, 25, 50, 100, "growth"])
async def test_joins_are_like_any_other_place(client, chunk_size):
    grows = chunk_size == "growth"
    chunking = {"chunk_growth": True} if grows else {"chunk_size": chunk_size}
    join_jumps, other_jumps, join_dips, other_dips, largest = [], [], [], [], 0
    for seed in (1, 2):
        result = await client.stream_speech(LONG, seed=seed, **chunking)
        assert result.info["parameters"]["chunk_growth"] is grows
        samples = numpy.frombuffer(result.pcm, "<i2").astype(float)
        ends = numpy.cumsum([len(chunk) // 2 for chunk in result.chunks])[:-1]
        ends = ends[(ends > 1200) & (ends < len(samples) - 1200)]
        kinks = jumps(samples)
        # A join at n touches the differences over samples n-2…n+1; 2 ms about it count.
        near = {int(end) for end in ends}
        join_jumps += [kinks[end - 48 : end + 48].max() for end in near]
        join_dips += [dip(samples, end) for end in near]
        inside = [at for at in range(1200, len(samples) - 1200, 331) if min(abs(at - end) for end in near) > 1200]
        other_jumps += [kinks[at - 48 : at + 48].max() for at in inside]
        other_dips += [dip(samples, at) for at in inside]
        far = numpy.ones(len(kinks), bool)
        for end in near:
            far[end - 1200 : end + 1200] = False
        largest = max(largest, kinks[far].max())
    assert len(join_jumps) >= 4 and len(other_jumps) >= 200
    print(
        f"\nchunk_size {chunk_size}: {len(join_jumps)} joins;"
        f" jump median {numpy.median(join_jumps):.0f} at joins, {numpy.median(other_jumps):.0f} inside,"
        f" largest {max(join_jumps):.0f} and {largest:.0f};"
        f" dip mean {numpy.mean(join_dips):.2f} dB at joins, {numpy.mean(other_dips):.2f} dB inside"
    )
    # No more of them in the tail than chance puts there, and none beyond it: the largest are sibilants, of which two
    # draws of the noise differ by a fifth.
    for joins, others in ((join_jumps, other_jumps), (join_dips, other_dips)):
        share, expected = numpy.mean(joins > numpy.percentile(others, 98)), 0.02
        assert share <= expected + 4 * numpy.sqrt(expected * (1 - expected) / len(joins))
    assert max(join_jumps) <= 1.25 * largest
    # Joins fall on sounds and silences alike, so their spread must be that of all places: compare ranks.
    ranks = numpy.searchsorted(numpy.sort(other_jumps), join_jumps) / len(other_jumps)
    error = 0.29 / numpy.sqrt(len(ranks))
    assert ranks.mean() < 0.5 + 4 * error
    spread = numpy.std(other_dips) / numpy.sqrt(len(join_dips))
    assert numpy.mean(join_dips) < numpy.mean(other_dips) + 4 * spread


async def test_silence_does_not_click(client):
    """The stream begins and ends near zero."""
    result = await client.stream_speech("Good evening.", seed=1)
    samples = numpy.frombuffer(result.pcm, "<i2").astype(float)
    assert abs(samples[0]) < 200
    assert abs(samples[-1]) < 1000
