import Checkpoints
import Foundation
import Tensors
import Testing

/// Golden values of Tests/Fixtures, made by make_fixtures.py there.
struct Fixture {
    let file: SafetensorsFile
    private let json: URL

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../Fixtures").standardizedFileURL

    init(_ name: String) throws {
        file = try SafetensorsFile(url: Self.folder.appendingPathComponent(name + ".safetensors"))
        json = Self.folder.appendingPathComponent(name + ".json")
    }

    func configuration<Value: Decodable>(_: Value.Type) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(contentsOf: json))
    }

    /// The model's weights.
    var weights: WeightReader { WeightReader(file).scope("weights") }

    func tensor(_ key: String) throws -> Tensor { try file.tensor(key) }
    func integers(_ key: String) throws -> [Int32] { try file.integers(key) }
}

/// Largest difference in relation to the largest expected value.
func relativeError(_ found: [Float], _ expected: [Float]) -> Float {
    guard found.count == expected.count, let scale = expected.map(abs).max() else { return .infinity }
    let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
    return difference.isNaN || found.contains { $0.isNaN } ? .infinity : difference / max(scale, 1e-9)
}

/// The bar of parity in fp32.
let parityTolerance: Float = 1e-3

/// Expects parity, and says how far off it is if there is none.
func expectParity(
    _ found: Tensor, _ expected: Tensor, _ stage: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(
        found.count == expected.count, "\(stage): \(found.shape) against \(expected.shape)",
        sourceLocation: sourceLocation)
    let error = relativeError(found.values, expected.values)
    if ProcessInfo.processInfo.environment["SHOW_PARITY"] != nil { print("parity \(stage): \(error)") }
    #expect(error <= parityTolerance, "\(stage): relative error \(error)", sourceLocation: sourceLocation)
}

func expectParity(
    _ found: [Float], _ expected: Tensor, _ stage: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    expectParity(try Tensor(found, shape: [found.count]), expected, stage, sourceLocation: sourceLocation)
}
