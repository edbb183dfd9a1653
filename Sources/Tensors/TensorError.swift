/// What can be wrong with the operands of an operation.
public enum TensorError: Error, Equatable, CustomStringConvertible {
    /// The operand's shape is not one that `op` accepts.
    case shape(op: String, expected: String, found: [Int])
    /// An index or a range lies outside of an axis.
    case range(op: String, expected: String, found: Int)
    /// The kernel library refused to do what the shapes allow.
    case kernel(op: String, message: String)

    public var description: String {
        switch self {
        case .shape(let op, let expected, let found): "\(op): expected \(expected), found \(found)"
        case .range(let op, let expected, let found): "\(op): expected \(expected), found \(found)"
        case .kernel(let op, let message): "\(op): \(message)"
        }
    }
}
