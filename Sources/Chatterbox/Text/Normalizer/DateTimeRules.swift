extension Verbalizer {
    // MARK: - Dates

    /// "March 5, 2024", "Mar. 5-7", "March 2024", "Jan.", "Mon, Mar 5".
    mutating func readMonth() -> Bool {
        let word = tokens[at].text
        if let day = CalendarNames.shortDays[word] {
            let hasStop = isSymbol(".", at + 1)
            let next = at + (hasStop ? 2 : 1)
            let isFollowed =
                isSymbol(",", next) || (hasStop && token(next)?.integer != nil)
                || token(next).map { CalendarNames.month($0.text) != nil } == true
            guard isFollowed else { return false }
            out.say(day)
            at = next
            return true
        }
        guard let month = CalendarNames.month(word) else { return false }
        let hasStop = month.isShort && isStop(at + 1)
        let next = at + (hasStop ? 2 : 1)
        if let day = day(next) {
            out.say(month.name + " " + day.words)
            at = day.end
            if isSymbol("-", at, attached: false), let last = self.day(at + 1) {
                out.say("to " + last.words)
                at = last.end
            }
            readYear(afterComma: true)
            return true
        }
        if let year = token(next), let value = yearValue(year), year.spaceBefore {
            out.say(month.name + " " + NumberSpeller.year(value))
            at = next + 1
            return true
        }
        guard month.isShort else {
            out.say(month.name)
            at += 1
            return true
        }
        // Jan is also a name
        let before = previous?.text.lowercased() ?? ""
        guard hasStop, Self.wordsBeforeMonth.contains(before) else { return false }
        out.say(month.name)
        at = afterStop(at + 1)
        return true
    }

    private static let wordsBeforeMonth: Set<String> = [
        "in", "since", "of", "by", "until", "till", "last", "next", "this", "early", "late", "mid", "from", "to", "and",
        "during", "before", "after", "through", "every", "each",
    ]

    /// "5 March 2024", "5th of March", "2024-03-05", "3/5/2024", "13/5/24".
    mutating func readDate() -> Bool {
        let first = tokens[at]
        guard first.isPlainInteger, first.text.utf8.count <= 4 else { return false }
        for separator in ["-", "/"] {
            guard isSymbol(separator, at + 1), let second = attached(.number, at + 2), second.isPlainInteger else {
                continue
            }
            if isSymbol(separator, at + 3), let third = attached(.number, at + 4), third.isPlainInteger {
                guard !isSymbol(separator, at + 5), let date = date(first.text, second.text, third.text) else {
                    return false
                }
                out.say(date.monthAndDay)
                out.mark(",")
                out.say(date.year)
                at += 5
                return true
            }
            if separator == "/", let before = previous?.text.lowercased(),
                ["on", "by", "until", "before", "since", "dated", "due"].contains(before),
                !isSymbol("/", at + 3), let date = date(first.text, second.text, "2000")
            {
                out.say(date.monthAndDay)
                at += 3
                return true
            }
        }
        guard let day = day(at) else { return false }
        let month = token(day.end)?.text == "of" ? day.end + 1 : day.end
        guard let word = token(month), word.kind == .word, word.spaceBefore, let name = CalendarNames.month(word.text),
            !(name.isShort && token(month + 1)?.isCapitalised == true)
        else { return false }
        let hasArticle = previous?.text.lowercased() == "the"
        out.say((hasArticle ? "" : "the ") + day.words + " of " + name.name)
        at = month + 1
        if name.isShort { at = afterStop(at) }
        readYear(afterComma: true)
        return true
    }

    /// "03.05.2024", day first as where dots are the custom.
    mutating func readDottedDate() -> Bool {
        let parts = tokens[at].text.split(separator: ".").map(String.init)
        guard parts.count == 3, parts[2].utf8.count == 4 || parts[0].utf8.count == 4 else { return false }
        let isISO = parts[0].utf8.count == 4
        guard let date = isISO ? date(parts[0], parts[1], parts[2]) : date(parts[1], parts[0], parts[2]) else {
            return false
        }
        out.say(date.monthAndDay)
        out.mark(",")
        out.say(date.year)
        at += 1
        return true
    }

    /// A day of the month with or without its ending, and the place behind it.
    private func day(_ index: Int) -> (words: String, end: Int)? {
        guard let number = token(index), let value = number.integer, (1...31).contains(value),
            number.text.utf8.count <= 2, !isSymbol(":", index + 1), !isSymbol("%", index + 1),
            !(isSymbol("/", index + 1) && attached(.number, index + 2) != nil)
        else { return nil }
        if let ending = attached(.word, index + 1) {
            guard ["st", "nd", "rd", "th"].contains(ending.text.lowercased()) else { return nil }
            return (NumberSpeller.ordinal(number.text), index + 2)
        }
        return (NumberSpeller.ordinal(number.text), index + 1)
    }

    private mutating func readYear(afterComma: Bool) {
        let index = isSymbol(",", at) ? at + 1 : at
        guard let year = token(index), year.spaceBefore, let value = yearValue(year) else { return }
        if attached(.word, index + 1) != nil || isSymbol(":", index + 1) { return }
        out.mark(",")
        out.say(NumberSpeller.year(value))
        at = index + 1
    }

    private func yearValue(_ token: Token) -> Int? {
        guard token.text.utf8.count == 4, let value = token.integer, (1000...2999).contains(value) else { return nil }
        return value
    }

    /// Year first as in ISO 8601; else the American order unless only the European one is a date.
    private func date(_ a: String, _ b: String, _ c: String) -> (monthAndDay: String, year: String)? {
        guard var first = Int(a), var second = Int(b), var third = Int(c) else { return nil }
        if a.utf8.count == 4 {
            (first, second, third) = (second, third, first)
        } else {
            guard a.utf8.count <= 2, c.utf8.count == 4 || c.utf8.count == 2 else { return nil }
            if c.utf8.count == 2 { third += third < 70 ? 2000 : 1900 }
            if first > 12 { swap(&first, &second) }
        }
        guard (1...12).contains(first), (1...31).contains(second), (1000...2999).contains(third) else { return nil }
        return (
            CalendarNames.months[first - 1] + " " + NumberSpeller.ordinal(String(second)), NumberSpeller.year(third)
        )
    }

    // MARK: - Times

    /// "3:30", "3:05 pm", "14:00", "3pm", "3 p.m.", "9-5 pm", "5:30-6:30pm".
    mutating func readTime() -> Bool {
        guard let first = clock(at) else { return false }
        var words = first.words
        var end = first.end
        var half = first.half
        if half != nil, isSymbol(".", end), isSymbol("-", end + 1) { end += 1 }
        // "9-5pm", "9:30-10:45", "9am - 5pm"
        if isSymbol("-", end, attached: false), let second = clock(end + 1),
            first.hasMinutes || first.half != nil || second.half != nil, second.hasMinutes || second.half != nil
        {
            words = first.hasMinutes || first.half != nil ? words : NumberSpeller.cardinal(tokens[at].text)
            words += (half.map { " " + $0 } ?? "") + " to " + second.words
            end = second.end
            half = second.half
        }
        guard first.hasMinutes || half != nil else { return false }
        if let half {
            words = words.replacing(" o'clock", with: "") + " " + half
        }
        out.say(words)
        at = end
        if half != nil { at = afterStop(at) }
        return true
    }

    private func clock(_ index: Int) -> (words: String, hasMinutes: Bool, half: String?, end: Int)? {
        guard let number = token(index), number.text.utf8.count <= 2, let hour = number.integer, hour <= 24 else {
            return nil
        }
        var words = NumberSpeller.cardinal(hour)
        var end = index + 1
        var hasMinutes = false
        if isSymbol(":", end), let minutes = attached(.number, end + 1), minutes.text.utf8.count == 2,
            let value = minutes.integer, value < 60
        {
            hasMinutes = true
            end += 2
            if value > 0 {
                words += " " + NumberSpeller.minutes(value)
            } else {
                words = hour == 0 ? "midnight" : words + (hour > 12 ? " hundred" : " o'clock")
            }
            if isSymbol(":", end), let seconds = attached(.number, end + 1), let value = seconds.integer, value < 60 {
                words =
                    words.replacing(" o'clock", with: "") + " and " + NumberSpeller.cardinal(value)
                    + (value == 1 ? " second" : " seconds")
                end += 2
            }
            if isSymbol(":", end), attached(.number, end + 1) != nil { return nil }
        }
        let half = self.half(end, hour: hour)
        if half == nil, !hasMinutes, attached(.word, end) != nil { return nil }
        return (words, hasMinutes, half, half == nil ? end : end + 1)
    }

    /// "a m" or "p m" at `index`.
    private func half(_ index: Int, hour: Int) -> String? {
        guard hour <= 12 || hour <= 23, let token = token(index), token.kind == .word || token.kind == .initials else {
            return nil
        }
        switch token.text.lowercased() {
        case "am" where token.text != "Am" && !(token.spaceBefore && previousIsSubject): return "a m"
        case "pm": return "p m"
        case "a" where !token.spaceBefore && hour <= 12: return "a m"
        case "p" where !token.spaceBefore && hour <= 12: return "p m"
        default: return nil
        }
    }

    /// "I am" is not a time of day; a number never stands between the two.
    private var previousIsSubject: Bool { previous?.text == "I" && tokens[at].kind == .word }
}
