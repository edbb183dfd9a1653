/// A piece of written text that rules look at.
struct Token: Equatable {
    enum Kind {
        /// Letters, with apostrophes inside: "don't".
        case word
        /// Digits; thousands separators are gone.
        case number
        /// Three or more numbers with dots: "2.0.1".
        case dotted
        /// Single letters with dots, written here without: "U.S" is "US". The last dot is a symbol of its own.
        case initials
        /// An address, e-mail, file name or path, to be read letter for letter.
        case address
        /// Anything else.
        case symbol
    }

    var kind: Kind
    var text: String
    var spaceBefore: Bool
    /// Digits after the decimal point of a number.
    var fraction: String?
    /// The number was written with thousands separators.
    var isGrouped = false

    /// The number is a plain run of digits.
    var isPlainInteger: Bool { kind == .number && fraction == nil && !isGrouped }

    /// The value of a plain run of at most six digits.
    var integer: Int? { isPlainInteger && text.utf8.count <= 6 ? Int(text) : nil }

    var isCapitalised: Bool { kind == .word && text.unicodeScalars.first!.isUppercase }
    var isLowercase: Bool { kind == .word && !text.unicodeScalars.contains(where: \.isUppercase) }

    /// At least two letters, all of them capitals.
    var isAllCapitals: Bool {
        kind == .word && text.utf8.count > 1 && text.unicodeScalars.allSatisfy(\.isUppercase)
    }
}
