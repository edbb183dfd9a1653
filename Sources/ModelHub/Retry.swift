import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// Tries again after failures that may pass, with waits that double. Progress starts the count anew.
struct Retry: Sendable {
    /// A failure that may pass.
    struct Passing: Error {
        var reason: String
        /// What the server asked for, in seconds.
        var retryAfter: Double?
    }

    private let settings: HubSettings
    private let url: URL
    private let onWait: @Sendable (_ reason: String, _ seconds: Double) -> Void
    private static let longestWait = 60.0

    init(
        _ settings: HubSettings, url: URL, onWait: @escaping @Sendable (_ reason: String, _ seconds: Double) -> Void
    ) {
        self.settings = settings
        self.url = url
        self.onWait = onWait
    }

    /// - Parameters:
    ///   - progress: a number that grows when something was gained.
    ///   - attempt: throws `Passing` or an error of the network to be called again.
    /// - Throws: `HubError.unreachable` after the last attempt; other errors at once.
    func run<Result>(progress: () -> Int64 = { 0 }, _ attempt: () async throws -> Result) async throws -> Result {
        var failures = 0
        var reached = progress()
        while true {
            let failure: Passing
            do {
                return try await attempt()
            } catch let error as Passing {
                failure = error
            } catch let error as HubError {
                throw error
            } catch let error as CancellationError {
                throw error
            } catch {
                failure = Passing(reason: Self.reason(error))
            }
            if progress() > reached {
                reached = progress()
                failures = 0
            }
            failures += 1
            guard failures < settings.attempts else {
                throw HubError.unreachable(url: url.absoluteString, reason: failure.reason, attempts: failures)
            }
            // up to a quarter more, so that many clients don't come back at once
            let own = settings.retryDelay * pow(2, Double(failures - 1)) * Double.random(in: 1...1.25)
            let wait = min(max(own, failure.retryAfter ?? 0), Self.longestWait)
            onWait(failure.reason, wait)
            try await Task.sleep(for: .seconds(wait))
        }
    }

    /// An error of the network in words.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .readTimeout: return "the server went silent"
            case .connectTimeout: return "no connection in time"
            case .remoteConnectionClosed, .uncleanShutdown: return "the connection was cut"
            case .bodyLengthMismatch: return "the connection was cut before the end"
            case .proxyAuthenticationRequired: return "the proxy asks for a user and password"
            case .invalidProxyResponse: return "the proxy refused the connection"
            default: return error.shortDescription
            }
        case HTTPParserError.invalidEOFState: return "the connection was cut"
        case let error as IOError: return error.description
        case let error as NIOConnectionError:
            if let dns = error.dnsAError ?? error.dnsAAAAError { return "unknown host \(error.host) (\(dns))" }
            return error.connectionErrors.first.map { "\($0.error)" } ?? "no connection to \(error.host)"
        default: return "\(error)"
        }
    }
}
