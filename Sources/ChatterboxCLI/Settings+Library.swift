import ArgumentParser
import Foundation
import Logging
import SpeechServer
import VoiceLibrary

extension Settings {
    /// What is used where a request says nothing.
    func speechDefaults() throws -> SpeechDefaults {
        SpeechDefaults(
            exaggeration: try number("exaggeration", in: 0.25...2, default: 0.5),
            cfgWeight: try number("cfg.weight", in: 0...1, default: 0.5),
            temperature: try number("temperature", in: 0.05...5, default: 0.8))
    }

    struct JobNumbers {
        var workers, maxLength, chunkSize, paddingMs, retentionDays: Int
    }

    func jobNumbers() throws -> JobNumbers {
        JobNumbers(
            workers: try integer("long.text.max.concurrent.jobs", in: 1...64, default: 3),
            maxLength: try integer("long.text.max.length", in: 3001...10_000_000, default: 100_000),
            chunkSize: try integer("long.text.chunk.size", in: 100...3000, default: 2500),
            paddingMs: try integer("long.text.silence.padding.ms", in: 0...10_000, default: 200),
            retentionDays: try integer("long.text.job.retention.days", in: 1...36_500, default: 7))
    }

    /// The voice library's folder, opened; a voices.json of chatterbox-tts-api in it is imported the first time.
    func voiceStore(_ logger: Logger) throws -> VoiceStore {
        let folder = URL(filePath: string("voice.library.dir", default: "voices"))
        do {
            let store = try VoiceStore(folder: folder)
            if let report = store.firstImport { logger.info("\(report)") }
            return store
        } catch let error as LibraryError {
            throw ValidationError("The voice library can't be opened: \(error) Name another folder with --voices.")
        }
    }

    /// Where long texts are kept and how they are spoken; nil if another server is at the folder that nobody asked for.
    func jobs(_ logger: Logger) throws -> ChatterboxServer.Configuration.Jobs? {
        let folder = URL(filePath: string("long.text.data.dir", default: "data/long_text"))
        do {
            let numbers = try jobNumbers()
            return ChatterboxServer.Configuration.Jobs(
                store: try JobStore(folder: folder), workers: numbers.workers, maxLength: numbers.maxLength,
                chunkSize: numbers.chunkSize, paddingMs: numbers.paddingMs, retentionDays: numbers.retentionDays)
        } catch LibraryError.inUse where string("long.text.data.dir") == nil {
            logger.warning(
                "another server speaks the long texts of \(folder.path); this one takes none. Give it a folder of its own with --jobs"
            )
            return nil
        } catch let error as LibraryError {
            throw ValidationError("The folder of long texts can't be opened: \(error)")
        }
    }
}
