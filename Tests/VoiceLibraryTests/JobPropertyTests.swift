import Foundation
import Testing
import VoiceLibrary

/// Random operations on a store and on a simple model in memory: the same answers, the same state.
@Suite struct JobPropertyTests {
    struct ModelJob {
        let id: String
        var state = JobState.pending
        var claim = 0
        /// Which of the chunks have sound.
        var done: [Bool]
        var retryCount = 0

        /// - Returns: whether it works.
        mutating func perform(_ action: JobAction) -> Bool {
            guard let next = state.after(action) else { return false }
            state = next
            return true
        }

        func isOurs(_ claimed: Job) -> Bool { state == .processing && claim == claimed.claim }
    }

    @Test(arguments: 1...6) func sameAsTheModel(_ seed: Int) async throws {
        let folder = TemporaryFolder()
        let clock = TestClock()
        var rng = Numbers(UInt64(seed))
        var store: JobStore? = try JobStore(folder: folder.url, now: clock.now)
        var model: [ModelJob] = []
        // Jobs as workers got them; most of them lost since.
        var claimed: [Job] = []

        func works(_ operation: () async throws -> Void) async -> Bool {
            do {
                try await operation()
                return true
            } catch is LibraryError {
                return false
            } catch {
                Issue.record(error)
                return false
            }
        }

        for step in 0..<100 {
            clock.advance(1)
            let target = model.indices.randomElement(using: &rng)
            let worker = claimed.randomElement(using: &rng)
            let ofWorker = worker.flatMap { worker in model.firstIndex { $0.id == worker.id } }
            let chunk = Int.random(in: 0..<3, using: &rng)
            var ours = true
            var theirs = true
            switch Int.random(in: 0..<16, using: &rng) {
            case 0, 1:
                var new = NewJob(text: "abc")
                new.chunks = ["a", "b", "c"].map { NewChunk(text: $0) }
                model.append(.init(id: try await store!.create(new).id, done: [false, false, false]))
            case 2, 3, 4:
                let job = try await store!.claimNext()
                let index = model.firstIndex { $0.state == .pending }
                #expect(job?.id == index.map { model[$0].id })
                guard let job, let index else { break }
                claimed.append(job)
                theirs = model[index].perform(.process)
                model[index].claim += 1
            case 5, 6, 7, 8:
                guard let worker else { break }
                var isOurs = false
                ours = await works {
                    isOurs = try await store!.finishChunk(
                        chunk, of: worker, audio: Data("\(step)".utf8), sampleCount: 1, seconds: 1)
                }
                theirs = ofWorker.map { model[$0].state.after(.finishChunk) != nil } ?? false
                if theirs, let ofWorker {
                    model[ofWorker].done[chunk] = true
                    #expect(isOurs == model[ofWorker].isOurs(worker))
                }
            case 9:
                guard let target else { break }
                let action = [JobAction.pause, .resume, .cancel].randomElement(using: &rng)!
                let id = model[target].id
                ours = await works {
                    switch action {
                    case .pause: try await store!.pause(id)
                    case .resume: try await store!.resume(id)
                    default: try await store!.cancel(id)
                    }
                }
                theirs = model[target].perform(action)
            case 10, 11:
                guard let worker else { break }
                _ = try? Data("r".utf8).write(to: store!.outputDraft(of: worker))
                ours = await works { try await store!.complete(worker, audioSeconds: 1) }
                theirs = ofWorker.map { model[$0].isOurs(worker) && model[$0].done.allSatisfy(\.self) } ?? false
                if theirs { _ = model[ofWorker!].perform(.complete) }
            case 12:
                guard let worker else { break }
                let isFailure = Bool.random(using: &rng)
                ours = await works {
                    if isFailure {
                        try await store!.fail(worker, error: "x")
                    } else {
                        try await store!.interrupt(worker)
                    }
                }
                theirs = ofWorker.map { model[$0].isOurs(worker) } ?? false
                if theirs { _ = model[ofWorker!].perform(isFailure ? .fail : .interrupt) }
            case 13:
                guard let target else { break }
                let keeps = Bool.random(using: &rng)
                var new: Job?
                ours = await works { new = try await store!.retry(model[target].id, preserveChunks: keeps) }
                theirs = model[target].state.after(.retry) != nil
                if let new {
                    let old = model[target]
                    model.append(
                        .init(
                            id: new.id, done: keeps ? old.done : [false, false, false], retryCount: old.retryCount + 1))
                }
            case 14:
                guard let target, Bool.random(using: &rng) else { break }
                ours = await works { try await store!.delete(model[target].id) }
                model.remove(at: target)
            default:
                // The process ends and another begins.
                store = nil
                store = try await reopened(folder, clock)
                for index in model.indices { _ = model[index].perform(.interrupt) }
            }
            #expect(ours == theirs, "seed \(seed), step \(step)")

            var filter = JobFilter()
            filter.sort = .createdAsc
            filter.limit = 1000
            let jobs = try await store!.list(filter).jobs
            #expect(jobs.map(\.id) == model.map(\.id))
            #expect(jobs.map(\.state) == model.map(\.state), "seed \(seed), step \(step)")
            #expect(jobs.map(\.claim) == model.map(\.claim))
            #expect(jobs.map(\.retryCount) == model.map(\.retryCount))
            #expect(jobs.map(\.progress.completedChunks) == model.map { $0.done.count { $0 } })
        }
        for job in model {
            let chunks = try await store!.chunks(of: job.id)
            #expect(chunks.map { $0.state == .completed } == job.done)
            for chunk in chunks {
                #expect((chunk.audioURL != nil) == (chunk.state == .completed))
                #expect(
                    (chunk.audioURL.map(isThere) ?? false) == (chunk.state == .completed && job.state != .completed))
            }
        }
        #expect(try folder.files() == model.map { "job-" + $0.id }.sorted())
    }

    /// What the last operation holds of the store before may go a moment after its answer.
    private func reopened(_ folder: TemporaryFolder, _ clock: TestClock) async throws -> JobStore {
        for _ in 0..<10_000 {
            do {
                return try JobStore(folder: folder.url, now: clock.now)
            } catch LibraryError.inUse {
                await Task.yield()
            }
        }
        return try JobStore(folder: folder.url, now: clock.now)
    }

    private func isThere(_ url: URL) -> Bool { FileManager.default.fileExists(atPath: url.path) }
}
