/// Sizes of `HiFTGenerator`, section `vocoder` of config.json with type `hift`.
/// Source: resemble-ai/chatterbox models/s3gen/hifigan.py, s3gen.py
public struct HiFTConfiguration: Codable, Sendable, Equatable {
    public var file: String
    public var baseChannels: Int
    /// Width of the F0 predictor.
    public var f0Channels: Int
    public var harmonicCount: Int
    public var upsampleRates: [Int]
    public var upsampleKernelSizes: [Int]
    public var fftSize: Int
    public var hop: Int
    public var resblockKernelSizes: [Int]
    public var resblockDilations: [[Int]]
    public var sourceResblockKernelSizes: [Int]
    public var sourceResblockDilations: [[Int]]

    enum CodingKeys: String, CodingKey {
        case file, hop
        case baseChannels = "base_channels"
        case f0Channels = "f0_channels"
        case harmonicCount = "nb_harmonics"
        case upsampleRates = "upsample_rates"
        case upsampleKernelSizes = "upsample_kernel_sizes"
        case fftSize = "n_fft"
        case resblockKernelSizes = "resblock_kernel_sizes"
        case resblockDilations = "resblock_dilation_sizes"
        case sourceResblockKernelSizes = "source_resblock_kernel_sizes"
        case sourceResblockDilations = "source_resblock_dilation_sizes"
    }

    /// Samples of one mel frame.
    var samplesPerFrame: Int { upsampleRates.reduce(hop, *) }

    func validate(_ check: inout ConfigurationCheck) throws {
        try check.fileName(file, "file")
        try check.size(f0Channels, "f0_channels")
        try check.size(harmonicCount, "nb_harmonics", atMost: 1000)
        try check.require((1...8).contains(upsampleRates.count), "upsample_rates", "expected one to eight rates")
        for rate in upsampleRates { try check.size(rate, "upsample_rates", atMost: 100) }
        let halvings = 1 << upsampleRates.count
        try check.size(baseChannels, "base_channels")
        try check.require(
            baseChannels % halvings == 0, "base_channels", "expected a multiple of \(halvings), found \(baseChannels)")
        try check.require(
            upsampleKernelSizes.count == upsampleRates.count
                && zip(upsampleKernelSizes, upsampleRates).allSatisfy { $0 >= $1 && $0 <= 1000 && ($0 - $1) % 2 == 0 },
            "upsample_kernel_sizes", "expected one for each rate, larger than it by an even number")
        try check.size(hop, "hop", atMost: 1000)
        try check.require(fftSize == 4 * hop, "n_fft", "expected four hops of \(hop), found \(fftSize)")
        func pairs(_ kernels: [Int], _ dilations: [[Int]], _ field: String) throws {
            try check.require(
                kernels.count == dilations.count && !kernels.isEmpty
                    && kernels.allSatisfy { $0 % 2 == 1 && (1...101).contains($0) }
                    && dilations.allSatisfy { !$0.isEmpty && $0.allSatisfy { (1...100).contains($0) } },
                field, "expected odd kernel sizes, each with its dilations")
        }
        try pairs(resblockKernelSizes, resblockDilations, "resblock_kernel_sizes")
        try pairs(sourceResblockKernelSizes, sourceResblockDilations, "source_resblock_kernel_sizes")
        try check.require(
            sourceResblockKernelSizes.count == upsampleRates.count, "source_resblock_kernel_sizes",
            "expected one for each upsampling rate")
    }
}
