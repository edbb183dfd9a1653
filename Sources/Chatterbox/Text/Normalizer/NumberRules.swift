extension Verbalizer {
    // MARK: - Quantities

    /// A number with everything that belongs to it: fraction, range, ordinal ending, percent, unit, decade.
    mutating func readNumber(prefix: String = "") {
        if prefix.isEmpty && (readOrdinalOrDecade() || readDimensions() || readFixedForm() || readCode()) { return }
        let number = tokens[at]
        guard var quantity = fraction(at) ?? multiplied(at) ?? plain(at) else { return }
        // ranges: 3-5, 1990-1995, 2019-20, 5-10 km
        if isSymbol("-", quantity.end, attached: false), let high = token(quantity.end + 1), high.kind == .number,
            prefix.isEmpty, tokens[quantity.end].spaceBefore == high.spaceBefore, !isEquation(quantity.end)
        {
            let isYears =
                year(at, force: true) != nil && high.isPlainInteger && [2, 4].contains(high.text.utf8.count)
                && Units.unit(token(quantity.end + 2)?.text ?? "") == nil
            let low = isYears ? year(at, force: true)! : quantity.words
            if isYears, let last = year(quantity.end + 1, force: true) {
                quantity = Quantity(words: low + " to " + last, isOne: false, end: quantity.end + 2)
            } else if let last = fraction(quantity.end + 1) ?? multiplied(quantity.end + 1) ?? plain(quantity.end + 1) {
                quantity = Quantity(words: low + " to " + last.words, isOne: false, end: last.end)
            }
        }
        let mayBeYear = number.isPlainInteger && quantity.end == at + 1 && prefix.isEmpty
        let begin = at
        at = quantity.end
        if readUnit(prefix + quantity.words, isOne: quantity.isOne) { return }
        at = begin
        let words = mayBeYear ? year(begin, force: false) ?? quantity.words : quantity.words
        out.say(prefix + words)
        at = quantity.end
        readPossessive()
    }

    /// "-5", "+5", "~5", "#5", "No. 5" is an abbreviation.
    mutating func readSignedNumber() -> Bool {
        let sign = tokens[at]
        guard let number = attached(.number, at + 1), number.kind == .number else { return false }
        let isFree = sign.spaceBefore || at == 0 || previous.map { $0.kind == .symbol } == true
        switch sign.text {
        case "-" where isFree:
            at += 1
            readNumber(prefix: "minus ")
        case "+" where isFree:
            at += 1
            if !readPhoneNumber() { readNumber(prefix: "plus ") }
        case "~" where isFree:
            at += 1
            readNumber(prefix: "about ")
        case "#":
            at += 1
            if attached(.word, at + 1) != nil && Units.unit(tokens[at + 1].text) == nil {
                out.say("hashtag")
            } else {
                out.say("number")
            }
            readNumber()
        default:
            return false
        }
        return true
    }

    struct Quantity {
        var words: String
        var isOne: Bool
        var end: Int
    }

    private func plain(_ index: Int) -> Quantity? {
        guard let number = token(index), number.kind == .number else { return nil }
        let scale = token(index + 1).flatMap { next in
            next.spaceBefore && Units.scaleWords.contains(next.text.lowercased()) ? next.text.lowercased() : nil
        }
        var words: String
        if let fraction = number.fraction {
            words = NumberSpeller.cardinal(number.text) + " point " + NumberSpeller.digits(fraction)
        } else if !number.isGrouped
            && (number.text.utf8.count > 9 || (number.text.hasPrefix("0") && number.text != "0"))
        {
            words = NumberSpeller.digits(number.text)
        } else {
            words = NumberSpeller.cardinal(number.text)
        }
        if let scale { words += " " + scale }
        return Quantity(words: words, isOne: words == "one", end: index + (scale == nil ? 1 : 2))
    }

    /// "10k", "5M", "3bn" with nothing behind.
    private func multiplied(_ index: Int) -> Quantity? {
        guard let number = token(index), number.kind == .number, let letter = attached(.word, index + 1),
            ["k", "K", "M", "bn", "mn", "tn"].contains(letter.text), attached(.number, index + 2) == nil,
            !(letter.text == "K" && ["2", "4", "5", "8", "10", "16"].contains(number.text)),
            var quantity = plain(index)
        else { return nil }
        quantity.words += " " + Units.multipliers[letter.text]!
        quantity.end = index + 2
        quantity.isOne = false
        return quantity
    }

    /// "1/2", "3/4", "2 1/2", "1 1/2" after ½ was folded.
    private func fraction(_ index: Int) -> Quantity? {
        if let simple = simpleFraction(index) {
            return Quantity(words: simple.words, isOne: true, end: simple.end)
        }
        guard let whole = token(index), whole.isPlainInteger, whole.text.utf8.count < 4, let next = token(index + 1),
            next.kind == .number, next.spaceBefore, let rest = simpleFraction(index + 1)
        else { return nil }
        let part = rest.words.hasPrefix("one ") ? "a " + rest.words.dropFirst(4) : rest.words
        return Quantity(
            words: NumberSpeller.cardinal(whole.text) + " and " + part, isOne: false, end: rest.end)
    }

    private func simpleFraction(_ index: Int) -> (words: String, end: Int)? {
        guard let top = token(index)?.integer, isSymbol("/", index + 1), let bottomToken = attached(.number, index + 2),
            let bottom = bottomToken.integer, top > 0, top < bottom, bottom <= 100, top < 100,
            !(isSymbol("/", index + 3) && attached(.number, index + 4) != nil),
            bottom <= 10 || [12, 16, 20, 32, 64, 100].contains(bottom), !(top == 9 && bottom == 11)
        else { return nil }
        let part = bottom == 2 ? "half" : bottom == 4 ? "quarter" : NumberSpeller.ordinal(String(bottom))
        let parts = top == 1 ? part : bottom == 2 ? "halves" : part + "s"
        return (NumberSpeller.cardinal(top) + " " + parts, index + 3)
    }

    // MARK: - Units

    /// What is measured, behind the number at `at`.
    private mutating func readUnit(_ words: String, isOne: Bool) -> Bool {
        guard let next = token(at) else { return false }
        if next.kind == .symbol {
            switch next.text {
            case "%":
                out.say(words + " percent")
                at += 1
                return true
            case "°":
                let scale = attached(.word, at + 1)?.text.uppercased()
                let name = scale == "C" ? " Celsius" : scale == "F" ? " Fahrenheit" : ""
                out.say(words + (isOne ? " degree" : " degrees") + name)
                at += name.isEmpty ? 1 : 2
                return true
            case "'" where !next.spaceBefore: return readFeet(words, isOne: isOne)
            case "\"" where !next.spaceBefore && !hasOpenQuote:
                out.say(words + (isOne ? " inch" : " inches"))
                at += 1
                return true
            case "µ":
                guard let word = attached(.word, at + 1), let unit = Units.unit("µ" + word.text) else { return false }
                out.say(words + " " + (isOne ? unit.one : unit.many))
                at = afterStop(at + 2)
                return true
            case "-" where !next.spaceBefore:
                // 10-km run
                guard let word = attached(.word, at + 1), let unit = Units.unit(word.text), !unit.isAmbiguous else {
                    return false
                }
                out.say(words)
                out.glue()
                out.say(unit.one)
                at += 2
                return true
            default: return false
            }
        }
        guard next.kind == .word else { return false }
        if next.spaceBefore, ["sq", "cu"].contains(next.text.lowercased()) {
            let isStopped = isSymbol(".", at + 1)
            let index = at + (isStopped ? 2 : 1)
            guard let unit = Units.unit(token(index)?.text ?? "") else { return false }
            out.say(words + (next.text.lowercased() == "sq" ? " square " : " cubic ") + (isOne ? unit.one : unit.many))
            at = afterStop(index + 1)
            return true
        }
        guard let unit = Units.unit(next.text), !(next.spaceBefore && unit.isAmbiguous && !isStoppedUnit(next)) else {
            return false
        }
        // a letter can also be part of a code: 5G4, 3D
        if attached(.number, at + 1) != nil && !["2", "3"].contains(tokens[at + 1].text) { return false }
        var name = isOne ? unit.one : unit.many
        at += 1
        let powers = ["²": "square ", "2": "square ", "³": "cubic ", "3": "cubic "]
        if let power = token(at), !power.spaceBefore, let kind = powers[power.text] {
            name = kind + name
            at += 1
        } else if isSymbol("^", at), let power = attached(.number, at + 1), let kind = powers[power.text] {
            name = kind + name
            at += 2
        }
        if isSymbol("/", at), let per = attached(.word, at + 1), let second = Units.unit(per.text) {
            name += " per " + second.one
            at += 2
            if let power = token(at), !power.spaceBefore, power.text == "²" || power.text == "2" {
                name += " squared"
                at += 1
            }
        }
        out.say(words + " " + name)
        at = afterStop(at)
        return true
    }

    /// "5 in." before a number, a comma or a small letter.
    private func isStoppedUnit(_ unit: Token) -> Bool {
        isSymbol(".", at + 1) && unit.text.utf8.count > 1 && token(at + 2)?.isCapitalised != true
    }

    /// 5', 5'11", 6'2
    private mutating func readFeet(_ words: String, isOne: Bool) -> Bool {
        if let inches = attached(.number, at + 1), inches.text.utf8.count <= 2, let value = inches.integer, value < 12 {
            out.say(words + " foot " + NumberSpeller.cardinal(value))
            at += isSymbol("\"", at + 2) ? 3 : (isSymbol("'", at + 2) && isSymbol("'", at + 3) ? 4 : 2)
            return true
        }
        if isSymbol("'", at + 1) {
            out.say(words + (isOne ? " inch" : " inches"))
            at += 2
            return true
        }
        if let word = attached(.word, at + 1), word.text == "s" { return false }
        out.say(words + (isOne ? " foot" : " feet"))
        at += 1
        return true
    }

    // MARK: - Forms of their own

    /// "1st", "21st", "1990s", "90s", "XXth" is with the Roman numerals.
    private mutating func readOrdinalOrDecade() -> Bool {
        let number = tokens[at]
        guard number.kind == .number, number.fraction == nil, let ending = attached(.word, at + 1) else { return false }
        switch ending.text.lowercased() {
        case "st", "nd", "rd", "th":
            out.say(NumberSpeller.ordinal(number.text))
        case "s" where number.isPlainInteger && number.text.hasSuffix("0") && number.text.utf8.count > 1:
            let value = number.integer ?? 0
            if number.text.utf8.count == 2, value < 20 { return false }
            let isDecade = (1100...2100).contains(value)
            out.say(NumberSpeller.plural(isDecade ? NumberSpeller.year(value) : NumberSpeller.cardinal(number.text)))
        default: return false
        }
        at += 2
        return true
    }

    /// "1920x1080", "4 x 4", "2×4".
    private mutating func readDimensions() -> Bool {
        func operand(_ index: Int) -> (words: String, end: Int)? {
            guard let number = token(index), number.kind == .number else { return nil }
            let words =
                number.isPlainInteger && number.text.utf8.count == 4
                ? NumberSpeller.code(number.text) : plain(index)!.words
            return (words, index + 1)
        }
        func times(_ index: Int) -> Bool {
            guard let sign = token(index) else { return false }
            return (sign.text.lowercased() == "x" && sign.kind == .word) || (sign.text == "×" && !sign.spaceBefore)
        }
        guard let first = operand(at), first.words != "zero", times(first.end), let second = operand(first.end + 1)
        else { return false }
        var words = first.words + " by " + second.words
        at = second.end
        if times(at), let third = operand(at + 1) {
            words += " by " + third.words
            at = third.end
        }
        if !readUnit(words, isOne: false) { out.say(words) }
        return true
    }

    /// "24/7", "50/50", "9/11", "911", scores and ratios "3:1".
    private mutating func readFixedForm() -> Bool {
        let number = tokens[at]
        guard number.isPlainInteger else { return false }
        if number.text == "911",
            ["call", "called", "dial", "dialed", "calling"].contains(previous?.text.lowercased() ?? "")
        {
            out.say("nine one one")
            at += 1
            return true
        }
        guard let second = attached(.number, at + 2), second.isPlainInteger, let separator = token(at + 1),
            !separator.spaceBefore
        else { return false }
        if separator.text == "/", ["24/7", "50/50", "9/11", "20/20", "7/11"].contains(number.text + "/" + second.text),
            !isSymbol("/", at + 3)
        {
            out.say(NumberSpeller.cardinal(number.text) + " " + NumberSpeller.cardinal(second.text))
            at += 3
            return true
        }
        if separator.text == ":", !isSymbol(":", at + 3), let first = plain(at), let last = plain(at + 2) {
            out.say(first.words + " to " + last.words)
            at += 3
            return true
        }
        return false
    }

    /// "2.0.1" as a version, "192.168.1.1" digit by digit, "555.123.4567" as a phone number.
    mutating func readDotted() {
        let parts = tokens[at].text.split(separator: ".").map(String.init)
        at += 1
        if parts.map(\.utf8.count) == [3, 3, 4] {
            sayDigitGroups(parts)
            return
        }
        let isAddress =
            parts.count == 4 && parts.allSatisfy { (Int($0) ?? 256) < 256 } && parts.contains { $0.utf8.count > 1 }
        for (i, part) in parts.enumerated() {
            if i > 0 { out.say(isAddress ? "dot" : "point") }
            out.say(isAddress || part.hasPrefix("0") ? NumberSpeller.digits(part) : NumberSpeller.code(part))
        }
    }

    /// "1. Buy milk": the number of a list item, before anything else was said.
    mutating func readListNumber() -> Bool {
        guard out.isEmpty, tokens[at].isPlainInteger, tokens[at].text.utf8.count <= 2, let next = token(at + 2),
            next.spaceBefore, isSymbol(".", at + 1) || isSymbol(")", at + 1)
        else { return false }
        out.say(NumberSpeller.cardinal(tokens[at].text))
        out.mark(",")
        at += 2
        return true
    }

    // MARK: - Phone numbers

    /// "555-1234", "(555) 123-4567", "+1 555 123 4567", "1-800-555-1234", card numbers in groups of four.
    mutating func readPhoneNumber() -> Bool {
        var index = at
        var groups: [String] = []
        var hasParenthesis = false
        let isInternational = previous?.kind == .symbol && previous?.text == "+" && !tokens[at].spaceBefore
        var separators: [String] = []
        while groups.count < 7 {
            if isSymbol("(", index, attached: false), let code = attached(.number, index + 1), code.isPlainInteger,
                code.text.utf8.count <= 4, isSymbol(")", index + 2)
            {
                if !groups.isEmpty { separators.append(" ") }
                hasParenthesis = true
                groups.append(code.text)
                index += 3
                if isSymbol("-", index) { index += 1 }
                continue
            }
            guard let number = token(index), number.isPlainInteger, number.text.utf8.count <= 5 else { break }
            if !groups.isEmpty && separators.count < groups.count { separators.append(" ") }
            groups.append(number.text)
            index += 1
            if isSymbol("-", index), attached(.number, index + 1) != nil {
                separators.append("-")
                index += 1
            } else if token(index)?.spaceBefore != true {
                break
            }
        }
        if token(index)?.kind == .word && token(index)?.spaceBefore == false { return false }
        if isSymbol("%", index) || isSymbol("/", index) || isSymbol(":", index) { return false }
        let lengths = groups.map(\.utf8.count)
        let isPhone: Bool
        if isInternational {
            isPhone = lengths.reduce(0, +) >= 7
        } else if hasParenthesis {
            isPhone = lengths.count >= 3 && lengths.reduce(0, +) >= 7 && lengths.last! >= 3
        } else if separators.allSatisfy({ $0 == "-" }) {
            let isRange = groups.count == 2 && groups.allSatisfy { $0.hasSuffix("0") }
            isPhone = [[3, 4], [3, 3, 4], [1, 3, 3, 4], [3, 2, 4], [4, 4, 4, 4]].contains(lengths) && !isRange
        } else {
            isPhone = [[3, 3, 4], [4, 4, 4, 4], [1, 3, 3, 4]].contains(lengths)
        }
        guard isPhone else { return false }
        sayDigitGroups(groups)
        at = index
        return true
    }

    private mutating func sayDigitGroups(_ groups: [String]) {
        for (i, group) in groups.enumerated() {
            if i > 0 { out.mark(",") }
            out.say(group == "800" ? "eight hundred" : NumberSpeller.digits(group))
        }
    }

    // MARK: - Years

    private static let yearWords: Set<String> = [
        "in", "since", "by", "from", "until", "till", "before", "after", "of", "during", "circa", "year", "early",
        "late",
        "mid", "around", "summer", "winter", "spring", "fall", "autumn", "back", "born", "died",
    ]

    /// Years without context are those of living memory; older ones need a word such as "in" before them.
    private func year(_ index: Int, force: Bool) -> String? {
        guard let number = token(index), number.text.utf8.count == 4, let value = number.integer else { return nil }
        let before = token(index - 1)?.text.lowercased() ?? ""
        let isNear = (1900...2099).contains(value)
        guard isNear || ((1000...1899).contains(value) && (force || Self.yearWords.contains(before))) else {
            return nil
        }
        if !isNear, !force, let next = token(index + 1), next.isLowercase, next.text.hasSuffix("s"),
            next.text.utf8.count > 3
        {
            return nil  // "of 1500 people" but not "of 1500 dollars"
        }
        return NumberSpeller.year(value)
    }

    /// A minus rather than a range: "5 - 3 = 2".
    private func isEquation(_ minus: Int) -> Bool {
        (minus + 1...minus + 3).contains { token($0).map { $0.kind == .symbol && $0.text == "=" } == true }
            || token(at - 1).map { $0.kind == .symbol && ["=", "+", "×", "*"].contains($0.text) } == true
    }

    mutating func readPossessive() {
        guard isSymbol("'", at), let ending = attached(.word, at + 1), ending.text == "s" else { return }
        out.suffix("'s")
        at += 2
    }
}
