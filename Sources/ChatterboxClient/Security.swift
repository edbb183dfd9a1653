import NIOSSL

/// How a connection is kept from others.
public enum Security: Sendable, Equatable {
    /// Not at all: http and ws.
    case none
    /// https and wss.
    /// - Parameter authorities: PEM file of the certificates that the server's may be signed by, or its own; nil is those
    ///   that the system trusts.
    case tls(authorities: String? = nil)

    /// - Returns: nil without TLS.
    /// - Throws: `ChatterboxClientError.unusableAuthorities`.
    func context() throws -> NIOSSLContext? {
        guard case .tls(let authorities) = self else { return nil }
        var configuration = TLSConfiguration.makeClientConfiguration()
        // A WebSocket goes over HTTP/1.1.
        configuration.applicationProtocols = ["http/1.1"]
        do {
            if let authorities {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ChatterboxClientError.unusableAuthorities(file: authorities ?? "system", reason: "\(error)")
        }
    }
}
