import CFFmpeg

/// A chain of libavfilter's filters for one channel of floats.
final class FilterGraph {
    /// One filter and its options. `impulse` is what it convolves with, its second input.
    struct Node {
        var name: String
        var options: [(name: String, value: String)] = []
        /// Options that some versions of the filter don't have.
        var optional: [(name: String, value: String)] = []
        var impulse: [Float]?
    }

    private var graph = avfilter_graph_alloc()
    private var source: UnsafeMutablePointer<AVFilterContext>?
    private var sink: UnsafeMutablePointer<AVFilterContext>?
    private var output = av_frame_alloc()
    private let sampleRateHz: Int
    private var sampleCount = 0

    /// - Throws: `AudioError.filter`, `.noMemory`.
    init(_ nodes: [Node], sampleRateHz: Int) throws {
        FFmpegLog.quiet
        self.sampleRateHz = sampleRateHz
        guard let graph, output != nil else { throw AudioError.noMemory }
        // Threads of its own would be one more a request.
        graph.pointee.nb_threads = 1
        let source = try addSource()
        self.source = source
        var last = source
        var impulses: [(UnsafeMutablePointer<AVFilterContext>, [Float])] = []
        for node in nodes + [Node(name: "aformat", options: [("sample_fmts", "fltp")]), Node(name: "abuffersink")] {
            let next = try add(node)
            try link(last, next, 0)
            if let impulse = node.impulse {
                let source = try addSource()
                try link(source, next, 1)
                impulses.append((source, impulse))
            }
            last = next
        }
        sink = last
        guard avfilter_graph_config(graph, nil) >= 0 else { throw AudioError.filter(reason: "the chain is refused") }
        for (source, impulse) in impulses {
            try send(impulse[...], at: 0, to: source)
            guard av_buffersrc_add_frame(source, nil) >= 0 else { throw AudioError.filter(reason: "no impulse") }
        }
    }

    deinit {
        av_frame_free(&output)
        avfilter_graph_free(&graph)
    }

    /// - Returns: What has become ready; often less than went in.
    func process(_ samples: ArraySlice<Float>) throws -> [Float] {
        try send(samples, at: sampleCount, to: source)
        sampleCount += samples.count
        return try receive()
    }

    func finish() throws -> [Float] {
        guard av_buffersrc_add_frame(source, nil) >= 0 else { throw AudioError.filter(reason: "no end is taken") }
        return try receive()
    }

    private func addSource() throws -> UnsafeMutablePointer<AVFilterContext> {
        try add(
            Node(
                name: "abuffer",
                options: [
                    ("time_base", "1/\(sampleRateHz)"), ("sample_rate", "\(sampleRateHz)"), ("sample_fmt", "fltp"),
                    ("channel_layout", "mono"),
                ]))
    }

    private func add(_ node: Node) throws -> UnsafeMutablePointer<AVFilterContext> {
        guard let filter = avfilter_get_by_name(node.name),
            let context = avfilter_graph_alloc_filter(graph, filter, nil)
        else { throw AudioError.filter(reason: "FFmpeg's libraries here have no \(node.name)") }
        for (name, value) in node.options {
            guard av_opt_set(context, name, value, AV_OPT_SEARCH_CHILDREN) >= 0 else {
                throw AudioError.filter(reason: "\(node.name) doesn't take \(value) as \(name)")
            }
        }
        for (name, value) in node.optional { av_opt_set(context, name, value, AV_OPT_SEARCH_CHILDREN) }
        guard avfilter_init_str(context, nil) >= 0 else {
            throw AudioError.filter(reason: "\(node.name) doesn't start")
        }
        return context
    }

    private func link(
        _ from: UnsafeMutablePointer<AVFilterContext>, _ to: UnsafeMutablePointer<AVFilterContext>, _ input: UInt32
    ) throws {
        guard avfilter_link(from, 0, to, input) >= 0 else { throw AudioError.filter(reason: "the chain doesn't hold") }
    }

    private func send(_ samples: ArraySlice<Float>, at: Int, to source: UnsafeMutablePointer<AVFilterContext>?) throws {
        guard !samples.isEmpty else { return }
        var frame = av_frame_alloc()
        defer { av_frame_free(&frame) }
        guard let new = frame else { throw AudioError.noMemory }
        new.pointee.nb_samples = Int32(samples.count)
        new.pointee.format = Int32(AV_SAMPLE_FMT_FLTP.rawValue)
        new.pointee.sample_rate = Int32(sampleRateHz)
        new.pointee.pts = Int64(at)
        av_channel_layout_default(&new.pointee.ch_layout, 1)
        guard av_frame_get_buffer(frame, 0) >= 0, let data = UnsafeMutableRawPointer(new.pointee.data.0) else {
            throw AudioError.noMemory
        }
        _ = UnsafeMutableBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: samples.count)
            .update(fromContentsOf: samples)
        // On success the frame is empty afterwards.
        guard av_buffersrc_add_frame(source, frame) >= 0 else { throw AudioError.filter(reason: "a frame is refused") }
    }

    private func receive() throws -> [Float] {
        var samples: [Float] = []
        while true {
            let status = av_buffersink_get_frame(sink, output)
            guard status != ff_error_again, status != ff_error_eof else { return samples }
            guard status >= 0, let frame = output else { throw AudioError.filter(reason: "a frame is lost") }
            defer { av_frame_unref(frame) }
            guard let data = UnsafeRawPointer(frame.pointee.data.0) else { continue }
            samples += UnsafeBufferPointer(
                start: data.assumingMemoryBound(to: Float.self), count: Int(frame.pointee.nb_samples))
        }
    }
}
