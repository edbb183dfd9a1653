/// Roman numerals and the words they follow.
enum RomanNumerals {
    /// The value of a numeral in its only proper spelling, up to 89.
    static func value(_ text: String) -> Int? {
        guard text.utf8.count <= 9, !text.isEmpty else { return nil }
        let digits: [Character: Int] = ["I": 1, "V": 5, "X": 10, "L": 50]
        var value = 0
        var largest = 0
        for letter in text.reversed() {
            guard let digit = digits[letter] else { return nil }
            value += digit < largest ? -digit : digit
            largest = max(largest, digit)
        }
        return value > 0 && value < 90 && text == spelled(value) ? value : nil
    }

    private static func spelled(_ value: Int) -> String {
        let parts = [(50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
        var rest = value
        var text = ""
        for (size, letters) in parts { while rest >= size { text += letters; rest -= size } }
        return text
    }

    /// "Henry VIII" is Henry the eighth.
    static let rulers: Set<String> = [
        "Henry", "Louis", "George", "Elizabeth", "Charles", "Edward", "James", "William", "Richard", "Paul", "Pius",
        "Benedict", "Francis", "Napoleon", "Philip", "Peter", "Catherine", "Nicholas", "Alexander", "Leo", "Gregory",
        "Innocent", "Ivan", "Frederick", "Wilhelm", "Ramesses", "Mary", "John", "Clement", "Urban", "Ferdinand",
        "Christian", "Gustav", "Albert", "Leopold", "Ptolemy", "Darius", "Xerxes", "Cyrus", "Tutankhamun", "Robert",
        "David", "Kenneth", "Otto", "Joseph", "Rudolf", "Maximilian", "Sixtus", "Boniface", "Celestine",
        "Harald", "Olaf", "Haakon", "Alfonso", "Carlos", "Juan", "Pedro", "Manuel", "Victor", "Umberto", "Selim",
        "Mehmed", "Murad", "Suleiman", "Margaret", "Cleopatra", "Baldwin", "Constantine", "Theodosius", "Justinian",
    ]

    /// "World War II" is World War two.
    static let counted: Set<String> = [
        "War", "Chapter", "Part", "Book", "Volume", "Act", "Scene", "Section", "Type", "Phase", "Class", "Article",
        "Appendix", "Bowl", "Fantasy", "Rocky", "Grade", "Level", "Episode", "Season", "Title", "Stage", "Mark", "Unit",
        "Figure", "Table", "Step", "Round", "Apollo", "Gemini", "Saturn", "Amendment", "Category", "Psalm", "Canto",
        "chapter", "part", "book", "volume", "act", "scene", "section", "type", "phase", "stage", "grade", "level",
        "Wars", "Division", "Group", "Tier", "Lesson", "Exhibit", "Schedule", "Track", "Symphony", "Olympiad",
        "Vatican",
    ]
}
