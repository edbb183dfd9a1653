import AudioDSP
import Foundation

enum AudioTargets {
    private static let limits = MediaFile.Limits(byteCount: 1 << 20, seconds: 5)

    static func media(_ bytes: [UInt8]) throws {
        let rate = 16_000
        let samples = try accepting(AudioError.self) {
            try MediaFile.decode(bytes, sampleRateHz: rate, limits: limits)
        }
        guard let samples else { return }
        try require(!samples.isEmpty && samples.count <= 5 * rate, "\(samples.count) samples")
        try require(samples.allSatisfy(\.isFinite), "samples that are no numbers")
    }

    static func wav(_ bytes: [UInt8]) throws {
        guard let contents = try accepting(AudioError.self, { try WAV.read(bytes) }) else { return }
        try require(contents.channels > 0, "\(contents.channels) channels")
        try require(contents.samples.count * 2 <= bytes.count, "more samples than bytes hold")
    }
}
