import AudioDSP

/// A chain of effects, as a list of objects each with a `type`: docs/http-api.md.
struct EffectsField: Field {
    let name = "effects"
    let about = "Effects in the order they are applied, each with a type: reverb, equalizer or compressor"
    var fallback: [AudioEffect] { [] }

    var schema: [String: JSONValue] {
        [
            "type": "array", "maxItems": .count(AudioEffects.maxEffectCount),
            "items": [
                "oneOf": [
                    Self.object(Reverb.parameters, of: Reverb(), type: "reverb"),
                    Self.object(Compressor.parameters, of: Compressor(), type: "compressor"),
                    [
                        "type": "object", "additionalProperties": false, "required": ["type", "bands"],
                        "properties": [
                            "type": ["const": "equalizer"],
                            "bands": [
                                "type": "array", "minItems": .count(AudioEffect.bandCounts.lowerBound),
                                "maxItems": .count(AudioEffect.bandCounts.upperBound),
                                "items": Self.object(EqualizerBand.parameters, of: EqualizerBand(), type: nil),
                            ],
                        ],
                    ],
                ]
            ],
        ]
    }

    private static func object<Owner>(
        _ parameters: [AudioParameter<Owner>], of owner: Owner, type: String?
    ) -> JSONValue {
        var properties: [String: JSONValue] = type.map { ["type": ["const": .string($0)]] } ?? [:]
        for parameter in parameters {
            properties[parameter.name] = [
                "type": "number", "minimum": .number(parameter.allowed.lowerBound),
                "maximum": .number(parameter.allowed.upperBound), "default": .number(owner[keyPath: parameter.path]),
            ]
        }
        return [
            "type": "object", "additionalProperties": false, "properties": .object(properties),
            "required": type == nil ? [] : ["type"],
        ]
    }

    func read(_ value: JSONValue, isText: Bool) throws(ServerError) -> [AudioEffect] {
        var value = value
        // A form has no lists; JSON in its field will do.
        if isText, let text = value.string {
            do { value = try JSONValue(parsing: text) } catch {
                throw .invalidType(field: name, value: value.excerpt, expected: "a list of effects, in JSON")
            }
        }
        guard case .array(let items) = value else {
            throw .invalidType(field: name, value: value.excerpt, expected: "a list of effects")
        }
        guard items.count <= AudioEffects.maxEffectCount else {
            throw .outOfRange(
                field: name, value: "a list of \(items.count)", allowed: "up to \(AudioEffects.maxEffectCount) effects")
        }
        var effects: [AudioEffect] = []
        for (index, item) in items.enumerated() {
            effects.append(try effect(item, at: "\(name)[\(index)]"))
        }
        return effects
    }

    private func effect(_ item: JSONValue, at place: String) throws(ServerError) -> AudioEffect {
        guard case .object(var object) = item else {
            throw .invalidType(field: place, value: item.excerpt, expected: "an object with a type")
        }
        let allowed = AudioEffect.names.map { "\"\($0)\"" }.joined(separator: " or ")
        guard let type = object.removeValue(forKey: "type") else { throw .missingField("\(place).type") }
        switch type.string {
        case "reverb": return .reverb(try Self.read(object, Reverb(), Reverb.parameters, place))
        case "compressor": return .compressor(try Self.read(object, Compressor(), Compressor.parameters, place))
        case "equalizer":
            guard let bands = object.removeValue(forKey: "bands") else { throw .missingField("\(place).bands") }
            if let stranger = object.keys.sorted().first {
                throw .unknownField(
                    "\(place).\(stranger)", suggestion: Suggestion.nearest(to: stranger, in: ["bands"]))
            }
            let counts = AudioEffect.bandCounts
            guard case .array(let items) = bands, counts.contains(items.count) else {
                throw .invalidType(
                    field: "\(place).bands", value: bands.excerpt,
                    expected: "a list of \(counts.lowerBound) to \(counts.upperBound) bands")
            }
            var read: [EqualizerBand] = []
            for (index, item) in items.enumerated() {
                let place = "\(place).bands[\(index)]"
                guard case .object(let object) = item else {
                    throw .invalidType(field: place, value: item.excerpt, expected: "an object")
                }
                read.append(try Self.read(object, EqualizerBand(), EqualizerBand.parameters, place))
            }
            return .equalizer(read)
        default: throw .invalidValue(field: "\(place).type", value: type.excerpt, allowed: allowed)
        }
    }

    private static func read<Owner>(
        _ object: [String: JSONValue], _ owner: Owner, _ parameters: [AudioParameter<Owner>], _ place: String
    ) throws(ServerError) -> Owner {
        var owner = owner
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            guard let parameter = parameters.first(where: { $0.name == name }) else {
                throw .unknownField(
                    "\(place).\(name)", suggestion: Suggestion.nearest(to: name, in: parameters.map(\.name)))
            }
            let field = NumberField("\(place).\(name)", parameter.allowed, default: owner[keyPath: parameter.path], "")
            owner[keyPath: parameter.path] = try field.read(value, isText: false)
        }
        return owner
    }

    /// Of the record only how many there are.
    func json(_ value: [AudioEffect]) -> JSONValue {
        .strings(
            value.map {
                switch $0 {
                case .reverb: "reverb"
                case .equalizer: "equalizer"
                case .compressor: "compressor"
                }
            })
    }
}
