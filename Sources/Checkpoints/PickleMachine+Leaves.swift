extension PickleMachine {
    /// Limits of what is handed out: a few bytes of pickle can stand for any number of leaves.
    private enum Limit {
        static let depth = 32
        static let visits = 100_000
        static let pathLength = 1000
    }

    /// Tensors and scalars of nested dictionaries, lists and tuples, under their path.
    func leaves(of root: Value) throws(CheckpointError) -> ([String: TensorEntry], [String: TorchArchive.Scalar]) {
        guard case .container(let index) = root, containers[index].kind == .dictionary else {
            throw malformed("made something other than a dictionary")
        }
        var tensors: [String: TensorEntry] = [:]
        var scalars: [String: TorchArchive.Scalar] = [:]
        // Depth first; what is left to visit lies in an array, not on the stack.
        var left = [(path: "", value: root, depth: 0)]
        var visits = 0
        while let (path, value, depth) = left.popLast() {
            visits += 1
            guard depth <= Limit.depth, path.utf8.count <= Limit.pathLength else {
                throw malformed("more than \(Limit.depth) levels, or a path of more than \(Limit.pathLength) bytes")
            }
            switch value {
            case .tensor(let tensor):
                guard tensors.updateValue(tensor, forKey: path) == nil, scalars[path] == nil else {
                    throw malformed("key \(path) is there twice")
                }
            case .scalar(let scalar):
                guard scalars.updateValue(scalar, forKey: path) == nil, tensors[path] == nil else {
                    throw malformed("key \(path) is there twice")
                }
            case .container(let index):
                guard visits + left.count + containers[index].items.count <= Limit.visits else {
                    throw malformed("more than \(Limit.visits) values")
                }
                for (key, item) in try members(of: containers[index]) {
                    left.append((path.isEmpty ? key : path + "." + key, item, depth + 1))
                }
            case .storage, .global, .mark: throw malformed("\(path) is neither tensor nor plain data")
            }
        }
        return (tensors, scalars)
    }

    private func members(of container: Container) throws(CheckpointError) -> [(String, Value)] {
        guard container.kind == .dictionary else { return container.items.enumerated().map { ("\($0)", $1) } }
        var members: [(String, Value)] = []
        for place in stride(from: 0, to: container.items.count, by: 2) {
            switch container.items[place] {
            case .scalar(.string(let key)) where key.utf8.count <= Limit.pathLength:
                members.append((key, container.items[place + 1]))
            case .scalar(.int(let key)): members.append(("\(key)", container.items[place + 1]))
            default: throw malformed("a key that is no string of at most \(Limit.pathLength) bytes and no integer")
            }
        }
        return members
    }
}
