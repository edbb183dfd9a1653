extension Verbalizer {
    /// "$3.50", "-$5", "£2m", "€1,200.99", "$1.5 billion", "$5-10", "$5/month", and the symbol after "US".
    mutating func readMoney() -> Bool {
        var index = at
        let isNegative = isSymbol("-", index, attached: false) && (tokens[at].spaceBefore || at == 0)
        if isNegative { index += 1 }
        guard let symbol = token(index), symbol.kind == .symbol, let currency = Currencies.bySymbol[symbol.text],
            !(isNegative && symbol.spaceBefore)
        else { return false }
        return readAmount(index + 1, currency, symbol: symbol.text, prefix: isNegative ? "minus " : "")
    }

    /// "US$5", "USD 100".
    mutating func readCurrencyCode() -> Bool {
        let word = tokens[at].text
        if let currency = Currencies.dollars[word], isSymbol("$", at + 1) {
            return readAmount(at + 2, currency, symbol: "$", prefix: "")
        }
        guard let currency = Currencies.byCode[word] else { return false }
        return readAmount(at + 1, currency, symbol: word, prefix: "")
    }

    /// "5€", "50¢", "100 USD", "20 £".
    mutating func readForeignMoney() -> Bool {
        guard let next = token(at + 1) else { return false }
        if next.kind == .symbol, next.text == "¢", tokens[at].fraction == nil {
            out.say(NumberSpeller.cardinal(tokens[at].text) + (tokens[at].text == "1" ? " cent" : " cents"))
            at += 2
            return true
        }
        let bySymbol =
            next.kind == .symbol && !(next.spaceBefore && token(at + 2)?.kind == .number)
            ? Currencies.bySymbol[next.text] : nil
        guard let currency = bySymbol ?? (next.kind == .word ? Currencies.byCode[next.text] : nil) else { return false }
        if attached(.number, at + 2) != nil { return false }
        out.say(amount(tokens[at], scale: nil, currency))
        at += 2
        return true
    }

    private mutating func readAmount(
        _ index: Int, _ currency: Currencies.Currency, symbol: String, prefix: String
    ) -> Bool {
        guard let number = token(index), number.kind == .number,
            !number.spaceBefore || symbol.utf8.count > 1
        else { return false }
        var end = index + 1
        let scale = scale(&end)
        // a range: $5-10, $5-$10, $1-2 million
        if isSymbol("-", end, attached: false) {
            let second = isSymbol(symbol, end + 1, attached: false) ? end + 2 : end + 1
            if let last = attached(.number, second) ?? (second > end + 1 ? nil : token(second)), last.kind == .number {
                end = second + 1
                let lastScale = self.scale(&end)
                let low =
                    scale == nil && number.fraction == nil
                    ? NumberSpeller.cardinal(number.text) : amount(number, scale: scale, currency)
                out.say(prefix + low + " to " + amount(last, scale: lastScale, currency))
                at = end
                readPer()
                return true
            }
        }
        let isAdjective =
            ["a", "an"].contains(previous?.text.lowercased() ?? "") && number.fraction == nil
            && token(end).map { $0.isLowercase && $0.spaceBefore } == true
            && !["a", "an", "for", "in", "on", "per", "to", "and", "or", "each", "from", "of", "off"]
                .contains(token(end)!.text)
        if isAdjective {
            out.say(NumberSpeller.cardinal(number.text))
            if let scale { out.say(scale) }
            out.glue()
            out.say(currency.one)
        } else {
            out.say(prefix + amount(number, scale: scale, currency))
        }
        at = end
        readPer()
        return true
    }

    private func scale(_ index: inout Int) -> String? {
        guard let next = token(index), next.kind == .word else { return nil }
        let scale =
            next.spaceBefore
            ? (Units.scaleWords.contains(next.text.lowercased()) ? next.text.lowercased() : nil)
            : Units.multipliers[next.text]
        if scale != nil { index += 1 }
        return scale
    }

    private mutating func readPer() {
        guard isSymbol("/", at), let per = attached(.word, at + 1), !per.isAllCapitals else { return }
        out.say("per " + (Units.unit(per.text)?.one ?? per.text))
        at += 2
    }

    private func amount(_ number: Token, scale: String?, _ currency: Currencies.Currency) -> String {
        let whole = NumberSpeller.cardinal(number.text)
        if let scale {
            return whole + (number.fraction.map { " point " + NumberSpeller.digits($0) } ?? "") + " \(scale) "
                + currency.many
        }
        let isOne = whole == "one"
        guard let fraction = number.fraction else { return whole + " " + (isOne ? currency.one : currency.many) }
        guard fraction.utf8.count == 2, let cents = Int(fraction) else {
            return whole + " point " + NumberSpeller.digits(fraction) + " " + currency.many
        }
        let units = whole + " " + (isOne ? currency.one : currency.many)
        if cents == 0 { return units }
        let change = NumberSpeller.cardinal(cents) + " " + (cents == 1 ? currency.cent : currency.cents)
        return number.text.allSatisfy { $0 == "0" } ? change : units + " and " + change
    }
}
