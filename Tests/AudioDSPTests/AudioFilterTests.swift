import AudioDSP
import Foundation
import Testing

@Suite struct AudioFilterTests {
    static func run(
        _ effects: AudioEffects, _ samples: [Float], rate: Int = 24000, pieces: () -> Int = { 4800 }
    ) throws -> [Float] {
        let filter = try AudioFilter(effects, sampleRateHz: rate)
        var (out, at): ([Float], Int) = ([], 0)
        while at < samples.count {
            let end = min(samples.count, at + pieces())
            out += try filter.process(Array(samples[at..<end]))
            let behind = (Double(end) - Double(out.count) * effects.speed) / Double(rate)
            #expect(behind <= filter.maxDelaySeconds, "\(behind) s of \(filter.maxDelaySeconds)")
            at = end
        }
        return try out + filter.finish()
    }

    static func tone(_ hz: Double, amplitude: Double = 0.3, seconds: Double = 2, rate: Int = 24000) -> [Float] {
        (0..<Int(seconds * Double(rate))).map { Float(amplitude * sin(2 * .pi * hz * Double($0) / Double(rate))) }
    }

    /// In dB, of the middle half.
    static func level(_ samples: [Float]) -> Double {
        let middle = samples[(samples.count / 4)..<(3 * samples.count / 4)]
        return 10 * log10(Double(middle.reduce(0) { $0 + $1 * $1 }) / Double(middle.count))
    }

    /// From the times at which the middle half rises through zero.
    static func pitch(_ samples: [Float], rate: Int = 24000) -> Double {
        let middle = Array(samples[(samples.count / 4)..<(3 * samples.count / 4)])
        let rises = (1..<middle.count).filter { middle[$0 - 1] < 0 && middle[$0] >= 0 }
        return Double(rises.count - 1) * Double(rate) / Double(rises[rises.count - 1] - rises[0])
    }

    static func equalizer(_ hz: Double, _ db: Double, q: Double = 1) -> AudioEffect {
        var band = EqualizerBand()
        (band.frequencyHz, band.gainDb, band.q) = (hz, db, q)
        return .equalizer([band])
    }

    static let everything: [AudioEffects] = [
        .init(speed: 0.25), .init(speed: 0.8), .init(speed: 1.25), .init(speed: 4),
        .init(effects: [equalizer(1000, 6)]), .init(effects: [.compressor(Compressor())]),
        .init(effects: [.reverb(Reverb())]),
        .init(
            speed: 1.3, effects: [equalizer(300, -6), .compressor(Compressor()), .reverb(Reverb()), .reverb(Reverb())]),
    ]

    @Test func nothingToDoIsNothingDone() throws {
        let samples: [Float] = [0.1, -0.2, 1.5, .infinity, -3, 1e-30]
        let filter = try AudioFilter(AudioEffects(), sampleRateHz: 24000)
        #expect(try filter.process(samples) == samples)
        #expect(try filter.finish().isEmpty)
        #expect(filter.maxDelaySeconds == 0)
    }

    @Test(arguments: everything)
    func samplesDoNotDependOnThePieces(effects: AudioEffects) throws {
        let samples = try AudioEncoderTests.speech(sampleCount: 30000)
        var lottery = Lottery(3)
        let once = try Self.run(effects, samples) { samples.count }
        for largest in [7, 700, 9000] {
            #expect(try Self.run(effects, samples) { 1 + lottery.number(below: largest) } == once)
        }
    }

    @Test(arguments: [0.25, 0.4, 0.5, 0.77, 0.95, 1.05, 1.5, 2, 2.7, 4], [8000, 24000, 48000])
    func speedChangesTheDurationAndNotThePitch(speed: Double, rate: Int) throws {
        var lottery = Lottery(9)
        let found = try Self.run(.init(speed: speed), Self.tone(220, seconds: 3, rate: rate), rate: rate) {
            1 + lottery.number(below: rate)
        }
        #expect(abs(Double(found.count) / Double(rate) * speed / 3 - 1) < 0.001)
        #expect(abs(Self.pitch(found, rate: rate) / 220 - 1) < 0.01, "\(Self.pitch(found, rate: rate))")
        #expect(abs(Self.level(found) - Self.level(Self.tone(220))) < 0.5)
        // Short ones, too.
        for count in [1, 50, 1000, rate / 2] {
            let found = try Self.run(.init(speed: speed), Array(Self.tone(220, rate: rate).prefix(count)), rate: rate)
            #expect(abs(Double(found.count) - Double(count) / speed) <= 0.5)
        }
    }

    /// What is said at a time is said at that time divided by the speed.
    @Test(arguments: [0.5, 0.8, 1.25, 2])
    func speedKeepsStep(speed: Double) throws {
        var samples = [Float](repeating: 0, count: 24000 * 6)
        for start in stride(from: 12000, to: 132_000, by: 12000) {
            samples.replaceSubrange(start..<(start + 4800), with: Self.tone(300, seconds: 0.2))
        }
        let found = try Self.run(.init(speed: speed), samples)
        for start in stride(from: 12000, to: 132_000, by: 12000) {
            let middle = Int((Double(start) + 2400) / speed)
            let power = found[(middle - 480)..<(middle + 480)].reduce(0) { $0 + $1 * $1 } / 960
            #expect(abs(power - 0.045) < 0.02, "\(start): \(power)")
            let gap = Int((Double(start) - 3600) / speed)
            #expect(found[(gap - 480)..<(gap + 480)].allSatisfy { abs($0) < 0.01 })
        }
    }

    @Test func theEqualizerRaisesItsBand() throws {
        for (hz, gain) in [(1000.0, 9.0), (1000, -12), (200, 6), (6000, -6)] {
            let effects = AudioEffects(effects: [Self.equalizer(hz, gain)])
            func change(_ tone: Double) throws -> Double {
                let samples = Self.tone(tone, amplitude: 0.1)
                return try Self.level(Self.run(effects, samples)) - Self.level(samples)
            }
            #expect(try abs(change(hz) - gain) < 0.2)
            #expect(try abs(change(hz / 8)) < 1)
        }
    }

    @Test func theCompressorPressesWhatIsLoud() throws {
        var compressor = Compressor()
        (compressor.thresholdDb, compressor.ratio, compressor.attackMs, compressor.releaseMs) = (-30, 4, 5, 50)
        func change(_ amplitude: Double) throws -> Double {
            let samples = Self.tone(440, amplitude: amplitude)
            return try Self.level(Self.run(.init(effects: [.compressor(compressor)]), samples)) - Self.level(samples)
        }
        // A level of −9 dB is 21 above the threshold, of which a quarter stays; −43 dB is below.
        let pressed = try change(0.5)
        #expect(abs(pressed + 15.75) < 2, "\(pressed)")
        #expect(try abs(change(0.01)) < 0.1)
        compressor.makeupDb = 6
        #expect(try abs(change(0.01) - 6) < 0.1)
    }

    @Test func theRoomSoundsOn() throws {
        let click = [Float](repeating: 0, count: 2400) + Self.tone(500, seconds: 0.05) + [0]
        func energy(_ samples: ArraySlice<Float>) -> Float { samples.reduce(0) { $0 + $1 * $1 } }
        var levels: [Float] = []
        for room in [0.0, 0.4, 1] {
            var reverb = Reverb()
            (reverb.room, reverb.wet) = (room, 0.5)
            let found = try Self.run(.init(effects: [.reverb(reverb)]), click)
            #expect(abs(found.count - click.count - Int(reverb.seconds * 24000)) <= 1)
            // The voice itself is where it was, at half its size; then the room, falling by 60 dB.
            #expect(abs(energy(found[2400..<2640]) / energy(click[2400..<2640]) - 0.25) < 0.02)
            levels.append(energy(found[3720...]))
            let tail = found[3720...]
            #expect(energy(tail.suffix(tail.count / 4)) < 1e-3 * energy(tail.prefix(tail.count / 4)))
        }
        #expect(levels[0] > 0 && levels[2] > levels[0])
        var dry = Reverb()
        dry.wet = 0
        let samples = Self.tone(300, seconds: 0.5)
        let found = try Self.run(.init(effects: [.reverb(dry)]), samples)
        #expect(zip(found, samples).allSatisfy { abs($0 - $1) < 1e-4 })
    }

    @Test func theWallsAreFarAndSoft() throws {
        let click = [0.9] + [Float](repeating: 0, count: 240)
        func tail(damping: Double, preDelayMs: Double) throws -> [Float] {
            var reverb = Reverb()
            (reverb.wet, reverb.damping, reverb.preDelayMs) = (1, damping, preDelayMs)
            return try Self.run(.init(effects: [.reverb(reverb)]), click)
        }
        for preDelayMs in [0.0, 20, 100] {
            let found = try tail(damping: 0.5, preDelayMs: preDelayMs)
            let first = try #require(found.firstIndex { abs($0) > 1e-4 })
            #expect(abs(Double(first) - preDelayMs * 24) < 24, "\(first)")
        }
        // The power of the differences in relation to that of the samples: 2 for white noise.
        func treble(_ samples: [Float]) -> Float {
            let late = samples[3000..<6000]
            return zip(late, late.dropFirst()).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
                / late.reduce(0) { $0 + $1 * $1 }
        }
        let (hard, soft) = try (treble(tail(damping: 0, preDelayMs: 0)), treble(tail(damping: 1, preDelayMs: 0)))
        #expect(abs(hard - 2) < 0.3 && soft < 0.5, "\(hard), \(soft)")
    }

    @Test func theCompressorTakesItsTime() throws {
        func start(attackMs: Double) throws -> Float {
            var compressor = Compressor()
            (compressor.thresholdDb, compressor.ratio, compressor.attackMs) = (-30, 10, attackMs)
            let found = try Self.run(.init(effects: [.compressor(compressor)]), Self.tone(500, amplitude: 0.5))
            return found[480..<960].map(abs).max() ?? 0
        }
        let (quick, slow) = try (start(attackMs: 1), start(attackMs: 2000))
        #expect(quick < 0.15 && slow > 3 * quick, "\(quick), \(slow)")
    }

    @Test func nothingClips() throws {
        let loud = Self.tone(200, amplitude: 1)
        for effects in [
            AudioEffects(effects: [Self.equalizer(200, 24)]), .init(speed: 1.5),
            .init(effects: [.reverb(Reverb()), Self.equalizer(200, 12)]),
        ] {
            let found = try Self.run(effects, loud)
            #expect(found.allSatisfy { abs($0) <= 0.981 }, "\(found.map(abs).max() ?? 0)")
        }
    }

    @Test func whatIsNotAllowedIsNamed() throws {
        func message(_ effects: AudioEffects) -> String {
            do {
                try effects.check(sampleRateHz: 24000)
                return ""
            } catch { return "\(error)" }
        }
        #expect(message(.init(speed: 5)) == "speed is 5, allowed is 0.25 to 4")
        #expect(message(.init(speed: .nan)) == "speed is nan, allowed is 0.25 to 4")
        var compressor = Compressor()
        compressor.thresholdDb = 3
        #expect(
            message(.init(effects: [.reverb(Reverb()), .compressor(compressor)]))
                == "effects[1].threshold_db is 3, allowed is -60 to 0")
        var reverb = Reverb()
        reverb.preDelayMs = -.infinity
        #expect(message(.init(effects: [.reverb(reverb)])) == "effects[0].pre_delay_ms is -inf, allowed is 0 to 100")
        #expect(
            message(.init(effects: [Self.equalizer(11000, 3)]))
                == "effects[0].bands[0].frequency_hz is 11000, allowed is 20 to 10800")
        #expect(message(.init(effects: [.equalizer([])])) == "effects[0].bands is 0 bands, allowed is 1 to 8")
        #expect(
            message(.init(effects: Array(repeating: .reverb(Reverb()), count: 9)))
                == "effects is 9 effects, allowed is up to 8")
        #expect(throws: AudioError.self) { try AudioFilter(.init(), sampleRateHz: 100) }
    }

    /// Any numbers end in samples or in an error that names one of them.
    @Test func randomParametersEnd() throws {
        var lottery = Lottery(77)
        func value(_ allowed: ClosedRange<Double>) -> Double {
            switch lottery.number(below: 60) {
            case 0: [Double.nan, .infinity, -.infinity, 1e300, -1e300, 0, -1][lottery.number(below: 7)]
            case 1: allowed.lowerBound
            case 2: allowed.upperBound
            default: lottery.number(in: allowed)
            }
        }
        func fill<Effect>(_ effect: Effect, _ parameters: [AudioParameter<Effect>]) -> Effect {
            var effect = effect
            for parameter in parameters { effect[keyPath: parameter.path] = value(parameter.allowed) }
            return effect
        }
        var (good, bad) = (0, 0)
        for round in 0..<10000 {
            var effects = AudioEffects(speed: value(AudioEffects.speeds))
            for _ in 0..<lottery.number(below: 4) {
                switch lottery.number(below: 10) {
                // A room takes the time of hundreds of others.
                case 0: effects.effects.append(.reverb(fill(Reverb(), Reverb.parameters)))
                case 1...5: effects.effects.append(.compressor(fill(Compressor(), Compressor.parameters)))
                default:
                    effects.effects.append(
                        .equalizer(
                            (0..<lottery.number(below: 4)).map { _ in fill(EqualizerBand(), EqualizerBand.parameters) })
                    )
                }
            }
            do {
                let filter = try AudioFilter(effects, sampleRateHz: [8000, 24000, 48000][round % 3])
                good += 1
                let out = try filter.process([Float](repeating: 0.5, count: 500)) + filter.finish()
                #expect(out.allSatisfy { abs($0) <= 0.981 }, "\(effects)")
            } catch let error as AudioError {
                guard case .parameter = error else { throw error }
                bad += 1
            }
        }
        #expect(good > 1000 && bad > 1000, "\(good), \(bad)")
    }
}
