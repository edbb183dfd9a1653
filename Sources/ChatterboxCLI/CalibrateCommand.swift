import ArgumentParser
import Chatterbox
import Foundation
import SpeechEngine

struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calibrate",
        abstract: "Find the heads of a model that follow the text.",
        discussion: """
            Speaks a few sentences, looks at the attention of every head, and writes those that move over the text as it \
            is spoken to alignment.json in the model's folder. From then on the alignment monitor and timestamps of words \
            work with this model. The english and the multilingual models and the embedded voice know their heads \
            already; nano and turbo don't. Takes some minutes.

            chatterbox calibrate nano
            """)

    @Argument(
        help: ArgumentHelp("The folder of a model, or a name that `chatterbox models` lists.", valueName: "model"))
    var model: String

    @Option(help: "Of a folder with several official models: its name, such as multilingual.")
    var variant: String?

    func run() throws {
        let selection = try Settings(arguments: ["chatterbox.variant": variant]).selection(of: model)
        let folder = try ModelLocation.folder(model)
        let calibration: AlignmentCalibration
        let t3: T3Configuration
        do {
            let loaded = try ChatterboxModel.load(
                folder: folder, precision: .float32, selection: selection, watchingAllHeads: true)
            t3 = loaded.configuration.t3
            calibration = try AlignmentCalibration(model: loaded) { done in
                FileHandle.standardError.write(
                    Data("sentence \(done) of \(AlignmentCalibration.sentences.count)\n".utf8))
            }
        } catch {
            throw CleanFailure("The model can't be calibrated: \(error)")
        }
        print("layer head  peaked  monotonic  covering  score")
        for score in calibration.scores.prefix(8) {
            print(
                String(
                    format: "%5d %4d  %6.3f  %9.3f  %8.3f  %5.3f", score.layer, score.head, score.peaked,
                    score.monotonic, score.covering, score.total))
        }
        let heads = calibration.heads
        guard !heads.isEmpty else {
            throw CleanFailure(
                """
                No head follows the text: a score of \(AlignmentCalibration.least) is needed. Nothing was written; the \
                alignment monitor stays as it was.
                """)
        }
        do {
            let path = try AlignmentFile.store(heads, of: t3, in: folder)
            print("\(path): heads \(heads.map { "(\($0[0]), \($0[1]))" }.joined(separator: ", "))")
        } catch {
            throw CleanFailure("\(error)")
        }
    }
}
