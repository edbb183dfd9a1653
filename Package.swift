// swift-tools-version:6.1
import PackageDescription

// Lower targets never import upper ones; docs/adr/ says why each exists.
let package = Package(
    name: "swift-chatterbox",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "chatterbox", targets: ["ChatterboxCLI"]),
        .library(name: "ChatterboxClient", targets: ["ChatterboxClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: [.defaults, "Reloading"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        // The system's oneDNN. Debian ships no .pc file: the module map links it.
        .systemLibrary(name: "CDNNL", providers: [.apt(["libdnnl-dev"]), .brew(["onednn"])]),
        // FFmpeg's libraries, 5.1 and newer; the module map links them.
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavformat",
            providers: [
                .apt(["libavformat-dev", "libavcodec-dev", "libavfilter-dev", "libswresample-dev", "libavutil-dev"]),
                .brew(["ffmpeg"]),
            ]),
        .target(name: "CKernels", dependencies: ["CDNNL"]),
        .target(name: "Tensors", dependencies: ["CKernels"]),
        .target(name: "StrictJSON"),
        .target(name: "Checkpoints", dependencies: ["Tensors", "StrictJSON"]),
        .target(name: "AudioDSP", dependencies: ["CFFmpeg", "Tensors"]),
        .target(name: "Chatterbox", dependencies: ["Tensors", "Checkpoints", "AudioDSP", "StrictJSON"]),
        .target(
            name: "SpeechEngine",
            dependencies: [
                "Chatterbox", "AudioDSP", "Tensors", "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ]),
        // What is measured, and how Prometheus gets it: no package for that could be had.
        .target(name: "Telemetry", dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")]),
        .target(
            name: "ModelHub",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        // GRDB links the system's SQLite (libsqlite3-dev).
        .target(name: "VoiceLibrary", dependencies: ["CFFmpeg", .product(name: "GRDB", package: "GRDB.swift")]),
        // Who may do what, and how much of it: keys, tokens, limits.
        .target(
            name: "AccessControl",
            dependencies: [
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "NIOCore", package: "swift-nio"),
            ]),
        .target(
            name: "SpeechServer",
            dependencies: [
                "AccessControl", "SpeechEngine", "Chatterbox", "VoiceLibrary", "AudioDSP", "Telemetry", "StrictJSON",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        // For others' programs: speech from a server, over its WebSocket.
        .target(
            name: "ChatterboxClient",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        // Not named `chatterbox`: on a case-insensitive disk that is the same folder and module as Chatterbox.
        .executableTarget(
            name: "ChatterboxCLI",
            dependencies: [
                "SpeechServer", "SpeechEngine", "VoiceLibrary", "Chatterbox", "Checkpoints", "ModelHub", "AudioDSP",
                "AccessControl", "ChatterboxClient", "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),
        .testTarget(name: "TensorsTests", dependencies: ["Tensors", "CKernels"]),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON"]),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints", "Tensors"]),
        .testTarget(name: "AudioDSPTests", dependencies: ["AudioDSP", "Tensors"]),
        .testTarget(name: "ChatterboxTests", dependencies: ["Chatterbox", "Checkpoints", "AudioDSP", "Tensors"]),
        .testTarget(
            name: "SpeechEngineTests",
            dependencies: ["SpeechEngine", "Chatterbox", "Checkpoints", "AudioDSP", "Tensors"]),
        .testTarget(name: "ModelHubTests", dependencies: ["ModelHub"]),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["Telemetry", .product(name: "CoreMetrics", package: "swift-metrics")]),
        .testTarget(
            name: "VoiceLibraryTests",
            dependencies: ["VoiceLibrary", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(
            name: "AccessControlTests",
            dependencies: [
                "AccessControl", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "JWTKit", package: "jwt-kit"),
            ]),
        .testTarget(
            name: "SpeechServerTests",
            dependencies: [
                "AccessControl", "SpeechServer", "SpeechEngine", "AudioDSP", "ChatterboxClient",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        // What `make fuzz` and FuzzingTests hand bytes to; no part of the product.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "SpeechServer", "Chatterbox", "Checkpoints", "AudioDSP", "ChatterboxClient",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
            ], path: "Fuzzing/Targets"),
        .testTarget(name: "FuzzingTests", dependencies: ["FuzzTargets"]),
    ],
    swiftLanguageModes: [.v6]
)

// Its main is libFuzzer's, which only a build with `-sanitize=fuzzer` has: scripts/fuzz.sh.
if Context.environment["CHATTERBOX_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(name: "Fuzzers", dependencies: ["FuzzTargets"], path: "Fuzzing/LibFuzzer"))
}
