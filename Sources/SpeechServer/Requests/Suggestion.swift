/// Finds the name that was probably meant.
package enum Suggestion {
    /// - Returns: nil if none is much like it.
    package static func nearest(to name: String, in known: [String]) -> String? {
        guard name.count <= 60 else { return nil }
        let best = known.map { (name: $0, distance: distance(name.lowercased(), $0)) }.min { $0.distance < $1.distance }
        guard let best, best.distance <= max(2, name.count / 3) else { return nil }
        return best.name
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
