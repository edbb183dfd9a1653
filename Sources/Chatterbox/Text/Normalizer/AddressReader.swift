/// Web addresses, e-mail addresses, file names and paths: how to recognise and how to read them.
enum AddressReader {
    private static let domains: Set<String> = [
        "com", "org", "net", "io", "ai", "edu", "gov", "co", "uk", "de", "fr", "jp", "dev", "app", "info", "biz", "tv",
        "ca", "au", "eu", "ch", "nl", "se", "es", "ru", "cn", "br", "mil", "int", "xyz", "gg", "ly", "blog", "tech",
    ]
    private static let extensions: Set<String> = [
        "pdf", "txt", "doc", "docx", "xls", "xlsx", "ppt", "csv", "json", "xml", "html", "htm", "css", "js", "ts", "py",
        "c", "h", "cpp", "rs", "go", "java", "swift", "rb", "sh", "md", "yml", "yaml", "toml", "png", "jpg", "jpeg",
        "gif", "svg", "mp", "wav", "mp3", "mp4", "avi", "mov", "zip", "gz", "tar", "exe", "dll", "log", "cfg", "ini",
        "env", "sql", "db", "bak", "iso", "apk", "epub",
    ]

    /// `chunk` has no spaces and no punctuation at its ends.
    static func isAddress(_ chunk: ArraySlice<Unicode.Scalar>) -> Bool {
        guard chunk.allSatisfy(\.isASCII), chunk.contains(where: \.isLetter) else { return false }
        let text = String(String.UnicodeScalarView(chunk))
        if let scheme = scheme(of: text), scheme.rest.unicodeScalars.contains(where: { $0.isLetter || $0.isDigit }) {
            return true
        }
        if text.lowercased().hasPrefix("www."), text.utf8.count > 4 { return true }
        let byAt = text.split(separator: "@", omittingEmptySubsequences: false)
        if byAt.count == 2 { return isName(byAt[0]) && isHost(byAt[1], anyDomain: true) }
        guard byAt.count == 1 else { return false }
        let bySlash = text.split(separator: "/", omittingEmptySubsequences: false)
        if isHost(bySlash[0], anyDomain: false) { return true }
        if text.hasPrefix("/") || text.hasPrefix("./") || text.hasPrefix("../") || text.hasPrefix("~/") {
            return bySlash.count > 2 || bySlash.last.map(isFile) == true || text.hasPrefix("~/") || text.hasPrefix("./")
        }
        let byBackslash = text.split(separator: "\\", omittingEmptySubsequences: false)
        if byBackslash.count > 2 { return true }
        return isFile(bySlash.last!)
    }

    /// "w w w dot example dot com slash path". The scheme and the query are left out: nobody reads them aloud.
    static func words(for address: String) -> String {
        var text = address
        if let scheme = scheme(of: address) { text = scheme.rest }
        let isWeb = text != address || text.lowercased().hasPrefix("www.")
        var words: [String] = []
        var scalars = Array(text.unicodeScalars)[...]
        while scalars.last == "/" { scalars.removeLast() }
        while let first = scalars.first {
            if first == "?" || (first == "#" && isWeb) { break }
            if first.isLetter {
                let label = String(String.UnicodeScalarView(scalars.prefix { $0.isLetter }))
                scalars.removeFirst(label.utf8.count)
                let isLast = words.last == "dot" && scalars.first != "."
                words.append(word(for: label, afterDot: isLast))
            } else if first.isDigit {
                let digits = String(String.UnicodeScalarView(scalars.prefix { $0.isDigit }))
                scalars.removeFirst(digits.utf8.count)
                words.append(NumberSpeller.code(digits))
            } else {
                scalars.removeFirst()
                if let word = SymbolTable.addressWords[first] { words.append(word) }
            }
        }
        return words.joined(separator: " ")
    }

    private static func word(for label: String, afterDot: Bool) -> String {
        let lower = label.lowercased()
        if lower == "www" { return "w w w" }
        if afterDot {
            if ["js", "py", "io", "ai", "uk", "tv", "ca", "eu", "ts", "md"].contains(lower) {
                return Acronyms.spelled(label.uppercased())
            }
            if [
                "pdf", "txt", "csv", "xml", "html", "htm", "css", "cpp", "png", "svg", "mp", "exe", "dll", "xls", "ppt",
                "gz", "sql", "cfg", "jpg",
            ].contains(lower) {
                return Acronyms.words(for: label.uppercased())
            }
        }
        return Acronyms.words(for: label)
    }

    private static func scheme(of text: String) -> (name: Substring, rest: String)? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[0].unicodeScalars.allSatisfy(\.isLetter) else { return nil }
        if parts[1].hasPrefix("//") { return (parts[0], String(parts[1].dropFirst(2))) }
        return parts[0].lowercased() == "mailto" ? (parts[0], String(parts[1])) : nil
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.unicodeScalars.allSatisfy { $0.isLetter || $0.isDigit || "._%+-".unicodeScalars.contains($0) }
    }

    private static func isHost(_ text: Substring, anyDomain: Bool) -> Bool {
        let host = text.split(separator: ":", omittingEmptySubsequences: false)[0]
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.count >= 2, let last = labels.last else { return false }
        guard
            labels.allSatisfy({ label in
                !label.isEmpty && label.unicodeScalars.allSatisfy { $0.isLetter || $0.isDigit || $0 == "-" }
            })
        else { return false }
        guard last.unicodeScalars.allSatisfy(\.isLetter), last.utf8.count >= 2 else { return false }
        return anyDomain || (domains.contains(String(last)) && labels.dropLast().contains { $0.utf8.count > 1 })
    }

    private static func isFile(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 2, let last = parts.last, extensions.contains(last.lowercased()) else { return false }
        return parts.dropLast().allSatisfy { isName($0) } && parts[0].unicodeScalars.contains(where: \.isLetter)
            && (last.utf8.count > 1 || last == last.lowercased())
    }
}
