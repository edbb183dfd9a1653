import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The studio page and what it is made of: files read once, at the start, and served by name. Nothing else of the disk can
/// be asked for.
struct Pages: Sendable {
    private struct Page: Sendable {
        var contentType: String
        var content: ByteBuffer
    }

    private static let contentTypes = [
        "html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml", "png": "image/png", "json": "application/json",
    ]

    private var pages: [String: Page] = [:]

    /// - Parameter folder: has index.html, served at `/`, and files that it names, served at `/web/NAME`.
    /// - Throws: if a file can't be read.
    init(folder: URL) throws {
        for file in try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil) {
            guard let type = Self.contentTypes[file.pathExtension] else { continue }
            let path = file.lastPathComponent == "index.html" ? "/" : "/web/\(file.lastPathComponent)"
            pages[path] = Page(contentType: type, content: ByteBuffer(bytes: try Data(contentsOf: file)))
        }
    }

    var paths: [String] { pages.keys.sorted() }

    func response(for path: String) -> Response? {
        guard let page = pages[path] else { return nil }
        return Response(
            status: .ok,
            headers: [
                .contentType: page.contentType, .cacheControl: "no-cache",
                .contentSecurityPolicy:
                    "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'",
                .xContentTypeOptions: "nosniff",
            ], body: .init(byteBuffer: page.content))
    }
}
