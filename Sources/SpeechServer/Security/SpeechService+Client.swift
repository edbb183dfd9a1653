import AccessControl
import AudioDSP
import Foundation

extension SpeechService {
    /// The same for somebody: what is spoken is counted.
    func of(_ client: AccessClient?) -> SpeechService {
        var service = self
        service.client = client
        return service
    }

    /// One place and one count for a request that is spoken in several pieces.
    /// - Throws: `ServerError.refused`.
    func sharingAllowance() throws -> SpeechService {
        var service = self
        service.allowance = try openAllowance()
        return service
    }

    /// - Throws: `ServerError.refused` if the client has all places it may have.
    func openAllowance() throws -> SpeechAllowance? {
        do throws(AccessRefusal) { return try client?.openStream() } catch { throw ServerError.refused(error) }
    }

    /// Before a request on a connection that was let in earlier: the key may have been withdrawn since.
    /// - Parameters:
    ///   - textLength: characters.
    ///   - isNew: whether it counts as a request.
    /// - Throws: `ServerError.refused`.
    func admitRequest(textLength: Int, isNew: Bool = true) async throws {
        do throws(AccessRefusal) {
            if isNew {
                try await client?.renew(Route.Requirement.webSocket)
                try client?.countRequest()
            }
            try client?.check(.textLength, textLength)
        } catch {
            throw ServerError.refused(error)
        }
    }

    /// - Throws: `ServerError.refused` for a recording that is larger or longer than the client may send.
    func check(recording: Data) async throws {
        guard let client else { return }
        do throws(AccessRefusal) {
            try client.check(.uploadBytes, recording.count)
            guard client.limits[.uploadSeconds] != nil else { return }
            // What is no recording is told by those who use it.
            let rate = 8000
            let decoding = Task.detached { try MediaFile.decode(recording, sampleRateHz: rate).count }
            guard let count = try? await decoding.value else { return }
            try client.check(.uploadSeconds, Int((Double(count) / Double(rate)).rounded(.up)))
        } catch {
            throw ServerError.refused(error)
        }
    }
}

extension Call {
    /// - Throws: `ServerError.refused` for a text that is longer than the client may send.
    func check(_ name: ClientLimits.Name, of text: String) throws {
        do throws(AccessRefusal) { try client?.check(name, text.unicodeScalars.count) } catch {
            throw ServerError.refused(error)
        }
    }

    /// Whoever has a long text spoken later pays for it now, by its length: people speak some 15 characters a second.
    /// - Throws: `ServerError.refused`.
    func charge(textLength: Int) throws {
        do throws(AccessRefusal) {
            try client?.charge(audioSeconds: Double(textLength) / 15)
        } catch {
            throw ServerError.refused(error)
        }
    }

    /// Whose jobs alone may be seen; nil is everybody's: that of operators, and where nobody has a key.
    var onlyOwner: String? { client?.scopes.contains(.admin) == true ? nil : client?.owner }

    /// Bytes of a body: a form whose file is too large need not be read to its end.
    func bodyLimit(_ body: Route.Body) -> Int {
        guard !body.files.isEmpty, let bytes = client?.limits[.uploadBytes] else { return body.limit }
        return min(body.limit, bytes + 1 << 16)
    }
}
