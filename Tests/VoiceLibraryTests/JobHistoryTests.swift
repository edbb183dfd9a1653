import Foundation
import Testing
import VoiceLibrary

@Suite struct JobHistoryTests {
    let helper = JobStoreTests()
    var clock: TestClock { helper.clock }

    /// Six jobs, a second apart: the first three completed, the fourth cancelled, two pending.
    func filled() async throws -> (store: JobStore, ids: [String], start: Date) {
        let store = try helper.store()
        let start = clock.now()
        var ids: [String] = []
        for (index, text) in ["Ärger im Park.", "Zwei Bären.", "drei", "vier", "fünf", "sechs"].enumerated() {
            var new = helper.newJob([text])
            new.sessionID = index % 2 == 0 ? "even" : "odd"
            new.voice = index < 2 ? "bert" : "anna"
            if index == 0 { new.displayName = "Zoo" }
            if index == 2 { new.displayName = "a name" }
            ids.append(try await store.create(new).id)
            clock.advance(1)
        }
        for (id, size) in zip(ids, [30, 10, 20]) {
            let job = try #require(await store.claimNext())
            #expect(job.id == id)
            _ = try await helper.finish(0, of: job, in: store, seconds: Double(size))
            try Data(repeating: 0, count: size).write(to: store.outputDraft(of: job))
            _ = try await store.complete(job, audioSeconds: Double(40 - size))
            clock.advance(1)
        }
        try await store.cancel(ids[3])
        try await store.update(ids[4], isArchived: true)
        return (store, ids, start)
    }

    /// Somebody else's jobs are neither seen nor touched; a retry is the same one's.
    @Test func owners() async throws {
        let store = try helper.store()
        var ids: [String] = []
        for owner in ["a", "b", nil] {
            var new = helper.newJob(["eins"])
            new.owner = owner
            ids.append(try await store.create(new).id)
            try await store.cancel(ids.last!)
        }
        var filter = JobFilter()
        filter.owner = "a"
        #expect(try await store.list(filter).jobs.map(\.id) == [ids[0]])
        #expect(try await store.statistics(owner: "a").totalJobs == 1)
        try await store.requireJob(ids[0], of: "a")
        try await store.requireJob(ids[1], of: nil)
        for id in [ids[1], ids[2], "nothing"] {
            await #expect(throws: LibraryError.unknownJob(id)) { try await store.requireJob(id, of: "a") }
        }
        let result = try await store.perform(.retry, onAll: ids, of: "b")
        #expect(result.succeeded == [ids[1]] && result.newJobs.map(\.owner) == ["b"])
        #expect(try await store.clearHistory(owner: "a") == [ids[0]])
        #expect(try await store.list().totalCount == 3)
    }

    @Test func filters() async throws {
        let (store, ids, start) = try await filled()
        func found(_ change: (inout JobFilter) -> Void) async throws -> [Int] {
            var filter = JobFilter()
            filter.sort = .createdAsc
            change(&filter)
            return try await store.list(filter).jobs.map { ids.firstIndex(of: $0.id)! }
        }
        #expect(try await found { _ in } == [0, 1, 2, 3, 4, 5])
        #expect(try await found { $0.sessionID = "odd" } == [1, 3, 5])
        #expect(try await found { $0.state = .completed } == [0, 1, 2])
        #expect(try await found { $0.state = .failed } == [])
        #expect(try await found { $0.isArchived = true } == [4])
        #expect(try await found { $0.isArchived = false } == [0, 1, 2, 3, 5])
        #expect(try await found { $0.search = "ÄR" } == [0, 1])
        #expect(try await found { $0.search = "NAME" } == [2])
        for nothing in ["%", "_", "\\", "ÖR"] { #expect(try await found { $0.search = nothing } == []) }
        #expect(try await found { $0.search = "park." } == [0])
        #expect(try await found { $0.search = "" } == [0, 1, 2, 3, 4, 5])
        // Completed at 6, 7, 8; cancelled at 9; made at 4 and 5.
        #expect(try await found { $0.start = start + 7 } == [1, 2, 3])
        #expect(try await found { $0.end = start + 5 } == [4, 5])
        #expect(
            try await found {
                $0.start = start + 5
                $0.end = start + 6
            } == [0, 5])
        #expect(
            try await found {
                $0.sessionID = "even"
                $0.state = .completed
                $0.search = "e"
            } == [0, 2])
    }

    @Test func counts() async throws {
        let (store, _, _) = try await filled()
        var filter = JobFilter()
        filter.limit = 2
        filter.offset = 1
        let page = try await store.list(filter)
        #expect(page.jobs.count == 2 && page.totalCount == 6 && page.activeCount == 2 && page.completedCount == 3)
        filter.sessionID = "odd"
        #expect(try await store.list(filter).totalCount == 3)
    }

    @Test(arguments: [
        (JobFilter.Sort.createdDesc, [5, 4, 3, 2, 1, 0]), (.createdAsc, [0, 1, 2, 3, 4, 5]),
        (.completedDesc, [3, 2, 1, 0, 5, 4]), (.completedAsc, [0, 1, 2, 3, 5, 4]),
        (.durationDesc, [1, 2, 0, 5, 4, 3]), (.durationAsc, [5, 4, 3, 0, 2, 1]),
        (.sizeDesc, [0, 2, 1, 5, 4, 3]), (.sizeAsc, [5, 4, 3, 1, 2, 0]),
        (.nameAsc, [2, 4, 5, 3, 0, 1]), (.nameDesc, [1, 0, 3, 5, 4, 2]),
    ]) func sorts(_ sort: JobFilter.Sort, _ expected: [Int]) async throws {
        let (store, ids, _) = try await filled()
        var filter = JobFilter()
        filter.sort = sort
        #expect(try await store.list(filter).jobs.map { ids.firstIndex(of: $0.id)! } == expected)
        // Pages give the same.
        var paged: [String] = []
        filter.limit = 2
        while true {
            let page = try await store.list(filter).jobs
            if page.isEmpty { break }
            paged += page.map(\.id)
            filter.offset += 2
        }
        #expect(paged.map { ids.firstIndex(of: $0)! } == expected)
    }

    @Test func pagesThatCantBe() async throws {
        let store = try helper.store()
        for (limit, offset) in [(0, 0), (1001, 0), (-1, 0), (10, -1)] {
            var filter = JobFilter()
            (filter.limit, filter.offset) = (limit, offset)
            await #expect(throws: LibraryError.self) { try await store.list(filter) }
        }
        var filter = JobFilter()
        filter.search = String(repeating: "%", count: 1000)
        #expect(try await store.list(filter).totalCount == 0)
        filter.search! += "x"
        await #expect(throws: LibraryError.self) { try await store.list(filter) }
    }

    @Test func statistics() async throws {
        let (store, _, _) = try await filled()
        let all = try await store.statistics()
        #expect(all.totalJobs == 6 && all.completedJobs == 3 && all.failedJobs == 0)
        #expect(all.totalAudioSeconds == 60 && all.totalStorageBytes == 60 && all.averageProcessingSeconds == 20)
        #expect(all.successRatePercent == 50 && all.mostUsedVoice == "anna")
        #expect(all.jobsByMonth == ["2025-11": 6])
        let even = try await store.statistics(sessionID: "even")
        #expect(even.totalJobs == 3 && even.completedJobs == 2 && even.mostUsedVoice == "anna")
        #expect(even.averageProcessingSeconds == 25)
        let none = try await store.statistics(sessionID: "nobody")
        #expect(none.totalJobs == 0 && none.successRatePercent == 0 && none.averageProcessingSeconds == 0)
        #expect(none.mostUsedVoice == nil && none.jobsByMonth == [:] && none.totalStorageBytes == 0)
    }
}
