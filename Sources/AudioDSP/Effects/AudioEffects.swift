/// One number of an effect: its name in a request, where it is kept, and what it can be.
public struct AudioParameter<Owner>: Sendable {
    public let name: String
    public let path: WritableKeyPath<Owner, Double> & Sendable
    public let allowed: ClosedRange<Double>

    init(_ name: String, _ path: WritableKeyPath<Owner, Double> & Sendable, _ allowed: ClosedRange<Double>) {
        (self.name, self.path, self.allowed) = (name, path, allowed)
    }

    func check(_ owner: Owner, in place: String) throws {
        try AudioEffects.check(owner[keyPath: path], allowed, "\(place).\(name)")
    }
}

/// The sound of a room.
public struct Reverb: Sendable, Equatable {
    /// Size: from a cupboard to a hall. The sound takes `seconds` to fall by 60 dB.
    public var room = 0.4
    /// Share of the room in what is heard; the rest is the voice itself.
    public var wet = 0.25
    /// How much sooner treble dies than bass.
    public var damping = 0.5
    /// Until the first sound from a wall, in milliseconds.
    public var preDelayMs = 10.0

    public init() {}

    public static var parameters: [AudioParameter<Reverb>] {
        [
            .init("room", \.room, 0...1), .init("wet", \.wet, 0...1), .init("damping", \.damping, 0...1),
            .init("pre_delay_ms", \.preDelayMs, 0...100),
        ]
    }
}

/// One band of an equalizer: a bell.
public struct EqualizerBand: Sendable, Equatable {
    /// Its middle.
    public var frequencyHz = 1000.0
    /// There, in dB.
    public var gainDb = 0.0
    /// The middle frequency in relation to the width.
    public var q = 1.0

    public init() {}

    public static var parameters: [AudioParameter<EqualizerBand>] {
        [
            .init("frequency_hz", \.frequencyHz, 20...20000), .init("gain_db", \.gainDb, -24...24),
            .init("q", \.q, 0.1...20),
        ]
    }
}

/// Makes what is loud less loud.
public struct Compressor: Sendable, Equatable {
    /// The level (RMS, full scale is 0 dB) from which on it works.
    public var thresholdDb = -20.0
    /// Of dB above the threshold before to those after.
    public var ratio = 3.0
    public var attackMs = 10.0
    public var releaseMs = 150.0
    /// Gain of everything afterwards, in dB.
    public var makeupDb = 0.0

    public init() {}

    public static var parameters: [AudioParameter<Compressor>] {
        [
            .init("threshold_db", \.thresholdDb, -60...0), .init("ratio", \.ratio, 1...20),
            .init("attack_ms", \.attackMs, 0.1...2000), .init("release_ms", \.releaseMs, 1...9000),
            .init("makeup_db", \.makeupDb, 0...36),
        ]
    }
}

public enum AudioEffect: Sendable, Equatable {
    case reverb(Reverb)
    case equalizer([EqualizerBand])
    case compressor(Compressor)

    /// In a request.
    public static let names = ["reverb", "equalizer", "compressor"]
    public static let bandCounts = 1...8
}

/// What is done to the finished speech, in this order: the speed, the effects as they are listed, and a limiter.
public struct AudioEffects: Sendable, Equatable {
    /// 2 is twice as fast; the pitch stays.
    public var speed = 1.0
    public var effects: [AudioEffect] = []

    public static let speeds = 0.25...4.0
    public static let maxEffectCount = 8

    public init(speed: Double = 1, effects: [AudioEffect] = []) { (self.speed, self.effects) = (speed, effects) }

    /// Nothing to do: samples stay as they are.
    public var isNone: Bool { speed == 1 && effects.isEmpty }

    /// - Throws: `AudioError.parameter` for the first value that isn't allowed: `effects[0].threshold_db`.
    public func check(sampleRateHz: Int) throws {
        try Self.check(speed, Self.speeds, "speed")
        guard effects.count <= Self.maxEffectCount else {
            throw AudioError.parameter(
                field: "effects", value: "\(effects.count) effects", allowed: "up to \(Self.maxEffectCount)")
        }
        for (index, effect) in effects.enumerated() {
            let place = "effects[\(index)]"
            switch effect {
            case .reverb(let reverb): for parameter in Reverb.parameters { try parameter.check(reverb, in: place) }
            case .compressor(let compressor):
                for parameter in Compressor.parameters { try parameter.check(compressor, in: place) }
            case .equalizer(let bands):
                guard AudioEffect.bandCounts.contains(bands.count) else {
                    throw AudioError.parameter(
                        field: "\(place).bands", value: "\(bands.count) bands",
                        allowed: "\(AudioEffect.bandCounts.lowerBound) to \(AudioEffect.bandCounts.upperBound)")
                }
                for (index, band) in bands.enumerated() {
                    let place = "\(place).bands[\(index)]"
                    for parameter in EqualizerBand.parameters { try parameter.check(band, in: place) }
                    // A bell has to be below half the sample rate.
                    try Self.check(band.frequencyHz, 20...(0.45 * Double(sampleRateHz)), "\(place).frequency_hz")
                }
            }
        }
    }

    /// - Throws: `AudioError.parameter`, also for what is no number.
    static func check(_ value: Double, _ allowed: ClosedRange<Double>, _ field: String) throws {
        func text(_ number: Double) -> String {
            number == number.rounded() && abs(number) < 1e9 ? "\(Int(number))" : "\(number)"
        }
        guard allowed.contains(value) else {
            throw AudioError.parameter(
                field: field, value: text(value), allowed: "\(text(allowed.lowerBound)) to \(text(allowed.upperBound))")
        }
    }
}
