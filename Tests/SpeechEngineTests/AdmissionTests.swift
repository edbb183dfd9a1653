import SpeechEngine
import Testing

@Suite struct AdmissionTests {
    @Test func placesFollowTheCost() {
        var admission = Admission(.realTime(most: 64))
        #expect(admission.places == 1 && admission.cost == nil && admission.wait(audio: 10) == nil)
        admission.observe(busy: 0.01, audio: 0.1)
        #expect(admission.places == 1 && admission.cost == nil)
        admission.observe(busy: 0.19, audio: 1.9)
        #expect(admission.cost == 0.1 && admission.places == 8 && admission.wait(audio: 30) == 3)
        // Never none, and never more than may be.
        admission.observe(busy: 100, audio: 10)
        #expect(admission.places == 1)
        for _ in 0..<1000 { admission.observe(busy: 1, audio: 1000) }
        #expect(admission.places == 64 && admission.most == 64)
    }

    /// A machine that becomes busy is noticed within a minute of computing.
    @Test func whatIsOldIsForgotten() {
        var admission = Admission(.realTime(most: 64))
        for _ in 0..<1000 { admission.observe(busy: 0.1, audio: 1) }
        for _ in 0..<150 { admission.observe(busy: 0.4, audio: 1) }
        #expect(admission.places == 2)
    }

    @Test func aFixedNumberStays() {
        var admission = Admission(.fixed(3))
        #expect(admission.places == 3 && admission.most == 3)
        admission.observe(busy: 100, audio: 1)
        #expect(admission.places == 3)
    }

    @Test func textsTellTheirLength() {
        var admission = Admission(.fixed(1))
        #expect(admission.expectedAudio(characters: 150) == 10)
        for _ in 0..<100 { admission.observe(characters: 100, audio: 20) }
        #expect(abs(admission.expectedAudio(characters: 100) - 20) < 0.01)
    }
}
