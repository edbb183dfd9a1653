import Checkpoints
import Tensors

/// One layer of a dense block: what it makes is put beside what it saw.
/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
struct CAMDenseTDNNLayer: Sendable {
    private let norm1: BatchNorm
    private let linear1: Conv1d
    private let norm2: BatchNorm
    private let cam: CAMLayer

    init(_ layers: LayerReader, inputs: Int, bottleneck: Int, outputs: Int, dilation: Int) throws {
        norm1 = try layers.batchNorm("nonlinear1.batchnorm", inputs)
        linear1 = try layers.conv1d("linear1", inputs, bottleneck, kernel: 1, padding: (0, 0), bias: false)
        norm2 = try layers.batchNorm("nonlinear2.batchnorm", bottleneck)
        cam = try CAMLayer(layers.scope("cam_layer"), inputs: bottleneck, outputs: outputs, dilation: dilation)
    }

    /// - Parameter x: `[1, T, inputs]`.
    func callAsFunction(_ x: Tensor) throws -> Tensor { try cam(norm2(linear1(norm1(x).relu())).relu()) }
}

/// A convolution, masked by what the whole recording and each second of it are like.
/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
struct CAMLayer: Sendable {
    /// Frames of a segment.
    private static let segment = 100

    private let local: Conv1d
    private let linear1: Conv1d
    private let linear2: Conv1d

    init(_ layers: LayerReader, inputs: Int, outputs: Int, dilation: Int) throws {
        local = try layers.conv1d(
            "linear_local", inputs, outputs, kernel: 3, dilation: dilation, padding: (dilation, dilation), bias: false)
        linear1 = try layers.conv1d("linear1", inputs, inputs / 2, kernel: 1, padding: (0, 0))
        linear2 = try layers.conv1d("linear2", inputs / 2, outputs, kernel: 1, padding: (0, 0))
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let mask = try linear2(linear1(context(x)).relu()).sigmoid()
        let y = try local(x)
        let (time, outputs) = (y.shape[1], y.shape[2])
        return Tensor(shape: y.shape) { out in
            y.withUnsafeBufferPointer { y in
                mask.withUnsafeBufferPointer { mask in
                    for t in 0..<time {
                        for c in 0..<outputs {
                            out[t * outputs + c] = y[t * outputs + c] * mask[t / Self.segment * outputs + c]
                        }
                    }
                }
            }
        }
    }

    /// The mean over all frames plus the mean of each segment, one row a segment: the mask is the same in all its frames.
    private func context(_ x: Tensor) throws -> Tensor {
        let (time, channels) = (x.shape[1], x.shape[2])
        let frames = try x.reshaped([time, channels])
        let whole = try frames.meanOverTime()
        let parts = try stride(from: 0, to: time, by: Self.segment).map { start in
            let end = min(start + Self.segment, time)
            return try frames.sliced(axis: 0, from: start, to: end).meanOverTime() + whole
        }
        return try Tensor.concatenated(parts, axis: 0).reshaped([1, parts.count, channels])
    }
}

/// Halves the channels after a dense block.
/// Source: resemble-ai/chatterbox models/s3gen/xvector.py
struct TransitLayer: Sendable {
    private let norm: BatchNorm
    private let linear: Conv1d

    init(_ layers: LayerReader, inputs: Int) throws {
        norm = try layers.batchNorm("nonlinear.batchnorm", inputs)
        linear = try layers.conv1d("linear", inputs, inputs / 2, kernel: 1, padding: (0, 0), bias: false)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor { try linear(norm(x).relu()) }
}
