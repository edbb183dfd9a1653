import Foundation
import SpeechEngine

/// Words as subtitles, a cue for each that is heard.
/// Source: https://www.w3.org/TR/webvtt1/
enum WebVTT {
    static func text(_ words: [WordTimestamp]) -> String {
        let cues = words.filter { $0.end > $0.start }.map { word in
            "\n\(time(word.start)) --> \(time(word.end))\n\(escaped(word.word))\n"
        }
        return "WEBVTT\n" + cues.joined()
    }

    private static func time(_ seconds: Double) -> String {
        let milliseconds = Int((seconds * 1000).rounded())
        return String(
            format: "%02d:%02d:%02d.%03d", milliseconds / 3_600_000, milliseconds / 60_000 % 60,
            milliseconds / 1000 % 60, milliseconds % 1000)
    }

    private static func escaped(_ word: String) -> String {
        word.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
