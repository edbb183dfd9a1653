import ArgumentParser
import Chatterbox
import ModelHub

extension Settings {
    /// Which official model of a folder, and which decoder.
    /// - Parameter model: what `--model` says. By the hub's names it chooses too: english and multilingual share a folder.
    func selection(of model: String) throws -> OfficialModel.Selection {
        var selection = OfficialModel.Selection()
        if HubModel(rawValue: model) != nil { selection.models = OfficialModel.named(model) }
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
