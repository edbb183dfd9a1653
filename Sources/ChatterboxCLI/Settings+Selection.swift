import ArgumentParser
import Chatterbox

extension Settings {
    /// Which official model of a folder, and which decoder.
    func selection() throws -> OfficialModel.Selection {
        var selection = OfficialModel.Selection()
        if let name = string("chatterbox.variant") {
            selection.models = OfficialModel.named(name)
            guard !selection.models.isEmpty else {
                throw ValidationError(
                    "The variant is \"\(name)\", but must be one of: "
                        + (["multilingual"] + OfficialModel.allCases.map(\.rawValue)).sorted().joined(separator: ", ")
                        + ".")
            }
        }
        if string("chatterbox.decoder") != nil {
            selection.decoder = try choice("chatterbox.decoder", default: OfficialModel.Decoder.guided)
        }
        return selection
    }
}
