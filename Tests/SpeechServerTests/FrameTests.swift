import NIOCore
import NIOEmbedded
import NIOWebSocket
import SpeechServer
import Testing

/// Frames against RFC 6455, without a socket.
@Suite struct FrameTests {
    let channel = EmbeddedChannel()

    init() throws {
        let limits = ServerLimits {
            $0.maxMessageBytes = 100
            ($0.connectionTimeout, $0.connectionLifetime) = (.seconds(90), .seconds(150))
        }
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        try channel.pipeline.syncOperations.addHandlers([
            FrameRules(maxFrameBytes: limits.maxMessageBytes),
            ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limits.maxMessageBytes)),
            TextRules(),
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 0, maxAccumulatedFrameCount: 4,
                maxAccumulatedFrameSize: limits.maxMessageBytes),
            WebSocketMessageHandler(limits: limits),
        ])
    }

    func receive(_ opcode: UInt8, _ payload: [UInt8], fin: Bool = true, rsv: UInt8 = 0, mask: Bool = true) throws {
        var bytes = ByteBuffer()
        bytes.writeInteger((fin ? 0x80 : 0) | rsv << 4 | opcode)
        let bit: UInt8 = mask ? 0x80 : 0
        if payload.count < 126 {
            bytes.writeInteger(bit | UInt8(payload.count))
        } else {
            bytes.writeInteger(bit | 126)
            bytes.writeInteger(UInt16(payload.count))
        }
        if mask { bytes.writeBytes([0, 0, 0, 0]) }
        bytes.writeBytes(payload)
        try channel.writeInbound(bytes)
    }

    func nextMessage() throws -> ClientFrame? { try channel.readInbound(as: ClientFrame.self) }

    func nextFrame() throws -> (opcode: WebSocketOpcode, payload: [UInt8])? {
        try channel.readOutbound(as: WebSocketFrame.self).map { ($0.opcode, Array($0.data.readableBytesView)) }
    }

    func expectClose(_ code: UInt16, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let frame = try nextFrame()
        #expect(frame?.opcode == .connectionClose, sourceLocation: sourceLocation)
        let bytes = frame.map { Array($0.payload.prefix(2)) }
        #expect(bytes == [UInt8(code >> 8), UInt8(code & 0xFF)], sourceLocation: sourceLocation)
        guard case .closing(let reason) = try nextMessage() else {
            Issue.record("the session isn't told", sourceLocation: sourceLocation)
            return
        }
        #expect(reason?.closeCode == code, sourceLocation: sourceLocation)
    }

    @Test func textAndBinary() throws {
        try receive(1, Array("héllo".utf8))
        #expect(try nextMessage() == .text("héllo"))
        try receive(2, [1, 2, 3])
        #expect(try nextMessage() == .binary(ByteBuffer(bytes: [1, 2, 3])))
    }

    @Test func fragmentsWithAPingBetween() throws {
        try receive(1, Array("ab".utf8), fin: false)
        try receive(9, [7])
        try receive(0, Array("cd".utf8))
        #expect(try nextMessage() == .text("abcd"))
        let pong = try #require(try nextFrame())
        #expect(pong.opcode == .pong)
        #expect(pong.payload == [7])
    }

    @Test func invalidUTF8() throws {
        try receive(1, [0xC0, 0xAF])
        try expectClose(1007)
    }

    @Test func unmasked() throws {
        try receive(1, [0x41], mask: false)
        try expectClose(1002)
    }

    @Test(arguments: [1, 2, 4] as [UInt8])
    func reservedBits(rsv: UInt8) throws {
        try receive(1, [0x41], rsv: rsv)
        try expectClose(1002)
    }

    @Test(arguments: [3, 7, 11, 15] as [UInt8])
    func unknownOpcodes(opcode: UInt8) throws {
        try receive(opcode, [])
        try expectClose(1002)
    }

    @Test func tooLarge() throws {
        try? receive(1, [UInt8](repeating: 0x41, count: 101))
        try expectClose(1009)
    }

    @Test func tooLargeInFragments() throws {
        try receive(1, [UInt8](repeating: 0x41, count: 60), fin: false)
        try receive(0, [UInt8](repeating: 0x41, count: 60))
        try expectClose(1009)
    }

    @Test func continuationOfNothing() throws {
        try receive(0, [0x41])
        try expectClose(1002)
    }

    @Test func closeIsAnsweredInKind() throws {
        try receive(8, [0x03, 0xE8])
        #expect(try nextMessage() == .closing(nil))
        let frame = try #require(try nextFrame())
        #expect(frame.opcode == .connectionClose)
        #expect(frame.payload == [0x03, 0xE8])
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] as [UInt16])
    func closeCodesThatAreNotAllowed(code: UInt16) throws {
        try receive(8, [UInt8(code >> 8), UInt8(code & 0xFF)])
        try expectClose(1002)
    }

    @Test func nothingIsReadAfterClosing() throws {
        try receive(3, [])
        try expectClose(1002)
        try receive(1, [0x41])
        #expect(try nextMessage() == nil)
    }

    @Test func theServersCloseWaitsForTheAnswerButNotForever() throws {
        try channel.writeOutbound(ServerFrame.close(.shuttingDown))
        try expectClose(1001)
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func deadPeersAreDropped() throws {
        channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(try nextFrame()?.opcode == .ping)
        try receive(10, [])
        channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(try nextFrame()?.opcode == .ping)
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(20))
        #expect(!channel.isActive)
    }

    /// Time goes by; the peer answers pings.
    func pass(seconds: Int) throws {
        for _ in 0..<seconds {
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            if try nextFrame()?.opcode == .ping { try receive(10, []) }
        }
    }

    @Test func silenceIsToldToTheSession() throws {
        try pass(seconds: 60)
        try receive(1, Array("a".utf8))
        #expect(try nextMessage() == .text("a"))
        try pass(seconds: 20)
        try channel.writeOutbound(ServerFrame.text(ByteBuffer(string: "b")))
        #expect(try nextFrame()?.opcode == .text)
        try pass(seconds: 69)
        #expect(try nextMessage() == nil)
        try pass(seconds: 1)
        // It is old by now, and 20 s later also silent.
        #expect(try nextMessage() == .due(.connectionLifetime(.seconds(150))))
        try pass(seconds: 20)
        #expect(try nextMessage() == .due(.connectionTimeout(.seconds(90))))
        try pass(seconds: 89)
        #expect(try nextMessage() == nil)
        try pass(seconds: 1)
        #expect(try nextMessage() == .due(.connectionTimeout(.seconds(90))))
        #expect(channel.isActive)
    }

    @Test func shutdownIsToldToTheSessionAndHasALimit() throws {
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        #expect(try nextMessage() == .due(.shuttingDown))
        channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
        try pass(seconds: 9)
        #expect(try nextMessage() == nil)
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        try expectClose(1001)
    }

    @Test func halfClosedIsClosed() throws {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(!channel.isActive)
    }
}
