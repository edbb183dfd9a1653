import Foundation
import Logging
import NIOSSL
import ServiceLifecycle
import Synchronization
import UnixSignals

/// The server's certificate and key, read anew when their files change or at a SIGHUP. Connections that are open keep what
/// they have; files that can't be used are told in the log, and what was read before stays.
public final class TLSIdentity: Service {
    public enum Failure: Error, CustomStringConvertible {
        case unusable(file: String, reason: String)

        public var description: String {
            switch self {
            case .unusable(let file, let reason): "\(file) can't be used: \(reason)"
            }
        }
    }

    /// What of two files tells that they have changed.
    private struct Stamp: Equatable {
        var dates: [Date?]
        var sizes: [Int?]
    }

    private struct State {
        var context: NIOSSLContext
        var stamp: Stamp
    }

    /// Renewal is no hurry, and two files are not replaced at once.
    private static let interval = Duration.seconds(2)

    private let certificateFile: String
    private let keyFile: String
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameters:
    ///   - certificateFile: PEM, the server's own certificate first, then those that lead to a root.
    ///   - keyFile: PEM, without a pass phrase.
    /// - Throws: ``Failure`` that names the file.
    public init(certificateFile: String, keyFile: String, logger: Logger) throws {
        (self.certificateFile, self.keyFile, self.logger) = (certificateFile, keyFile, logger)
        state = Mutex(
            State(
                context: try Self.load(certificateFile, keyFile), stamp: Self.stamp(certificateFile, keyFile)))
    }

    /// For the next connection.
    var context: NIOSSLContext { state.withLock { $0.context } }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { self.reload() }
                }
                group.addTask {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: Self.interval)
                        let stamp = Self.stamp(self.certificateFile, self.keyFile)
                        if stamp != self.state.withLock({ $0.stamp }) { self.reload() }
                    }
                }
            }
        }
    }

    private func reload() {
        let stamp = Self.stamp(certificateFile, keyFile)
        do {
            let context = try Self.load(certificateFile, keyFile)
            state.withLock { $0 = State(context: context, stamp: stamp) }
            logger.notice("certificate read anew", metadata: ["file": "\(certificateFile)"])
        } catch {
            state.withLock { $0.stamp = stamp }
            logger.error("the new certificate is not used", metadata: ["reason": "\(error)"])
        }
    }

    private static func load(_ certificateFile: String, _ keyFile: String) throws -> NIOSSLContext {
        func read<Content>(_ file: String, _ body: () throws -> Content) throws -> Content {
            do { return try body() } catch { throw Failure.unusable(file: file, reason: "\(error)") }
        }
        let chain = try read(certificateFile) { try NIOSSLCertificate.fromPEMFile(certificateFile) }
        guard !chain.isEmpty else {
            throw Failure.unusable(file: certificateFile, reason: "there is no certificate in it")
        }
        let key = try read(keyFile) { try NIOSSLPrivateKey(file: keyFile, format: .pem) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        // BoringSSL finds here whether the two belong together.
        return try read(keyFile) { try NIOSSLContext(configuration: configuration) }
    }

    private static func stamp(_ files: String...) -> Stamp {
        let attributes = files.map { file in
            // A renewed certificate is often a link that points elsewhere.
            try? FileManager.default.attributesOfItem(atPath: URL(filePath: file).resolvingSymlinksInPath().path)
        }
        return Stamp(
            dates: attributes.map { $0?[.modificationDate] as? Date }, sizes: attributes.map { $0?[.size] as? Int })
    }
}
