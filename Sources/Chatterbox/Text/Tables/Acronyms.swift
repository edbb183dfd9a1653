/// How words of capitals, of mixed case and single letters are read.
enum Acronyms {
    /// Written so, read so.
    static let spoken: [String: String] = [
        "NASA": "Nasa", "NATO": "Nato", "UNESCO": "Unesco", "UNICEF": "Unicef", "OPEC": "Opec", "AIDS": "Aids",
        "COVID": "Covid", "SARS": "Sars", "ASCII": "askey", "JPEG": "J peg", "MPEG": "M peg", "GIF": "gif",
        "RAM": "ram", "ROM": "rom", "SIM": "sim", "PIN": "pin", "ZIP": "zip", "LASER": "laser", "RADAR": "radar",
        "SONAR": "sonar", "SCUBA": "scuba", "SWAT": "swat", "FIFA": "Fifa", "NAFTA": "Nafta", "NASDAQ": "Nazdak",
        "FEMA": "Feema", "OSHA": "Osha", "DARPA": "Darpa", "CERN": "Cern", "INTERPOL": "Interpol", "YOLO": "yolo",
        "FOMO": "fomo", "LAN": "lan", "WAN": "wan", "CAPTCHA": "captcha", "BASIC": "basic", "SAT": "S A T",
        "JSON": "Jason", "IEEE": "I triple E", "AAA": "triple A", "OK": "okay", "Ok": "okay", "ok": "okay",
        "ASAP": "A S A P",
        "NAACP": "N double A C P", "NCAA": "N C double A", "LED": "L E D", "AWOL": "awol", "BIOS": "bios",
        "CMOS": "sea moss", "DOS": "doss", "NORAD": "Norad", "POTUS": "potus", "SCOTUS": "scotus", "PETA": "Peta",
        "WASP": "wasp", "MIDI": "middy", "VAT": "V A T", "ISO": "I S O", "ADHD": "A D H D", "IRA": "I R A",
        "USAID": "U S A I D", "CIO": "C I O", "UEFA": "you eff a", "IKEA": "Ikea", "LEGO": "Lego", "NIKE": "Nike",
        "GUI": "gooey", "SaaS": "sass", "LaTeX": "lay tech", "PhD": "Ph D", "MSc": "M S C", "BSc": "B S C",
        "WiFi": "Wi Fi", "macOS": "mac O S", "iOS": "I O S", "IoT": "I O T", "DJ": "D J", "MC": "M C",
        "YouTube": "You Tube", "MySQL": "My S Q L", "PostgreSQL": "Postgres Q L", "vs": "versus", "etc": "et cetera",
        "URL": "U R L",
        "ICU": "I C U", "IQ": "I Q", "EEG": "E E G", "AOL": "A O L", "EU": "E U", "AI": "A I", "UAE": "U A E",
        "IOU": "I O U", "AOK": "A okay", "EOF": "E O F", "IO": "I O", "OS": "O S", "UI": "U I", "UX": "U X",
        "IT": "I T", "US": "U S", "AM": "A M", "PM": "P M", "GPU": "G P U", "mRNA": "M R N A", "tRNA": "T R N A",
        "pH": "P H", "AD": "A D", "BC": "B C", "ID": "I D", "OR": "or", "ETA": "E T A", "ATM": "A T M", "CIA": "C I A",
        "USA": "U S A", "EPA": "E P A", "API": "A P I", "CEO": "C E O", "AKA": "A K A", "UFO": "U F O", "TBA": "T B A",
        "USB": "U S B", "DIY": "D I Y", "NBA": "N B A", "IPO": "I P O", "ABC": "A B C", "RIP": "R I P",
        "EST": "E S T", "PST": "P S T", "UTC": "U T C", "GMT": "G M T", "FAQ": "F A Q", "VIP": "V I P",
        "ICE": "ice", "WHO": "W H O", "MIT": "M I T", "UCLA": "U C L A", "AIM": "A I M", "OLED": "O led", "TED": "Ted",
    ]

    /// Short words people shout; any other word of two to three capitals is spelled.
    static let shouted: Set<String> = [
        "a", "i", "am", "an", "and", "any", "are", "as", "at", "bad", "be", "big", "but", "buy", "by", "can", "car",
        "cat", "day", "did", "do", "dog", "end", "eye", "far", "few", "for", "fun", "get", "go", "god", "got", "had",
        "has", "he", "her", "hey", "hi", "him", "his", "hot", "how", "if", "in", "is", "it", "its", "joy", "key",
        "let", "lot", "man", "may", "me", "men", "my", "new", "no", "not", "now", "of", "off", "oh", "old", "on",
        "one", "or", "our", "out", "own", "put", "red", "run", "sad", "saw", "say", "see", "she", "sit", "six", "so",
        "sun", "ten", "the", "this", "to", "too", "top", "two", "up", "use", "war", "was", "way", "we", "who", "why",
        "win", "wow", "yes", "yet", "you", "your", "ask", "bye", "cut", "die", "eat", "fix", "guy", "hit", "job",
        "law", "lie", "mad", "mom", "dad", "pay", "pop", "set", "sky", "try", "us", "yay", "boo", "aah", "ugh", "tea",
        "ice",
    ]

    /// Consonants that may begin a syllable together; enough to tell "STOP" from "HDMI".
    private static let onsets: Set<String> = [
        "bl", "br", "ch", "cl", "cr", "dr", "fl", "fr", "gl", "gr", "kn", "ph", "pl", "pr", "qu", "sc", "sh", "sk",
        "sl", "sm", "sn", "sp", "st", "sw", "th", "tr", "tw", "wh", "wr", "sch", "scr", "shr", "spl", "spr", "str",
        "thr",
    ]

    /// Capital letters with spaces: "F B I".
    static func spelled(_ letters: some StringProtocol) -> String {
        letters.map(String.init).joined(separator: " ")
    }

    /// Words for one written word of letters and apostrophes, whatever its case.
    static func words(for word: String, shouting: Bool = false) -> String {
        if let known = spoken[word], !(shouting && shouted.contains(word.lowercased())) { return known }
        if let apostrophe = word.firstIndex(of: "'") {
            let stem = String(word[..<apostrophe])
            let rest = word[apostrophe...].lowercased()
            let isAcronym = stem.utf8.count > 1 && stem.unicodeScalars.allSatisfy(\.isUppercase)
            if isAcronym && rest == "'s" { return words(for: stem, shouting: shouting) + rest }
            if isAcronym { return stem.lowercased() + rest }
            return word
        }
        if word.hasSuffix("s"), let known = spoken[String(word.dropLast())], known.hasSuffix(" \(known.suffix(1))") {
            return known + "'s"
        }
        let scalars = Array(word.unicodeScalars)
        let capitals = scalars.count { $0.isUppercase }
        if scalars.count == 1 || capitals == 0 || (capitals == 1 && scalars[0].isUppercase) {
            return isUnpronounceable(word) ? spelled(word.uppercased()) : word
        }
        if capitals == scalars.count { return ofCapitals(word, shouting: shouting) }
        if scalars.last == "s", capitals == scalars.count - 1, capitals > 1 {
            let stem = String(word.dropLast())
            let said = words(for: stem)
            return said + (said.hasSuffix(" " + said.suffix(1)) ? "'s" : "s")
        }
        return ofMixedCase(word)
    }

    private static func ofCapitals(_ word: String, shouting: Bool) -> String {
        let lower = word.lowercased()
        if shouted.contains(lower) { return lower }
        if isUnpronounceable(word) { return spelled(word) }
        let isWord =
            word.utf8.count > 5 || (word.utf8.count > 3 && looksLikeWord(lower)) || (shouting && word.utf8.count > 2)
        return isWord ? lower : spelled(word)
    }

    /// "iPhone", "JavaScript", "OpenAI", "McDonald".
    private static func ofMixedCase(_ word: String) -> String {
        var parts: [String] = []
        var part = ""
        let letters = Array(word)
        for (i, letter) in letters.enumerated() {
            let followsLower = i > 0 && letters[i - 1].isLowercase
            let endsCapitals =
                i > 0 && letters[i - 1].isUppercase && i + 1 < letters.count && letters[i + 1].isLowercase
            if letter.isUppercase && (followsLower || (endsCapitals && part.count > 1)) {
                parts.append(part)
                part = ""
            }
            part.append(letter)
        }
        parts.append(part)
        if parts.count == 2, ["Mc", "Mac", "De", "Di", "Du", "La", "Le", "Van", "Fitz", "O"].contains(parts[0]),
            parts[1].count > 2, !["Book", "Pro", "Mini", "Intosh"].contains(parts[1])
        {
            return parts[0] + parts[1].lowercased()
        }
        if parts.count == 1 { return words(for: word.prefix(1) + word.dropFirst().lowercased()) }
        return parts.map { words(for: $0) }.joined(separator: " ")
    }

    /// No vowel at all, as in "HTML" or "pdf"; "hmm", "shh" and the like are sounds.
    private static func isUnpronounceable(_ word: String) -> Bool {
        let lower = word.lowercased()
        if lower.utf8.count < 2 || lower.contains(where: { "aeiouy".contains($0) }) { return false }
        return ![
            "hmm", "hm", "mm", "mmm", "shh", "shhh", "psst", "pst", "brr", "brrr", "grr", "grrr", "zzz", "tsk",
            "pfft", "mr", "mrs", "ms", "dr", "st", "jr", "sr", "vs", "nth", "th", "nd", "rd", "ph", "mt", "ft",
        ].contains(lower)
    }

    /// Vowels and consonants alternate as they do in English words of four and five letters.
    private static func looksLikeWord(_ word: String) -> Bool {
        let isVowel = word.map { "aeiouy".contains($0) }
        guard let firstVowel = isVowel.firstIndex(of: true) else { return false }
        let onset = String(word.prefix(firstVowel))
        if onset.count > 1 && !onsets.contains(onset) { return false }
        var run = 0
        for (i, vowel) in isVowel.enumerated() where i >= firstVowel {
            run = (i > 0 && vowel == isVowel[i - 1]) ? run + 1 : 1
            if run > 2 { return false }
        }
        return isVowel.contains(false)
    }
}
