import Foundation
import ModelHub
import Synchronization

/// Says on standard error how far a pull is: a bar that moves on a terminal, else a line now and then.
final class PullProgress: Sendable {
    private struct State {
        var file = ""
        var byteCount: Int64 = 0
        var present: Int64 = 0
        var fetched: Int64 = 0
        var saidTenths: Int64 = 0
        var lastShown: ContinuousClock.Instant?
        var lineLength = 0
    }

    private let model: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    init(model: String) { self.model = model }

    func show(_ event: ModelPull.Event) {
        state.withLock { state in
            switch event {
            case .plan(let commit, let fileCount, let byteCount, let present):
                state.byteCount = byteCount
                state.present = present
                let rest = present == 0 ? "" : present == byteCount ? ", all here" : ", \(ByteCount.text(present)) here"
                say(
                    "\(model): \(fileCount) files, \(ByteCount.text(byteCount))\(rest); commit \(commit.prefix(12))",
                    &state)
            case .file(let name, _, _): state.file = name
            case .advanced(let count):
                state.present += count
                if count > 0 { state.fetched += count }
            case .finished(let name): if !isTerminal { say("\(name): done", &state) }
            case .retrying(let reason, let seconds):
                let wait = seconds.formatted(.number.precision(.fractionLength(seconds < 10 ? 1 : 0)))
                say("\(state.file.isEmpty ? model : state.file): \(reason); again in \(wait) s", &state)
            case .waitingForOther(let name): say("\(name): another process is fetching it, waiting", &state)
            }
            isTerminal ? drawBar(&state) : sayTenths(&state)
        }
    }

    /// Ends the bar's line.
    func end(_ line: String?) {
        state.withLock { state in
            clear(&state)
            if let line { say(line, &state) }
        }
    }

    private func sayTenths(_ state: inout State) {
        guard state.byteCount > 0, state.fetched > 0 else { return }
        let tenths = state.present * 10 / state.byteCount
        guard tenths > state.saidTenths else { return }
        state.saidTenths = tenths
        say("\(model): \(tenths * 10) %, \(speed(state))", &state)
    }

    private func drawBar(_ state: inout State) {
        let now = ContinuousClock.now
        if let last = state.lastShown, now - last < .milliseconds(100) { return }
        state.lastShown = now
        guard state.byteCount > 0 else { return }
        let share = Double(max(0, state.present)) / Double(state.byteCount)
        let filled = min(30, Int(share * 30))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
        let line =
            "\(bar) \(Int(share * 100)) % of \(ByteCount.text(state.byteCount))  \(speed(state))  \(state.file)"
        let padding = String(repeating: " ", count: max(0, state.lineLength - line.count))
        state.lineLength = line.count
        write("\r" + line + padding)
    }

    private func speed(_ state: State) -> String {
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        let perSecond = Double(state.fetched) / max(elapsed, 0.001)
        var text = "\(ByteCount.text(Int64(perSecond)))/s"
        let left = Double(state.byteCount - state.present) / max(perSecond, 1)
        if left >= 1, state.fetched > 0 { text += ", \(Int(left / 60)) min \(Int(left) % 60) s left" }
        return text
    }

    private func say(_ line: String, _ state: inout State) {
        clear(&state)
        write(line + "\n")
    }

    private func clear(_ state: inout State) {
        guard isTerminal, state.lineLength > 0 else { return }
        write("\r" + String(repeating: " ", count: state.lineLength) + "\r")
        state.lineLength = 0
    }

    private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
}
