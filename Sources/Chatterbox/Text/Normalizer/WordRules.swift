extension Verbalizer {
    // MARK: - Abbreviations

    /// "Dr. Smith", "Elm Dr.", "St. Louis", "No. 5", "etc.", "w/o", "J. Smith".
    mutating func readAbbreviation() -> Bool {
        let word = tokens[at]
        let hasStop = isStop(at + 1)
        let next = token(at + (hasStop ? 2 : 1))
        if isSymbol("/", at + 1) {
            if let second = attached(.word, at + 2),
                let words = Abbreviations.slashed[word.text.lowercased() + "/" + second.text.lowercased()]
            {
                out.say(words)
                at += 3
                return true
            }
            if word.text.lowercased() == "w", token(at + 2)?.spaceBefore != false {
                out.say("with")
                at += 2
                return true
            }
        }
        if word.text == "St" || word.text == "Dr" {
            let followsName =
                previous.map { $0.isCapitalised || $0.kind == .number } == true && !word.startsSentence(previous)
            let isStreet = followsName && (next?.isCapitalised != true || previous?.kind == .number || hasAddressNumber)
            if isStreet && (hasStop || next == nil || next!.kind != .word) || isStreet && hasAddressNumber {
                out.say(word.text == "St" ? "Street" : "Drive")
                at = afterStop(at + 1)
                return true
            }
            guard next?.isCapitalised == true || hasStop else { return false }
            out.say(word.text == "St" ? "Saint" : "Doctor")
            at += hasStop ? 2 : 1
            return true
        }
        if word.text.utf8.count == 1, word.isCapitalised, hasStop, let next, next.isCapitalised,
            word.text != "I" || previous == nil || isSymbol(".", at - 1),
            !(previous.map { $0.kind == .word && $0.text.utf8.count == 1 } == true),  // "F B I. Then"
            Abbreviations.entry(next.text) == nil, next.text != "Dr", next.text != "St",
            next.text.utf8.count == 1 ? isSymbol(".", at + 3) : !Abbreviations.starters.contains(next.text)
        {
            out.say(word.text)
            at += 2
            return true
        }
        guard let (words, rule) = Abbreviations.entry(word.text) else { return false }
        switch rule {
        case .always:
            out.say(words)
            at = afterStop(at + 1)
        case .stopped:
            guard hasStop else { return readBareSuffix(word, words) }
            out.say(words)
            at = afterStop(at + 1)
        case .title:
            guard let next, next.isCapitalised || next.kind == .initials || hasStop, next.kind != .symbol,
                hasStop || ["Mr", "Mrs", "Ms", "Prof", "Mt", "Sgt", "Capt", "Lt"].contains(word.text)
            else { return false }
            out.say(words)
            at = afterStop(at + 1, mayEndSentence: false)
        case .numbered:
            guard hasStop, let next,
                next.kind == .number || next.kind == .dotted
                    || (next.kind == .word && RomanNumerals.value(next.text) != nil && word.isCapitalised
                        && next.text != "I")
            else { return false }
            out.say(words)
            at += 2
        case .afterName:
            guard hasStop || next?.kind != .word,
                previous?.isCapitalised == true || previous?.kind == .number
                    || isSymbol(".", at - 1) || ["st", "nd", "rd", "th"].contains(previous?.text)
            else { return false }
            out.say(words)
            at = afterStop(at + 1)
        }
        return true
    }

    /// "Martin Luther King Jr" and "Acme Inc" without their stops.
    private mutating func readBareSuffix(_ word: Token, _ words: String) -> Bool {
        guard ["Jr", "Sr", "Inc", "Ltd", "Corp"].contains(word.text),
            previous?.isCapitalised == true || isSymbol(",", at - 1)
        else { return false }
        out.say(words)
        at += 1
        return true
    }

    /// A house number a few words back: "12 North Elm Dr. Apt. 3".
    private var hasAddressNumber: Bool {
        var index = at - 1
        while index >= max(0, at - 4), let token = token(index), token.kind == .word || token.kind == .number {
            if token.kind == .number { return true }
            guard token.isCapitalised || ["st", "nd", "rd", "th"].contains(token.text) else { return false }
            index -= 1
        }
        return false
    }

    /// "U.S.", "p.m.", "e.g.", "J.R.R.", "D.C."
    mutating func readInitials() {
        let letters = tokens[at].text
        at += 1
        if let words = Abbreviations.initials[letters.lowercased()],
            letters != letters.uppercased() || letters.utf8.count != 2
                || letters == "AM" || letters == "PM"
        {
            out.say(words)
            if letters.lowercased() == "eg" || letters.lowercased() == "ie" {
                at = afterStop(at, mayEndSentence: false)
                if isSymbol(",", at) { at += 1 }
                return
            }
        } else {
            out.say(Acronyms.spelled(letters == letters.lowercased() ? letters : letters.uppercased()))
        }
        guard isSymbol(".", at) else {
            if isSymbol("'", at), let ending = attached(.word, at + 1), ending.text == "s" { readPossessive() }
            return
        }
        // "the U.S. Army": after initials, a name goes on more often than a sentence begins
        if let next = token(at + 1), !(next.kind == .word && Abbreviations.starters.contains(next.text)) {
            at += next.kind == .symbol && [".", "!", "?"].contains(next.text) ? 0 : 1
            readPossessive()
        }
    }

    // MARK: - Roman numerals

    /// "Henry VIII", "World War II", "Chapter IV", "XIX century".
    mutating func readRomanNumeral() -> Bool {
        let word = tokens[at]
        guard word.text.unicodeScalars.first!.isUppercase else { return false }
        if word.text.hasSuffix("th"), let value = RomanNumerals.value(String(word.text.dropLast(2))), value > 3 {
            out.say(NumberSpeller.ordinal(String(value)))
            at += 1
            return true
        }
        let isPossessive = word.text.hasSuffix("'s")
        guard let value = RomanNumerals.value(isPossessive ? String(word.text.dropLast(2)) : word.text) else {
            return false
        }
        let next = token(at + 1)
        if let next, ["century", "centuries"].contains(next.text.lowercased()) {
            out.say(NumberSpeller.ordinal(String(value)))
            at += 1
            return true
        }
        guard let before = previous, before.kind == .word || (isSymbol(".", at - 1) && word.text.utf8.count > 1)
        else { return false }
        let name = before.kind == .word ? before.text : token(at - 2)?.text ?? ""
        let isLetter = word.text.utf8.count == (isPossessive ? 3 : 1)
        if RomanNumerals.rulers.contains(name) {
            let isClosed =
                next == nil || next!.kind == .symbol
                || ["of", "was", "ruled", "reigned", "and", "in"].contains(next!.text)
            guard !isLetter || (word.text != "I" && value < 50) || isClosed else { return false }
            out.say("the " + NumberSpeller.ordinal(String(value)) + (isPossessive ? "'s" : ""))
            at += 1
            return true
        }
        let isCounted = RomanNumerals.counted.contains(name) || Abbreviations.entry(name)?.rule == .numbered
        guard isCounted || (!isLetter && before.isCapitalised && !before.isAllCapitals && value < 40) else {
            return false
        }
        if isLetter && attached(.symbol, at + 1)?.text == "'" { return false }
        out.say(NumberSpeller.cardinal(value) + (isPossessive ? "'s" : ""))
        at += 1
        return true
    }

    // MARK: - Codes

    /// Letters and digits in one: "A380", "MP3", "B2B", "R2-D2", "4K", "1080p", "v2.0.1", "x86".
    mutating func readCode() -> Bool {
        guard let next = token(at + 1), !next.spaceBefore else { return false }
        let first = tokens[at]
        if first.kind == .word, ["v", "V", "ver"].contains(first.text), next.kind == .number || next.kind == .dotted {
            if first.text != "V" || next.kind == .dotted || next.fraction != nil {
                out.say("version")
                at += 1
                return true
            }
        }
        if first.kind == .word, first.isAllCapitals || first.text.utf8.count == 1, first.text.utf8.count <= 3,
            next.text == "-", let number = attached(.number, at + 2), number.isPlainInteger, number.text.utf8.count <= 4
        {
            out.say(codeWord(first.text))
            out.say(NumberSpeller.code(number.text))
            at += 3
            return true
        }
        guard (first.kind == .word && next.kind == .number) || (first.kind == .number && next.kind == .word) else {
            return false
        }
        if first.kind == .number {
            // what touches a number may be its unit, unless digits follow that
            let power = attached(.number, at + 2)
            let isCode = power != nil && !(["2", "3"].contains(power!.text) && Units.unit(next.text)?.isLength == true)
            if !isCode && Units.unit(next.text) != nil { return false }
            if !isCode && Units.multipliers[next.text] != nil && next.text != "T" && next.text != "b"
                && next.text != "K"
            {
                return false
            }
        }
        var index = at
        repeat {
            let piece = tokens[index]
            if piece.kind == .word {
                out.say(codeWord(piece.text))
            } else {
                out.say(NumberSpeller.code(piece.text))
                if let fraction = piece.fraction { out.say("point " + NumberSpeller.digits(fraction)) }
            }
            index += 1
        } while token(index).map { !$0.spaceBefore && ($0.kind == .word || $0.kind == .number) } == true
        at = index
        return true
    }

    private func codeWord(_ word: String) -> String {
        if word.unicodeScalars.allSatisfy(\.isUppercase), word.utf8.count <= 3 {
            return Acronyms.spelled(word)
        }
        return word.utf8.count <= 1 ? word : Acronyms.words(for: word)
    }

    // MARK: - Plain words

    mutating func readWord() {
        let word = tokens[at]
        at += 1
        if word.isAllCapitals, word.text.utf8.count <= 3, isSymbol("&", at), token(at + 1)?.isCapitalised == true {
            out.say(Acronyms.spelled(word.text))  // AT&T
            return
        }
        let shouting = isShouting || (word.isAllCapitals && hasCapitalsAround)
        out.say(Acronyms.words(for: word.text, shouting: shouting))
        // the name of a computer language
        if ["C", "J", "F", "G", "B"].contains(word.text) {
            if isSymbol("++", at) {
                out.say("plus plus")
                at += 1
            } else if isSymbol("#", at), token(at + 1)?.spaceBefore != false {
                out.say("sharp")
                at += 1
            }
        }
    }

    /// A shouted word among others: "I said DO NOT touch".
    private var hasCapitalsAround: Bool {
        token(at).map { $0.isAllCapitals && Acronyms.shouted.contains($0.text.lowercased()) } == true
            || token(at - 2).map { $0.isAllCapitals && Acronyms.shouted.contains($0.text.lowercased()) } == true
    }
}

extension Token {
    /// Whether the token before this one only has its capital from the beginning of a sentence.
    fileprivate func startsSentence(_ previous: Token?) -> Bool {
        guard let previous, previous.kind == .word else { return false }
        return Abbreviations.starters.contains(previous.text)
            || ["Meet", "See", "Call", "Ask", "Dear", "With"].contains(previous.text)
    }
}
