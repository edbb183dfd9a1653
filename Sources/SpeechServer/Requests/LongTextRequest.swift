import AudioDSP
import Foundation
import SpeechEngine

/// A long text to be spoken as a job.
package struct LongTextRequest: Sendable {
    enum Format: String, Sendable, CaseIterable {
        case mp3, wav, opus, flac, aac
    }

    /// Fields that are not parameters of speech.
    static let ownNames = [
        "response_format", "session_id", "display_name", "chunk_size_characters", "voice_file",
    ]
    private static let tolerated = [
        "chunking_strategy", "quality_preset", "silence_padding_ms", "enable_pauses", "custom_pauses", "speed",
        "stream_format",
    ]

    private static let format = ChoiceField("response_format", default: Format.mp3, "What the audio comes as")
    private static let session = StringField("session_id", lengths: 0...200, "Whose job it is, to list them by")
    private static let displayName = StringField("display_name", lengths: 0...200, "What to call it in lists")

    static func properties(_ rules: SpeechParameters.Rules) -> [FieldProperty] {
        SpeechFields(rules).properties + [format.property, session.property, displayName.property]
    }

    var parts: SpeechParameters
    var format: Format
    var sessionID: String?
    var displayName: String?
    /// The parameters as they came, without the text: what is kept.
    var parameters: [String: JSONValue]

    /// - Throws: `ServerError` that names every field at fault.
    package init(_ fields: RequestFields, rules: SpeechParameters.Rules) throws {
        var reader = FieldReader(fields.values, isText: fields.isText)
        parts = SpeechParameters(&reader, rules: rules)
        format = reader(Self.format)
        sessionID = reader(Self.session)
        displayName = reader(Self.displayName)
        let known = SpeechParameters.names + Self.ownNames
        let strangers = fields.values.keys.filter { !known.contains($0) }
        let harmless = strangers.filter { Suggestion.nearest(to: $0, in: known) == nil }
        _ = try reader.finish(known: known, tolerated: Self.tolerated + harmless)
        parameters = [:]
        for name in SpeechParameters.names where !["input", "voice", "voice_audio"].contains(name) {
            if fields.values[name] != nil { parameters[name] = reader.used[name] }
        }
        if parts.model == nil { parameters["model"] = nil }
    }
}
