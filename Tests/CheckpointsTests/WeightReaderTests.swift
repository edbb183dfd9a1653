import Checkpoints
import Foundation
import Tensors
import Testing

@Suite struct WeightReaderTests {
    private static func reader() throws -> WeightReader {
        let json =
            #"{"flow.a.weight":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},"#
            + #""flow.b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"#
            + #""other.c":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}"#
        return WeightReader(try file(json, data: [1, 2, 3, 4]))
    }

    @Test func scopes() throws {
        let reader = try Self.reader()
        let flow = reader.scope("flow")
        #expect(try flow.scope("a").tensor("weight", shape: [2, 1]).values == [1, 2])
        #expect(flow.contains("b") && !flow.contains("c"))
        #expect(flow.shape(of: "a.weight") == [2, 1])
    }

    @Test func namesWhatIsWrong() throws {
        let flow = try Self.reader().scope("flow")
        #expect(throws: CheckpointError.missing(file: "test", key: "flow.x", expected: [3])) {
            try flow.tensor("x", shape: [3])
        }
        #expect(throws: CheckpointError.shape(file: "test", key: "flow.b", expected: [2], found: [1])) {
            try flow.tensor("b", shape: [2])
        }
    }

    @Test func audits() throws {
        let reader = try Self.reader()
        let flow = reader.scope("flow")
        #expect(throws: CheckpointError.unread(file: "test", keys: ["flow.a.weight", "flow.b", "other.c"])) {
            try reader.finish()
        }
        _ = try flow.tensor("b", shape: [1])
        // A refused read is no read.
        _ = try? flow.tensor("a.weight", shape: [1])
        #expect(throws: CheckpointError.unread(file: "test", keys: ["flow.a.weight"])) { try flow.finish() }
        #expect(throws: CheckpointError.unread(file: "test", keys: ["other.c"])) {
            try reader.finish(ignoring: ["flow.a.*": "a test"])
        }
        try reader.finish(ignoring: ["flow.a.*": "a test", "other.c": "a test"])
        try flow.finish(ignoring: ["a.weight": "a test"])
    }

    @Test func manifestsAuditWithoutData() throws {
        let reader = WeightReader(manifest: ["a.w": [1000, 1000]], name: "manifest")
        let error = CheckpointError.shape(file: "manifest", key: "a.w", expected: [1000, 10], found: [1000, 1000])
        #expect(throws: error) {
            try reader.scope("a").tensor("w", shape: [1000, 10])
        }
        #expect(throws: CheckpointError.unread(file: "manifest", keys: ["a.w"])) { try reader.finish() }
        #expect(try reader.tensor("a.w", shape: [1000, 1000]).shape == [1, 1])
        try reader.finish()
    }
}
