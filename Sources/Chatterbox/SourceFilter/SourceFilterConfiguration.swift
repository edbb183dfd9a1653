/// Sizes of `SourceFilterVocoder`, section `vocoder` of config.json with type `source_filter`.
public struct SourceFilterConfiguration: Codable, Sendable, Equatable {
    public var file: String
    public var width: Int
    public var f0Width: Int
    /// Frames ahead that each block of the F0 predictor sees.
    public var f0Right: [Int]
    public var fftSize: Int
    /// Samples of an STFT frame; a mel frame is two of them.
    public var hop: Int
    /// Frames ahead that each block at mel rate sees.
    public var coarseRight: [Int]
    /// Frames ahead that each block at STFT rate sees.
    public var fineRight: [Int]

    enum CodingKeys: String, CodingKey {
        case file, width, hop
        case f0Width = "f0_width"
        case f0Right = "f0_right"
        case fftSize = "n_fft"
        case coarseRight = "coarse_right"
        case fineRight = "fine_right"
    }

    func validate(_ check: inout ConfigurationCheck) throws {
        try check.fileName(file, "file")
        try check.size(width, "width")
        try check.size(f0Width, "f0_width")
        try check.size(hop, "hop", atMost: 100_000)
        try check.require(fftSize == 4 * hop, "n_fft", "expected four hops of \(hop), found \(fftSize)")
        let rights = 0...ConvNeXtStack.kernel - 1
        try check.require(f0Right.allSatisfy(rights.contains), "f0_right", "expected each in \(rights)")
        try check.require(coarseRight.allSatisfy(rights.contains), "coarse_right", "expected each in \(rights)")
        try check.require(fineRight.allSatisfy(rights.contains), "fine_right", "expected each in \(rights)")
        try check.require(
            f0Right.reduce(0, +) <= coarseRight.reduce(0, +) + 1, "f0_right",
            "expected no more in all than coarse_right has, and one")
    }
}
