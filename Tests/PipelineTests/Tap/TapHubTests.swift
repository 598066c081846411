import Base
import Testing

@testable import Pipeline

/// Who looks on, what they see, what is left out.
@Suite struct TapHubTests {
  private func filter(
    _ stream: TapFilter.Stream, _ change: (inout TapFilter) -> Void = { _ in }
  ) -> TapFilter {
    var filter = TapFilter(stream)
    change(&filter)
    return filter
  }

  /// Rows of twenty records of two devices, one of them hot at the end.
  private func span(_ body: (TapSpan) -> Void) throws {
    let harness = PartitionHarness(
      .test(), source: try TestSources.wide(detectors: TestSources.wideDetectors))
    harness.offer((0..<5).map { .wide("old", second: Double($0) / 10) }, from: 0)
    let mark = OutputMark(harness.partition.output)
    harness.offer(
      (0..<20).map { number in
        .wide(
          "sat-\(number % 2)", second: Double(number) * 2, firmware: number == 0 ? "1.0" : nil,
          metrics: [number > 17 ? 4.9 : 3.5, nil, 20.5])
      }, from: 5)
    body(TapSpan(partition: harness.partition, mark: mark))
  }

  /// What a subscription reads of the span, as JSON.
  private func rows(
    _ filter: TapFilter, rate: Int = 1000, nowNanos: Int64 = 0
  ) throws -> (rows: [JSONValue], leftOut: Int) {
    let subscription = TapSubscription(filter, rowsPerSecondMax: rate)
    try span { subscription.take(from: $0, nowNanos: nowNanos) }
    let reading = try #require(subscription.read(timeoutMillis: 0))
    let rows = try reading.lines.split(separator: UInt8(ascii: "\n"))
      .map { try JSONValue(parsing: $0) }
    #expect(rows.count == reading.rowCount)
    return (rows, reading.leftOutCount)
  }

  // MARK: - Rows

  @Test func `readings have the names of the table's columns, from the mark on`() throws {
    let rows = try rows(filter(.readings)).rows
    #expect(rows.count == 20)
    #expect(
      rows[0].text
        == """
        {"source":"snapshots","device_id":"sat-0","event_time":"2026-09-21T14:20:00.000000Z",\
        "sequence":1,"region":"eu","firmware":"1.0","battery_voltage_v":3.5,\
        "battery_temperature_c":20.5,"kafka_topic":"telemetry","kafka_partition":0,\
        "kafka_offset":5}
        """)
  }

  @Test func `patterns choose devices, sources and metrics`() throws {
    #expect(try rows(filter(.readings) { $0.device = Glob("sat-1") }).rows.count == 10)
    #expect(try rows(filter(.readings) { $0.source = Glob("samp*") }).rows.isEmpty)
    let one = try rows(filter(.readings) { $0.metric = Glob("*_temperature_c") }).rows
    #expect(one.count == 20)
    #expect(one[0]["battery_temperature_c"] != nil && one[0]["battery_voltage_v"] == nil)
    #expect(try rows(filter(.readings) { $0.metric = Glob("battery_current_a") }).rows.isEmpty)
    #expect(try rows(filter(.readings) { $0.detector = Glob("*") }).rows.isEmpty)
  }

  @Test func `windows and the steps of anomalies`() throws {
    let windows = try rows(filter(.windows) { $0.metric = Glob("battery_voltage_v") }).rows
    #expect(!windows.isEmpty)
    #expect(windows.allSatisfy { $0["metric"] == "battery_voltage_v" && $0["mean"] != nil })
    #expect(windows.contains { $0["window_name"] == "30s" && $0["count"] == nil })
    let anomalies = try rows(filter(.anomalies) { $0.severity = Glob("critical") }).rows
    #expect(anomalies.map { $0["detector"] } == ["high", "high"])
    #expect(anomalies[0]["state"] == "opened" && anomalies[0]["value"] == .double(4.9))
    #expect(anomalies[0]["evidence"]?.members != nil)
    #expect(try rows(filter(.anomalies) { $0.detector = Glob("hig?") }).rows.count == 2)
  }

  // MARK: - Bounds

  @Test func `what is beyond the rate is left out and counted, until the next second`() throws {
    let found = try rows(filter(.readings), rate: 3)
    #expect(found.rows.count == 3)
    #expect(found.leftOut == 17)
    let subscription = TapSubscription(filter(.readings), rowsPerSecondMax: 15)
    for nanos: Int64 in [0, 999_999_999, 1_000_000_000] {
      try span { subscription.take(from: $0, nowNanos: nanos) }
    }
    let reading = subscription.read(timeoutMillis: 0)
    #expect(reading?.rowCount == 30)
    #expect(reading?.leftOutCount == 30)
  }

  @Test func `a reader who takes nothing costs a bounded buffer`() throws {
    let subscription = TapSubscription(filter(.readings), rowsPerSecondMax: 1_000_000)
    try span { span in
      for second in 0..<500 { subscription.take(from: span, nowNanos: Int64(second)) }
    }
    let reading = try #require(subscription.read(timeoutMillis: 0))
    #expect(reading.rowCount + reading.leftOutCount == 500 * 20)
    #expect(reading.leftOutCount > 0)
    #expect(reading.lines.count < TapSubscription.byteCountMax + 1000)
    // Behind that there is room again.
    try span { subscription.take(from: $0, nowNanos: 0) }
    #expect(subscription.read(timeoutMillis: 0)?.rowCount == 20)
  }

  @Test func `nobody, four, no fifth`() throws {
    let hub = TapHub()
    #expect(!hub.isWanted)
    let all = (0..<TapHub.subscriptionCountMax).compactMap { _ in
      hub.subscribe(filter(.readings), rowsPerSecondMax: 10)
    }
    #expect(all.count == TapHub.subscriptionCountMax)
    #expect(hub.isWanted)
    #expect(hub.subscribe(filter(.windows), rowsPerSecondMax: 10) == nil)
    hub.remove(all[0])
    hub.remove(all[0])
    #expect(all[0].read(timeoutMillis: 0) == nil, "it has ended")
    let again = hub.subscribe(filter(.windows), rowsPerSecondMax: 10)
    #expect(again != nil)
    try span { hub.show($0) }
    #expect(all[0].read(timeoutMillis: 0) == nil)
    #expect(all[1].read(timeoutMillis: 0)?.rowCount == 10)
    hub.end()
    #expect(!hub.isWanted)
    #expect(all[1].read(timeoutMillis: 0) == nil)
  }

  @Test func `reading waits for what comes`() throws {
    let hub = TapHub()
    let subscription = try #require(hub.subscribe(filter(.readings), rowsPerSecondMax: 1000))
    #expect(
      subscription.read(timeoutMillis: 1)
        == TapSubscription.Reading(lines: [], rowCount: 0, leftOutCount: 0))
    let count = Monitor(0)
    let reader = WorkerThread(name: "tap-test") {
      let found = subscription.read(timeoutMillis: 10_000)?.rowCount ?? -1
      count.update { $0 = found }
    }
    try span { hub.show($0) }
    reader.join()
    #expect(count.update { $0 } == 20)
  }

  // MARK: - Lanes

  @Test func `a lane shows its runs to those who look on, and none of a replay`() throws {
    var options = try TestSources.options()
    let hub = TapHub()
    options.tap = hub
    let harness = try LaneHarness(options: options)
    harness.start(0, to: 2, openedAt: 0)
    let subscription = try #require(hub.subscribe(filter(.readings), rowsPerSecondMax: 1000))
    harness.deliver((0..<5).map { .record(0, Int64($0), .wide("sat", second: Double($0))) })
    let reading = subscription.read(timeoutMillis: 10_000)
    #expect(reading?.rowCount == 3, "two of five are replayed")
    harness.stop()
  }
}
