/// Units of measure as they follow a number.
enum Units {
    struct Unit {
        let one: String
        let many: String
        /// Also a common word or letter: only read as a unit when it touches the number.
        let isAmbiguous: Bool
        /// Has squares and cubes.
        var isLength: Bool { one.hasSuffix("meter") || ["foot", "inch", "mile", "yard"].contains(one) }
    }

    static func unit(_ text: String) -> Unit? { exact[text] ?? (text.utf8.count > 1 ? exact[text.lowercased()] : nil) }

    private static let exact: [String: Unit] = {
        var table: [String: Unit] = [:]
        func add(_ names: String, _ one: String, _ many: String? = nil, ambiguous: Bool = false) {
            for name in names.split(separator: " ") {
                table[String(name)] = Unit(one: one, many: many ?? one + "s", isAmbiguous: ambiguous)
            }
        }
        for (prefix, word) in [("", ""), ("k", "kilo"), ("c", "centi"), ("m", "milli"), ("µ", "micro"), ("n", "nano")] {
            add(prefix + "m", word + "meter")
            add(prefix + "g", word + "gram")
            add(prefix + "l " + prefix + "L", word + "liter")
        }
        for (prefix, word) in [("", ""), ("k", "kilo"), ("M", "mega"), ("G", "giga"), ("m", "milli"), ("T", "tera")] {
            add(prefix + "W", word + "watt")
            add(prefix + "V", word + "volt")
            add(prefix + "Wh", word + "watt hour")
            add(prefix + "J", word + "joule", ambiguous: true)
            add(prefix + "Hz", word + "hertz", word + "hertz")
            add(prefix + "B", word + "byte", ambiguous: prefix.isEmpty)
            add(prefix + "b", word + "bit", ambiguous: true)
            add(prefix + "bps", word + "bit per second", word + "bits per second")
            add(prefix + "Pa", word + "pascal", ambiguous: prefix.isEmpty)
        }
        add("hz", "hertz", "hertz")
        add("khz", "kilohertz", "kilohertz")
        add("mhz", "megahertz", "megahertz")
        add("ghz", "gigahertz", "gigahertz")
        add("kb", "kilobyte")
        add("mb", "megabyte")
        add("gb", "gigabyte")
        add("tb", "terabyte")
        add("PB pb", "petabyte")
        add("KiB", "kibibyte")
        add("MiB", "mebibyte")
        add("GiB", "gibibyte")
        add("hPa", "hectopascal")
        add("mmHg", "millimeter of mercury", "millimeters of mercury")
        add("kwh", "kilowatt hour")
        add("mAh mah", "milliamp hour")
        add("Ah", "amp hour", ambiguous: true)
        add("A", "amp", ambiguous: true)
        add("mA", "milliamp")
        add("N", "newton", ambiguous: true)
        add("Nm", "newton meter")
        add("dB db", "decibel")
        add("cal", "calorie")
        add("kcal", "kilocalorie")
        add("lb lbs", "pound")
        add("oz", "ounce")
        add("ft", "foot", "feet")
        add("in", "inch", "inches", ambiguous: true)
        add("yd yds", "yard")
        add("mi", "mile")
        add("nmi", "nautical mile")
        add("ac", "acre", ambiguous: true)
        add("ha", "hectare", ambiguous: true)
        add("gal", "gallon", ambiguous: true)
        add("qt", "quart")
        add("tsp", "teaspoon")
        add("tbsp", "tablespoon")
        add("fl", "fluid", "fluid", ambiguous: true)
        add("mph", "mile per hour", "miles per hour")
        add("kph kmh", "kilometer per hour", "kilometers per hour")
        add("kn kt", "knot", ambiguous: true)
        add("mpg", "mile per gallon", "miles per gallon")
        add("psi", "pound per square inch", "pounds per square inch")
        add("rpm", "revolution per minute", "revolutions per minute")
        add("fps", "frame per second", "frames per second")
        add("bpm", "beat per minute", "beats per minute")
        add("ppm", "part per million", "parts per million")
        add("dpi", "dot per inch", "dots per inch")
        add("h hr hrs", "hour")
        add("h", "hour", ambiguous: true)
        add("min mins", "minute")
        add("s", "second", ambiguous: true)
        add("sec secs", "second")
        add("ms", "millisecond")
        add("µs", "microsecond")
        add("ns", "nanosecond")
        add("d", "day", ambiguous: true)
        add("wk wks", "week")
        add("mo mos", "month", ambiguous: true)
        add("yr yrs", "year")
        add("px", "pixel")
        add("MP mp", "megapixel", ambiguous: true)
        add("pt pts", "point")
        add("pcs", "piece")
        add("lm", "lumen")
        add("mol", "mole")
        add("Ω", "ohm")
        add("t", "ton", ambiguous: true)
        add("x", "time", ambiguous: true)
        return table
    }()

    /// Multipliers glued to a number: "10k", "$2M".
    static let multipliers = [
        "k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mm": "million",
        "b": "billion", "B": "billion", "bn": "billion", "T": "trillion", "tn": "trillion",
    ]
    static let scaleWords: Set<String> = ["hundred", "thousand", "million", "billion", "trillion", "quadrillion"]
}

/// Currencies by symbol and by code.
enum Currencies {
    struct Currency: Sendable {
        let one: String
        let many: String
        let cent: String
        let cents: String
    }

    private static let dollar = Currency(one: "dollar", many: "dollars", cent: "cent", cents: "cents")
    private static let euro = Currency(one: "euro", many: "euros", cent: "cent", cents: "cents")
    private static let pound = Currency(one: "pound", many: "pounds", cent: "penny", cents: "pence")
    private static let yen = Currency(one: "yen", many: "yen", cent: "sen", cents: "sen")
    private static let rupee = Currency(one: "rupee", many: "rupees", cent: "paisa", cents: "paise")
    private static func national(_ nation: String) -> Currency {
        Currency(one: nation + " dollar", many: nation + " dollars", cent: "cent", cents: "cents")
    }

    static let bySymbol: [String: Currency] = [
        "$": dollar, "€": euro, "£": pound, "¥": yen, "₹": rupee,
        "₩": Currency(one: "won", many: "won", cent: "jeon", cents: "jeon"),
        "₽": Currency(one: "ruble", many: "rubles", cent: "kopeck", cents: "kopecks"),
        "₿": Currency(one: "bitcoin", many: "bitcoins", cent: "cent", cents: "cents"),
    ]
    /// Letters in front of a dollar sign.
    static let dollars: [String: Currency] = [
        "US": national("U S"), "C": national("Canadian"), "CA": national("Canadian"), "A": national("Australian"),
        "AU": national("Australian"), "NZ": national("New Zealand"), "HK": national("Hong Kong"),
        "R": Currency(one: "real", many: "reais", cent: "centavo", cents: "centavos"),
    ]
    static let byCode: [String: Currency] = [
        "USD": national("U S"), "EUR": euro, "GBP": pound, "JPY": yen, "INR": rupee, "CAD": national("Canadian"),
        "AUD": national("Australian"), "NZD": national("New Zealand"),
        "CHF": Currency(one: "Swiss franc", many: "Swiss francs", cent: "centime", cents: "centimes"),
        "CNY": Currency(one: "yuan", many: "yuan", cent: "fen", cents: "fen"),
        "MXN": Currency(one: "Mexican peso", many: "Mexican pesos", cent: "centavo", cents: "centavos"),
        "SEK": Currency(one: "Swedish krona", many: "Swedish kronor", cent: "ore", cents: "ore"),
    ]
}
