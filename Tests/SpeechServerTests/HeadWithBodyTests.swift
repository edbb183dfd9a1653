import HTTPTypes
import NIOCore
import NIOEmbedded
import NIOHTTPTypes
import SpeechServer
import Testing

@Suite struct HeadWithBodyTests {
    let channel = EmbeddedChannel(handler: HeadWithBody())

    private func write(_ part: HTTPResponsePart) { channel.writeAndFlush(part, promise: nil) }
    private func next() throws -> HTTPResponsePart? { try channel.readOutbound(as: HTTPResponsePart.self) }

    @Test func theHeadLeavesWithTheBody() throws {
        let (head, body) = (HTTPResponsePart.head(.init(status: .ok)), HTTPResponsePart.body(ByteBuffer(string: "a")))
        write(head)
        #expect(try next() == nil)
        write(body)
        #expect(try next() == head)
        #expect(try next() == body)
        // What follows doesn't wait.
        write(body)
        #expect(try next() == body)
        write(.end(nil))
        #expect(try next() == .end(nil))
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(try channel.finish().isClean)
    }

    @Test func aHeadWithoutABodyWaitsForAMoment() throws {
        let head = HTTPResponsePart.head(.init(status: .ok))
        write(head)
        channel.embeddedEventLoop.advanceTime(by: .microseconds(499))
        #expect(try next() == nil)
        channel.embeddedEventLoop.advanceTime(by: .microseconds(1))
        #expect(try next() == head)
    }

    @Test func whatIsNoAnswerYetLeavesAtOnce() throws {
        let head = HTTPResponsePart.head(.init(status: .continue))
        write(head)
        #expect(try next() == head)
    }
}
