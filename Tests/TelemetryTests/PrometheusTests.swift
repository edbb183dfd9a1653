import CoreMetrics
import Telemetry
import Testing

@Suite struct PrometheusTests {
    private static let waits = Metric("waits_seconds", .histogram([0.5, 2]), labels: ["who"], "How long.")

    @Test func countersGaugesAndHistogramsAreTold() {
        let calls = Metric("calls_total", .counter, labels: ["code", "by"], "Calls,\nby \\ code.")
        let load = Metric("load", .gauge, "Now.")
        let factory = PrometheusFactory([calls, load, Self.waits])
        calls.counter("a\"b\\\n", "x", by: factory).increment(by: 2)
        calls.counter("a\"b\\\n", "x", by: factory).increment(by: 0.5)
        load.gauge(by: factory).set(7)
        load.gauge(by: factory).decrement(by: 2.5)
        for seconds in [0.5, 0.6, 3, 1] { Self.waits.histogram("me", by: factory).record(seconds) }
        #expect(
            factory.text() == #"""
                # HELP calls_total Calls,\nby \\ code.
                # TYPE calls_total counter
                calls_total{code="a\"b\\\n",by="x"} 2.5
                # HELP load Now.
                # TYPE load gauge
                load 4.5
                # HELP waits_seconds How long.
                # TYPE waits_seconds histogram
                waits_seconds_bucket{who="me",le="0.5"} 1
                waits_seconds_bucket{who="me",le="2"} 3
                waits_seconds_bucket{who="me",le="+Inf"} 4
                waits_seconds_sum{who="me"} 5.1
                waits_seconds_count{who="me"} 4

                """#)
    }

    @Test func whatWasNotMeasuredIsDescribed() {
        let factory = PrometheusFactory([Self.waits, Metric("load", .gauge, "Now.")])
        #expect(
            factory.text() == """
                # HELP load Now.
                # TYPE load gauge
                load 0
                # HELP waits_seconds How long.
                # TYPE waits_seconds histogram

                """)
    }

    @Test func metricsOfLibrariesGetNamesThatFit() {
        let factory = PrometheusFactory([])
        Counter(label: "2 http.requests", dimensions: [("http.route", "/a")], factory: factory).increment()
        Timer(label: "took", factory: factory).recordMilliseconds(30)
        let lines = factory.text().split(separator: "\n")
        #expect(lines.contains("_2_http_requests{http_route=\"/a\"} 1"))
        #expect(lines.contains("took_bucket{le=\"0.05\"} 1") && lines.contains("took_bucket{le=\"0.025\"} 0"))
        #expect(lines.contains("took_sum 0.03"))
    }

    @Test func aCounterNeverFallsAndNoValueIsNaN() {
        let calls = Metric("calls_total", .counter, "Calls.")
        let factory = PrometheusFactory([calls, Self.waits])
        calls.counter(by: factory).increment(by: -1)
        Self.waits.histogram("me", by: factory).record(Double.nan)
        #expect(factory.text().contains("calls_total 0\n") && !factory.text().contains("NaN"))
    }

    @Test func whatIsDestroyedIsToldNoMore() {
        let load = Metric("load", .gauge, labels: ["of"], "Now.")
        let factory = PrometheusFactory([load])
        let meter = load.gauge("a", by: factory)
        meter.set(1)
        #expect(factory.text().contains("load{of=\"a\"} 1"))
        meter.destroy()
        #expect(!factory.text().contains("load{"))
    }

    @Test func valuesAddedAtOnceAreAllCounted() async {
        let calls = Metric("calls_total", .counter, "Calls.")
        let factory = PrometheusFactory([calls])
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { calls.counter(by: factory).increment() } }
            }
        }
        #expect(factory.text().contains("calls_total 8000\n"))
    }

    @Test func namesFollowPrometheusConventions() {
        let names = Metric.all.map(\.name)
        #expect(Set(names).count == names.count)
        for metric in Metric.all {
            #expect(metric.name.wholeMatch(of: /[a-z]+(_[a-z]+)*/) != nil)
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            #expect(metric.help.hasSuffix("."), "\(metric.name)")
            if case .histogram(let bounds) = metric.kind {
                #expect(bounds == bounds.sorted() && Set(bounds).count == bounds.count)
            }
        }
    }
}
