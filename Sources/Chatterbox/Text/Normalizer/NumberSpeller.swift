/// Numbers in American English words, from digit strings of any length: no locale, no shared formatter, no lock.
///
/// The style is what the voices were trained on: "one hundred twenty-three" without "and", "oh" in years and clock
/// times, "point" and single digits after a decimal point.
package enum NumberSpeller {
    private static let small = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ]
    private static let tens = [
        "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ]
    private static let scales = [
        "", " thousand", " million", " billion", " trillion", " quadrillion", " quintillion", " sextillion",
        " septillion", " octillion", " nonillion", " decillion",
    ]
    private static let irregularOrdinals = [
        "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
        "twelve": "twelfth",
    ]

    /// "one hundred twenty-three". Above 36 digits there are no names anyone knows, so they are read one by one.
    package static func cardinal(_ digits: String) -> String {
        let significant = digits.drop { $0 == "0" }
        guard !significant.isEmpty else { return "zero" }
        guard significant.count <= 3 * scales.count else { return self.digits(digits) }
        var rest = Array(significant.utf8)
        var groups: [String] = []
        var scale = 0
        while !rest.isEmpty {
            let group = rest.suffix(3).reduce(0) { $0 * 10 + Int($1) - 48 }
            rest.removeLast(min(3, rest.count))
            if group > 0 { groups.append(belowThousand(group) + scales[scale]) }
            scale += 1
        }
        return groups.reversed().joined(separator: " ")
    }

    static func cardinal(_ value: Int) -> String {
        value < 0 ? "minus " + cardinal(String(value.magnitude)) : cardinal(String(value))
    }

    /// "first", "twenty-first", "one hundredth".
    package static func ordinal(_ digits: String) -> String {
        onLastWord(of: cardinal(digits)) { word in
            if let irregular = irregularOrdinals[word] { return irregular }
            if word.hasSuffix("y") { return word.dropLast() + "ieth" }
            return word.hasSuffix("t") ? word + "h" : word + "th"
        }
    }

    /// "sixes", "nineties", "one hundreds".
    static func plural(_ words: String) -> String {
        onLastWord(of: words) { word in
            if word.hasSuffix("y") { return word.dropLast() + "ies" }
            return word.hasSuffix("x") ? word + "es" : word + "s"
        }
    }

    /// "five five five".
    static func digits(_ digits: String) -> String {
        digits.utf8.map { small[Int($0) - 48] }.joined(separator: " ")
    }

    /// "nineteen eighty-four", "two thousand one", "twenty twenty-six", "nineteen oh five", "fifteen hundred".
    package static func year(_ year: Int) -> String {
        if year < 1000 || year > 9999 || (year % 1000) < 10 { return cardinal(year) }
        return pair(year / 100) + " " + (year % 100 == 0 ? "hundred" : minutes(year % 100))
    }

    /// Digits as people read codes and flight numbers: "three eighty", "seven forty-seven", "ten eighty", "oh five".
    static func code(_ digits: String) -> String {
        guard let value = Int(digits), !digits.hasPrefix("0") else { return self.digits(digits) }
        switch digits.count {
        case 1, 2: return cardinal(value)
        case 3: return small[value / 100] + " " + (value % 100 == 0 ? "hundred" : minutes(value % 100))
        case 4 where value % 1000 != 0: return year(value)
        case 4: return cardinal(value)
        default: return self.digits(digits)
        }
    }

    /// Two digits after an hour or a century: "oh five", "thirty".
    static func minutes(_ value: Int) -> String { value < 10 ? "oh " + small[value] : pair(value) }

    private static func pair(_ value: Int) -> String {
        if value < 20 { return small[value] }
        return tens[value / 10] + (value % 10 == 0 ? "" : "-" + small[value % 10])
    }

    private static func belowThousand(_ value: Int) -> String {
        let hundreds = value >= 100 ? small[value / 100] + " hundred" : ""
        if value % 100 == 0 { return hundreds }
        return (hundreds.isEmpty ? "" : hundreds + " ") + pair(value % 100)
    }

    private static func onLastWord(of words: String, _ change: (String) -> String) -> String {
        let start = words.lastIndex { $0 == " " || $0 == "-" }.map { words.index(after: $0) } ?? words.startIndex
        return words[..<start] + change(String(words[start...]))
    }
}
