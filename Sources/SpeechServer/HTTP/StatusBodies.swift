import Foundation
import SpeechEngine

/// Answer of `GET /ws/stream/status`.
struct StreamStatus: Encodable {
    struct Features: Encodable {
        var incrementalGeneration = true
        var kvCache = true
        var alignmentMonitoring = true
        var lowLatency = true
        var voiceCloning = false
        var realTimeFactor = "< 1.0 (faster than real-time)"
    }

    var available: Bool
    var ready: Bool
    var sampleRate: Int
    var supportedFormats = StreamRequest.OutputFormat.allCases.map(\.rawValue)
    var description = "TRUE model-level streaming with KV-cache"
    var features: Features
    /// Beyond the documented fields: what a client needs to offer choices.
    var model: String
    var models: [ModelList.Model]
    var voices: [String]
    var defaultVoice: String
    var ignoredParameters: [String]
}

/// Answer of `GET /models`, in the shape of OpenAI's.
struct ModelList: Encodable {
    struct Model: Encodable {
        var id: String
        var object = "model"
        /// OpenAI's clients expect both; no date of a model is known.
        var created = 0
        var ownedBy = "resemble-ai"
        var isDefault: Bool
        /// `loaded`, `loading` or `unloaded`.
        var state: String
        var memoryMb: Double
        var languages: [String]
        /// Empty until it is loaded.
        var voices: [String]
        var voiceCloning: Bool
        var activeRequests: Int
        /// Why it couldn't be loaded.
        var error: JSONValue
    }

    var object = "list"
    var data: [Model]

    init(_ models: [ModelStatus]) {
        data = models.map {
            Model(
                id: $0.name, isDefault: $0.isDefault, state: $0.state.rawValue,
                memoryMb: (Double($0.byteCount) / 1e6).rounded(decimals: 1), languages: $0.languages,
                voices: $0.voices, voiceCloning: $0.canClone, activeRequests: $0.activeRequests,
                error: $0.failure.map(JSONValue.string) ?? .null)
        }
    }
}

/// The same while the model loads.
struct StreamUnavailable: Encodable {
    var available = false
    var ready = false
    var error: String
}

/// Answer of `GET /ws/stream/connections`.
struct ConnectionCount: Encodable {
    var totalConnections: Int
    var timestamp: Double
}

/// Answer of `GET /health`.
struct Health: Encodable {
    struct Configuration: Encodable {
        var model: String
        var voices: [String]
        var defaultVoice: String
        var sampleRate: Int
        var maxTextLength: Int
        /// The same by the sibling's names.
        var maxChunkLength = 280
        var maxTotalLength: Int
        var voiceSamplePath = ""
        var defaultExaggeration: Double
        var defaultCfgWeight: Double
        var defaultTemperature: Double
        var maxConnections: Int
        var maxQueuedRequests: Int
        var connectionTimeoutSeconds: Int64
    }

    struct Memory: Encodable {
        var cpuMemoryMb: Double
        var cpuMemoryPercent: Double
    }

    var status: String
    var modelLoaded: Bool
    var device = "cpu"
    var config: Configuration
    var models: [ModelList.Model]
    var memoryInfo: Memory
    var initializationState: String
    var initializationProgress: String
    /// Always null: a server whose model can't be loaded exits and says why.
    var initializationError = JSONValue.null
}

extension Health.Memory {
    /// Resident memory of this process; zeros where the system doesn't tell.
    static func current() -> Self {
        let bytes = residentBytes()
        let total = Double(ProcessInfo.processInfo.physicalMemory)
        let percent = Double(bytes) / total * 100
        return Self(
            cpuMemoryMb: (Double(bytes) / 1_048_576).rounded(decimals: 1),
            cpuMemoryPercent: percent.rounded(decimals: 2))
    }

    private static func residentBytes() -> Int {
        #if os(Linux)
            // The second field of statm is the resident set, in pages.
            guard let statm = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
            let fields = statm.split(separator: " ")
            return fields.count > 1 ? (Int(fields[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
        #else
            var usage = rusage()
            getrusage(RUSAGE_SELF, &usage)
            return usage.ruMaxrss
        #endif
    }
}
