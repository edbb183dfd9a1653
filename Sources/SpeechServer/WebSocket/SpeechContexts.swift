import Logging
import SpeechEngine

/// The contexts of one socket, by their ids.
actor SpeechContexts {
    private struct Open {
        let context: SpeechContext
        let run: Task<Void, Never>
    }

    private let service: SpeechService
    private let limit: Int
    private let logger: Logger
    private let send: @Sendable (ServerMessage) async throws -> Void
    private let onEnd: @Sendable () async -> Void
    private var open: [String: Open] = [:]
    private var isClosed = false

    /// - Parameters:
    ///   - limit: contexts at once.
    ///   - onEnd: called after each context's last message.
    init(
        service: SpeechService, limit: Int, logger: Logger,
        send: @escaping @Sendable (ServerMessage) async throws -> Void, onEnd: @escaping @Sendable () async -> Void
    ) {
        (self.service, self.limit, self.logger, self.send, self.onEnd) = (service, limit, logger, send, onEnd)
    }

    var isEmpty: Bool { open.isEmpty }

    /// Text for a context; `request`, its parameters, opens it.
    /// - Throws: `ServerError`.
    func append(_ text: String, to id: String, _ request: StreamRequest?) async throws {
        if let context = open[id]?.context {
            guard request == nil else {
                throw ServerError.invalidValue(
                    field: "data", value: "given for an open context", allowed: "with the first append only")
            }
            return try await context.append(text)
        }
        guard let request else { throw ServerError.noSuchContext(id) }
        guard !isClosed else { throw ServerError.shuttingDown }
        guard service.engine.isReady else { throw ServerError.notReady }
        guard open.count < limit else { throw ServerError.tooManyContexts(limit: limit) }
        try await service.checkSpeaker(of: request.parts)
        let context = SpeechContext(id: id, request: request, service: service, logger: logger, send: send)
        try await context.append(text)
        open[id] = Open(context: context, run: Task { await self.run(context) })
    }

    func flush(_ id: String) async throws { try await context(id).flush() }
    func close(_ id: String) async throws { try await context(id).close() }
    func cancel(_ id: String) async throws { try await context(id).cancel() }

    /// What was said is spoken to its end, and no more is taken.
    func closeAll() async {
        isClosed = true
        for entry in open.values { await entry.context.close() }
    }

    /// Ends all at once.
    /// - Returns: whether there were any.
    @discardableResult func cancelAll() async -> Bool {
        let contexts = open.values.map(\.context)
        for context in contexts { await context.cancel() }
        return !contexts.isEmpty
    }

    /// Returns when nothing of any context is left.
    func waitUntilEmpty() async {
        while let entry = open.values.first { await entry.run.value }
    }

    private func context(_ id: String) throws -> SpeechContext {
        guard let context = open[id]?.context else { throw ServerError.noSuchContext(id) }
        return context
    }

    private func run(_ context: SpeechContext) async {
        await context.run()
        open[context.id] = nil
        await onEnd()
    }
}
