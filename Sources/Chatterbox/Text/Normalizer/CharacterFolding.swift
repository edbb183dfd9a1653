import Foundation

/// Unicode to the few characters the lexer knows: ASCII and the symbols of `kept`.
enum CharacterFolding {
    /// Symbols with a reading of their own.
    static let kept = Set("°£€¥₹₩₽₿¢×÷±≈≠≤≥√∞§©²³µ".unicodeScalars)

    /// Folds quotes, dashes, ligatures, full-width forms and accents; writes other scripts in Latin letters; drops
    /// what has no sound (emoji, zero-width characters, controls).
    static func fold(_ text: String) -> [Unicode.Scalar] {
        var folded: [Unicode.Scalar] = []
        folded.reserveCapacity(text.utf8.count)
        var letters = String.UnicodeScalarView()  // a word with letters beyond ASCII
        var hasForeign = false
        func closeWord() {
            if hasForeign {
                folded.append(contentsOf: plain(String(letters)))
            } else {
                folded.append(contentsOf: letters)
            }
            letters.removeAll(keepingCapacity: true)
            hasForeign = false
        }
        for scalar in latin(text).unicodeScalars {
            if scalar.isASCII {
                if scalar.isLetter {
                    letters.append(scalar)
                } else {
                    closeWord()
                    folded.append(scalar.value < 32 || scalar.value == 127 ? " " : scalar)
                }
                continue
            }
            if scalar.properties.isDefaultIgnorableCodePoint { continue }
            if kept.contains(scalar) {
                closeWord()
                folded.append(scalar)
            } else if let replacement = SymbolTable.folded[scalar] {
                closeWord()
                if replacement.first?.isNumber == true, folded.last?.isDigit == true { folded.append(" ") }
                folded.append(contentsOf: replacement.unicodeScalars)
            } else {
                switch scalar.properties.generalCategory {
                case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .otherLetter, .modifierLetter,
                    .nonspacingMark, .spacingMark, .enclosingMark:
                    letters.append(scalar)
                    hasForeign = true
                case .decimalNumber, .letterNumber, .otherNumber:
                    closeWord()
                    folded.append(contentsOf: number(scalar))
                default:
                    closeWord()
                    let plain = String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars
                    if plain.allSatisfy({ $0.isASCII || kept.contains($0) }) {
                        folded.append(contentsOf: plain)
                    } else {
                        folded.append(" ")
                    }
                }
            }
        }
        closeWord()
        return folded
    }

    private static func number(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        let plain = Array(String(scalar).precomposedStringWithCompatibilityMapping.unicodeScalars)
        if plain.allSatisfy(\.isASCII) { return plain }
        guard let value = scalar.properties.numericValue, value >= 0, value < 1e6 else { return [" "] }
        return Array(String(Int(value)).unicodeScalars)
    }

    /// A word with letters beyond ASCII, its accents off.
    private static func plain(_ word: String) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        for scalar in word.decomposedStringWithCompatibilityMapping.unicodeScalars {
            if scalar.isASCII {
                result.append(scalar)
            } else if let letters = SymbolTable.latinLetters[scalar] {
                result.append(contentsOf: letters.unicodeScalars)
            } else {
                switch scalar.properties.generalCategory {
                case .nonspacingMark, .spacingMark, .enclosingMark, .modifierLetter: continue
                default:
                    // A letter that not even ICU has a sound for: better its name than silence.
                    let name = scalar.properties.name?.split(separator: " ").last {
                        $0.unicodeScalars.allSatisfy(\.isLetter)
                    }
                    result.append(contentsOf: " \(name?.lowercased() ?? "letter") ".unicodeScalars)
                }
            }
        }
        return result
    }

    /// Other scripts in Latin letters. One call for a whole block: to set the transform up takes ICU milliseconds.
    private static func latin(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isForeign) else { return text }
        let scalars = Array(text.unicodeScalars)
        var named = String.UnicodeScalarView()
        for (i, scalar) in scalars.enumerated() {
            let isAlone =
                !(i > 0 && scalars[i - 1].properties.isAlphabetic)
                && !(i + 1 < scalars.count && scalars[i + 1].properties.isAlphabetic)
            if isAlone, let name = SymbolTable.greekNames[scalar] {
                named.append(contentsOf: name.unicodeScalars)
            } else {
                named.append(scalar)
            }
        }
        let text = String(named)
        return named.contains(where: isForeign) ? text.applyingTransform(.toLatin, reverse: false) ?? text : text
    }

    /// A letter of a script that is not Latin, which ends before U+0250 but for a few blocks of accented letters.
    private static func isForeign(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x370, scalar.properties.isAlphabetic else { return false }
        return !(0x1D00...0x1EFF).contains(scalar.value) && !(0x2070...0x24FF).contains(scalar.value)
            && !(0xFB00...0xFB06).contains(scalar.value) && !(0xFF00...0xFF5E).contains(scalar.value)
            && SymbolTable.folded[scalar] == nil
    }
}

extension Unicode.Scalar {
    var isLetter: Bool { (65...90).contains(value) || (97...122).contains(value) }
    var isUppercase: Bool { (65...90).contains(value) }
    var isDigit: Bool { (48...57).contains(value) }
}
