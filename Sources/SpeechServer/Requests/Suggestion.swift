/// Finds the name that was probably meant.
package enum Suggestion {
    /// - Returns: nil if none is much like it.
    package static func nearest(to name: String, in known: [String]) -> String? {
        guard name.count <= 60, let best = nearest(1, to: name.lowercased(), in: known).first else { return nil }
        return distance(name.lowercased(), best) <= max(2, name.count / 3) ? best : nil
    }

    /// Those most like it, the likest first.
    package static func nearest(_ count: Int, to name: String, in known: some Sequence<String>) -> [String] {
        let ranked = known.map { (distance: distance(name, $0), name: $0) }
        return ranked.sorted { $0 < $1 }.prefix(count).map(\.name)
    }

    /// Levenshtein's edit distance.
    private static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
