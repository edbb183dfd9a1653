import ArgumentParser
import Chatterbox
import Foundation
import ModelHub
import SpeechEngine

extension Settings {
    /// A model as `--model` says it.
    private struct Model {
        /// What requests call it.
        var name: String
        /// A folder, or a name that `chatterbox models` lists.
        var location: String
    }

    /// The engine of the one model that the options ask for, not loaded yet.
    func makeEngine() throws -> SpeechEngine { SpeechEngine(configuration: try engineConfiguration()) }

    /// Of the one model that the options ask for.
    func engineConfiguration() throws -> SpeechEngine.Configuration {
        let models = try models()
        guard models.count == 1 else {
            throw ValidationError("This takes one --model; there are \(models.count).")
        }
        return try engineConfiguration(models[0], isFirst: true)
    }

    /// All models that the options ask for, none loaded yet. Their configurations are read, so that a folder that is no
    /// model's is told now.
    func makeRegistry() throws -> ModelRegistry<SpeechEngine> {
        let limits = try registryLimits()
        var entries: [ModelRegistry<SpeechEngine>.Entry] = []
        var configurations: [String: SpeechEngine.Configuration] = [:]
        for (index, model) in try models().enumerated() {
            var engine = try engineConfiguration(model, isFirst: index == 0)
            engine.metrics = EngineMetrics(model: model.name)
            let configuration: ModelConfiguration
            do {
                configuration = try .read(from: engine.modelFolder, selection: engine.selection)
            } catch {
                throw ValidationError("The model can't be loaded: \(error)")
            }
            configurations[model.name] = engine
            entries.append(
                .init(
                    name: model.name, byteCount: configuration.byteCount(in: engine.modelFolder),
                    languages: configuration.languages))
        }
        return ModelRegistry(entries, limits: limits) { [configurations] name in
            guard let configuration = configurations[name] else { preconditionFailure("\(name) is no entry") }
            return SpeechEngine(configuration: configuration)
        }
    }

    func registryLimits() throws -> ModelRegistry<SpeechEngine>.Limits {
        var limits = ModelRegistry<SpeechEngine>.Limits()
        let idle = try integer("chatterbox.idle.unload", in: 0...31_536_000, default: 600)
        limits.idleTimeout = idle == 0 ? nil : .seconds(idle)
        let mebibytes = Int(ProcessInfo.processInfo.physicalMemory >> 20)
        let budget = try integer("chatterbox.memory.budget", in: 0...1_000_000_000, default: mebibytes / 4 * 3)
        limits.memoryBudget = budget == 0 ? nil : Int64(budget) << 20
        return limits
    }

    private func models() throws -> [Model] {
        let given = string("chatterbox.model", default: "embedded")
        // a folder may have a comma or an equals sign in its name
        let parts = Self.exists(given) ? [given] : given.split(separator: ",").map(String.init)
        let models = parts.map { part -> Model in
            if let equals = part.firstIndex(of: "="), equals > part.startIndex, !Self.exists(part) {
                return Model(name: String(part[..<equals]), location: String(part[equals...].dropFirst()))
            }
            let isName = part == "embedded" || HubModel(rawValue: part) != nil
            return Model(
                name: isName ? part : URL(filePath: part).standardizedFileURL.lastPathComponent, location: part)
        }
        let names = models.map(\.name)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ValidationError("Two models are called \(twice). Name one with --model name=folder.")
        }
        return models
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// - Parameter isFirst: whether variant, decoder and lexicon, which are chosen for one model, are for this.
    private func engineConfiguration(_ model: Model, isFirst: Bool) throws -> SpeechEngine.Configuration {
        var configuration = try engineNumbers()
        configuration.modelFolder = try ModelLocation.folder(model.location)
        if isFirst {
            configuration.selection = try selection(of: model.location)
            configuration.lexiconFile = string("chatterbox.lexicon").map { URL(filePath: $0) }
        } else if HubModel(rawValue: model.location) != nil {
            configuration.selection.models = OfficialModel.named(model.location)
        }
        return configuration
    }

    /// Of every model; which one is still to be said.
    func engineNumbers() throws -> SpeechEngine.Configuration {
        var configuration = SpeechEngine.Configuration(modelFolder: URL(filePath: "."))
        configuration.precision = try choice("chatterbox.precision", default: configuration.precision)
        configuration.keepsPackedWeights = try choice("chatterbox.packed.weights", default: Switch.on) == .on
        configuration.threads = try integer("chatterbox.threads", in: 1...1024, default: configuration.threads)
        if string("chatterbox.max.sessions") != nil {
            configuration.maxSessions = try integer("chatterbox.max.sessions", in: 1...10_000, default: 1)
        }
        configuration.maxWaiting = try integer(
            "chatterbox.max.waiting", in: 0...10_000, default: configuration.maxWaiting)
        return configuration
    }
}
