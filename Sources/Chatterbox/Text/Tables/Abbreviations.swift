/// Abbreviations and when they are one.
enum Abbreviations {
    enum Rule {
        /// Always, with or without a full stop.
        case always
        /// With a full stop, which may also end the sentence.
        case stopped
        /// Before a name; never the end of a sentence.
        case title
        /// Before a number.
        case numbered
        /// With a full stop, after a name: "Elm Ave."
        case afterName
    }

    static func entry(_ word: String) -> (words: String, rule: Rule)? { table[word] ?? lowered(word) }

    /// A full stop behind one of these is no end of a sentence.
    static func mayPrecedeStop(_ word: String) -> Bool {
        word.utf8.count < 2 || entry(word) != nil || CalendarNames.isShort(word) || others.contains(word.lowercased())
            || Units.unit(word) != nil
    }

    private static func lowered(_ word: String) -> (words: String, rule: Rule)? {
        // "ETC.", "Vs.", "MR."; but not "EST" or "NO"
        guard let entry = table[word.lowercased()] ?? table[word.prefix(1).uppercased() + word.dropFirst().lowercased()]
        else { return nil }
        return entry.rule == .title || entry.rule == .always ? entry : nil
    }

    private static let others: Set<String> = ["a.m", "p.m", "st", "dr", "no", "ph", "al"]

    private static let table: [String: (words: String, rule: Rule)] = [
        "Mr": ("Mister", .title), "Mrs": ("Missus", .title), "Ms": ("Miss", .title), "Mx": ("Mix", .title),
        "Prof": ("Professor", .title), "Gen": ("General", .title), "Sgt": ("Sergeant", .title),
        "Capt": ("Captain", .title), "Cpt": ("Captain", .title), "Lt": ("Lieutenant", .title),
        "Col": ("Colonel", .title),
        "Maj": ("Major", .title), "Cmdr": ("Commander", .title), "Adm": ("Admiral", .title),
        "Cpl": ("Corporal", .title),
        "Rev": ("Reverend", .title), "Hon": ("Honorable", .title), "Gov": ("Governor", .title),
        "Sen": ("Senator", .title),
        "Rep": ("Representative", .title), "Pres": ("President", .title), "Mt": ("Mount", .title),
        "Fr": ("Father", .title),
        "Messrs": ("Messieurs", .title), "Supt": ("Superintendent", .title),
        "etc": ("et cetera", .always), "vs": ("versus", .always), "approx": ("approximately", .always),
        "dept": ("department", .stopped), "Dept": ("Department", .stopped), "misc": ("miscellaneous", .stopped),
        "est": ("established", .stopped), "Est": ("Established", .stopped), "avg": ("average", .always),
        "govt": ("government", .always), "incl": ("including", .stopped), "excl": ("excluding", .stopped),
        "esp": ("especially", .stopped), "temp": ("temperature", .stopped), "tel": ("telephone", .stopped),
        "Tel": ("Telephone", .stopped), "max": ("maximum", .stopped), "cont": ("continued", .stopped),
        "appt": ("appointment", .always), "assn": ("association", .stopped), "Assn": ("Association", .stopped),
        "Univ": ("University", .stopped), "Inc": ("Incorporated", .stopped), "Corp": ("Corporation", .stopped),
        "Ltd": ("Limited", .stopped), "Co": ("Company", .stopped), "Bros": ("Brothers", .stopped),
        "Jr": ("Junior", .stopped), "Sr": ("Senior", .stopped), "Esq": ("Esquire", .stopped),
        "viz": ("namely", .stopped),
        "cf": ("compare", .stopped), "al": ("al", .stopped), "ibid": ("ibid", .stopped),
        "orig": ("originally", .stopped),
        "Ave": ("Avenue", .afterName), "Blvd": ("Boulevard", .afterName), "Rd": ("Road", .afterName),
        "Ln": ("Lane", .afterName), "Ct": ("Court", .afterName), "Hwy": ("Highway", .afterName),
        "Pkwy": ("Parkway", .afterName), "Sq": ("Square", .afterName), "Pl": ("Place", .afterName),
        "No": ("number", .numbered), "no": ("number", .numbered), "Nos": ("numbers", .numbered),
        "nos": ("numbers", .numbered), "Fig": ("Figure", .numbered), "fig": ("figure", .numbered),
        "Figs": ("Figures", .numbered), "figs": ("figures", .numbered), "Vol": ("Volume", .numbered),
        "vol": ("volume", .numbered), "Ch": ("Chapter", .numbered), "ch": ("chapter", .numbered),
        "Sec": ("Section", .numbered), "sec": ("section", .numbered), "p": ("page", .numbered),
        "pp": ("pages", .numbered),
        "pg": ("page", .numbered), "ext": ("extension", .numbered), "Ext": ("Extension", .numbered),
        "Apt": ("Apartment", .numbered), "apt": ("apartment", .numbered), "Ste": ("Suite", .numbered),
        "ca": ("circa", .numbered), "c": ("circa", .numbered), "Rm": ("Room", .numbered), "Art": ("Article", .numbered),
        "art": ("article", .numbered), "Eq": ("Equation", .numbered), "eq": ("equation", .numbered),
        "Ft": ("Fort", .title), "ed": ("edition", .numbered), "Rte": ("Route", .numbered),
    ]

    /// Letters with dots that have words of their own.
    static let initials: [String: String] = [
        "eg": "for example", "ie": "that is", "am": "a m", "pm": "p m", "aka": "A K A", "phd": "Ph D", "edd": "Ed D",
        "psyd": "Psy D", "qv": "Q V", "ps": "P S",
    ]

    /// Written with a slash.
    static let slashed: [String: String] = [
        "w/o": "without", "w/": "with", "c/o": "care of", "n/a": "not applicable", "and/or": "and or",
        "he/she": "he or she", "she/he": "she or he", "his/her": "his or her", "him/her": "him or her",
        "s/he": "she or he",
        "yes/no": "yes or no", "a/c": "A C", "b/c": "because", "he/him": "he him", "she/her": "she her",
        "they/them": "they them", "km/h": "kilometers per hour", "m/s": "meters per second",
        "true/false": "true or false",
        "tcp/ip": "T C P I P", "i/o": "I O",
    ]

    /// Words that begin sentences, so that the capital letter before them was no initial: "Plan B. Then …".
    static let starters: Set<String> = [
        "The", "Then", "It", "He", "She", "We", "They", "I", "You", "This", "That", "These", "Those", "But", "And",
        "So",
        "In", "On", "At", "If", "When", "What", "Why", "How", "Where", "Who", "A", "An", "My", "Your", "His", "Her",
        "Our",
        "Their", "There", "Here", "Now", "No", "Yes", "As", "For", "After", "Before", "Let", "Do", "Is", "Are", "Was",
    ]
}
