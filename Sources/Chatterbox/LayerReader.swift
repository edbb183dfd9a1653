import Checkpoints
import Tensors

/// Builds layers from a checkpoint: names are the checkpoint's, sizes are what the model needs.
struct LayerReader {
    let reader: WeightReader
    let precision: Precision

    func scope(_ name: String) -> LayerReader { LayerReader(reader: reader.scope(name), precision: precision) }

    func tensor(_ name: String, _ shape: [Int]) throws -> Tensor { try reader.tensor(name, shape: shape) }

    /// One to be packed: read if it hasn't been packed before.
    func weight(_ name: String, _ shape: [Int]) throws -> Weight { try reader.weight(name, shape: shape) }

    func linear(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool = true) throws -> Linear {
        try Linear(
            weight: weight(name + ".weight", [outputs, inputs]), bias: bias ? tensor(name + ".bias", [outputs]) : nil,
            precision: precision)
    }

    /// Several projections of one input as a single product, outputs in the order of the names.
    func linear(fusing names: [String], _ inputs: Int, _ outputs: Int, bias: Bool = true) throws -> Linear {
        let weights = try names.map { try weight($0 + ".weight", [outputs, inputs]) }
        let biases = try bias ? names.map { try tensor($0 + ".bias", [outputs]) } : []
        return try Linear(
            weight: .concatenated(weights), bias: bias ? .concatenated(biases, axis: 0) : nil,
            precision: precision)
    }

    /// A projection stored as `[inputs, outputs]`, as GPT-2's `Conv1D` are.
    func transposedLinear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> Linear {
        try Linear(
            weight: weight(name + ".weight", [inputs, outputs]), isTransposed: true,
            bias: tensor(name + ".bias", [outputs]), precision: precision)
    }

    /// Convolution on `[B, T, C]`.
    func conv1d(
        _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1,
        padding: (left: Int, right: Int), bias: Bool = true
    ) throws -> Conv1d {
        try Conv1d(
            weight: weight(name + ".weight", [outputs, inputs, kernel]),
            bias: bias ? tensor(name + ".bias", [outputs]) : nil, stride: stride, dilation: dilation, padding: padding,
            layout: .channelsLast, precision: precision)
    }

    /// Causal convolution on `[B, T, C]`: sees the past alone.
    func causalConv1d(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int) throws -> Conv1d {
        try conv1d(name, inputs, outputs, kernel: kernel, padding: (kernel - 1, 0))
    }

    /// Convolution on `[F, T, C]` that keeps the size but for the stride of `F`; no bias.
    func conv2d(_ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1) throws -> Conv2d {
        try Conv2d(
            weight: tensor(name + ".weight", [outputs, inputs, kernel, kernel]), bias: nil, stride: stride,
            padding: kernel / 2, precision: precision)
    }

    /// Layer `index` of torch's `LSTM`.
    func lstm(_ name: String, layer index: Int, _ inputs: Int, _ width: Int) throws -> LSTM {
        try LSTM(
            inputWeight: tensor("\(name).weight_ih_l\(index)", [4 * width, inputs]),
            recurrentWeight: tensor("\(name).weight_hh_l\(index)", [4 * width, width]),
            inputBias: tensor("\(name).bias_ih_l\(index)", [4 * width]),
            recurrentBias: tensor("\(name).bias_hh_l\(index)", [4 * width]), precision: precision)
    }

    /// - Parameter affine: whether it has a weight and a bias.
    func batchNorm(_ name: String, _ width: Int, affine: Bool = true) throws -> BatchNorm {
        // A counter of training, stored with the statistics.
        _ = try reader.scope(name).integers("num_batches_tracked")
        return try BatchNorm(
            mean: tensor(name + ".running_mean", [width]), variance: tensor(name + ".running_var", [width]),
            weight: affine ? tensor(name + ".weight", [width]) : nil,
            bias: affine ? tensor(name + ".bias", [width]) : nil)
    }

    func layerNorm(_ name: String, _ width: Int, epsilon: Float = 1e-5) throws -> LayerNorm {
        try LayerNorm(
            weight: tensor(name + ".weight", [width]), bias: tensor(name + ".bias", [width]), epsilon: epsilon)
    }

    func embedding(_ name: String, _ count: Int, _ width: Int) throws -> Embedding {
        try Embedding(weight: tensor(name + ".weight", [count, width]))
    }
}
