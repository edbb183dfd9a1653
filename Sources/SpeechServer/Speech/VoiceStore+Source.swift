import Foundation
import VoiceLibrary

extension VoiceStore: VoiceSource {
    package func sourceNames() async throws -> [String] { try await allNames() }
    package func sourceDefault() async throws -> String? { try await defaultVoice()?.name }

    package func sourceRecording(of name: String) async throws -> (name: String, content: Data)? {
        do {
            let found = try await recording(of: name)
            return (found.voice.name, found.bytes)
        } catch LibraryError.unknownVoice {
            return nil
        }
    }
}

extension ServerError {
    /// What an error of the library is to a client.
    init(_ error: LibraryError) {
        switch error {
        case .invalid(let field, let value, let allowed):
            self = .invalidValue(field: field, value: "\"\(value.excerpt(60))\"", allowed: allowed)
        case .tooLarge(_, _, let maximum): self = .messageTooLarge(limit: maximum)
        case .unknownVoice(let name): self = .noSuch(kind: "voice", name: name)
        case .unknownAlias(let alias, _): self = .noSuch(kind: "alias", name: alias)
        case .unknownJob(let id): self = .noSuch(kind: "job", name: id)
        case .nameTaken(_, _, let asAlias):
            self = .conflict(reason: error.description, field: asAlias ? "alias" : "voice_name")
        case .impossible, .claimLost, .unfinishedChunks: self = .conflict(reason: error.description, field: nil)
        case .missingRecording, .missingFile: self = .conflict(reason: error.description, field: nil)
        default: self = .libraryFailed(reason: error.description)
        }
    }
}
