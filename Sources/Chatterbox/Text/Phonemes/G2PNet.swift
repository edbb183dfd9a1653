import Tensors

/// Letters to phonemes: convolutions and CTC, a whole sentence in one pass.
///
/// Source: Training/g2p.py, `G2PNet`; the weights' names are its state-dict keys.
public struct G2PNet: Sendable {
    /// The `g2p` section of config.json.
    public struct Configuration: Codable, Sendable, Equatable {
        /// Name of the weights' file in the model folder.
        public var file: String
        /// Channels.
        public var width: Int
        /// Blocks at one step for each letter.
        public var before: Int
        /// Blocks at two steps for each letter.
        public var after: Int
        /// Characters in the order of their ids, which begin at 1.
        public var letters: String

        public init(file: String, width: Int, before: Int, after: Int, letters: String) {
            self.file = file
            self.width = width
            self.before = before
            self.after = after
            self.letters = letters
        }
    }

    private static let kernel = 7
    private static let multiple = 2
    /// Lengths are rounded up to this, so that few different shapes reach the kernels.
    private static let lengthStep = 32

    private let width: Int
    private let ids: [Character: Int32]
    private let embedding: Embedding
    private let before: [Block]
    private let up: Linear
    private let after: [Block]
    private let norm: LayerNorm
    private let output: Linear

    /// - Parameters:
    ///   - symbolCount: phoneme symbols; the output has one more, CTC's blank, first.
    ///   - weight: the tensor of a state-dict key, with the shape it must have.
    /// - Throws: `TextError.configuration` for sizes below one, or what `weight` throws.
    public init(
        _ configuration: Configuration, symbolCount: Int, precision: Precision,
        weight: (_ key: String, _ shape: [Int]) throws -> Tensor
    ) throws {
        let width = configuration.width
        guard (1...4096).contains(width), (0...64).contains(configuration.before),
            (0...64).contains(configuration.after),
            !configuration.letters.isEmpty, symbolCount > 0
        else { throw TextError.configuration(problem: "g2p width, before, after, letters or symbols out of range") }
        func linear(_ key: String, _ inputs: Int, _ outputs: Int) throws -> Linear {
            try Linear(
                weight: weight("\(key).weight", [outputs, inputs]), bias: weight("\(key).bias", [outputs]),
                precision: precision)
        }
        func layerNorm(_ key: String) throws -> LayerNorm {
            try LayerNorm(weight: weight("\(key).weight", [width]), bias: weight("\(key).bias", [width]))
        }
        func block(_ key: String) throws -> Block {
            let side = Self.kernel / 2
            return Block(
                depthwise: try Conv1d(
                    weight: weight("\(key).dwconv.weight", [width, 1, Self.kernel]),
                    bias: weight("\(key).dwconv.bias", [width]), padding: (side, side), groups: width,
                    layout: .channelsLast, precision: .float32),
                norm: try layerNorm("\(key).norm"),
                widen: try linear("\(key).pwconv1", width, width * Self.multiple),
                narrow: try linear("\(key).pwconv2", width * Self.multiple, width),
                gamma: try weight("\(key).gamma", [width]))
        }
        self.width = width
        ids = Dictionary(
            zip(configuration.letters, Int32(1)...), uniquingKeysWith: { first, _ in first })
        embedding = try Embedding(weight: weight("embedding.weight", [configuration.letters.count + 1, width]))
        before = try (0..<configuration.before).map { try block("before.\($0)") }
        up = try linear("up", width, 2 * width)
        after = try (0..<configuration.after).map { try block("after.\($0)") }
        norm = try layerNorm("norm")
        output = try linear("output", width, symbolCount + 1)
    }

    /// The ids of the letters the net knows, and how many characters it does not.
    package func encode(_ text: String) -> (ids: [Int32], dropped: Int) {
        let known = text.compactMap { ids[$0] }
        return (known, text.count - known.count)
    }

    /// Indices of the phoneme symbols for `letters`, which are ids of `encode`.
    public func phonemes(_ letters: [Int32]) throws -> [Int] {
        if letters.isEmpty { return [] }
        let logits = try self.logits(letters)
        let classes = logits.shape[2]
        return logits.withUnsafeBufferPointer { values in
            var found: [Int] = []
            var last = 0
            for step in 0..<logits.shape[1] {
                let row = values[(step * classes)..<((step + 1) * classes)]
                var best = row.startIndex
                for index in row.indices where row[index] > row[best] { best = index }
                let symbol = best - row.startIndex
                if symbol != last && symbol != 0 { found.append(symbol - 1) }
                last = symbol
            }
            return found
        }
    }

    /// CTC scores `[1, 2 T, symbols + 1]` of `T` letters; class 0 is the blank.
    package func logits(_ letters: [Int32]) throws -> Tensor {
        let count = letters.count
        let padded = (count + Self.lengthStep - 1) / Self.lengthStep * Self.lengthStep
        let filled = letters + [Int32](repeating: 0, count: padded - count)
        var x = try embedding(filled).reshaped([1, padded, width])
        clear(&x, after: count)
        for block in before {
            x = try block(x)
            clear(&x, after: count)
        }
        x = try up(x).reshaped([1, 2 * padded, width])
        clear(&x, after: 2 * count)
        for block in after {
            x = try block(x)
            clear(&x, after: 2 * count)
        }
        return try output(norm(x)).sliced(axis: 1, from: 0, to: 2 * count)
    }

    /// Steps behind the text stay zero, as the convolutions' padding is.
    private func clear(_ x: inout Tensor, after steps: Int) {
        x.withUnsafeMutableBufferPointer { values in
            for index in (steps * width)..<values.count { values[index] = 0 }
        }
    }

    /// ConvNeXt: `[1, T, C]` to the same. Source: Training/convnext.py.
    private struct Block: Sendable {
        let depthwise: Conv1d
        let norm: LayerNorm
        let widen: Linear
        let narrow: Linear
        let gamma: Tensor

        func callAsFunction(_ x: Tensor) throws -> Tensor {
            let changed = try narrow(widen(norm(depthwise(x))).gelu())
            return try x + changed * gamma
        }
    }
}
