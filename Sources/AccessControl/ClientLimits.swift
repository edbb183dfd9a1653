/// What one client may ask for. What isn't named is unlimited.
public struct ClientLimits: Sendable, Equatable {
    public enum Name: String, Sendable, CaseIterable {
        /// Requests over HTTP and over WebSockets.
        case requestsPerMinute = "requests_per_minute"
        /// WebSockets open at once.
        case connections
        /// Requests spoken, or waiting for their place, at once.
        case streams
        case audioSecondsPerRequest = "audio_seconds_per_request"
        /// From midnight to midnight, UTC.
        case audioSecondsPerDay = "audio_seconds_per_day"
        /// Characters of a request's text.
        case textLength = "text_length"
        /// Characters of a long text, which becomes a job.
        case jobTextLength = "job_text_length"
        /// Of a recording that is sent.
        case uploadBytes = "upload_bytes"
        case uploadSeconds = "upload_seconds"
    }

    private var values: [Name: Int] = [:]

    public init() {}

    /// - Parameter text: such as `requests_per_minute=60, streams=2`; `none` lifts a limit.
    /// - Throws: `AccessError.invalid`.
    public init(parsing text: String) throws(AccessError) {
        for part in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let known = halves[0].lowercased().replacing("-", with: "_")
            guard halves.count == 2, let name = Name(rawValue: known) else {
                throw .invalid(field: "limits", value: String(part), allowed: Self.grammar)
            }
            guard values[name] == nil else {
                throw .invalid(field: name.rawValue, value: "given twice", allowed: "one number")
            }
            if halves[1].lowercased() == "none" {
                values[name] = Int.max
            } else if let number = Int(halves[1]), (0...1_000_000_000).contains(number) {
                values[name] = number
            } else {
                throw .invalid(
                    field: name.rawValue, value: String(halves[1]), allowed: "an integer from 0 to 1000000000, or none")
            }
        }
    }

    /// nil is unlimited.
    public subscript(name: Name) -> Int? {
        get { values[name].flatMap { $0 == Int.max ? nil : $0 } }
        set { values[name] = newValue }
    }

    public var isEmpty: Bool { values.isEmpty }

    /// These limits, but where `own` names one, that.
    public func overridden(by own: ClientLimits) -> ClientLimits {
        var limits = self
        limits.values.merge(own.values) { $1 }
        return limits
    }

    func without(_ name: Name) -> ClientLimits {
        var limits = self
        limits.values[name] = nil
        return limits
    }

    /// As ``init(parsing:)`` reads it.
    public var text: String {
        Name.allCases.compactMap { name in
            values[name].map { "\(name.rawValue)=\($0 == Int.max ? "none" : String($0))" }
        }.joined(separator: ",")
    }

    static let grammar =
        "a list such as requests_per_minute=60,streams=2 of "
        + Name.allCases.map(\.rawValue).joined(separator: ", ")
}
