extension Verbalizer {
    /// "#hashtag", "@name".
    mutating func readTag() -> Bool {
        let sign = tokens[at].text
        guard sign == "#" || sign == "@", let word = attached(.word, at + 1) else { return false }
        if sign == "#" || tokens[at].spaceBefore { out.say(sign == "#" ? "hashtag" : "at") } else { out.say("at") }
        _ = word
        at += 1
        return true
    }

    /// Punctuation, operators and what is left.
    mutating func readSymbol() {
        let symbol = tokens[at]
        let next = token(at + 1)
        defer { at += 1 }
        switch symbol.text {
        case ".", "!", "?", ",", ";", ":":
            out.mark(Character(symbol.text))
        case "'":
            readApostrophe()
        case "\"":
            hasOpenQuote.toggle()
        case "(", "[", "{":
            out.mark(",")
        case ")", "]", "}":
            out.mark(",")
        case "-":
            readHyphen(symbol, next)
        case "/":
            guard let before = previous, let next, !next.spaceBefore, !symbol.spaceBefore else {
                if next != nil && previous != nil { out.mark(",") }
                return
            }
            if before.kind == .number && next.kind == .number {
                out.say(isDateLike ? "slash" : "over")
            } else if before.kind != .symbol && next.kind == .word && before.isAllCapitals == next.isAllCapitals {
                out.say(before.kind == .number ? "per" : "slash")
            } else {
                out.say("slash")
            }
        case "|":
            out.mark(",")
        case "~", "`", "_":
            break
        case "^":
            guard let next, next.kind == .number || next.kind == .word, !next.spaceBefore else { return }
            switch next.text {
            case "2": out.say("squared")
            case "3": out.say("cubed")
            default:
                out.say("to the power of")
                return
            }
            at += 1
        case "*":
            if isBetweenOperands { out.say("times") }
        case "<":
            if isBetweenOperands { out.say("is less than") }
        case ">":
            if isBetweenOperands { out.say("is greater than") }
        case "=", "+":
            if out.isEmpty && next?.kind == .symbol { return }
            out.say(SymbolTable.words[symbol.text]!)
        case "#":
            if !out.isEmpty && next?.spaceBefore == false { out.say("number") }
        case "$", "£", "€", "¥":
            if next?.spaceBefore == false || isBetweenOperands { out.say(SymbolTable.words[symbol.text]!) }
        default:
            if let words = SymbolTable.words[symbol.text] {
                out.say(words)
            } else if symbol.text.utf8.count > 1 {
                readRun(symbol.text, next)
            }
        }
    }

    /// Dots, exclamation marks, dashes in a row.
    private mutating func readRun(_ run: String, _ next: Token?) {
        switch run.first! {
        case ".":
            // a pause within a sentence, or its end
            let goesOn = next.map { $0.isLowercase || $0.text == "I" || $0.kind == .number } == true
            out.mark(goesOn ? "," : ".")
        case "!": out.mark("!")
        case "-": out.mark(",")
        default: break
        }
    }

    private mutating func readHyphen(_ hyphen: Token, _ next: Token?) {
        guard let next, let before = previous else { return }
        if hyphen.spaceBefore && next.spaceBefore {
            if before.kind == .number && next.kind == .number { out.say("minus") } else { out.mark(",") }
            return
        }
        guard !hyphen.spaceBefore, !next.spaceBefore, next.kind == .word else { return }
        let isCode = before.kind == .number && (!next.isLowercase || next.text.utf8.count < 2)
        if (before.kind == .word || before.kind == .number) && !isCode { out.glue() }
    }

    /// Apostrophes that are not inside a word: 'em, 'n', dogs', '90s, quotes.
    private mutating func readApostrophe() {
        if let word = attached(.word, at + 1), word.text.lowercased() == "n", isSymbol("'", at + 2) {
            out.say("and")
            at += 2
        }
    }

    private var isBetweenOperands: Bool {
        guard let before = previous, let next = token(at + 1) else { return false }
        let symbol = tokens[at]
        guard symbol.spaceBefore == next.spaceBefore || before.kind == .number else { return false }
        return (before.kind == .number || before.text == ")" || before.text.utf8.count == 1)
            && (next.kind == .number || next.text == "(" || next.text == "-"
                || next.kind == .word && next.text.utf8.count == 1
                || before.kind == .number)
            || (symbol.spaceBefore && next.spaceBefore && before.kind == .word
                && (next.kind == .word || next.kind == .number))
    }

    private var isDateLike: Bool { isSymbol("/", at + 2) || isSymbol("/", at - 2) }
}
