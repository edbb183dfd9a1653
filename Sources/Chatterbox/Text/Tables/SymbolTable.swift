/// Characters with a plain equivalent, and the words for symbols that stay.
enum SymbolTable {
    /// Replaced before anything is read.
    static let folded: [Unicode.Scalar: String] = {
        var table: [Unicode.Scalar: String] = [
            "\u{2026}": "...", "\u{2044}": "/", "\u{2212}": "-", "\u{00AD}": "", "\u{FF0E}": ".", "\u{3002}": ". ",
            "\u{3001}": ", ", "\u{FF0C}": ", ", "\u{FF01}": "! ", "\u{FF1F}": "? ", "\u{061F}": "? ", "\u{060C}": ", ",
            "\u{0964}": ". ", "\u{037E}": "? ", "\u{00BF}": " ", "\u{00A1}": " ", "\u{2030}": " per mille ",
            "\u{2103}": "°C", "\u{2109}": "°F", "\u{2126}": " ohms ", "\u{03BC}": "µ", "\u{03C0}": " pi ",
            "\u{2116}": "No. ", "\u{2122}": " ", "\u{00AE}": " ", "\u{00B6}": " paragraph ", "\u{2192}": " to ",
            "\u{21D2}": " to ", "\u{2190}": " ", "\u{2022}": ", ", "\u{00B7}": ", ", "\u{00A6}": "|",
            "\u{2011}": "-", "\u{2012}": "-", "\u{2013}": "-", "\u{2010}": "-", "\u{FE63}": "-", "\u{FF0D}": "-",
            "\u{2206}": " delta ",
            "\u{00BA}": "°", "\u{221A}": " square root of ", "\u{2211}": " sum of ", "\u{20BF}": "₿",
            "\u{2019}": "'", "\u{2018}": "'", "\u{201A}": "'", "\u{201B}": "'", "\u{2032}": "'", "\u{00B4}": "'",
            "\u{02BC}": "'", "\u{2033}": "\"", "\u{2660}": " ", "\u{FF05}": "%", "\u{00AA}": "a",
        ]
        for quote in "“”„‟«»‹›「」『』《》〈〉".unicodeScalars { table[quote] = "\"" }
        for dash in ["\u{2014}", "\u{2015}", "\u{2E3A}", "\u{2E3B}"] { table[Unicode.Scalar(dash)!] = " -- " }
        let fractions = [
            ("½", "1/2"), ("⅓", "1/3"), ("⅔", "2/3"), ("¼", "1/4"), ("¾", "3/4"), ("⅕", "1/5"), ("⅖", "2/5"),
            ("⅗", "3/5"), ("⅘", "4/5"), ("⅙", "1/6"), ("⅚", "5/6"), ("⅐", "1/7"), ("⅛", "1/8"), ("⅜", "3/8"),
            ("⅝", "5/8"), ("⅞", "7/8"), ("⅑", "1/9"), ("⅒", "1/10"),
        ]
        for (fraction, digits) in fractions { table[Unicode.Scalar(fraction)!] = digits }
        return table
    }()

    /// Latin letters that do not decompose into a plain letter and a mark.
    static let latinLetters: [Unicode.Scalar: String] = [
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng",
        "Ŋ": "Ng", "ə": "a", "Ə": "A", "ƒ": "f",
    ]

    /// A Greek letter alone is a symbol; Greek words are transliterated.
    static let greekNames: [Unicode.Scalar: String] = [
        "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
        "λ": "lambda", "ν": "nu", "ξ": "xi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi",
        "ψ": "psi", "ω": "omega", "Γ": "gamma", "Δ": "delta", "Θ": "theta", "Λ": "lambda", "Σ": "sigma", "Φ": "phi",
        "Ψ": "psi", "Ω": "omega",
    ]

    /// Words for symbols wherever they stand.
    static let words: [String: String] = [
        "&": "and", "+": "plus", "=": "equals", "%": "percent", "@": "at", "°": "degrees", "×": "times",
        "÷": "divided by", "±": "plus or minus", "≈": "approximately", "≠": "is not equal to",
        "≤": "is less than or equal to", "≥": "is greater than or equal to", "√": "square root of",
        "∞": "infinity", "§": "section", "©": "copyright", "²": "squared", "³": "cubed", "µ": "micro",
        "£": "pounds", "€": "euros", "¥": "yen", "₹": "rupees", "₩": "won", "₽": "rubles", "₿": "bitcoin",
        "¢": "cents", "$": "dollars", "<=": "is less than or equal to", ">=": "is greater than or equal to",
        "!=": "is not equal to", "==": "equals", "->": "to", "=>": "to", "+-": "plus or minus", "\\": "backslash",
    ]

    /// Words for the punctuation of addresses and paths.
    static let addressWords: [Unicode.Scalar: String] = [
        ".": "dot", "/": "slash", "-": "dash", "_": "underscore", "@": "at", ":": "colon", "~": "tilde",
        "#": "hash", "\\": "backslash", "+": "plus", "=": "equals", "%": "percent", "&": "and", "*": "star",
    ]

    static let entities: [String: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "copy": "©", "mdash": " -- ",
        "ndash": "-", "hellip": "...", "euro": "€", "pound": "£", "deg": "°", "times": "×", "rsquo": "'",
        "lsquo": "'", "ldquo": "\"", "rdquo": "\"",
    ]

    static let emoticons: Set<String> = [
        ":)", ":-)", ":(", ":-(", ";)", ";-)", ":D", ":-D", ":P", ":-P", ":p", ":/", ":-/", "<3", ":'(", ":O", ":o",
        "XD", "xD", "^^", "^_^", "-_-", ":*", "=)", ":|",
    ]
}
