import Tensors

/// What a decoder has read of one sequence, in one row or in two (guidance): keys and values of every layer. A value:
/// copying it forks the sequence.
struct DecoderState: Sendable {
    let rows: Int
    /// By layer.
    var caches: [KeyValueCache]
    /// By layer, what heads don't see in row 0; empty if they see everything.
    var hidden: [HiddenPositions] = []
    /// Positions read.
    var length: Int { caches.first?.length ?? 0 }

    /// - Parameters:
    ///   - room: positions to make room for at once; the caches grow if need be.
    ///   - precision: of the weights that go with it.
    init(rows: Int, configuration: T3Configuration, room: Int, precision: Precision) {
        self.rows = rows
        caches = (0..<configuration.layerCount).map { _ in
            KeyValueCache(
                batch: rows, heads: configuration.headCount, headWidth: configuration.headDim, capacity: room,
                precision: precision)
        }
    }

    /// A sequence of its own whose rows go on from what `prefix`, of one row, has read.
    /// - Parameter room: positions to make room for beside.
    init(rows: Int, from prefix: DecoderState, room: Int) throws {
        self.rows = rows
        caches = try prefix.caches.map { try KeyValueCache(rows: rows, from: $0, capacity: $0.length + room) }
    }

    /// The state, of which nothing is left here: so that it is the one copy, which is changed in place.
    mutating func take() -> DecoderState {
        let all = self
        caches = []
        return all
    }
}

/// The rows of a pass that belong to one sequence: row after row its newest positions.
struct DecoderSpan: Sendable {
    let start: Int
    let rows: Int
    let positions: Range<Int>
    var range: Range<Int> { start..<start + rows * positions.count }

    /// One sequence behind the other, each with as many new positions.
    static func of(_ states: [DecoderState], count: Int) -> [DecoderSpan] {
        var start = 0
        return states.map { state in
            let span = DecoderSpan(start: start, rows: state.rows, positions: state.length..<state.length + count)
            start = span.range.upperBound
            return span
        }
    }
}
