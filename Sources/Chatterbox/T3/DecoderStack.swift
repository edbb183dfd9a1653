import Checkpoints
import Tensors

/// The decoder-only transformer of T3, without its token embeddings.
protocol DecoderStack: Sendable {
    associatedtype Layer: DecoderLayer
    var layers: [Layer] { get }
    /// Heads to watch in each layer.
    var watched: WatchedHeads { get }
    /// Most positions that a sequence may have.
    var positionCount: Int { get }
    /// What the first layer reads, and what every layer needs to know of the positions.
    /// - Parameter x: `[rows, positions.count, D]`.
    func begin(_ x: Tensor, positions: Range<Int>) throws -> (Tensor, Layer.Positions)
    /// The norm behind the last layer, on `[rows, D]`.
    func end(_ x: Tensor) throws -> Tensor
}

/// One layer: attention, then a feed-forward, each behind a norm and added to its input.
protocol DecoderLayer: Sendable {
    associatedtype Positions
    /// - Parameter x: `[rows, T, D]`.
    /// - Returns: the same shape, and the attention of the watched heads, `[rows, watched.count, T, length]`.
    func callAsFunction(
        _ x: Tensor, positions: Positions, cache: inout KeyValueCache, watching watched: [Int]
    ) throws -> (Tensor, attention: Tensor)
}

extension DecoderStack {
    /// Runs the positions that follow those in `caches`.
    /// - Parameter x: `[rows, T, D]`.
    /// - Returns: the last position's final state `[rows, D]`, and its attention over all positions so far in row 0,
    ///   by watched head, from the first layer to the last.
    /// - Throws: `ChatterboxError.tooLong`.
    func callAsFunction(_ x: Tensor, caches: inout [KeyValueCache]) throws -> (state: Tensor, attention: [[Float]]) {
        let start = caches[0].length
        let (rows, time) = (x.shape[0], x.shape[1])
        guard start + time <= positionCount else {
            throw ChatterboxError.tooLong(what: "positions", count: start + time, limit: positionCount)
        }
        var (x, positions) = try begin(x, positions: start..<start + time)
        var attention: [[Float]] = []
        for (i, layer) in layers.enumerated() {
            let seen: Tensor
            (x, seen) = try layer(x, positions: positions, cache: &caches[i], watching: watched.heads[i])
            attention += lastRows(seen)
        }
        let last = time == 1 ? x : try x.sliced(axis: 1, from: time - 1, to: time)
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

/// The heads whose attention tells where speech is in the text.
struct WatchedHeads: Sendable {
    /// By layer.
    let heads: [[Int]]

    init(_ configuration: T3Configuration) {
        heads = (0..<configuration.layerCount).map { layer in
            configuration.alignmentHeads.filter { $0[0] == layer }.map { $0[1] }
        }
    }
}
