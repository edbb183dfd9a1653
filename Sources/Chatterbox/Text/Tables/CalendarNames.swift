/// Names of months and days, with the abbreviations people write.
enum CalendarNames {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ]
    private static let days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

    private static let shortMonths = [
        "Jan": 0, "Feb": 1, "Mar": 2, "Apr": 3, "Jun": 5, "Jul": 6, "Aug": 7, "Sep": 8, "Sept": 8, "Oct": 9, "Nov": 10,
        "Dec": 11,
    ]
    static let shortDays = [
        "Mon": "Monday", "Tue": "Tuesday", "Tues": "Tuesday", "Wed": "Wednesday", "Thu": "Thursday",
        "Thur": "Thursday", "Thurs": "Thursday", "Fri": "Friday", "Sat": "Saturday", "Sun": "Sunday",
    ]

    /// Full name, and whether `word` is short for it. "MARCH" and "march" are not names.
    static func month(_ word: String) -> (name: String, isShort: Bool)? {
        if months.contains(word) { return (word, false) }
        return shortMonths[word].map { (months[$0], true) }
    }

    static func isShort(_ word: String) -> Bool { shortDays[word] != nil || shortMonths[word] != nil }

    static func isDayOrMonth(_ word: String) -> Bool {
        month(word) != nil || days.contains(word) || shortDays[word] != nil
    }
}
