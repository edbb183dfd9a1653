import Tensors

/// Frames `[1, n, C]` that wait for others to catch up, oldest first.
struct FrameQueue: Sendable {
    private(set) var frames: Tensor

    init(channels: Int) { frames = Tensor(zeros: [1, 0, channels]) }

    var count: Int { frames.shape[1] }

    mutating func push(_ more: Tensor) throws {
        frames = count == 0 ? more : try Tensor.concatenated([frames, more], axis: 1)
    }

    /// Takes the oldest out. There must be so many.
    mutating func pop(_ number: Int) throws -> Tensor {
        let taken = try frames.sliced(axis: 1, from: 0, to: number)
        frames = try frames.sliced(axis: 1, from: number, to: count)
        return taken
    }
}
