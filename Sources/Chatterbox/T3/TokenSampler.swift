import Foundation

/// Draws speech tokens from logits, in the reference's order: repetition penalty, temperature, min-p, top-p (english,
/// multilingual); or temperature, top-k, top-p, repetition penalty (GPT-2 models).
/// Source: resemble-ai/chatterbox models/t3/t3.py and the logits processors of Hugging Face transformers
public struct TokenSampler: Sendable {
    /// Temperatures below this take the likeliest token.
    public static let greedyTemperature: Float = 1e-3

    public let temperature: Float
    /// Keeps the likeliest tokens that together reach this probability; 1 keeps all, 0 the likeliest alone.
    public let topP: Float
    /// Drops tokens less likely than this part of the likeliest one's probability; 0 drops none.
    public let minP: Float
    /// Divides positive and multiplies negative logits of tokens in the history; 1 changes nothing.
    public let repetitionPenalty: Float
    /// Whether the penalty weighs what the filters have left, instead of bearing on what they leave.
    public let repetitionPenaltyLast: Bool
    /// Keeps the `topK` likeliest tokens, and those equal to the last of them; 0 keeps all.
    public let topK: Int
    private let random: GaussianNoise
    private var draws = 0

    public init(
        temperature: Float, topP: Float = 1, minP: Float = 0, repetitionPenalty: Float = 1,
        repetitionPenaltyLast: Bool = false, topK: Int = 0, seed: UInt64
    ) {
        self.temperature = temperature
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.repetitionPenaltyLast = repetitionPenaltyLast
        self.topK = topK
        self.random = GaussianNoise(seed: seed, stream: .sampler)
    }

    /// - Parameters:
    ///   - logits: one per token; `-inf` forbids a token.
    ///   - history: the tokens so far, for the repetition penalty. The reference counts the start token as one.
    public mutating func sample(logits: [Float], history: [Int32]) -> Int32 {
        defer { draws += 1 }
        if temperature < Self.greedyTemperature {
            // Near 0 the filters leave the likeliest token alone, and a penalty after them changes nothing.
            let logits = repetitionPenaltyLast ? logits : self.penalised(logits, history)
            return Int32(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
        }
        let kept = candidates(logits: logits, history: history)
        var left = random.uniform(draws) * kept.reduce(0) { $0 + $1.weight }
        for candidate in kept {
            left -= candidate.weight
            if left < 0 { return candidate.token }
        }
        return kept.last?.token ?? 0
    }

    /// The probability of each token after every filter, as `sample` draws it.
    public func probabilities(logits: [Float], history: [Int32]) -> [Float] {
        let kept = candidates(logits: logits, history: history)
        let sum = kept.reduce(0) { $0 + $1.weight }
        var probabilities = [Float](repeating: 0, count: logits.count)
        for candidate in kept { probabilities[Int(candidate.token)] = candidate.weight / sum }
        return probabilities
    }

    private struct Candidate {
        var token: Int32
        var weight: Float
    }

    private func penalised(_ logits: [Float], _ history: [Int32]) -> [Float] {
        guard repetitionPenalty != 1 else { return logits }
        return zip(logits, Self.seen(history, of: logits.count)).map { $1 ? penalised($0) : $0 }
    }

    /// By token, whether it is in the history.
    private static func seen(_ history: [Int32], of count: Int) -> [Bool] {
        var seen = [Bool](repeating: false, count: count)
        for token in history where seen.indices.contains(Int(token)) { seen[Int(token)] = true }
        return seen
    }

    private func penalised(_ logit: Float) -> Float {
        logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty
    }

    /// What is left to draw from.
    private func candidates(logits: [Float], history: [Int32]) -> [Candidate] {
        guard repetitionPenaltyLast, repetitionPenalty != 1 else { return filtered(penalised(logits, history)) }
        let seen = Self.seen(history, of: logits.count)
        let kept = filtered(logits).map { candidate in
            let logit = logits[Int(candidate.token)] / temperature
            return (token: candidate.token, logit: seen[Int(candidate.token)] ? penalised(logit) : logit)
        }
        let top = kept.map(\.logit).max() ?? 0
        return kept.map { Candidate(token: $0.token, weight: expf($0.logit - top)) }
    }

    /// The value that `rank` others may precede, from the largest to the least: without sorting them all (Hoare's
    /// selection).
    private static func largest(_ rank: Int, of values: [Float]) -> Float {
        var values = values
        var (low, high) = (0, values.count - 1)
        while low < high {
            let pivot = values[(low + high) / 2]
            var (i, j) = (low, high)
            while i <= j {
                while values[i] > pivot { i += 1 }
                while values[j] < pivot { j -= 1 }
                guard i <= j else { break }
                values.swapAt(i, j)
                i += 1
                j -= 1
            }
            if rank <= j { high = j } else if rank >= i { low = i } else { return pivot }
        }
        return values[rank]
    }

    /// What temperature, min-p, top-k and top-p leave, weights relative to the likeliest token's 1.
    private func filtered(_ logits: [Float]) -> [Candidate] {
        let top = logits.max() ?? 0
        guard top > -.infinity else { return [] }
        var kept: [Candidate] = []
        var total: Float = 0
        for (token, logit) in logits.enumerated() {
            let weight = expf((logit - top) / temperature)
            guard weight >= minP, weight > 0 else { continue }
            kept.append(Candidate(token: Int32(token), weight: weight))
            total += weight
        }
        if topK > 0, topK < kept.count {
            let least = Self.largest(topK - 1, of: kept.map(\.weight))
            kept.removeAll { $0.weight < least }
            total = kept.reduce(0) { $0 + $1.weight }
        }
        guard topP < 1 else { return kept }
        // What together stays below the tail's share goes, the least likely first. Tokens below an even share of the
        // tail all go, whatever their order: that spares sorting the whole vocabulary.
        let tail = (1 - topP) * total
        let even = tail / Float(kept.count)
        var removed: Float = 0
        var rest: [Candidate] = []
        for candidate in kept {
            if candidate.weight < even { removed += candidate.weight } else { rest.append(candidate) }
        }
        rest.sort { $0.weight < $1.weight }
        var first = 0
        while first < rest.count - 1 {
            removed += rest[first].weight
            if removed > tail { break }
            first += 1
        }
        return rest[first...].reversed()
    }
}
