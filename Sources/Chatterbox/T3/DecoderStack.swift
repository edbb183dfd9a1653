import Checkpoints
import Tensors

/// The decoder-only transformer of T3, without its token embeddings. One pass serves several sequences: the weights are
/// read once for all of them, and no sequence bears on another.
protocol DecoderStack: Sendable {
    associatedtype Layer: DecoderLayer
    var layers: [Layer] { get }
    /// Heads to watch, by layer: those whose attention tells where speech is in the text.
    var watched: [[Int]] { get }
    /// Most positions that a sequence may have.
    var positionCount: Int { get }
    /// What the first layer reads, and what every layer needs to know of the positions.
    /// - Parameter x: `[N, D]`, the rows of the spans.
    func begin(_ x: Tensor, spans: [DecoderSpan]) throws -> (Tensor, Layer.Positions)
    /// The norm behind the last layer, on `[rows, D]`.
    func end(_ x: Tensor) throws -> Tensor
}

/// One layer: attention, then a feed-forward, each behind a norm and added to its input.
protocol DecoderLayer: Sendable {
    associatedtype Positions
    /// - Parameters:
    ///   - x: `[N, D]`, the rows of the spans.
    ///   - index: of the layer.
    ///   - states: of the spans.
    /// - Returns: the same shape, and by span the attention of the watched heads, `[rows, watched.count, T, length]`.
    func callAsFunction(
        _ x: Tensor, index: Int, spans: [DecoderSpan], positions: Positions, states: inout [DecoderState],
        watching watched: [Int]
    ) throws -> (Tensor, attention: [Tensor])
}

extension DecoderStack {
    /// Runs the `count` positions that follow those in each of the states.
    /// - Parameter x: `[N, D]`: state after state, row after row its positions.
    /// - Returns: the last position's final state of every row, `[rows of all states, D]`, and by state its attention over
    ///   all positions so far in row 0, by watched head, from the first layer to the last.
    /// - Throws: `ChatterboxError.tooLong`.
    func callAsFunction(
        _ x: Tensor, count: Int, states: inout [DecoderState]
    ) throws -> (hidden: Tensor, attention: [[[Float]]]) {
        let spans = DecoderSpan.of(states, count: count)
        if let longest = spans.map(\.positions.upperBound).max(), longest > positionCount {
            throw ChatterboxError.tooLong(what: "positions", count: longest, limit: positionCount)
        }
        var (x, positions) = try begin(x, spans: spans)
        var attention = [[[Float]]](repeating: [], count: spans.count)
        for (index, layer) in layers.enumerated() {
            let seen: [Tensor]
            (x, seen) = try layer(
                x, index: index, spans: spans, positions: positions, states: &states, watching: watched[index])
            for (span, seen) in seen.enumerated() { attention[span] += lastRows(seen) }
        }
        let rows = x.shape[0] / max(count, 1)
        let last = try x.reshaped([rows, count, -1]).sliced(axis: 1, from: count - 1, to: count)
        return (try end(last.reshaped([rows, -1])), attention)
    }

    /// The last query's row of each watched head of `[rows, heads, T, length]`, row 0 alone.
    private func lastRows(_ seen: Tensor) -> [[Float]] {
        let (heads, time, length) = (seen.shape[1], seen.shape[2], seen.shape[3])
        return seen.withUnsafeBufferPointer { values in
            (0..<heads).map { head in
                let start = (head * time + time - 1) * length
                return Array(values[start..<start + length])
            }
        }
    }
}
